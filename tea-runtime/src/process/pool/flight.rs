//! An attempt in flight: given to a worker, and not ended.
//!
//! All its moments are in [this process's time](timer::now).

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::errand::{Errand, Ran};
use crate::{
    cancel::CancelReason,
    engine::{cancelled, timer},
    event::Scope,
    executor::{JobWork, Limit},
    failure::{ExitStatus, Failure},
    process::loss::signal_name,
};

/// A deadline that is looked at later than this may be kept all the same: an end in time may wait to be read.
const LATE: Duration = Duration::from_millis(20);

/// From the second signal to the third, for a branch that was cancelled and had its grace.
const LAST_GRACE: Duration = Duration::from_millis(250);

/// An attempt that a worker has. Workers run what they have in order; the first runs, the others wait.
pub(crate) struct Flight {
    pub(crate) id: u64,
    /// `None` if it was cancelled before it began, and has been told so.
    pub(crate) errand: Option<Box<Errand>>,
    pub(crate) kind: usize,
    pub(crate) is_branch: bool,
    pub(crate) grace: Duration,
    /// Bytes sent for it, or to be sent.
    pub(crate) sent: u64,
    /// How many tasks its worker was given before it.
    pub(crate) turn: u64,
    /// When it began, as far as the parent can tell.
    pub(crate) began: Option<Instant>,
    /// The same by the clock, if there are events.
    pub(crate) began_by_clock: Option<Instant>,
    limit: Option<Limit>,
    deadline: Option<Instant>,
    postponed: bool,
    ending: Option<Ending>,
}

/// A flight that has begun: what is to be told and done about it, once nothing is locked.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) attempt: Option<Started>,
    pub(crate) sent: u64,
    pub(crate) deadline: Option<Instant>,
}

/// The attempt, as events name it, if there are any.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) attempt: u32,
    pub(crate) began: Instant,
}

/// How far the end of a running attempt is.
#[derive(Debug, Clone, Copy)]
struct Ending {
    why: CancelReason,
    /// When the next step is due.
    next: Option<Instant>,
    terminated: bool,
    killed: bool,
}

impl Flight {
    pub(crate) fn new(errand: Box<Errand>, turn: u64, sent: u64) -> Self {
        Self {
            id: errand.id,
            kind: errand.kind(),
            is_branch: matches!(errand.job.work, JobWork::Branch { .. }),
            grace: errand.config().grace,
            errand: Some(errand),
            turn,
            sent,
            began: None,
            began_by_clock: None,
            limit: None,
            deadline: None,
            postponed: false,
            ending: None,
        }
    }

    /// It is the first now, and runs.
    pub(crate) fn begin(&mut self, now: Instant) -> Begun {
        self.began = Some(now);
        let deadline = self.next_turn();
        let job = self.errand.as_ref().map(|errand| &errand.job).filter(|job| job.run.events().is_active());
        let attempt = job.map(|job| {
            let (scope, name, attempt, began) = (job.scope, job.label(), job.attempt, Instant::now());
            Started { scope, name, attempt, began }
        });
        self.began_by_clock = attempt.as_ref().map(|attempt| attempt.began);
        Begun { attempt, sent: self.sent, deadline }
    }

    /// Its next item runs now. Gives that item's deadline.
    pub(crate) fn next_turn(&mut self) -> Option<Instant> {
        self.postponed = false;
        if self.ending.is_some() {
            return None;
        }
        self.limit = self.errand.as_ref().and_then(|errand| errand.job.limit());
        self.deadline = self.limit.map(|limit| timer::now() + limit.after);
        self.deadline
    }

    /// It is told to end, for a reason other than its own deadline.
    pub(crate) fn cancel(&mut self, why: CancelReason, now: Instant) {
        if self.ending.is_none() {
            // A deadline set by the engine is a deadline: no second grace.
            let grace = if why == CancelReason::Timeout { Duration::ZERO } else { self.grace };
            self.ending = Some(Ending { why, next: Some(now + grace), terminated: false, killed: false });
        }
    }

    /// What is due now: a signal to its worker's group. And when to look again.
    pub(crate) fn look(&mut self, now: Instant) -> (Option<Signal>, Option<Instant>) {
        if let (None, Some(deadline)) = (&self.ending, self.deadline)
            && deadline <= now
        {
            let late = now - deadline;
            if late > LATE && !self.postponed {
                self.postponed = true;
                self.deadline = Some(now + late);
            } else {
                self.ending =
                    Some(Ending { why: CancelReason::Timeout, next: Some(now), terminated: false, killed: false });
            }
        }
        let Some(ending) = &mut self.ending else { return (None, self.deadline) };
        if ending.next.is_none_or(|next| now < next) {
            return (None, ending.next);
        }
        if ending.terminated {
            ending.killed = true;
            ending.next = None;
            return (Some(Signal::KILL), None);
        }
        ending.terminated = true;
        let grace = if ending.why == CancelReason::Timeout { self.grace } else { LAST_GRACE };
        ending.next = Some(now + grace);
        (Some(Signal::TERM), ending.next)
    }

    /// Whether it may be given to another worker, since the one that it was being sent to is gone. Not again: perhaps
    /// receiving it is more than a worker can take.
    pub(crate) fn is_excused(&mut self) -> bool {
        let errand = self.errand.as_mut().filter(|_| self.ending.is_none());
        errand.is_some_and(|errand| !std::mem::replace(&mut errand.excused, true))
    }

    /// What runs, by its name; empty if it was cancelled before it began.
    pub(crate) fn running(&self) -> String {
        self.errand.as_ref().map(|errand| errand.running()).unwrap_or_default()
    }

    /// Whether its worker was sent a signal.
    pub(crate) fn was_signalled(&self) -> bool {
        self.ending.is_some_and(|ending| ending.terminated)
    }

    /// Where it ran, as far as the parent can tell.
    pub(crate) fn ran(&self, pid: u32, worker: u32) -> Ran {
        Ran { pid, worker: Some(worker), elapsed: self.began.map_or(Duration::ZERO, |began| timer::now() - began) }
    }

    /// The failure of one that was ended by us, if it was.
    pub(crate) fn ended(&self, exit: Option<ExitStatus>) -> Option<Box<Failure>> {
        let ending = self.ending.filter(|ending| ending.terminated || ending.why != CancelReason::Timeout)?;
        let mut failure = match (ending.why, self.limit) {
            (CancelReason::Timeout, Some(limit)) => limit.failure(),
            (why, _) => cancelled(why),
        };
        if ending.killed {
            let signal = signal_name(Signal::TERM.as_raw());
            failure.causes.push(format!(
                "its worker was sent {signal}, did not end within {:?}, and was killed",
                if ending.why == CancelReason::Timeout { self.grace } else { LAST_GRACE },
            ));
        } else if let (true, Some(ExitStatus::Signal(signal))) = (ending.terminated, exit) {
            failure.causes.push(format!("its worker was ended by {}", signal_name(signal)));
        }
        failure.exit = exit.filter(|_| ending.terminated);
        Some(failure)
    }
}
