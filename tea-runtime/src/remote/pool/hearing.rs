//! Handles messages of agents.

use std::{
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

use super::{Inner, Pool, outbox::Outbox, queued::Queued, state::Stage};
use crate::{
    cancel::CancelReason,
    event::Scope,
    executor::{
        breakers::{BreakerAt, BreakerCall},
        message::Note,
        wire,
    },
    failure::{FailureKind, cancelled},
    process::{
        frame::Frame,
        message::{RECORD, RecordHead},
    },
    remote::{
        frames::Payload,
        message::{Done, FromAgent, News, ToAgent},
    },
    store::RawRecord,
};

impl Pool {
    /// Handles a frame from the agent of a host.
    ///
    /// # Errors
    /// If an agent of this program does not say that.
    pub(super) fn hear(self: &Arc<Self>, at: usize, mut frame: Frame<'_>) -> Result<(), String> {
        if frame.kind == RECORD {
            let (RecordHead { unit, kind }, payload) = wire::read(&frame.payload)?;
            if let Some(queued) = self.lock().hosts[at].in_flight.get(&unit) {
                queued.unit.ticket.recorded(RawRecord { kind, payload: payload.to_vec() });
            }
            return Ok(());
        }
        let payload = Payload::of(&mut frame.payload);
        let (message, values) = wire::read::<FromAgent>(&payload)?;
        match message {
            FromAgent::Hello(_) | FromAgent::Build { .. } => return Err("it said hello twice".to_owned()),
            FromAgent::Ready { slots, memory } => self.ready(at, slots as usize, memory),
            FromAgent::Lease { asked } => self.grant(at, asked),
            FromAgent::Pong => {
                let outbox = self.lock().look(at, None);
                if let Some(outbox) = outbox {
                    self.flush(&[(at, outbox)]);
                }
            }
            FromAgent::Unable { why } => {
                self.lock().unusable(at, why);
            }
            FromAgent::News { run, unit, news } => self.news(at, run, unit, news),
            FromAgent::Done(done) => return self.done(at, done, &payload, values),
            FromAgent::Breaker { ask, run, at: breaker, call } => self.breaker(at, ask, run, breaker, call),
        }
        Ok(())
    }

    fn ready(self: &Arc<Self>, at: usize, slots: usize, memory: Option<u64>) {
        let mut inner = self.lock();
        if inner.closing || inner.hosts[at].side.is_none() {
            return;
        }
        let host = &mut inner.hosts[at];
        (host.load.stage, host.load.slots) = (Stage::Ready, slots.max(1));
        // Its first lease has started already.
        host.over = Some(self.terms.over(Instant::now()));
        let look = inner.look(at, memory);
        self.more(inner);
        if let Some(outbox) = look {
            self.flush(&[(at, outbox)]);
        }
    }

    /// An agent asks for its lease.
    fn grant(&self, at: usize, asked: Duration) {
        let mut inner = self.lock();
        let host = &mut inner.hosts[at];
        // Nothing is granted to an agent that cannot be told so.
        let Some(side) = &mut host.side else { return };
        side.forget();
        host.over = Some(self.terms.over(Instant::now()));
        let outbox = Arc::clone(&side.outbox);
        drop(inner);
        outbox.add_first(&ToAgent::Lease { asked });
        self.flush(&[(at, outbox)]);
    }

    /// A host has been silent for a while, or is not any more.
    pub(super) fn silent(self: &Arc<Self>, at: usize, silent: bool) {
        let mut inner = self.lock();
        let stage = &mut inner.hosts[at].load.stage;
        match (&*stage, silent) {
            (Stage::Ready, true) => *stage = Stage::Silent,
            (Stage::Silent, false) => *stage = Stage::Ready,
            _ => return,
        }
        self.more(inner);
    }

    /// Gives out what waits, and starts further hosts for what is left.
    fn more(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner>) {
        let outboxes = inner.give_out();
        self.start_hosts(&mut inner);
        self.send(inner, &outboxes);
    }

    fn done(self: &Arc<Self>, at: usize, done: Done, payload: &Payload<'_>, values: &[u8]) -> Result<(), String> {
        let mut inner = self.lock();
        let host = &mut inner.hosts[at];
        // It may have been cancelled before the run closed.
        let Some(queued) = host.in_flight.remove(&done.unit) else { return Ok(()) };
        host.load.in_flight = host.in_flight.len();
        if done.refused {
            self.refused(inner, at, queued, &done);
            return Ok(());
        }
        host.ended += 1;
        let (life, name) = (host.life, host.name);
        let longest = inner.longest.entry(queued.kind()).or_default();
        *longest = (*longest).max(Duration::from_nanos(done.elapsed));
        let fault = |kind| !matches!(kind, FailureKind::Cancelled | FailureKind::CircuitOpen | FailureKind::Timeout);
        let failed = done.failures.iter().any(|(_, failure)| fault(failure.kind));
        let others = inner.hosts.iter().enumerate().any(|(other, host)| other != at && host.load.stage == Stage::Ready);
        if inner.health.ended(at, queued.kind(), failed) && others && inner.hosts[at].load.stage == Stage::Ready {
            let last = done.failures.first().map_or_else(String::new, |(_, failure)| failure.message.clone());
            let message = format!("host `{name}` gets no more units, because it fails what other hosts do: {last}");
            inner.unusable(at, message.clone());
            queued.unit.fan_out().run.note(Note::Warning { message });
        }
        let worker = done.worker.map(|worker| inner.numbers.of(at, life, worker));
        let bytes = values.len() as u64;
        inner.paces.add(queued.kind(), Duration::from_nanos(done.elapsed), queued.unit.work.parts(), bytes);
        self.more(inner);
        queued.done(done, (payload, values), worker, name)
    }

    /// A host does not run a unit: it was asked back, or nothing can run there. Others may run it.
    fn refused(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner>, at: usize, queued: Box<Queued>, done: &Done) {
        let failure = done.failures.first().map(|(_, failure)| failure);
        if failure.is_none_or(|failure| failure.kind != FailureKind::Cancelled) {
            inner.unusable(at, failure.map_or_else(String::new, |failure| failure.message.clone()));
        }
        let reason = queued.unit.cancellation().reason();
        if let Some(reason) = reason.or(inner.closing.then_some(CancelReason::Requested)) {
            drop(inner);
            return queued.fail(&cancelled(reason));
        }
        inner.waiting.insert(queued.age, queued);
        if let Some(refusal) = inner.refusal.clone() {
            inner.refuse_all(&refusal);
        }
        self.more(inner);
    }

    fn news(&self, at: usize, run: u64, unit: Option<u64>, news: News) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let host = &mut inner.hosts[at];
        let worker = news.worker().map_or(0, |worker| inner.numbers.of(at, host.life, worker));
        if let Some(unit) = unit {
            let Some(queued) = host.in_flight.get_mut(&unit) else { return };
            queued.begun |= matches!(news, News::AttemptStarted { .. });
            if queued.unit.fan_out().run.events.is_active() {
                queued.unit.ticket.note(news.note(queued.scope(), worker, host.name));
            }
            return;
        }
        let known = host.side.as_ref().and_then(|side| side.known.iter().find(|(known, _)| *known == run));
        if let Some(info) = known.and_then(|(_, info)| info.upgrade()) {
            info.note(news.note(Scope::ROOT, worker, host.name));
        }
    }

    fn breaker(self: &Arc<Self>, at: usize, ask: u64, run: u64, breaker: BreakerAt, call: BreakerCall) {
        let inner = self.lock();
        let side = inner.hosts[at].side.as_ref();
        let known = side.and_then(|side| {
            let (_, info) = side.known.iter().find(|(known, _)| *known == run)?;
            Some((info.upgrade()?, Arc::clone(&side.outbox)))
        });
        drop(inner);
        let Some((info, outbox)): Option<(_, Arc<Outbox>)> = known else { return };
        let pool = Arc::downgrade(self);
        let reply = move |answer| {
            outbox.add(&ToAgent::Breaker { ask, answer });
            if let Some(pool) = pool.upgrade() {
                pool.flush(&[(at, outbox)]);
            }
        };
        info.breakers.call_later(breaker, call, Box::new(reply));
    }
}
