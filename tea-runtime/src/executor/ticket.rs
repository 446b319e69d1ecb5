//! The delivery of a unit's outcome.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    fan_out::FanOut,
    message::{Completion, Message, Note},
    outcome::{Outcome, Ran},
    unit::UnitId,
    work::Work,
};
use crate::{
    failure::{Failure, FailureKind},
    store::RawRecord,
};

/// The right and the duty to deliver the outcome of a unit, exactly once. Dropping a ticket delivers the outcome that
/// the unit was lost.
pub struct Ticket {
    /// `None` when the outcome has been delivered.
    fan_out: Option<Arc<FanOut>>,
    id: UnitId,
    /// The work that another process runs, which receives the results.
    pub(crate) sent: Option<Box<dyn Work>>,
}

impl Ticket {
    pub(crate) fn new(fan_out: Arc<FanOut>) -> Self {
        Self { fan_out: Some(fan_out), id: UnitId::next(), sent: None }
    }

    /// The number that identifies the unit within this process.
    pub(crate) fn id(&self) -> UnitId {
        self.id
    }

    /// Leaves the outcome in the completion queue. This runs no code of the engine or the user.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.bring(outcome);
    }

    /// Leaves a note about the unit in the completion queue.
    pub(crate) fn note(&self, note: Note) {
        self.fan_out().queue.push(Message::Note(note), true);
    }

    /// Leaves a record of something that was done for the unit in the completion queue.
    pub(crate) fn recorded(&self, raw: RawRecord) {
        self.fan_out().queue.push(Message::Recorded(self.id, raw), true);
    }

    /// Delivers the answer of [`serve`](crate::engine::serve) in another process. The engine decodes it later.
    pub fn answer(mut self, answer: Vec<u8>) {
        let work = self.sent.take();
        self.bring(Outcome::answered(work, answer));
    }

    /// Delivers a failure: whatever ran the unit is gone, or could not be reached.
    pub fn fail(mut self, failure: &Failure) {
        self.lose(failure);
    }

    fn lose(&mut self, failure: &Failure) {
        let ran = Ran::here(Duration::ZERO);
        let outcome = match self.sent.take() {
            Some(work) => Outcome::failed(work, failure, ran),
            None => Outcome::left_behind(failure, ran),
        };
        self.bring(outcome);
    }

    pub(crate) fn fan_out(&self) -> &Arc<FanOut> {
        self.fan_out.as_ref().expect("its outcome has not been brought")
    }

    fn bring(&mut self, outcome: Outcome) {
        if let Some(fan_out) = self.fan_out.take() {
            let urgent = !outcome.failures.is_empty();
            fan_out.queue.push(Message::Done(Completion { id: self.id, outcome }), urgent);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.fan_out.is_some() {
            self.lose(&Failure::new(FailureKind::Transport, "what ran it went away without bringing an outcome"));
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}
