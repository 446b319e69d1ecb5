//! A unit of work as an executor receives it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    attempt::Attempt,
    fan_out::FanOut,
    limit::Limit,
    outcome::{Outcome, Ran},
    ticket::Ticket,
    wire::Encoded,
    work::{Unencodable, Work},
};
use crate::{
    cancel::CancellationToken,
    event::Scope,
    failure::{Failure, FailureKind},
    policy::ParallelConfig,
    position::Position,
};

/// Identifies a unit within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(u64);

impl UnitId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }

    /// Its number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// One attempt at a unit of work: a branch, or a batch of items of a map.
///
/// An executor runs it in one of two ways: [`run`](Self::run) runs it on the calling thread, and
/// [`encode`](Self::encode) turns it into bytes, which [`serve`](crate::engine::serve) runs in another process of the
/// same program. The answer is passed to [`Ticket::answer`]. A unit that is dropped fails as lost, so its fan-out
/// always comes to an end.
pub struct Unit {
    pub(crate) ticket: Ticket,
    pub(crate) scope: Scope,
    pub(crate) attempt: u32,
    pub(crate) config: &'static ParallelConfig,
    /// The deadline of all attempts together, in this process's time; known from the second attempt on.
    pub(crate) deadline: Option<Instant>,
    /// Its own token, if it can be cancelled alone.
    pub(crate) cancel: Option<CancellationToken>,
    pub(crate) index: u64,
    pub(crate) work: Box<dyn Work>,
    pub(crate) encoded: Option<Box<Encoded>>,
}

impl Unit {
    /// The number that identifies it within this process.
    #[must_use]
    pub fn id(&self) -> UnitId {
        self.ticket.id()
    }

    /// Its position in the run.
    #[must_use]
    pub fn position(&self) -> Position {
        self.fan_out().position.at_part(self.index)
    }

    /// Its name in events: that of the branch, or `map[3]` or `map[3..7]`.
    #[must_use]
    pub fn label(&self) -> String {
        self.fan_out().path.shown(&self.work.label(0, self.work.parts())).into_owned()
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many items of maps it is a part of. What belongs to an item that has begun goes before the next items.
    pub(crate) fn depth(&self) -> u32 {
        self.fan_out().path.items()
    }

    /// Its settings. An executor enforces [`limit`](Self::limit) and, if it can, `memory_limit` and `grace`. The engine
    /// takes care of the rest.
    #[must_use]
    pub fn config(&self) -> &'static ParallelConfig {
        self.config
    }

    /// The token that cancels it.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        self.cancel.as_ref().unwrap_or(&self.fan_out().cancel)
    }

    /// How long the attempt may run if it starts now.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        Limit::of(self.config, self.deadline)
    }

    /// Runs the unit on this thread, and leaves its outcome in the completion queue of its run.
    pub fn run(self) {
        let (ticket, attempt) = self.into_parts();
        let outcome = attempt.run();
        ticket.finish(outcome);
    }

    /// Splits the unit into the ticket for its outcome and the work, for executors that may have to abandon the latter.
    pub(crate) fn into_parts(self) -> (Ticket, Attempt) {
        let fan_out = Arc::clone(self.fan_out());
        let Self { ticket, scope, attempt, cancel, index, work, .. } = self;
        (ticket, Attempt { fan_out, scope, number: attempt, cancel, index, work })
    }

    /// The unit as bytes, and the ticket for its outcome. If the executor says that units
    /// [cross](super::ParallelExecutor::crosses), the engine has already encoded them. Otherwise the user's `Serialize`
    /// runs now.
    ///
    /// # Errors
    /// If it cannot be sent. The failure has been reported to its fan-out.
    pub fn encode(mut self) -> Result<(Vec<u8>, Ticket), Unsendable> {
        if self.encoded.is_none() {
            match self.work.encode(self.attempt, self.config.max_payload) {
                Ok(encoded) if encoded.parts() == self.work.parts() => self.encoded = Some(Box::new(encoded)),
                Ok(_) => {
                    let message = "it does not fit into one message; an executor that sends units says so by `crosses`";
                    self.fail(&Failure::new(FailureKind::Transport, message));
                    return Err(Unsendable);
                }
                Err(Unencodable::Part(failure) | Unencodable::All(failure)) => {
                    self.fail(&failure);
                    return Err(Unsendable);
                }
            }
        }
        let run = self.fan_out().run.id;
        let Self { mut ticket, work, encoded, .. } = self;
        ticket.sent = Some(work);
        Ok((encoded.map(|encoded| encoded.to_bytes(run)).unwrap_or_default(), ticket))
    }

    /// Fails all parts of the unit.
    pub(crate) fn fail(self, failure: &Failure) {
        let Self { ticket, work, .. } = self;
        ticket.finish(Outcome::failed(work, failure, Ran::here(Duration::ZERO)));
    }

    /// Fails the unit because its executor cannot run anything.
    pub(crate) fn refuse(self, failure: &Failure) {
        let Self { ticket, work, .. } = self;
        ticket.finish(Outcome { refused: true, ..Outcome::failed(work, failure, Ran::here(Duration::ZERO)) });
    }

    pub(crate) fn fan_out(&self) -> &Arc<FanOut> {
        self.ticket.fan_out()
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("label", &self.label()).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// The error of [`Unit::encode`]: the unit cannot be sent. The reason has been reported to its fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable;

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the unit cannot be sent to another process")
    }
}

impl std::error::Error for Unsendable {}
