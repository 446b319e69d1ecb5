//! What follows the end of an attempt: success, another attempt after a wait, or failure. The same for branches and
//! items, and for every strategy.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{Run, timer};
use crate::{
    cancel::CancellationToken,
    failure::{Failure, FailureKind},
    policy::{CircuitBreaker, ParallelConfig},
    result::ParallelFlowResult,
};

/// How many failures of earlier attempts are kept.
const KEPT: usize = 16;

/// The attempts at a branch or an item.
#[derive(Clone, Default)]
pub(crate) struct Attempts {
    /// How many were started.
    pub(crate) started: u32,
    /// `None` as long as none failed: most never do.
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
pub(crate) enum Verdict {
    /// Another attempt after this wait.
    Again(Duration, Box<Failure>),
    /// No other.
    Failed(Box<Failure>),
}

impl Attempts {
    /// Counts an attempt that is about to start, unless the circuit is open.
    pub(crate) fn start(&mut self, breaker: Option<&CircuitBreaker>) -> Result<(), Box<Failure>> {
        if breaker.is_none_or(|breaker| breaker.allows(Instant::now())) {
            self.started += 1;
            return Ok(());
        }
        let mut failure = Failure::new(FailureKind::CircuitOpen, "the circuit breaker is open");
        let last = self.failed.as_ref().and_then(|failed| failed.errors.last());
        failure.causes.extend(last.map(|error| error.message.clone()));
        Err(Box::new(failure))
    }

    /// Whether the first one is the only one.
    pub(crate) fn is_first(&self) -> bool {
        self.started == 1 && self.failed.is_none()
    }

    /// When all attempts together must have ended, in this process's time, once the first one has run.
    pub(crate) fn deadline(&self, config: &ParallelConfig) -> Option<Instant> {
        self.failed.as_ref()?.since.checked_add(config.timeout_total?)
    }

    /// An attempt that ran for `elapsed` failed.
    pub(crate) fn failed(
        &mut self,
        failure: Box<Failure>,
        elapsed: Duration,
        config: &ParallelConfig,
        breaker: Option<&CircuitBreaker>,
        cancel: &CancellationToken,
    ) -> Verdict {
        let now = timer::now();
        let since = || now.checked_sub(elapsed).unwrap_or(now);
        self.failed.get_or_insert_with(|| Box::new(Failed { since: since(), errors: Vec::new() }));
        if let Some(breaker) = breaker {
            if failure.kind == FailureKind::Cancelled { breaker.withdrawn() } else { breaker.failed(Instant::now()) }
        }
        if self.started > config.retry.max_retries || !config.retry.covers(failure.kind) || cancel.is_cancelled() {
            return Verdict::Failed(failure);
        }
        let delay = config.retry.delay(self.started);
        match self.deadline(config) {
            Some(deadline) if now + delay >= deadline => Verdict::Failed(self.no_time(failure, config)),
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

    /// Fills in what the attempts came to, of which the last one ran for `elapsed`.
    pub(crate) fn report(self, elapsed: Duration, breaker: Option<&CircuitBreaker>, into: &mut ParallelFlowResult) {
        into.attempts = self.started;
        into.elapsed = elapsed;
        into.circuit = breaker.map(CircuitBreaker::state);
        if let Some(failed) = self.failed {
            into.elapsed = timer::now().saturating_duration_since(failed.since);
            into.attempt_errors = failed.errors;
        }
    }

    /// There is no time left for another attempt: that is what ends it, and the last attempt's failure is the cause.
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

/// Calls `then` after `delay`, or as soon as `cancel` is cancelled: at once without a delay, else in the pool, since what
/// it starts may run the user's Rust, for which the timer has no time.
pub(crate) fn wait(run: &Arc<Run>, cancel: &CancellationToken, delay: Duration, then: impl FnOnce() + Send + 'static) {
    if delay.is_zero() {
        return then();
    }
    let run = Arc::clone(run);
    let then = Arc::new(Mutex::new(Some(move || run.spawn(false, Box::new(then)))));
    let take = |then: &Mutex<Option<_>>| then.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A token of its own, so that a wait that is over leaves nothing at `cancel`.
    let cancel = cancel.child();
    let late = Arc::clone(&then);
    let alarm = timer::after(delay, {
        let cancel = cancel.clone();
        Box::new(move || {
            if let Some(then) = take(&late) {
                then();
            }
            drop(cancel);
        })
    });
    cancel.on_cancel(move |_| {
        if let Some(then) = take(&then) {
            alarm.cancel();
            then();
        }
    });
}
