//! Policies: how often, how long and how much, in one place for both strategies.

pub mod breaker;
pub mod config;
mod retry;

pub use self::breaker::CircuitBreaker;
pub use self::config::{CircuitBreakerConfig, ParallelConfig, RetryOn, RetryPolicy, Strategy};
