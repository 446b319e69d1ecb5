//! The runs whose units are relayed here, and what is told of them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{breakers::Asks, kept::Kept, outbox::Outbox, relayed::Relayed};
use crate::{
    cancel::CancellationToken,
    context::CallPath,
    engine::Planned,
    event::{Detail, Event, Events, Listener, Scope},
    executor::{
        Ticket, Unit, UnitId,
        breakers::Breakers,
        fan_out::FanOut,
        message::{Completion, Message, Note},
        outcome::{Outcome, Received},
        queue::CompletionQueue,
        run_info::RunInfo,
        tokens::Tokens,
        wire::{Encoded, Piece},
    },
    failure::{ExitStatus, Failure, FailureKind},
    pacing::remote::HELD,
    position::Position,
    process::message::{RECORD, RecordHead, Run},
    remote::{
        frames::Payload,
        message::{self, Done, FromAgent, News},
    },
    timer::{self, nanos},
    user_code,
};

/// A run whose units are relayed here.
pub(super) struct Relay {
    number: u64,
    planned: Planned,
    fan_out: Arc<FanOut>,
    units: Arc<Units>,
    ended: Arc<AtomicBool>,
}

/// The units that have not ended.
#[derive(Default)]
struct Units(Mutex<HashMap<UnitId, (u64, CancellationToken)>>);

impl Units {
    fn lock(&self) -> MutexGuard<'_, HashMap<UnitId, (u64, CancellationToken)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes workers tell what the program wants to know. What they tell is passed on.
struct Wants(Detail);

impl Listener for Wants {
    fn on_event(&self, _: &Event<'_>) {}

    fn wants(&self) -> Detail {
        self.0
    }
}

impl Relay {
    /// Starts to relay the units of a run.
    pub(super) fn begin(
        run: Run,
        tokens: Arc<Tokens>,
        outbox: &Arc<Outbox>,
        asks: &Arc<Asks>,
    ) -> Result<Self, Box<Failure>> {
        let Run { run: number, id, module, workflow, tells, settings } = run;
        let planned = Planned::received(&module, &workflow, &settings)?;
        let events = Events::new(vec![Arc::new(Wants(tells))]);
        let breakers = Arc::new(Breakers::Upstream(number, Box::new(Arc::clone(asks))));
        let info = RunInfo::new(id, planned.plan(), events, tokens, breakers, settings);
        let (queue, cancel) = (CompletionQueue::default(), CancellationToken::new());
        let fan_out =
            Arc::new(FanOut { run: info, queue, cancel, position: Position::default(), path: CallPath::default() });
        fan_out.run.reported_by(&fan_out);
        let (units, ended) = (Arc::<Units>::default(), Arc::<AtomicBool>::default());
        let teller = Teller {
            number,
            fan_out: Arc::clone(&fan_out),
            units: Arc::clone(&units),
            outbox: Arc::clone(outbox),
            ended: Arc::clone(&ended),
        };
        let start = thread::Builder::new().name("tea-relay".into()).spawn(move || teller.run());
        start.map_err(|error| {
            crate::executor::payload::transport(format!("the agent cannot start a thread: {error}"))
        })?;
        Ok(Self { number, planned, fan_out, units, ended })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The unit that came as this message.
    ///
    /// # Errors
    /// If it is no unit of this program.
    pub(super) fn unit(
        &mut self,
        mut unit: message::Unit<'_>,
        payload: &Payload<'_>,
        values: &[u8],
        kept: &mut Kept,
    ) -> Result<Unit, Box<Failure>> {
        let damaged = || crate::executor::payload::transport("a unit did not arrive as a whole");
        let (name, config) = self.planned.site(&unit.head).ok_or_else(damaged)?;
        let all: Option<u64> = unit.head.items.iter().try_fold(0_u64, |all, length| all.checked_add(*length));
        let split = all.and_then(|all| values.len().checked_sub(usize::try_from(all).ok()?)).ok_or_else(damaged)?;
        let (own, items) = values.split_at(split);
        let view = kept.view(&mut unit, payload, own).ok_or_else(damaged)?;
        let message::Unit { unit: number, head, left, .. } = unit;
        let work = Box::new(Relayed::of(&head, name));
        let (index, attempt) =
            (Position::decode(&head.position).and_then(|at| at.part()).unwrap_or_default(), head.attempt);
        let ticket = Ticket::new(Arc::clone(&self.fan_out));
        let cancel = CancellationToken::new();
        self.units.lock().insert(ticket.id(), (number, cancel.clone()));
        let deadline = left.map(|left| timer::later(timer::now(), Duration::from_nanos(left)));
        Ok(Unit {
            ticket,
            scope: Scope::numbered(number),
            attempt,
            config,
            deadline,
            cancel: Some(cancel),
            index,
            work,
            encoded: Some(Box::new(Encoded { head: head.into_owned(), view, items: items.to_vec() })),
        })
    }

    /// The unit with this number in the program, and what cancels it, unless it has ended.
    pub(super) fn find(&self, unit: u64) -> Option<(UnitId, CancellationToken)> {
        let units = self.units.lock();
        units.iter().find(|(_, (number, _))| *number == unit).map(|(id, (_, token))| (*id, token.clone()))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        self.fan_out.queue.nudge();
    }
}

/// Whether a unit failed by a signal with which whole hosts are ended.
fn may_be_the_host(outcome: &Outcome) -> bool {
    let signals = [Signal::KILL, Signal::TERM].map(|signal| Some(ExitStatus::Signal(signal.as_raw())));
    let by_signal = |failure: &Failure| failure.kind == FailureKind::Crash && signals.contains(&failure.exit);
    outcome.failures.iter().any(|(_, failure)| by_signal(failure))
}

/// Passes on what becomes of the units of a run.
struct Teller {
    number: u64,
    fan_out: Arc<FanOut>,
    units: Arc<Units>,
    outbox: Arc<Outbox>,
    ended: Arc<AtomicBool>,
}

impl Teller {
    fn run(self) {
        user_code::forbid();
        let (mut messages, mut held) = (Vec::new(), VecDeque::new());
        while !self.ended.load(Ordering::Acquire) {
            self.fan_out.queue.look(1, Duration::ZERO);
            self.fan_out.queue.wait(1, held.front().map(|(until, _)| *until), &mut messages);
            for note in self.fan_out.run.take_notes() {
                self.note(note);
            }
            for message in messages.drain(..) {
                match message {
                    Message::Done(completion) if may_be_the_host(&completion.outcome) => {
                        held.push_back((Instant::now() + HELD, completion));
                    }
                    Message::Done(Completion { id, outcome }) => self.done(id, outcome),
                    Message::Note(note) => self.note(note),
                    Message::Recorded(id, raw) => {
                        let unit = self.units.lock().get(&id).map(|(number, _)| *number);
                        if let Some(unit) = unit {
                            self.outbox.send_as(
                                RECORD,
                                &RecordHead { unit, kind: raw.kind },
                                vec![Piece::Written(raw.payload)],
                            );
                        }
                    }
                    // Nobody asks an agent for items.
                    Message::Pulled(_) => {}
                }
            }
            while held.front().is_some_and(|(until, _)| *until <= Instant::now()) {
                held.pop_front().into_iter().for_each(|(_, Completion { id, outcome })| self.done(id, outcome));
            }
            self.outbox.wait_for_room();
        }
    }

    fn note(&self, note: Note) {
        let (scope, news) = News::of(note);
        let unit = scope.and_then(Scope::number);
        self.outbox.send(&FromAgent::News { run: self.number, unit, news }, Vec::new());
    }

    fn done(&self, id: UnitId, outcome: Outcome) {
        let Some((unit, _)) = self.units.lock().remove(&id) else { return };
        let Outcome { received, failures, ran, refused, .. } = outcome;
        let sizes = received.iter().map(|Received { first, bytes }| (*first as u64, bytes.len() as u64)).collect();
        let failures = failures.into_iter().map(|(at, failure)| (at as u64, failure)).collect();
        let done = Done {
            unit,
            received: sizes,
            failures,
            refused,
            pid: ran.pid,
            worker: ran.worker,
            elapsed: nanos(ran.elapsed),
            received_bytes: ran.received,
            usage: ran.usage,
        };
        let values = received.into_iter().map(|received| received.bytes).collect();
        self.outbox.send(&FromAgent::Done(done), values);
    }
}
