//! Ends a unit that runs in a worker: at its deadline, or when it is cancelled.
//!
//! All times are in [this process's time](timer::now).

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{
    cancel::CancelReason,
    executor::Limit,
    failure::{ExitStatus, Failure, cancelled},
    pacing::process::{LAST_GRACE, LATE},
    process::loss::signal_name,
    timer,
};

/// The stages of ending a unit.
#[derive(Debug)]
pub(super) struct Ending {
    grace: Duration,
    limit: Option<Limit>,
    deadline: Option<Instant>,
    postponed: bool,
    least: Duration,
    told: Option<Told>,
}

/// It has been told to end.
#[derive(Debug, Clone, Copy)]
struct Told {
    why: CancelReason,
    /// The time of the next step.
    next: Option<Instant>,
    terminated: bool,
    killed: bool,
}

impl Ending {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, limit: None, deadline: None, postponed: false, least: Duration::ZERO, told: None }
    }

    /// The unit starts to run now.
    pub(super) fn begin(&mut self, limit: Option<Limit>, now: Instant) {
        self.postponed = false;
        if self.told.is_none() {
            self.limit = limit;
            self.deadline = limit.map(|limit| timer::later(now, limit.after));
        }
    }

    /// The next part starts to run now.
    pub(super) fn next_part(&mut self, limit: Option<Limit>, now: Instant) {
        self.begin(limit, now);
    }

    /// Tells the unit to end, for a reason other than its own deadline.
    pub(super) fn cancel(&mut self, why: CancelReason, now: Instant) {
        // If the deadline was set by the engine, there is no second grace period.
        let grace = if why == CancelReason::Timeout { Duration::ZERO } else { self.grace };
        let next = Some(timer::later(now, grace));
        self.told.get_or_insert(Told { why, next, terminated: false, killed: false });
    }

    pub(super) fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Whether its worker has been sent a signal.
    pub(super) fn was_signalled(&self) -> bool {
        self.told.is_some_and(|told| told.terminated)
    }

    /// How long the part has been running: at least until its deadline, if that has passed. This process's time goes
    /// back a little when an earlier stop is noticed.
    pub(super) fn least(&self) -> Duration {
        self.least
    }

    /// The signal to send to the group of its worker now, if one is due, and the time of the next check.
    pub(super) fn look(&mut self, now: Instant) -> (Option<Signal>, Option<Instant>) {
        if let (None, Some(deadline)) = (&self.told, self.deadline)
            && deadline <= now
        {
            let late = now - deadline;
            if late > LATE && !self.postponed {
                // The unit may have ended in time, but its message not been read yet.
                self.postponed = true;
                self.deadline = Some(timer::later(now, late));
            } else {
                self.least = self.limit.map_or(Duration::ZERO, |limit| limit.after);
                let (why, next) = (CancelReason::Timeout, Some(now));
                self.told = Some(Told { why, next, terminated: false, killed: false });
            }
        }
        let Some(told) = &mut self.told else { return (None, self.deadline) };
        if told.next.is_none_or(|next| now < next) {
            return (None, told.next);
        }
        if told.terminated {
            told.killed = true;
            told.next = None;
            return (Some(Signal::KILL), None);
        }
        told.terminated = true;
        let grace = if told.why == CancelReason::Timeout { self.grace } else { LAST_GRACE };
        told.next = Some(timer::later(now, grace));
        (Some(Signal::TERM), told.next)
    }

    /// The failure of the unit, if we ended it.
    pub(super) fn failure(&self, exit: Option<ExitStatus>) -> Option<Box<Failure>> {
        let told = self.told.filter(|told| told.terminated || told.why != CancelReason::Timeout)?;
        let mut failure = match (told.why, self.limit) {
            (CancelReason::Timeout, Some(limit)) => limit.failure(),
            (why, _) => cancelled(why),
        };
        if told.killed {
            let signal = signal_name(Signal::TERM.as_raw());
            let grace = if told.why == CancelReason::Timeout { self.grace } else { LAST_GRACE };
            failure.causes.push(format!("its worker was sent {signal}, did not end within {grace:?}, and was killed"));
        } else if let (true, Some(ExitStatus::Signal(signal))) = (told.terminated, exit) {
            failure.causes.push(format!("its worker was ended by {}", signal_name(signal)));
        }
        failure.exit = exit.filter(|_| told.terminated);
        Some(failure)
    }
}
