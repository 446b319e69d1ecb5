//! The settings of a branch or item.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// The strategies: where branches run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// On threads of this process.
    Thread,
    /// In worker processes.
    Process,
    /// In worker processes on the hosts of a pool, or on this machine if the run has none.
    Remote,
}

/// The settings of a branch or item, resolved at compile time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParallelConfig {
    /// Where the branch or item runs.
    pub strategy: Strategy,
    /// The time limit of one attempt.
    pub timeout: Option<Duration>,
    /// The time limit of all attempts together, including the waits between them.
    pub timeout_total: Option<Duration>,
    /// How long a branch that has been told to end may take before it is killed (process) or abandoned (thread).
    pub grace: Duration,
    /// Whether the run continues after a failure.
    pub allow_failure: bool,
    /// The maximum memory of a worker, in bytes; process only.
    pub memory_limit: Option<u64>,
    /// The maximum size of a frame to or from a worker, in bytes; process only.
    pub max_payload: u64,
    /// The number of branches or items after which a worker is replaced; process only.
    pub max_tasks_per_worker: Option<u32>,
    /// Whether the branch or item may run again because its host was lost; remote only.
    pub idempotent: bool,
    /// What is retried, and when.
    pub retry: RetryPolicy,
    /// When to stop making attempts.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
}

impl ParallelConfig {
    /// The defaults where a workflow file says nothing: threads, one attempt, no limits.
    pub const DEFAULT: Self = Self {
        strategy: Strategy::Thread,
        timeout: None,
        timeout_total: None,
        grace: Duration::from_secs(1),
        allow_failure: false,
        memory_limit: None,
        max_payload: 1 << 30,
        max_tasks_per_worker: None,
        idempotent: true,
        retry: RetryPolicy::DEFAULT,
        circuit_breaker: None,
    };

    /// Whether these settings may require an attempt to be abandoned.
    pub(crate) fn is_limited(&self) -> bool {
        self.timeout.is_some() || self.timeout_total.is_some()
    }

    /// Checks settings that a caller derived from the `compiled` ones, as the compiler checks those of a workflow file.
    ///
    /// # Errors
    /// If they are invalid: what is wrong, and what to do about it.
    pub(crate) fn check(&self, compiled: &Self) -> Result<(), String> {
        let only_compiled = |what: &str, line: &str| {
            Err(format!("{what}, and only the compiler can prove that this works: write `{line}` in the workflow file"))
        };
        if self.strategy != Strategy::Thread && compiled.strategy == Strategy::Thread {
            return only_compiled("it is to run in a worker process", "parallel_strategy: process");
        }
        if self.strategy == Strategy::Remote && compiled.strategy != Strategy::Remote {
            return only_compiled("it is to run on other machines", "parallel_strategy: remote");
        }
        if self.allow_failure && !compiled.allow_failure {
            return only_compiled("its keys may stay unset", "allow_failure: true");
        }
        let mut least_one = [
            ("timeout", self.timeout.is_some_and(|time| time.is_zero())),
            ("timeout_total", self.timeout_total.is_some_and(|time| time.is_zero())),
            ("memory_limit", self.memory_limit == Some(0)),
            ("max_payload", self.max_payload == 0),
            ("max_tasks_per_worker", self.max_tasks_per_worker == Some(0)),
        ]
        .to_vec();
        if let Some(breaker) = &self.circuit_breaker {
            least_one.push(("failure_threshold", breaker.failure_threshold == 0));
            least_one.push(("reset_timeout", breaker.reset_timeout.is_zero()));
            least_one.push(("half_open_max_calls", breaker.half_open_max_calls == 0));
        }
        if let Some((name, _)) = least_one.into_iter().find(|(_, zero)| *zero) {
            return Err(format!("`{name}` must be more than zero"));
        }
        if let (Some(one), Some(all)) = (self.timeout, self.timeout_total)
            && one > all
        {
            return Err(format!("`timeout` ({one:?}) is longer than `timeout_total` ({all:?})"));
        }
        let RetryPolicy { base_delay, max_delay, backoff_multiplier, max_retries, retry_on, .. } = &self.retry;
        if base_delay > max_delay {
            return Err(format!("`base_delay` ({base_delay:?}) is longer than `max_delay` ({max_delay:?})"));
        }
        // Not `< 1.0`, which would accept NaN.
        if !(1.0..=1e6).contains(backoff_multiplier) {
            return Err(format!("`backoff_multiplier` ({backoff_multiplier}) must be from 1 to 1000000"));
        }
        let threads = self.strategy == Strategy::Thread;
        let can_come = |kind: &RetryOn| match kind {
            RetryOn::Crash => !threads,
            RetryOn::Timeout => self.is_limited(),
            RetryOn::Lost => self.strategy == Strategy::Remote && !self.idempotent,
            RetryOn::Error | RetryOn::Panic => true,
        };
        if *max_retries > 0 && !retry_on.iter().any(can_come) {
            let why = if retry_on.contains(&RetryOn::Crash) {
                "a crash on a thread ends the program"
            } else if retry_on.contains(&RetryOn::Lost) {
                "only what runs on hosts and is not `idempotent` fails when a host is lost"
            } else {
                "nothing can time out without a `timeout`"
            };
            return Err(format!("`retry_on` names nothing that can happen: {why}"));
        }
        if !self.idempotent && self.strategy != Strategy::Remote {
            return Err("`idempotent: false` has no effect without `remote`: it only keeps what was lost with its host from running \
                        again"
                .to_owned());
        }
        let process_only = [
            ("memory_limit", self.memory_limit.is_some()),
            ("max_payload", self.max_payload != Self::DEFAULT.max_payload),
            ("max_tasks_per_worker", self.max_tasks_per_worker.is_some()),
        ];
        match process_only.into_iter().find(|(_, set)| *set && self.strategy == Strategy::Thread) {
            Some((name, _)) => {
                Err(format!("`{name}` has no effect on threads: only a worker process can be held to it"))
            }
            None => Ok(()),
        }
    }
}

impl Default for ParallelConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How failed attempts are retried. Waits grow from `base_delay` by `backoff_multiplier` up to `max_delay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The number of attempts after the first.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub base_delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
    /// The factor by which the wait grows.
    pub backoff_multiplier: f64,
    /// Whether each wait is shortened at random, to at least half of it.
    pub jitter: bool,
    /// The kinds of failure that are retried.
    #[serde(deserialize_with = "kinds")]
    pub retry_on: &'static [RetryOn],
}

/// Reads the kinds for the rest of the program's life, because they are `'static` in a plan.
fn kinds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static [RetryOn], D::Error> {
    Vec::deserialize(deserializer).map(|kinds| &*kinds.leak())
}

impl RetryPolicy {
    /// No retries, with default delays for callers that set only `max_retries`.
    pub const DEFAULT: Self = Self {
        max_retries: 0,
        base_delay: Duration::from_secs(1),
        max_delay: Duration::from_mins(1),
        backoff_multiplier: 2.0,
        jitter: true,
        retry_on: &[RetryOn::Error, RetryOn::Panic, RetryOn::Timeout, RetryOn::Crash],
    };
}

/// A kind of failure that can be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryOn {
    /// The Rust of the node returned an error.
    Error,
    /// The Rust of the node panicked.
    Panic,
    /// The attempt exceeded its time limit.
    Timeout,
    /// The worker was lost, which includes running out of memory.
    Crash,
    /// The host was lost, and the branch or item is not `idempotent`.
    Lost,
}

/// When a circuit breaker opens and closes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreakerConfig {
    /// The number of failures in a row that open the circuit.
    pub failure_threshold: u32,
    /// How long the circuit stays open.
    pub reset_timeout: Duration,
    /// The number of trial calls that are made when the circuit is half open.
    pub half_open_max_calls: u32,
}

impl CircuitBreakerConfig {
    /// The defaults of what a `circuit_breaker` leaves out.
    pub const DEFAULT: Self =
        Self { failure_threshold: 5, reset_timeout: Duration::from_secs(30), half_open_max_calls: 1 };
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: ParallelConfig = ParallelConfig { strategy: Strategy::Process, ..ParallelConfig::DEFAULT };
    const BREAKER: CircuitBreakerConfig = CircuitBreakerConfig::DEFAULT;

    #[track_caller]
    fn refused(config: &ParallelConfig, says: &str) {
        let wrong = config.check(&ParallelConfig { strategy: config.strategy, ..ParallelConfig::DEFAULT }).unwrap_err();
        assert!(wrong.contains(says), "{wrong}");
    }

    #[test]
    fn settings_are_checked_as_the_compiler_does() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let none = ParallelConfig::DEFAULT;
        refused(&ParallelConfig { timeout: seconds(0), ..none.clone() }, "`timeout` must be more than zero");
        refused(&ParallelConfig { timeout_total: seconds(0), ..none.clone() }, "`timeout_total` must be");
        let conflict = ParallelConfig { timeout: seconds(3), timeout_total: seconds(2), ..none.clone() };
        refused(&conflict, "`timeout` (3s) is longer than `timeout_total` (2s)");
        refused(
            &ParallelConfig { memory_limit: Some(1 << 20), ..none.clone() },
            "`memory_limit` has no effect on threads",
        );
        refused(&ParallelConfig { memory_limit: Some(0), ..PROCESS }, "`memory_limit` must be more than zero");
        refused(&ParallelConfig { max_tasks_per_worker: Some(1), ..none.clone() }, "no effect on threads");
        let retry = |retry| ParallelConfig { retry, ..ParallelConfig::DEFAULT };
        let longer = RetryPolicy { base_delay: Duration::from_mins(2), ..RetryPolicy::DEFAULT };
        refused(&retry(longer), "`base_delay` (120s) is longer than `max_delay` (60s)");
        for backoff_multiplier in [0.5, f64::NAN, f64::INFINITY] {
            refused(&retry(RetryPolicy { backoff_multiplier, ..RetryPolicy::DEFAULT }), "from 1 to 1000000");
        }
        let breaker = |breaker| ParallelConfig { circuit_breaker: Some(breaker), ..ParallelConfig::DEFAULT };
        refused(&breaker(CircuitBreakerConfig { failure_threshold: 0, ..BREAKER }), "`failure_threshold`");
        refused(&breaker(CircuitBreakerConfig { half_open_max_calls: 0, ..BREAKER }), "`half_open_max_calls`");
        refused(&breaker(CircuitBreakerConfig { reset_timeout: Duration::ZERO, ..BREAKER }), "`reset_timeout`");
        let good = ParallelConfig { timeout: seconds(2), timeout_total: seconds(2), ..breaker(BREAKER) };
        good.check(&none).unwrap();
    }

    #[test]
    fn what_only_the_compiler_can_prove_is_refused() {
        let none = ParallelConfig::DEFAULT;
        let wrong = PROCESS.check(&none).unwrap_err();
        assert!(wrong.contains("write `parallel_strategy: process` in the workflow file"), "{wrong}");
        none.check(&PROCESS).unwrap();
        let allowed = ParallelConfig { allow_failure: true, ..none.clone() };
        assert!(allowed.check(&none).unwrap_err().contains("write `allow_failure: true` in the workflow file"));
        none.check(&allowed).unwrap();
    }

    #[test]
    fn settings_cross_to_workers_whole() {
        let retry = RetryPolicy { retry_on: &[RetryOn::Crash, RetryOn::Timeout], ..RetryPolicy::DEFAULT };
        let config = ParallelConfig { retry, circuit_breaker: Some(BREAKER), memory_limit: Some(7), ..PROCESS };
        let bytes = postcard::to_allocvec(&config).unwrap();
        assert_eq!(postcard::from_bytes::<ParallelConfig>(&bytes).unwrap(), config);
    }
}
