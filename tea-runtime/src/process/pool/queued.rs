//! A unit in the pool: waiting, or in flight on a worker.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use crate::{
    event::Scope,
    executor::{
        Unit, UnitId,
        message::Note,
        outcome::{Outcome, Ran, Received},
        wire::{Encoded, PartEnd, Piece, ValueHead},
    },
    failure::Failure,
    process::message,
    usage::Usage,
};

use super::{ending::Ending, state::Task};

/// Results up to this size are combined in one vector.
const JOINED: usize = 64 << 10;

/// A unit in the pool.
pub(super) struct Queued {
    pub(super) unit: Unit,
    /// Its age in the queue, to which it returns if a worker cannot run it.
    pub(super) age: u64,
    encoded: Box<Encoded>,
    /// The number of parts that have ended, from the first on.
    ended: usize,
    /// The part with which the message for the current worker started.
    sent_from: usize,
    received: Vec<Received>,
    received_bytes: u64,
    failures: Vec<(usize, Box<Failure>)>,
    /// What its worker has told of its use, or was found when that was lost.
    pub(super) usage: Option<Usage>,
    /// Whether it was being sent to a worker when that was lost.
    excused: bool,
    /// Whether its worker has been asked to give it back.
    recalled: bool,
    /// Whether it is to run elsewhere, if it has not begun.
    pub(super) wanted_back: bool,
    /// The number of the worker's units that were sent before it.
    pub(super) turn: u64,
    /// When it started, in this process's time, as far as the parent can tell.
    began: Option<Instant>,
    began_by_clock: Option<Instant>,
    pub(super) ending: Ending,
    sent_bytes: u64,
}

/// A unit whose outcome has been delivered although its worker will still answer for it.
pub(super) struct Answering {
    pub(super) number: u64,
    left: usize,
}

/// An entry in a worker's list of units.
pub(super) enum InFlight {
    Unit(Box<Queued>),
    /// Cancelled before it started. Its answers are ignored.
    Answering(Answering),
}

impl InFlight {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Unit(queued) => queued.unit.id().get(),
            Self::Answering(answering) => answering.number,
        }
    }

    pub(super) fn unit(&self) -> Option<&Queued> {
        match self {
            Self::Unit(queued) => Some(queued),
            Self::Answering(_) => None,
        }
    }

    pub(super) fn unit_mut(&mut self) -> Option<&mut Queued> {
        match self {
            Self::Unit(queued) => Some(queued),
            Self::Answering(_) => None,
        }
    }

    /// Records that a part ended. Returns whether it was the last one.
    pub(super) fn part_ended(&mut self, end: &PartEnd, payload: Cow<'_, [u8]>) -> Result<bool, String> {
        match self {
            Self::Unit(queued) => queued.part_ended(end, payload),
            Self::Answering(answering) => {
                answering.left = answering.left.saturating_sub(1);
                Ok(answering.left == 0)
            }
        }
    }
}

impl Queued {
    /// A unit that the engine has encoded.
    pub(super) fn new(mut unit: Unit) -> Result<Box<Self>, Box<Unit>> {
        let Some(encoded) = unit.encoded.take() else { return Err(Box::new(unit)) };
        let ending = Ending::new(unit.config().grace);
        Ok(Box::new(Self {
            unit,
            age: 0,
            encoded,
            ended: 0,
            sent_from: 0,
            received: Vec::new(),
            received_bytes: 0,
            failures: Vec::new(),
            usage: None,
            excused: false,
            recalled: false,
            wanted_back: false,
            turn: 0,
            began: None,
            began_by_clock: None,
            ending,
            sent_bytes: 0,
        }))
    }

    pub(super) fn id(&self) -> UnitId {
        self.unit.id()
    }

    fn parts(&self) -> usize {
        self.encoded.parts()
    }

    /// How many items of maps what runs inside it is a part of.
    pub(super) fn depth_within(&self) -> u32 {
        self.unit.depth() + u32::from(!self.encoded.head.items.is_empty())
    }

    /// Whether something of it has run.
    pub(super) fn has_begun(&self) -> bool {
        self.ended > 0
    }

    pub(super) fn is_done(&self) -> bool {
        self.ended == self.parts()
    }

    /// The number of the view that it reads, so that it need not be sent to a worker that already has it.
    pub(super) fn view(&self) -> u64 {
        self.encoded.view.number
    }

    /// The message for the unit, from the first part that has not ended on, without what the worker already knows.
    pub(super) fn message(&mut self, known_view: bool, folder: Option<&[u8]>) -> (Vec<u8>, Vec<Piece>) {
        (self.sent_from, self.recalled) = (self.ended, false);
        let Encoded { head, view, items } = &*self.encoded;
        let skipped: u64 = head.items.iter().take(self.ended).sum();
        let mut rest = head.clone();
        if !head.items.is_empty() {
            rest.items = head.items[self.ended..].to_vec();
            rest.first += self.ended as u64;
        }
        let heads: Option<Vec<ValueHead>> = (!known_view).then(|| view.heads.clone());
        let message = message::ToWorker::Unit(message::Unit {
            unit: self.id().get(),
            run: self.unit.fan_out().run.number,
            head: rest,
            view: heads,
            folder: folder.map(Cow::Borrowed),
        });
        let mut start = super::outbox::room();
        crate::executor::wire::write(&message, &mut start);
        let mut pieces = Vec::new();
        if !known_view {
            start.extend_from_slice(&view.bytes.start);
            pieces.extend(view.bytes.rest.iter().cloned());
        }
        let items = &items[usize::try_from(skipped).unwrap_or(items.len())..];
        if pieces.is_empty() {
            start.extend_from_slice(items);
        } else if !items.is_empty() {
            pieces.push(Piece::Written(items.to_vec()));
        }
        self.sent_bytes = (start.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>()) as u64;
        (start, pieces)
    }

    /// Records that it is now the first in its worker, and running.
    pub(super) fn begin(&mut self, now: Instant, worker: u32, pid: u32) {
        self.began = Some(now);
        let fan_out = self.unit.fan_out();
        self.ending.begin(self.unit.limit(), now);
        if fan_out.run.events.is_active() {
            let started = Instant::now();
            let (scope, attempt, sent) = (self.scope(), self.unit.attempt(), self.sent_bytes);
            let name = fan_out.path.shown(&self.unit.work.label(self.ended, self.parts())).into_owned();
            self.note(Note::AttemptStarted { scope, name, attempt, worker, host: None, pid, started, sent });
            self.began_by_clock = Some(started);
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.unit.scope
    }

    /// When it started by the clock, if there are listeners.
    pub(super) fn began_by_clock(&self) -> Option<Instant> {
        self.began_by_clock
    }

    pub(super) fn note(&self, note: Note) {
        self.unit.ticket.note(note);
    }

    /// The name of what is running: the branch, or an item such as `map[3]`.
    pub(super) fn running(&self) -> String {
        let at = self.ended.min(self.parts() - 1);
        self.unit.fan_out().path.shown(&self.unit.work.label(at, at + 1)).into_owned()
    }

    /// Whether the driver of its run has many unread messages.
    pub(super) fn is_flooded(&self) -> bool {
        self.unit.fan_out().queue.len() > crate::pacing::process::FLOOD
    }

    fn part_ended(&mut self, end: &PartEnd, payload: Cow<'_, [u8]>) -> Result<bool, String> {
        let at = self.sent_from + usize::try_from(end.at).unwrap_or(usize::MAX - self.sent_from);
        if at != self.ended || at >= self.parts() {
            return Err(format!("the end of part {at} came for part {}", self.ended));
        }
        self.ended += 1;
        self.received_bytes += payload.len() as u64;
        self.usage = end.usage.or(self.usage);
        if self.ending.was_signalled() {
            // Its time was over, and the signal may have changed its result.
            self.failures.extend(self.ending.failure(None).map(|failure| (at, failure)));
            return Ok(self.is_done());
        }
        let first = self.sent_from;
        match self.received.last_mut() {
            Some(Received { first: of, bytes: Piece::Written(last) })
                if *of == first && last.len() + payload.len() <= JOINED =>
            {
                last.extend_from_slice(&payload);
            }
            _ => self.received.push(Received { first, bytes: Piece::Written(payload.into_owned()) }),
        }
        self.ending.next_part(self.unit.limit(), crate::timer::now());
        Ok(self.is_done())
    }

    /// Its kind, how many parts its worker ran, and how many bytes were sent and received, which determines how many such
    /// units may be in flight.
    pub(super) fn measure(&self) -> (usize, usize, u64) {
        (self.unit.work.kind(), self.ended - self.sent_from, self.sent_bytes.max(self.received_bytes))
    }

    /// The number of parts that have not ended.
    pub(super) fn left(&self) -> usize {
        self.parts() - self.ended
    }

    /// Whether somebody wants to know at once what becomes of it.
    pub(super) fn is_watched(&self) -> bool {
        self.unit.fan_out().run.events.is_active()
    }

    /// How long it has been running on its worker.
    pub(super) fn ran_for(&self, now: Instant) -> Duration {
        let ran = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        ran.max(self.ending.least())
    }

    /// Delivers the outcome of the unit. All of its parts have ended.
    pub(super) fn finish(self: Box<Self>, elapsed: Duration, worker: u32, pid: u32) {
        let Self { unit, encoded, received, received_bytes, failures, usage, .. } = *self;
        drop(encoded);
        let Unit { ticket, work, .. } = unit;
        let usage = usage.unwrap_or_default();
        let ran = Ran { pid, worker: Some(worker), host: None, elapsed, received: received_bytes, usage };
        ticket.finish(Outcome { work: Some(work), received, failures, ..Outcome::of(ran) });
    }

    /// Fails the running part. Returns the unit if it has more parts.
    pub(super) fn part_failed(
        mut self: Box<Self>,
        failure: Box<Failure>,
        elapsed: Duration,
        worker: u32,
        pid: u32,
    ) -> Option<Box<Self>> {
        self.failures.push((self.ended, failure));
        self.ended += 1;
        if !self.is_done() {
            return Some(self);
        }
        self.finish(elapsed, worker, pid);
        None
    }

    /// Fails all parts that have not ended, for a reason that has nothing to do with a worker.
    pub(super) fn fail(mut self: Box<Self>, failure: &Failure) {
        self.failures.extend((self.ended..self.parts()).map(|at| (at, Box::new(failure.clone()))));
        let Self { unit, encoded, received, failures, .. } = *self;
        drop(encoded);
        let Unit { ticket, work, .. } = unit;
        ticket.finish(Outcome { work: Some(work), received, failures, ..Outcome::of(Ran::here(Duration::ZERO)) });
    }

    /// Fails the unit because its executor cannot run anything.
    pub(super) fn refuse(self: Box<Self>, failure: &Failure) {
        let Self { unit, encoded, .. } = *self;
        drop(encoded);
        unit.refuse(failure);
    }

    /// Prepares the unit for its return to the queue.
    pub(super) fn reset(&mut self) {
        (self.began, self.began_by_clock) = (None, None);
        self.ending = Ending::new(self.unit.config().grace);
    }

    /// Whether it may be given to another worker after the one that it was being sent to was lost. This is allowed only
    /// once, because receiving the unit may be what kills the worker.
    pub(super) fn is_excused(&mut self) -> bool {
        !self.ending.is_told() && !std::mem::replace(&mut self.excused, true)
    }

    /// Whether it will not be asked back from its worker.
    pub(super) fn is_recalled(&self) -> bool {
        self.recalled || self.unit.config().max_tasks_per_worker.is_some()
    }

    /// Whether its worker should be asked to give it back, which is done once. A worker that is replaced after so many
    /// units counts those that it was given.
    pub(super) fn recall(&mut self) -> bool {
        let recall = !self.is_recalled();
        self.recalled = true;
        recall
    }

    /// Delivers its outcome now, although it stays in its worker, because it was cancelled before it started.
    pub(super) fn answering(&self) -> Answering {
        Answering { number: self.id().get(), left: self.left() }
    }
}

impl Task for Box<Queued> {
    fn memory_limit(&self) -> Option<u64> {
        self.unit.config().memory_limit
    }

    fn alone(&self) -> bool {
        let config = self.unit.config();
        // A unit that waits in a worker would start even if a circuit has opened in the meantime.
        config.circuit_breaker.is_some()
    }

    fn kind(&self) -> usize {
        self.unit.work.kind()
    }

    fn max_tasks(&self) -> Option<u32> {
        self.unit.config().max_tasks_per_worker
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::tests::kit::{a_branch, new_run};

    #[test]
    fn what_runs_inside_an_item_is_one_item_deeper_than_its_unit() {
        let depth_within = |items: &[u64]| {
            let mut unit = a_branch(&new_run(), "nothing");
            unit.encoded.iter_mut().for_each(|encoded| encoded.head.items = items.to_vec());
            (unit.depth(), Queued::new(unit).expect("it is encoded").depth_within())
        };
        assert_eq!((depth_within(&[]), depth_within(&[0])), ((0, 0), (0, 1)));
    }
}
