//! Handles messages and output of workers.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Command, Inner,
    link::{Link, Phase, Why},
    queued::{InFlight, Queued},
    state::{Stage, Worker},
    supervisor::Supervisor,
};
use crate::{
    executor::{
        breakers::{BreakerAt, BreakerCall},
        message::{NodeFinished, Note},
        run_info::RunInfo,
        wire::{self, PartEnd},
    },
    pacing::process::REST,
    process::{
        frame::Frame,
        message::{FromWorker, Node, NodeEnd, PART_END, RECORD, RecordHead},
    },
    store::RawRecord,
    timer,
};

/// The maximum number of frames of a worker that are handled in one turn, so that others do not have to wait too long.
const FRAMES: usize = 256;

/// A frame with an owned payload.
pub(super) enum Said {
    PartEnd(PartEnd, Vec<u8>),
    /// A record of this unit.
    Recorded(u64, RawRecord),
    Message(FromWorker),
}

impl Supervisor<'_> {
    /// Handles a worker that has sent something.
    pub(super) fn said(&mut self, number: u32) {
        // What was printed before the end of a unit was printed by that unit.
        self.wrote(number);
        let Some(link) = self.links.get_mut(&number) else { return };
        match link.receive() {
            Ok(true) => {}
            Ok(false) | Err(_) => return link.end(Why::Closed),
        }
        link.stopped = 0;
        if matches!(link.phase, Phase::Hello { .. }) {
            match link.hello() {
                Ok(false) => return,
                Ok(true) => self.hello(number),
                Err(why) => return link.end(why),
            }
        }
        self.take(number);
        self.rest(number);
    }

    /// Leaves the worker alone for a while if it has enough to do.
    fn rest(&mut self, number: u32) {
        let Some(link) = self.links.get_mut(&number) else { return };
        let inner = self.pool.lock();
        let Some(worker) = inner.state.workers.get(&number) else { return };
        let units = || worker.in_flight.iter().filter_map(InFlight::unit);
        let parts: usize = units().map(Queued::left).sum();
        if parts < 2 || self.unread.contains(&number) || units().any(Queued::is_watched) {
            return;
        }
        let needs = units().map(|unit| inner.paces.at_least(unit.unit.work.kind(), unit.left())).sum::<Duration>();
        let (least, most) = REST;
        link.rests_until = (needs / 2 >= least).then(|| Instant::now() + most.min(needs / 2));
    }

    /// Handles the hello of a worker.
    fn hello(&mut self, number: u32) {
        self.started_well();
        let Some(link) = self.links.get_mut(&number) else { return };
        link.phase = Phase::Serving;
        let (pid, elapsed) = (link.pid(), link.started.elapsed());
        if let Some(run) = link.run.upgrade().filter(|run| run.events.is_active()) {
            run.note(Note::WorkerStarted { worker: number, host: None, pid, elapsed });
        }
        let mut inner = self.pool.lock();
        if let Some(worker) = inner.state.workers.get_mut(&number)
            && worker.stage == Stage::Starting
        {
            worker.stage = Stage::Ready;
        }
    }

    /// Handles the frames that have arrived.
    pub(super) fn take(&mut self, number: u32) {
        for _ in 0..FRAMES {
            let Some(link) = self.links.get_mut(&number) else { return };
            let said = match link.next() {
                Ok(Some(frame)) => read(frame),
                Ok(None) => return,
                Err(error) => Err(error.to_string()),
            };
            match said.and_then(|said| self.hear(number, said)) {
                Ok(()) => {}
                Err(broken) => {
                    if let Some(link) = self.links.get_mut(&number) {
                        link.end(Why::Broken(broken));
                    }
                    return;
                }
            }
        }
        // The rest is handled in the next turn.
        self.pool.wake.wake();
        self.unread.insert(number);
    }

    fn hear(&mut self, number: u32, said: Said) -> Result<(), String> {
        let message = match said {
            Said::PartEnd(end, payload) => return self.part_ended(number, &end, payload),
            Said::Recorded(unit, raw) => {
                self.recorded(number, unit, raw);
                return Ok(());
            }
            Said::Message(message) => message,
        };
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        match message {
            FromWorker::Hello(_) => return Err("it said hello twice".to_owned()),
            FromWorker::Goodbye => link.end(Why::Goodbye),
            FromWorker::Recalled { unit } => self.recalled(number, unit),
            FromWorker::TokenWanted => self.token_wanted(number),
            FromWorker::TokenReturned => drop(link.granted.pop_front()),
            FromWorker::Breaker { ask, run, at, call } => self.breaker(number, ask, run, at, call),
            FromWorker::Retire { why } => self.retires(number, &why),
            FromWorker::Node(node) => self.node(number, node),
            FromWorker::Progress { node, done, total } => {
                self.with_running(number, |queued| {
                    let scope = queued.scope();
                    queued.note(Note::Progress { scope, node, done, total });
                });
            }
        }
        Ok(())
    }

    /// Puts back a unit that a worker has given back.
    pub(super) fn recalled(&mut self, number: u32, unit: u64) {
        let mut inner = self.pool.lock();
        let (Some(worker), Some(link)) = (inner.state.workers.get_mut(&number), self.links.get_mut(&number)) else {
            return;
        };
        let Some(at) = worker.in_flight.iter().position(|in_flight| in_flight.number() == unit) else { return };
        let recalled = worker.in_flight.remove(at);
        if at == 0 {
            begin_next(worker, link);
        }
        if let Some(InFlight::Unit(queued)) = recalled {
            inner.put_back(queued);
        }
    }

    /// Handles a worker whose unit has changed the process for good, so that it runs nothing else.
    fn retires(&mut self, number: u32, why: &str) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.spoilt = true;
        let pid = link.pid();
        let mut inner = self.pool.lock();
        let Some(worker) = inner.state.workers.get_mut(&number) else { return };
        worker.stage = Stage::Retiring;
        let Some(queued) = worker.in_flight.front().and_then(InFlight::unit) else { return };
        // Only once for each reason, because if one item does this, all others may.
        if self.told.insert(why.to_owned()) {
            let message = format!("worker {number} (process {pid}) is replaced after `{}`: {why}", queued.running());
            queued.note(Note::Warning { message });
        }
    }

    /// Handles the request of a worker that has a fan-out inside its unit, and could run more of it.
    fn token_wanted(&self, number: u32) {
        let inner = self.pool.lock();
        let worker = inner.state.workers.get(&number);
        let running = worker.and_then(|worker| worker.in_flight.front()).and_then(InFlight::unit);
        let depth = running.map_or(0, Queued::depth_within);
        let run = running.map(|queued| Arc::clone(&queued.unit.fan_out().run));
        drop(inner);
        let last = || self.links.get(&number).and_then(|link| link.run.upgrade());
        if let Some(run) = run.or_else(last) {
            self.pool.ask_for_worker(&run, depth, number);
        }
    }

    fn with_running(&self, number: u32, call: impl FnOnce(&Queued)) {
        let inner = self.pool.lock();
        let worker = inner.state.workers.get(&number);
        if let Some(queued) = worker.and_then(|worker| worker.in_flight.front()).and_then(InFlight::unit) {
            call(queued);
        }
    }

    /// Passes on what a worker has recorded for its unit.
    pub(super) fn recorded(&self, number: u32, unit: u64, raw: RawRecord) {
        self.with_running(number, |queued| {
            // A thread of an earlier unit may have been left behind there.
            if queued.id().get() == unit {
                queued.unit.ticket.recorded(raw);
            }
        });
    }

    fn node(&self, number: u32, node: Node) {
        self.with_running(number, |queued| {
            let Some(began) = queued.began_by_clock() else { return };
            let Node { name, place, pid, since, end } = node;
            // The worker started the unit a little later, and counts from there. Whoever draws it knows when it ended.
            let started = began.checked_add(Duration::from_nanos(since)).unwrap_or(began);
            let (scope, node, worker) = (queued.scope(), name, number);
            queued.note(match end {
                None => Note::NodeStarted { scope, node, place, worker, pid, started },
                Some(NodeEnd { elapsed, failure, cached }) => {
                    let elapsed = Duration::from_nanos(elapsed);
                    let finished = NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached };
                    Note::NodeFinished(Box::new(finished))
                }
            });
        });
    }

    fn breaker(&self, number: u32, ask: u64, run: u64, at: BreakerAt, call: BreakerCall) {
        let inner = self.pool.lock();
        let known = inner.sides.get(&number).and_then(|side| side.known.iter().find(|(known, _)| *known == run));
        let info = known.and_then(|(_, info)| info.upgrade());
        drop(inner);
        if let Some(info) = info {
            let pool = Arc::downgrade(self.pool);
            let reply = move |answer| {
                if let Some(pool) = pool.upgrade() {
                    pool.command(Command::Breaker(number, ask, answer));
                }
            };
            info.breakers.call_later(at, call, Box::new(reply));
        }
    }

    /// Handles the end of a part of a worker's unit.
    pub(super) fn part_ended(&mut self, number: u32, end: &PartEnd, payload: Vec<u8>) -> Result<(), String> {
        let mut inner = self.pool.lock();
        let (Some(worker), Some(link)) = (inner.state.workers.get_mut(&number), self.links.get_mut(&number)) else {
            return Ok(());
        };
        let pid = link.pid();
        let Some(front) = worker.in_flight.front_mut().filter(|front| front.number() == end.unit) else {
            return Err(format!("the end of unit {} came out of turn", end.unit));
        };
        // The next lines belong to the next part.
        link.output.turn(|line| line_note(number, pid, line.to_owned(), front.unit(), &link.run));
        link.told_cpu += end.usage.and_then(|usage| usage.cpu).unwrap_or_default();
        if !front.part_ended(end, payload.into())? {
            return Ok(());
        }
        let ended = worker.in_flight.pop_front();
        // The worker does not run its other units in a changed process.
        let rest = if link.spoilt { std::mem::take(&mut worker.in_flight) } else { VecDeque::new() };
        begin_next(worker, link);
        inner.put_back_all(rest);
        let Inner { state, paces, .. } = &mut *inner;
        let (Some(worker), Some(InFlight::Unit(queued))) = (state.workers.get_mut(&number), ended) else {
            return Ok(());
        };
        if queued.ending.was_signalled() {
            // The signal may still end the worker, or what it has started.
            worker.stage = Stage::Retiring;
            link.group.signal(Signal::KILL);
        }
        let elapsed = Duration::from_nanos(end.nanos);
        let (kind, parts, bytes) = queued.measure();
        paces.add(kind, elapsed, parts, bytes);
        self.ended.push((queued, elapsed, number, pid));
        Ok(())
    }

    /// Handles output on the standard error of a worker.
    pub(super) fn wrote(&mut self, number: u32) {
        let Some(link) = self.links.get_mut(&number) else { return };
        let mut lines = Vec::new();
        link.output.read(|line| lines.push(line.to_owned()));
        if lines.is_empty() {
            return;
        }
        let inner = self.pool.lock();
        let worker = inner.state.workers.get(&number);
        let running = worker.and_then(|worker| worker.in_flight.front()).and_then(InFlight::unit);
        for line in lines {
            line_note(number, link.pid(), line, running, &link.run);
        }
    }

    /// Handles output on the standard error of a worker that is gone.
    pub(super) fn orphan_wrote(&mut self, at: usize) {
        let Some(orphan) = self.orphans.get_mut(at) else { return };
        let (worker, pid, run) = (orphan.number, orphan.pid, orphan.run.clone());
        orphan.output.read(|line| {
            tell(&run, Note::Output { worker, host: None, pid, label: String::new(), line: line.to_owned() });
        });
    }

    /// Handles the end of a worker's process, which the system reported.
    pub(super) fn ended(&mut self, number: u32) {
        if let Some(link) = self.links.get_mut(&number) {
            link.end(Why::Closed);
        }
    }
}

/// The first unit of a worker runs now.
fn begin_next(worker: &mut Worker<InFlight>, link: &mut Link) {
    if let Some(next) = worker.in_flight.front_mut().and_then(InFlight::unit_mut) {
        next.begin(timer::now(), link.number, link.pid());
        link.run = Arc::downgrade(&next.unit.fan_out().run);
    }
}

pub(super) fn read(frame: Frame<'_>) -> Result<Said, String> {
    let Frame { kind, payload } = frame;
    if kind == PART_END {
        let end = wire::read::<PartEnd>(&payload)?.0;
        return Ok(Said::PartEnd(end, payload.into_owned()));
    }
    if kind == RECORD {
        let (RecordHead { unit, kind }, payload) = wire::read(&payload)?;
        return Ok(Said::Recorded(unit, RawRecord { kind, payload: payload.to_vec() }));
    }
    Ok(Said::Message(wire::read::<FromWorker>(&payload)?.0))
}

/// Leaves a note about a line that a worker printed, for its unit or for a run.
pub(super) fn line_note(worker: u32, pid: u32, line: String, running: Option<&Queued>, run: &Weak<RunInfo>) {
    match running {
        Some(queued) => queued.note(Note::Output { worker, host: None, pid, label: queued.running(), line }),
        None => tell(run, Note::Output { worker, host: None, pid, label: String::new(), line }),
    }
}

/// Leaves a note for a run, if that has not ended.
pub(super) fn tell(run: &Weak<RunInfo>, note: Note) {
    if let Some(run) = run.upgrade() {
        run.note(note);
    }
}
