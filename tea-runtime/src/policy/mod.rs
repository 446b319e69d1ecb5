//! Policies: how often, how long and how much, in one place for both strategies.

pub mod config;
pub use self::config::{CircuitBreakerConfig, ParallelConfig, RetryOn, RetryPolicy, Strategy};
