//! A unit in the pool: waiting, or on a host.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use crate::{
    event::Scope,
    executor::{
        Unit, UnitId,
        outcome::{Outcome, Ran, Received},
        wire::{Encoded, Piece},
    },
    failure::{Failure, FailureKind},
    remote::{
        frames::Payload,
        message::{self, Done, PieceHead, ToAgent},
    },
    state::Value,
    timer::{self, nanos},
};

/// A unit in the pool.
pub(super) struct Queued {
    pub(super) unit: Unit,
    /// Its age in the queue, to which it returns if its host is lost.
    pub(super) age: u64,
    encoded: Box<Encoded>,
    /// Whether it has begun on its host.
    pub(super) begun: bool,
    /// When its host got it.
    pub(super) given: Instant,
    /// Whether its host has been asked to give it back.
    pub(super) recalled: bool,
    /// The hosts that were lost while it ran there.
    lost: Vec<String>,
}

/// The number of hosts that may be lost under a unit: when it is one more, the unit is suspected of it.
const LOST: usize = 1;

impl Queued {
    /// A unit that the engine has encoded.
    pub(super) fn new(mut unit: Unit) -> Result<Box<Self>, Box<Unit>> {
        let Some(encoded) = unit.encoded.take() else { return Err(Box::new(unit)) };
        Ok(Box::new(Self {
            unit,
            age: 0,
            encoded,
            begun: false,
            given: Instant::now(),
            recalled: false,
            lost: Vec::new(),
        }))
    }

    pub(super) fn id(&self) -> UnitId {
        self.unit.id()
    }

    pub(super) fn number(&self) -> u64 {
        self.id().get()
    }

    pub(super) fn kind(&self) -> usize {
        self.unit.work.kind()
    }

    pub(super) fn scope(&self) -> Scope {
        self.unit.scope
    }

    /// Whether it must not wait behind others: it would start even if a circuit has opened in the meantime, or be taken for begun
    /// if its host is lost.
    pub(super) fn alone(&self) -> bool {
        let config = self.unit.config();
        config.circuit_breaker.is_some() || !config.idempotent
    }

    /// The message for the unit, and the bytes that follow it. `keep` makes the agent keep a piece that other units may read, too, and
    /// gives its number there.
    pub(super) fn message<'a>(
        &'a self,
        folder: Option<&'a [u8]>,
        mut keep: impl FnMut(&Piece, &Value) -> u64,
    ) -> (ToAgent<'a>, Vec<Piece>) {
        let Encoded { head, view, items } = &*self.encoded;
        let left = self.unit.deadline.map(|deadline| nanos(deadline.saturating_duration_since(timer::now())));
        let (mut pieces, mut own) = (Vec::new(), Vec::new());
        if !view.bytes.start.is_empty() {
            own.push(Piece::Written(view.bytes.start.clone()));
            pieces.push(PieceHead::Own(view.bytes.start.len() as u64));
        }
        for piece in &view.bytes.rest {
            if let Some(value) = piece.shared() {
                pieces.push(PieceHead::Kept(keep(piece, value)));
            } else {
                pieces.push(PieceHead::Own(piece.len() as u64));
                own.push(piece.clone());
            }
        }
        own.push(Piece::Written(items.clone()));
        let message = message::Unit {
            unit: self.number(),
            run: self.unit.fan_out().run.number,
            head: head.clone(),
            view: Cow::Borrowed(&view.heads),
            pieces,
            folder: folder.map(Cow::Borrowed),
            left,
        };
        (ToAgent::Unit(message), own)
    }

    /// Delivers the outcome that the agent of `host` told, followed by `values`, a part of the payload. `worker` is the worker's number in this process.
    ///
    /// # Errors
    /// If that is not an outcome.
    pub(super) fn done(
        self,
        done: Done,
        (payload, values): (&Payload<'_>, &[u8]),
        worker: Option<u32>,
        host: &'static str,
    ) -> Result<(), String> {
        let ran = done.ran(worker, host);
        let (mut received, mut rest) = (Vec::with_capacity(done.received.len()), values);
        for (first, length) in &done.received {
            let split = usize::try_from(*length).ok().and_then(|length| rest.split_at_checked(length));
            let (bytes, after) = split.ok_or("an outcome did not arrive as a whole")?;
            received.push(Received { first: index(*first)?, bytes: payload.piece(bytes, false) });
            rest = after;
        }
        let parts = self.unit.work.parts();
        let mut failures = Vec::with_capacity(done.failures.len());
        for (at, failure) in done.failures {
            let at = index(at)?;
            if at >= parts {
                return Err(format!("part {at} of a unit with {parts} failed"));
            }
            failures.push((at, failure));
        }
        let Unit { ticket, work, .. } = self.unit;
        ticket.finish(Outcome { work: Some(work), received, failures, ..Outcome::of(ran) });
        Ok(())
    }

    /// Fails all parts.
    pub(super) fn fail(self, failure: &Failure) {
        let Unit { ticket, work, .. } = self.unit;
        ticket.finish(Outcome::failed(work, failure, Ran::here(Duration::ZERO)));
    }

    /// Fails the unit because its executor cannot run anything.
    pub(super) fn refuse(self, failure: &Failure) {
        self.unit.refuse(failure);
    }

    /// Its host is lost, maybe `excused`: the program itself was stopped, or the host's time was over. Returns the failure of a unit
    /// under which too many were, or that must not run twice.
    pub(super) fn host_lost(&mut self, host: &str, excused: bool) -> Option<Failure> {
        if !self.unit.config().idempotent {
            // Its start may not have been told any more.
            let message = format!("host `{host}` was lost, and it may have run there; it must not run twice");
            return Some(Failure::new(FailureKind::Lost, message));
        }
        if !std::mem::take(&mut self.begun) || excused {
            return None;
        }
        self.lost.push(host.to_owned());
        (self.lost.len() > LOST).then(|| {
            let message = format!("its host was lost while it ran, again and again: {}", self.lost.join(", then "));
            Failure::new(FailureKind::Crash, message)
        })
    }
}

fn index(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| "a number is too large".to_owned())
}
