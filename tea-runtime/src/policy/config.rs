//! The resolved settings of a branch or item.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where branches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// On threads of this process.
    Thread,
    /// In worker processes.
    Process,
}

/// The settings of a branch or item, resolved at compile time.
#[derive(Debug, Clone, PartialEq)]
pub struct ParallelConfig {
    /// Where it runs.
    pub strategy: Strategy,
    /// Limit of one attempt.
    pub timeout: Option<Duration>,
    /// Limit of all attempts together, waits included.
    pub timeout_total: Option<Duration>,
    /// How long a branch that is told to end may take before it is killed (process) or left behind (thread).
    pub grace: Duration,
    /// A failure does not fail the run.
    pub allow_failure: bool,
    /// Memory of a worker, in bytes; process only.
    pub memory_limit: Option<u64>,
    /// The largest frame to or from a worker, in bytes; process only.
    pub max_payload: u64,
    /// A worker is replaced after so many tasks; process only.
    pub max_tasks_per_worker: Option<u32>,
    /// What is tried again, and when.
    pub retry: RetryPolicy,
    /// When to stop trying.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
}

impl ParallelConfig {
    /// The settings of the design where a workflow file says nothing: threads, one attempt, no limits.
    pub const DEFAULT: Self = Self {
        strategy: Strategy::Thread,
        timeout: None,
        timeout_total: None,
        grace: Duration::from_secs(1),
        allow_failure: false,
        memory_limit: None,
        max_payload: 1 << 30,
        max_tasks_per_worker: None,
        retry: RetryPolicy::DEFAULT,
        circuit_breaker: None,
    };
}

impl Default for ParallelConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How failed attempts are tried again: waits grow from `base_delay` by `backoff_multiplier` up to `max_delay`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// Wait before the first retry.
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// Growth of the wait.
    pub backoff_multiplier: f64,
    /// Vary waits at random.
    pub jitter: bool,
    /// The kinds of failure that are tried again.
    pub retry_on: &'static [RetryOn],
}

impl RetryPolicy {
    /// No retries; the delays of the design for those who only set `max_retries`.
    pub const DEFAULT: Self = Self {
        max_retries: 0,
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_mins(1),
        backoff_multiplier: 2.0,
        jitter: true,
        retry_on: &[RetryOn::Error, RetryOn::Panic, RetryOn::Timeout, RetryOn::Crash],
    };
}

/// A kind of failure that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryOn {
    /// The node's Rust gave an error.
    Error,
    /// It panicked.
    Panic,
    /// It ran over its time.
    Timeout,
    /// Its worker was lost, out of memory included.
    Crash,
}

/// When a circuit opens and closes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitBreakerConfig {
    /// Failures in a row that open it.
    pub failure_threshold: u32,
    /// How long it stays open.
    pub reset_timeout: Duration,
    /// Trial calls let through when half open.
    pub half_open_max_calls: u32,
}
