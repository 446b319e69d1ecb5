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
};

use super::{ending::Ending, state::Task};

/// Results up to this size are joined into one vector.
const JOINED: usize = 64 << 10;

/// A unit in the pool.
pub(super) struct Queued {
    pub(super) unit: Unit,
    /// Its age in the queue, to which it goes back if a worker cannot run it.
    pub(super) age: u64,
    encoded: Encoded,
    /// The parts that have ended, from the first on.
    ended: usize,
    /// Where the message for the current worker began.
    sent_from: usize,
    received: Vec<Received>,
    received_bytes: u64,
    failures: Vec<(usize, Box<Failure>)>,
    /// It was being sent to a worker when that was lost.
    excused: bool,
    /// How many of the worker's units were sent before it.
    pub(super) turn: u64,
    /// When it began, in this process's time, as far as the parent can tell.
    began: Option<Instant>,
    began_by_clock: Option<Instant>,
    pub(super) ending: Ending,
    sent_bytes: u64,
}

/// A unit whose outcome has been brought, though its worker will still answer for it.
pub(super) struct Answering {
    pub(super) number: u64,
    left: usize,
}

/// What a worker has in its order.
pub(super) enum InFlight {
    Unit(Box<Queued>),
    /// Cancelled before it began; its answers are of no interest.
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

    /// A part ended. Gives whether that was the last one.
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
            excused: false,
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

    pub(super) fn is_done(&self) -> bool {
        self.ended == self.parts()
    }

    /// The number of what it reads: a worker that has it already need not be sent it.
    pub(super) fn view(&self) -> u64 {
        self.encoded.view.number
    }

    /// The message for it, from the first part that has not ended on, without what a worker knows already.
    pub(super) fn message(&mut self, known_view: bool, folder: Option<&[u8]>) -> (Vec<u8>, Vec<Piece>) {
        self.sent_from = self.ended;
        let Encoded { head, view, items } = &self.encoded;
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

    /// It is the first in its worker now, and runs.
    pub(super) fn begin(&mut self, now: Instant, worker: u32, pid: u32) {
        self.began = Some(now);
        let fan_out = self.unit.fan_out();
        self.ending.begin(self.unit.limit(), now);
        if fan_out.run.events.is_active() {
            let started = Instant::now();
            let (scope, attempt, sent) = (self.scope(), self.unit.attempt(), self.sent_bytes);
            let name = self.unit.work.label(self.ended, self.parts());
            self.note(Note::AttemptStarted { scope, name, attempt, worker, pid, started, sent });
            self.began_by_clock = Some(started);
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.unit.scope
    }

    /// When it began by the clock, if somebody listens.
    pub(super) fn began_by_clock(&self) -> Option<Instant> {
        self.began_by_clock
    }

    pub(super) fn note(&self, note: Note) {
        self.unit.ticket.note(note);
    }

    /// What runs now: the branch, or an item as `map[3]`.
    pub(super) fn running(&self) -> String {
        let at = self.ended.min(self.parts() - 1);
        self.unit.work.label(at, at + 1)
    }

    /// Whether the driver of its run is far behind with what it was told.
    pub(super) fn is_flooded(&self) -> bool {
        self.unit.fan_out().queue.len() > crate::process::pacing::FLOOD
    }

    fn part_ended(&mut self, end: &PartEnd, payload: Cow<'_, [u8]>) -> Result<bool, String> {
        let at = self.sent_from + usize::try_from(end.at).unwrap_or(usize::MAX - self.sent_from);
        if at != self.ended || at >= self.parts() {
            return Err(format!("the end of part {at} came for part {}", self.ended));
        }
        self.ended += 1;
        self.received_bytes += payload.len() as u64;
        if self.ending.was_signalled() {
            // It had its time, and the signal may have changed what it gave.
            self.failures.extend(self.ending.failure(None).map(|failure| (at, failure)));
            return Ok(self.is_done());
        }
        let first = self.sent_from;
        match self.received.last_mut() {
            Some(last) if last.first == first && last.bytes.len() + payload.len() <= JOINED => {
                last.bytes.extend_from_slice(&payload);
            }
            _ => self.received.push(Received { first, bytes: payload.into_owned() }),
        }
        self.ending.next_part(self.unit.limit(), crate::timer::now());
        Ok(self.is_done())
    }

    /// How long it has run on its worker, and how much came and went: what says how many like it may travel together.
    pub(super) fn measure(&self, now: Instant) -> (usize, Duration, u64) {
        (self.unit.work.kind(), self.ran_for(now), self.sent_bytes.max(self.received_bytes))
    }

    /// How long it has run on its worker.
    pub(super) fn ran_for(&self, now: Instant) -> Duration {
        let ran = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        ran.max(self.ending.least())
    }

    /// All of its parts have ended.
    pub(super) fn finish(self: Box<Self>, elapsed: Duration, worker: u32, pid: u32) {
        let Self { unit, encoded, received, received_bytes, failures, .. } = *self;
        drop(encoded);
        let Unit { ticket, work, .. } = unit;
        let ran = Ran { pid, worker: Some(worker), elapsed, received: received_bytes, ..Ran::here(elapsed) };
        ticket.finish(Outcome { work: Some(work), received, failures, ..Outcome::of(ran) });
    }

    /// What was running failed so. Gives the unit back if there is more of it.
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

    /// All of it that has not ended fails so, and not for what a worker did.
    pub(super) fn fail(mut self: Box<Self>, failure: &Failure) {
        self.failures.extend((self.ended..self.parts()).map(|at| (at, Box::new(failure.clone()))));
        let Self { unit, encoded, received, failures, .. } = *self;
        drop(encoded);
        let Unit { ticket, work, .. } = unit;
        ticket.finish(Outcome { work: Some(work), received, failures, ..Outcome::of(Ran::here(Duration::ZERO)) });
    }

    /// Its executor cannot run anything.
    pub(super) fn refuse(self: Box<Self>, failure: &Failure) {
        let Self { unit, encoded, .. } = *self;
        drop(encoded);
        unit.refuse(failure);
    }

    /// It goes back to the queue.
    pub(super) fn reset(&mut self) {
        (self.began, self.began_by_clock) = (None, None);
        self.ending = Ending::new(self.unit.config().grace);
    }

    /// Whether it may be given to another worker, since the one that it was being sent to is gone. Not again: perhaps
    /// receiving it is more than a worker can take.
    pub(super) fn is_excused(&mut self) -> bool {
        !self.ending.is_told() && !std::mem::replace(&mut self.excused, true)
    }

    /// In its worker it stays, but its outcome is brought now: it was cancelled before it began.
    pub(super) fn answering(&self) -> Answering {
        Answering { number: self.id().get(), left: self.parts() - self.ended }
    }
}

impl Task for Box<Queued> {
    fn memory_limit(&self) -> Option<u64> {
        self.unit.config().memory_limit
    }

    fn alone(&self) -> bool {
        let config = self.unit.config();
        // What waits in a worker would begin though a circuit has opened meanwhile.
        config.circuit_breaker.is_some()
    }

    fn kind(&self) -> usize {
        self.unit.work.kind()
    }

    fn max_tasks(&self) -> Option<u32> {
        self.unit.config().max_tasks_per_worker
    }
}
