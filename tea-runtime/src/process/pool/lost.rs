//! Handles workers that are gone, and the units that they had.

use std::{collections::VecDeque, sync::Arc};

use rustix::process::Signal;

use super::{
    link::{Link, Phase, Why},
    queued::{InFlight, Queued},
    reading::{Said, line_note, read, tell},
    state::Worker,
    supervisor::Supervisor,
};
use crate::{
    cancel::CancelReason,
    executor::message::Note,
    failure::{ExitStatus, Failure, FailureKind, cancelled},
    process::{identity::no_entry, loss::Loss, message::FromWorker, worker::NO_ENTRY},
    timer,
    usage::{self, Usage},
};

impl Supervisor<'_> {
    /// Handles a worker whose process has ended or been given up: the unit that it ran fails, and the others go to
    /// other workers.
    pub(super) fn gone(&mut self, number: u32) {
        let Some(link) = self.links.get_mut(&number) else { return };
        // The processes that it started end with it.
        link.group.signal(Signal::KILL);
        let given_up = !link.group.has_ended();
        let cpu = if given_up { None } else { usage::of_zombie(link.pid()) };
        let exit = link.group.reap();
        let serving = matches!(&link.phase, Phase::Ending(ending) if ending.serving);
        // Parts that ended before the worker did count. The remaining lines then belong to the part that ran last.
        let said_goodbye = serving && self.take_rest(number);
        self.wrote(number);
        let Some(mut link) = self.links.remove(&number) else { return };
        let Phase::Ending(mut ending) = std::mem::replace(&mut link.phase, Phase::Serving) else { return };
        if said_goodbye && ending.why == Why::Closed {
            ending.why = Why::Goodbye;
        }
        let read = link.outbox.units_read();
        // These must not be the last references to their values: the work still has them.
        link.outbox.clear();
        let mut inner = self.pool.lock();
        let closing = inner.closing;
        let Some(Worker { memory_limit, mut in_flight, .. }) = inner.state.workers.remove(&number) else { return };
        let token = inner.sides.remove(&number).and_then(|side| side.token);
        let running = in_flight.pop_front_if(|first| match first {
            InFlight::Unit(queued) => queued.turn < read || !queued.is_excused(),
            InFlight::Answering(_) => true,
        });
        inner.put_back_all(in_flight);
        drop(inner);
        drop(token);
        let running = match running {
            Some(InFlight::Unit(queued)) => Some(queued),
            _ => None,
        };
        let (pid, run) = (link.pid(), link.run.clone());
        let lines = link.output.last_lines(|line| line_note(number, pid, line.to_owned(), running.as_deref(), &run));
        if serving {
            tell_end(&link, &ending.why, exit, running.as_deref());
        }
        let killed_for_memory = exit == Some(KILLED) && self.memory_kills.was_one();
        let why = ending.why;
        let loss = |why: Why| {
            let (reason, damaged) = reason(why, given_up, ending.killed_by_us);
            Loss { exit, output: lines, memory_limit, killed_for_memory, reason, damaged }.failure()
        };
        match (why, running) {
            (Why::Wrong(message), _) => self.start_failed(&Failure::new(FailureKind::Transport, message), true),
            (_, None) if serving || closing => {}
            // Each other one would end in the same way.
            (_, None) if exit == Some(ExitStatus::Code(NO_ENTRY)) => self.start_failed(&no_entry(), true),
            (why, None) => self.start_failed(&loss(why), false),
            (why, Some(mut queued)) => {
                let cpu = cpu.map(|cpu| cpu.saturating_sub(link.told_cpu));
                queued.usage = Some(Usage { cpu, peak_memory: None });
                let elapsed = queued.ran_for(timer::now());
                let failure = queued.ending.failure(exit).unwrap_or_else(|| loss(why));
                if let Some(rest) = queued.part_failed(failure, elapsed, number, pid) {
                    self.pool.lock().put_back(rest);
                }
            }
        }
        if given_up {
            self.warn(format!("worker {number} (process {pid}) was killed, but the system does not let it end"));
        }
        self.orphans.extend(Self::orphaned(link));
    }

    /// Takes the remaining frames of a worker that is gone. Returns whether it said goodbye.
    fn take_rest(&mut self, number: u32) -> bool {
        while let Some(link) = self.links.get_mut(&number) {
            let next = link.next().map(|frame| frame.map(read));
            let said = match next {
                Ok(Some(said)) => said,
                Ok(None) if link.drain() > 0 => continue,
                Ok(None) | Err(_) => return false,
            };
            match said {
                Ok(Said::PartEnd(end, payload)) => {
                    if self.part_ended(number, &end, payload).is_err() {
                        return false;
                    }
                }
                Ok(Said::Recorded(unit, raw)) => self.recorded(number, unit, raw),
                Ok(Said::Message(FromWorker::Goodbye)) => return true,
                Ok(Said::Message(FromWorker::Recalled { unit })) => self.recalled(number, unit),
                Ok(Said::Message(_)) | Err(_) => {}
            }
        }
        false
    }
}

/// Reports the end of a worker to the listeners.
fn tell_end(link: &Link, why: &Why, exit: Option<ExitStatus>, running: Option<&Queued>) {
    let (worker, pid) = (link.number, link.pid());
    let run = running.map_or_else(|| link.run.clone(), |queued| Arc::downgrade(&queued.unit.fan_out().run));
    if !run.upgrade().is_some_and(|run| run.events.is_active()) {
        return;
    }
    match (why, running) {
        (Why::Goodbye, None) => tell(&run, Note::WorkerEnded { worker, host: None, pid }),
        (_, None) => tell(&run, Note::WorkerLost { worker, host: None, pid, exit, running: String::new() }),
        (_, Some(queued)) => queued.note(Note::WorkerLost { worker, host: None, pid, exit, running: queued.running() }),
    }
}

impl super::Inner {
    /// Puts the units that a worker has not started back into the queue. Those that were cancelled there are finished.
    pub(super) fn put_back_all(&mut self, in_flight: VecDeque<InFlight>) {
        for in_flight in in_flight {
            if let InFlight::Unit(queued) = in_flight {
                self.put_back(queued);
            }
        }
    }

    /// Puts a unit that a worker has not started back into its old place in the queue.
    pub(super) fn put_back(&mut self, mut queued: Box<Queued>) {
        queued.reset();
        if let Some(reason) = queued.unit.cancellation().reason() {
            return queued.fail(&cancelled(reason));
        }
        if let Some(refusal) = &self.refusal {
            return queued.refuse(&refusal.clone());
        }
        if self.closing {
            return queued.fail(&cancelled(CancelReason::Requested));
        }
        if queued.wanted_back && !queued.has_begun() {
            return queued.refuse(&cancelled(CancelReason::Requested));
        }
        self.state.put(queued.age, queued);
    }
}

/// Why a worker was lost, in words, if its end does not say so, and whether the data that it sent was corrupt.
fn reason(why: Why, given_up: bool, killed_by_us: bool) -> (Option<String>, bool) {
    match why {
        Why::Broken(reason) => (Some(reason), true),
        _ if given_up => (Some("it was killed, and the system does not let it end".to_owned()), false),
        Why::Stopped(signal) => (Some(stopped(signal)), false),
        Why::NoHello(reason) => (Some(reason), false),
        Why::Closed if killed_by_us => (Some("it closed its connection".to_owned()), false),
        Why::Goodbye => (Some("it said goodbye in the middle of its task".to_owned()), false),
        Why::Closed => (None, false),
        Why::Wrong(reason) => (Some(reason), true),
    }
}

fn stopped(signal: i32) -> String {
    let why = if [Signal::TTIN, Signal::TTOU].map(Signal::as_raw).contains(&signal) {
        ": workers cannot use the terminal"
    } else {
        ""
    };
    let name = crate::process::loss::signal_name(signal);
    format!("it was stopped by {name} and not continued, and was killed{why}")
}

const KILLED: ExitStatus = ExitStatus::Signal(Signal::KILL.as_raw());
