//! One worker, as the parent sees it. Its thread starts it, reads what it says, and reaps it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Pool,
    errand::{Errand, KeptView, Parcel, Ran},
    flight::{Begun, Flight, Started},
    handshake::{self, Ready, StartError},
    lend::Ears,
    outbox::Outbox,
    reader,
};
use crate::{
    cancel::CancelReason,
    engine::{cancelled, timer},
    event::Event,
    process::{awake, group::Group},
};

/// How long a worker may take from a goodbye to its end.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// One worker.
pub(crate) struct Link {
    number: u32,
    memory_limit: Option<u64>,
    pub(super) group: Group,
    pub(super) outbox: Outbox,
    /// Held while something is made ready and sent, so that flights are in the order of their frames.
    sending: Mutex<KeptView>,
    flights: Mutex<Flights>,
    alarm: Mutex<Option<Alarm>>,
    /// While the thread is lent, what it reads with.
    ears: Mutex<Option<Ears>>,
    /// Its last branch took no longer than a thread may stay awake for it, if one may.
    brisk: AtomicBool,
    awake: bool,
}

/// When the link is looked at next.
struct Alarm {
    due: Instant,
    handle: timer::Handle,
}

/// What the worker has.
#[derive(Default)]
pub(super) struct Flights {
    pub(super) queue: VecDeque<Flight>,
    /// How many it was given.
    given: u64,
    /// When it was told that there will be no more.
    goodbye: Option<Instant>,
    /// Its thread has taken what was here; nothing can be added.
    pub(super) gone: bool,
}

impl Flights {
    /// The first flight, if there is one, runs from now on.
    pub(super) fn begin(&mut self) -> Option<Begun> {
        Some(self.queue.front_mut()?.begin(timer::now()))
    }

    /// Whether a branch runs, and whether nothing waits behind what runs.
    pub(super) fn first(&self) -> (bool, bool) {
        (self.queue.front().is_some_and(|flight| flight.is_branch), self.queue.len() == 1)
    }
}

/// The life of a worker's thread.
pub(super) fn serve(pool: &Arc<Pool>, number: u32, memory_limit: Option<u64>, delay: Duration) {
    if !pool.wait_unless_closing(delay) {
        return pool.start_failed(memory_limit, &StartError::Closing);
    }
    let start = Instant::now();
    let setup = pool.setup(memory_limit);
    let tell = |pid, line: &str| pool.tell_line(number, pid, "", line);
    let closing = || pool.lock().closing;
    match handshake::start(pool.program(), setup, pool.options.handshake, tell, closing) {
        Ok(Ready { group, outbox, output, frames }) => {
            let link = Arc::new(Link {
                number,
                memory_limit,
                group,
                outbox,
                sending: Mutex::default(),
                flights: Mutex::default(),
                alarm: Mutex::default(),
                ears: Mutex::default(),
                brisk: AtomicBool::new(false),
                awake: awake::is_possible(),
            });
            pool.emit(|| Event::WorkerStarted { worker: number, pid: link.pid(), elapsed: start.elapsed() });
            if !pool.add(&link) {
                link.say_goodbye();
            }
            reader::read(pool, &link, Ears { frames, output });
        }
        Err(error) => pool.start_failed(memory_limit, &error),
    }
}

impl Link {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn pid(&self) -> u32 {
        self.group.pid()
    }

    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.memory_limit
    }

    /// Gives it an attempt, for which its slot has been taken, to be sent with the next flush. The attempt comes back if
    /// the worker is gone.
    pub(super) fn give(self: &Arc<Self>, pool: &Arc<Pool>, mut errand: Box<Errand>) -> Result<(), Box<Errand>> {
        loop {
            let mut kept = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
            match errand.parcel(&mut kept) {
                Ok(parcel) => {
                    let (id, cancel) = (errand.id, errand.job.cancel.clone());
                    self.add(pool, errand, parcel)?;
                    drop(kept);
                    // A cancellation that came while it was neither in the queue nor here has not found it.
                    if let Some(reason) = cancel.reason() {
                        self.cancel(id, reason);
                    }
                    return Ok(());
                }
                Err(failure) => {
                    drop(kept);
                    let Some(rest) = errand.fail_current(failure, Ran::nowhere()) else {
                        pool.settled(self, None, false);
                        return Ok(());
                    };
                    errand = rest;
                }
            }
        }
    }

    fn add(self: &Arc<Self>, pool: &Pool, errand: Box<Errand>, parcel: Parcel) -> Result<(), Box<Errand>> {
        let mut flights = self.flights();
        if flights.gone {
            return Err(errand);
        }
        let turn = flights.given;
        flights.given += 1;
        flights.queue.push_back(Flight::new(errand, turn, parcel.bytes()));
        let begun = if flights.queue.len() == 1 { flights.begin() } else { None };
        drop(flights);
        self.tell_begin(pool, begun);
        self.outbox.add_task(parcel);
        Ok(())
    }

    /// Tells that a flight has begun, and sees to its deadline.
    pub(super) fn tell_begin(self: &Arc<Self>, pool: &Pool, begun: Option<Begun>) {
        let Some(Begun { attempt, sent, deadline }) = begun else { return };
        self.look_at(deadline);
        if let Some(Started { scope, name, attempt, began: started }) = attempt {
            let (worker, pid) = (Some(self.number), self.pid());
            pool.emit(|| Event::AttemptStarted { scope, name: &name, attempt, worker, pid, started, sent });
        }
    }

    /// Cancels an attempt if it is here.
    pub(super) fn cancel(self: &Arc<Self>, id: u64, reason: CancelReason) {
        let mut flights = self.flights();
        let Some(at) = flights.queue.iter().position(|flight| flight.id == id) else { return };
        let now = timer::now();
        let waiting = if at == 0 {
            flights.queue[0].cancel(reason, now);
            None
        } else {
            flights.queue[at].errand.take()
        };
        drop(flights);
        // If that is not possible, the worker is gone, and its thread tells the end of all that it had; or it is stopped,
        // and the end of the grace ends it.
        let _ = self.outbox.cancel(id, reason == CancelReason::Sibling);
        if let Some(errand) = waiting {
            errand.fail(&cancelled(reason), Ran::nowhere());
        } else {
            self.look_at(Some(now));
        }
    }

    /// Has the timer look at it then, or earlier.
    pub(super) fn look_at(self: &Arc<Self>, due: Option<Instant>) {
        let Some(due) = due else { return };
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        if alarm.as_ref().is_some_and(|alarm| alarm.due <= due) {
            return;
        }
        let link = Arc::downgrade(self);
        let look = move || {
            if let Some(link) = link.upgrade() {
                link.look();
            }
        };
        let new = Alarm { due, handle: timer::at(due, Box::new(look)) };
        if let Some(later) = alarm.replace(new) {
            later.handle.cancel();
        }
    }

    /// Does what is due.
    fn look(self: &Arc<Self>) {
        self.forget_alarm();
        let now = timer::now();
        let mut flights = self.flights();
        let goodbye = flights.goodbye.map(|told| told + GOODBYE);
        if goodbye.is_some_and(|until| until <= now) {
            self.group.signal(Signal::KILL);
            return;
        }
        let (signal, next) = flights.queue.front_mut().map_or((None, None), |flight| flight.look(now));
        if let Some(signal) = signal {
            self.group.signal(signal);
        }
        drop(flights);
        self.look_at(goodbye.into_iter().chain(next).min());
    }

    /// It need not be looked at until the next [`look_at`](Self::look_at).
    pub(super) fn forget_alarm(&self) {
        if let Some(alarm) = self.alarm.lock().unwrap_or_else(PoisonError::into_inner).take() {
            alarm.handle.cancel();
        }
    }

    /// Tells it that there will be no more.
    pub(super) fn say_goodbye(self: &Arc<Self>) {
        let told = *self.flights().goodbye.get_or_insert_with(timer::now);
        self.look_at(Some(told + GOODBYE));
        self.outbox.say_goodbye();
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    pub(super) fn is_brisk(&self) -> bool {
        self.awake && self.brisk.load(Ordering::Relaxed)
    }

    pub(super) fn set_brisk(&self, brisk: bool) {
        self.brisk.store(brisk, Ordering::Relaxed);
    }

    pub(super) fn ears(&self) -> MutexGuard<'_, Option<Ears>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
