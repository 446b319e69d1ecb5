//! Circuit breakers: after several failures in a row, calls fail at once for a while instead of being made.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::CircuitBreakerConfig;
use crate::result::CircuitState;

/// The circuit breaker of a node or branch, shared by everything that runs it. The caller supplies the time.
#[derive(Debug)]
pub struct CircuitBreaker {
    config: CircuitBreakerConfig,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    circuit: Circuit,
    /// The state that [`news`](CircuitBreaker::news) reported last.
    told: CircuitState,
}

#[derive(Debug)]
enum Circuit {
    Closed { failures: u32 },
    Open { since: Instant },
    HalfOpen { trials: u32 },
}

impl CircuitBreaker {
    /// A closed circuit breaker.
    #[must_use]
    pub const fn new(config: CircuitBreakerConfig) -> Self {
        let inner = Inner { circuit: Circuit::Closed { failures: 0 }, told: CircuitState::Closed };
        Self { config, inner: Mutex::new(inner) }
    }

    /// Whether a call may be made now. A permitted call must be followed by [`succeeded`](Self::succeeded),
    /// [`failed`](Self::failed) or [`withdrawn`](Self::withdrawn).
    #[must_use]
    pub fn allows(&self, now: Instant) -> bool {
        let circuit = &mut self.lock().circuit;
        if let Circuit::Open { since } = *circuit
            && now.saturating_duration_since(since) >= self.config.reset_timeout
        {
            *circuit = Circuit::HalfOpen { trials: 0 };
        }
        match circuit {
            Circuit::Closed { .. } => true,
            Circuit::HalfOpen { trials } if *trials < self.config.half_open_max_calls => {
                *trials += 1;
                true
            }
            Circuit::Open { .. } | Circuit::HalfOpen { .. } => false,
        }
    }

    /// Records that a call succeeded. An open circuit stays open, because the call began before it opened.
    pub fn succeeded(&self) {
        let circuit = &mut self.lock().circuit;
        if !matches!(*circuit, Circuit::Open { .. }) {
            *circuit = Circuit::Closed { failures: 0 };
        }
    }

    /// Records that a call failed.
    pub fn failed(&self, now: Instant) {
        let circuit = &mut self.lock().circuit;
        match circuit {
            Circuit::Closed { failures } => {
                *failures += 1;
                if *failures >= self.config.failure_threshold {
                    *circuit = Circuit::Open { since: now };
                }
            }
            Circuit::HalfOpen { .. } => *circuit = Circuit::Open { since: now },
            Circuit::Open { .. } => {}
        }
    }

    /// Records that a call was cancelled, which says nothing about what it called.
    pub fn withdrawn(&self) {
        if let Circuit::HalfOpen { trials } = &mut self.lock().circuit {
            *trials = trials.saturating_sub(1);
        }
    }

    /// The current state.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.lock().circuit.state()
    }

    /// The current state, if it has changed since the last report.
    pub(crate) fn news(&self) -> Option<CircuitState> {
        let mut inner = self.lock();
        let state = inner.circuit.state();
        (std::mem::replace(&mut inner.told, state) != state).then_some(state)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    fn state(&self) -> CircuitState {
        match self {
            Self::Closed { .. } => CircuitState::Closed,
            Self::Open { .. } => CircuitState::Open,
            Self::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RESET: Duration = Duration::from_secs(30);

    fn breaker(failure_threshold: u32, half_open_max_calls: u32) -> CircuitBreaker {
        CircuitBreaker::new(CircuitBreakerConfig { failure_threshold, reset_timeout: RESET, half_open_max_calls })
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (breaker, now) = (breaker(2, 1), Instant::now());
        breaker.failed(now);
        breaker.succeeded();
        breaker.failed(now);
        assert!(breaker.allows(now));
        assert_eq!(breaker.state(), CircuitState::Closed);
        breaker.failed(now);
        assert_eq!(breaker.state(), CircuitState::Open);
        assert!(!breaker.allows(now));
    }

    #[test]
    fn it_half_opens_after_its_time_and_lets_some_calls_through() {
        let (breaker, now) = (breaker(1, 2), Instant::now());
        breaker.failed(now);
        assert!(!breaker.allows(now + RESET * 99 / 100));
        assert!(breaker.allows(now + RESET));
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        assert!(breaker.allows(now + RESET));
        assert!(!breaker.allows(now + RESET), "two trials, no more");
        breaker.withdrawn();
        assert!(breaker.allows(now + RESET), "a withdrawn trial is given back");
        breaker.succeeded();
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[test]
    fn a_failed_trial_opens_it_for_another_whole_time() {
        let (breaker, now) = (breaker(3, 1), Instant::now());
        (0..3).for_each(|_| breaker.failed(now));
        assert!(breaker.allows(now + RESET));
        breaker.failed(now + RESET);
        assert_eq!(breaker.state(), CircuitState::Open);
        assert!(!breaker.allows(now + RESET + RESET / 2));
        assert!(breaker.allows(now + RESET + RESET));
    }

    #[test]
    fn calls_that_began_before_it_opened_change_nothing() {
        let (breaker, now) = (breaker(1, 1), Instant::now());
        breaker.failed(now);
        breaker.succeeded();
        breaker.failed(now + RESET / 2);
        assert_eq!(breaker.state(), CircuitState::Open);
        assert!(breaker.allows(now + RESET), "counted from when it opened");
    }
}
