//! What the supervisor does in each turn: it carries out commands, and what is due.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Command, Inner,
    link::{Phase, Why},
    queued::{InFlight, Queued},
    reading::tell,
    state::{Stage, State, Worker},
    supervisor::Supervisor,
};
use crate::{
    cancel::CancelReason,
    executor::message::Note,
    failure::cancelled,
    pacing::process::{GOODBYE, PULSE, RECALL, STOPPED_PULSES},
    process::{group::Status, message::ToWorker},
    timer,
};

impl Supervisor<'_> {
    /// Carries out the commands that have arrived.
    pub(super) fn obey(&mut self) {
        for command in self.pool.commands() {
            match command {
                Command::Cancel(id, reason) => self.cancel(id.get(), reason),
                #[cfg(feature = "remote")]
                Command::GiveBack(id) => self.give_back(id.get()),
                Command::Breaker(number, ask, answer) => {
                    if let Some(link) = self.links.get(&number) {
                        link.outbox.add(&ToWorker::Breaker { ask, answer });
                        link.outbox.flush();
                    }
                }
                Command::Token(token) => self.pool.lock().tokens.push(token),
                Command::Grant(number, token) => {
                    if let Some(link) = self.links.get_mut(&number).filter(|link| !link.is_ending()) {
                        link.granted.push_back(token);
                        link.outbox.add(&ToWorker::Token);
                        link.outbox.flush();
                    }
                }
                #[cfg(test)]
                Command::Panic => panic!("a defect"),
                Command::EndIdle => {
                    let mut inner = self.pool.lock();
                    for worker in inner.state.workers.values_mut() {
                        if worker.stage == Stage::Ready && worker.in_flight.is_empty() {
                            worker.stage = Stage::Retiring;
                        }
                    }
                }
            }
        }
        if self.pool.lock().closing {
            self.close();
        }
    }

    /// Gives waiting units to workers.
    pub(super) fn give_out(&mut self) {
        let mut inner = self.pool.lock();
        if let Some(refusal) = inner.refusal.clone()
            && inner.state.waits()
        {
            inner.refuse_all(&refusal);
        }
        let outboxes = self.pool.give_out(&mut inner);
        drop(inner);
        for outbox in outboxes {
            outbox.flush();
        }
    }

    /// Says goodbye to workers that have no units and will get no more.
    pub(super) fn see_off(&mut self) {
        let inner = self.pool.lock();
        for (number, worker) in &inner.state.workers {
            let Some(link) = self.links.get_mut(number) else { continue };
            let over = worker.stage == Stage::Retiring && worker.in_flight.is_empty();
            if over && link.goodbye_until.is_none() && matches!(link.phase, Phase::Serving) {
                link.outbox.add(&ToWorker::Goodbye);
                link.outbox.flush();
                link.goodbye_until = Some(Instant::now() + GOODBYE);
            }
        }
    }

    fn close(&mut self) {
        let mut inner = self.pool.lock();
        for (number, worker) in &mut inner.state.workers {
            let Some(link) = self.links.get_mut(number) else { continue };
            if worker.stage == Stage::Starting || !worker.in_flight.is_empty() {
                link.group.signal(Signal::KILL);
            }
            worker.stage = Stage::Retiring;
        }
    }

    /// Cancels a unit, wherever it is.
    fn cancel(&mut self, id: u64, reason: CancelReason) {
        let mut inner = self.pool.lock();
        if let Some(queued) = inner.state.remove(|queued| queued.id().get() == id) {
            return queued.fail(&cancelled(reason));
        }
        for (number, worker) in &mut inner.state.workers {
            let Some(at) = worker.in_flight.iter().position(|in_flight| in_flight.number() == id) else { continue };
            if let Some(link) = self.links.get(number) {
                link.outbox.add(&ToWorker::Cancel { unit: id, why: reason });
                link.outbox.flush();
            }
            let Some(unit) = worker.in_flight[at].unit_mut() else { return };
            if at == 0 {
                return unit.ending.cancel(reason, timer::now());
            }
            let answering = InFlight::Answering(unit.answering());
            // These must not become the last references to their values: the work still has them.
            self.links.get(number).iter().for_each(|link| link.outbox.own());
            if let InFlight::Unit(queued) = std::mem::replace(&mut worker.in_flight[at], answering) {
                queued.fail(&cancelled(reason));
            }
            return;
        }
    }

    /// Refuses a unit, unless it has begun. A worker that has it is asked for it first.
    #[cfg(feature = "remote")]
    fn give_back(&self, id: u64) {
        let mut inner = self.pool.lock();
        if let Some(queued) = inner.state.remove(|queued| queued.id().get() == id && !queued.has_begun()) {
            return queued.refuse(&cancelled(CancelReason::Requested));
        }
        let Inner { state, sides, .. } = &mut *inner;
        for (number, worker) in &mut state.workers {
            let mut waiting = worker.in_flight.iter_mut().skip(1).filter_map(InFlight::unit_mut);
            let Some(queued) = waiting.find(|queued| queued.id().get() == id && !queued.has_begun()) else { continue };
            queued.wanted_back = true;
            if let Some(side) = sides.get_mut(number).filter(|_| queued.recall()) {
                side.recall(queued);
                side.outbox.flush();
            }
            return;
        }
    }

    /// Carries out what is due.
    pub(super) fn look(&mut self) {
        for number in std::mem::take(&mut self.unread) {
            self.take(number);
        }
        self.end_what_is_late();
        self.look_at_deadlines();
        self.look_for_stopped();
        let over: Vec<u32> =
            self.links.iter_mut().filter_map(|(number, link)| link.go_on_ending().then_some(*number)).collect();
        for number in over {
            self.gone(number);
        }
        let now = Instant::now();
        self.orphans.retain(|orphan| {
            let open = orphan.output.pipe().is_some();
            if open && orphan.until <= now {
                let (number, pid) = (orphan.number, orphan.pid);
                let message = format!(
                    "a process that worker {number} (process {pid}) started has left its process group and is still running"
                );
                tell(&orphan.run, Note::Warning { message });
            }
            open && orphan.until > now
        });
    }

    /// Recalls units that wait behind a long one, if another worker could run them. Returns when to check again.
    pub(super) fn recall(&self) -> Option<Instant> {
        let mut inner = self.pool.lock();
        let Inner { state, sides, paces, .. } = &mut *inner;
        let (mut next, now): (Option<Duration>, _) = (None, timer::now());
        for (number, runs) in blocked(state, now) {
            if let Some(left) = RECALL.checked_sub(runs).filter(|left| !left.is_zero()) {
                next = next.into_iter().chain([left]).min();
                continue;
            }
            let (Some(worker), Some(side)) = (state.workers.get_mut(&number), sides.get_mut(&number)) else { continue };
            let mut units = worker.in_flight.iter_mut().filter_map(InFlight::unit_mut);
            // No more units of its kind are sent there.
            units.next().into_iter().for_each(|first| paces.takes(first.unit.work.kind(), runs));
            units.filter_map(|queued| queued.recall().then_some(queued)).for_each(|queued| side.recall(queued));
            side.outbox.flush();
        }
        next.map(|next| Instant::now() + next)
    }

    fn look_at_deadlines(&mut self) {
        let now = timer::now();
        let mut next: Option<Instant> = None;
        let mut inner = self.pool.lock();
        for (number, worker) in &mut inner.state.workers {
            let Some(queued) = worker.in_flight.front_mut().and_then(InFlight::unit_mut) else { continue };
            let (signal, due) = queued.ending.look(now);
            if let (Some(signal), Some(link)) = (signal, self.links.get(number)) {
                link.group.signal(signal);
            }
            next = next.into_iter().chain(due).min();
        }
        drop(inner);
        self.set_alarm(next, now);
    }

    /// Looks for workers that were stopped while running something, or whose end was not reported.
    fn look_for_stopped(&mut self) {
        let now = Instant::now();
        let inner = self.pool.lock();
        for (number, link) in &mut self.links {
            if link.is_ending() || now.duration_since(link.looked) < PULSE {
                continue;
            }
            link.looked = now;
            let busy = inner.state.workers.get(number).is_some_and(|worker| !worker.in_flight.is_empty());
            self.memory_kills.look(now);
            match link.group.status() {
                Status::Ended | Status::Killed => link.end(Why::Closed),
                Status::Running => link.stopped = 0,
                Status::Stopped(_) if !busy => {}
                Status::Stopped(_) if link.stopped < STOPPED_PULSES => link.stopped += 1,
                Status::Stopped(signal) => link.end(Why::Stopped(signal)),
            }
        }
    }
}

/// The workers that have waiting units although another worker is idle or could be started, and how long each has been
/// running its first unit.
fn blocked(state: &State<Box<Queued>, InFlight>, now: Instant) -> Vec<(u32, Duration)> {
    let ready = || state.workers.iter().filter(|(_, worker)| worker.stage == Stage::Ready);
    let idle: BTreeSet<_> =
        ready().filter(|(_, worker)| worker.in_flight.is_empty()).map(|(_, worker)| worker.memory_limit).collect();
    let could_move = |unit: &InFlight| unit.unit().is_some_and(|unit| !unit.is_recalled());
    let blocked = |worker: &Worker<InFlight>| worker.in_flight.iter().skip(1).any(could_move);
    let room = state.workers.len() < state.limit;
    let busy = ready().filter(|(_, worker)| (room || idle.contains(&worker.memory_limit)) && blocked(worker));
    let runs = |worker: &Worker<InFlight>| Some(worker.in_flight.front()?.unit()?.ran_for(now));
    busy.filter_map(|(number, worker)| Some((*number, runs(worker)?))).collect()
}
