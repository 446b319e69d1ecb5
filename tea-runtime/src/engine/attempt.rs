//! Decides what follows a failed attempt: another attempt after a wait, or final failure. It is the same for branches
//! and items, and for every strategy.

use std::time::{Duration, Instant};

use crate::{
    cancel::CancellationToken,
    failure::{Failure, FailureKind},
    policy::ParallelConfig,
    result::{CircuitState, ParallelFlowResult},
    timer,
};

/// The number of failures of earlier attempts that are kept.
const KEPT: usize = 16;

/// The attempts at a branch or an item.
#[derive(Clone, Default)]
pub(super) struct Attempts {
    /// The number of attempts that were started.
    pub(super) started: u32,
    /// `None` until one fails, because most never do.
    failed: Option<Box<Failed>>,
}

#[derive(Clone)]
struct Failed {
    /// When the first one started to run, in this process's time.
    since: Instant,
    /// Why they failed, oldest first.
    errors: Vec<Failure>,
}

/// What follows a failed attempt.
pub(super) enum Verdict {
    /// Another attempt, after this wait.
    Again(Duration, Box<Failure>),
    /// No further attempt.
    Failed(Box<Failure>),
}

impl Attempts {
    /// The failure of an attempt that is not made because the circuit is open.
    pub(super) fn circuit_open(&self) -> Box<Failure> {
        let mut failure = Failure::new(FailureKind::CircuitOpen, "the circuit breaker is open");
        let last = self.failed.as_ref().and_then(|failed| failed.errors.last());
        failure.causes.extend(last.map(|error| error.message.clone()));
        Box::new(failure)
    }

    /// Whether there can be only one attempt.
    pub(super) fn is_first(&self) -> bool {
        self.started == 1 && self.failed.is_none()
    }

    /// The deadline of all attempts together, in this process's time, once the first one has run.
    pub(super) fn deadline(&self, config: &ParallelConfig) -> Option<Instant> {
        Some(timer::later(self.failed.as_ref()?.since, config.timeout_total?))
    }

    /// Records that an attempt failed after `elapsed`, and decides what follows.
    pub(super) fn failed(
        &mut self,
        failure: Box<Failure>,
        elapsed: Duration,
        config: &ParallelConfig,
        cancel: &CancellationToken,
    ) -> Verdict {
        let now = timer::now();
        let since = || now.checked_sub(elapsed).unwrap_or(now);
        self.failed.get_or_insert_with(|| Box::new(Failed { since: since(), errors: Vec::new() }));
        let again = self.started <= config.retry.max_retries && config.retry.covers(failure.kind) && !failure.permanent;
        if !again || cancel.is_cancelled() {
            return Verdict::Failed(failure);
        }
        let delay = config.retry.delay(self.started);
        match self.deadline(config) {
            Some(deadline) if timer::later(now, delay) >= deadline => Verdict::Failed(self.no_time(failure, config)),
            _ => {
                if let Some(failed) = &mut self.failed {
                    if failed.errors.len() == KEPT {
                        failed.errors.remove(0);
                    }
                    failed.errors.push((*failure).clone());
                }
                Verdict::Again(delay, failure)
            }
        }
    }

    /// Adds the attempts to the result. The last one ran for `elapsed`.
    pub(super) fn report(self, elapsed: Duration, circuit: Option<CircuitState>, into: &mut ParallelFlowResult) {
        into.attempts = self.started;
        into.elapsed = elapsed;
        into.circuit = circuit;
        if let Some(failed) = self.failed {
            into.elapsed = timer::now().saturating_duration_since(failed.since);
            into.attempt_errors = failed.errors;
        }
    }

    /// The failure if there is no time left for another attempt: a timeout, with the failure of the last attempt as its
    /// cause.
    fn no_time(&self, mut failure: Box<Failure>, config: &ParallelConfig) -> Box<Failure> {
        if failure.kind != FailureKind::Timeout {
            let (number, total) = (self.started, config.timeout_total.unwrap_or_default());
            let message =
                format!("gave up after attempt {number}: `timeout_total` of {total:?} leaves no time for another");
            failure.kind = FailureKind::Timeout;
            let cause = std::mem::replace(&mut failure.message, message);
            failure.causes.insert(0, cause);
        }
        failure
    }
}
