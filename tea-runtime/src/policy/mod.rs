//! Policies that apply to both strategies: retries, time limits, memory limits, circuit breakers.

pub mod breaker;
pub mod config;
mod retry;
pub(crate) mod settings;
pub(crate) mod text;

pub use self::breaker::CircuitBreaker;
pub use self::config::{CircuitBreakerConfig, ParallelConfig, RetryOn, RetryPolicy, Strategy};
