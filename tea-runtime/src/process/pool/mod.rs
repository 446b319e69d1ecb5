//! The parent's side: a pool of warm workers, and the attempts that wait for them.
//!
//! Nothing here blocks the caller. Each worker has a [link](self::link) with a thread that starts it, reads from it and
//! reaps it; the engine's [timer](crate::engine::timer) keeps the deadlines of all. An attempt is in one of two places:
//! in a queue here, or in flight on a link. Locks are taken in the order pool, link, outbox, and none is held when the
//! end of an attempt is told.

mod errand;
mod flight;
mod frames;
mod handshake;
mod lanes;
mod lend;
mod link;
mod nodes;
mod outbox;
mod output;
mod pace;
mod reader;
mod state;

pub(super) use self::pace::MOST;

use std::{
    cell::Cell,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use self::{
    errand::{Errand, Ran},
    handshake::StartError,
    lend::Lent,
    link::Link,
    state::{Slot, State},
};
use super::{identity, loss, message::Setup, pause, spawn::Program};
use crate::{
    cancel::CancelReason,
    engine::cancelled,
    event::{Event, Events},
    executor::Job,
    failure::{Failure, FailureKind},
};

/// Workers that may end in a row before they are ready.
const FAILED_STARTS: u32 = 10;

/// Descriptors that a worker takes here, and those that a program has for itself at the least.
const DESCRIPTORS: (u64, u64) = (9, 64);

/// A pool's settings.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Workers at once.
    pub(crate) max_workers: usize,
    /// Started as a worker instead of this program.
    pub(crate) program: Option<PathBuf>,
    /// How long a worker may take from its start to its hello.
    pub(crate) handshake: Duration,
}

/// Workers, and what they are to run.
pub(crate) struct Pool {
    options: Options,
    /// The run that the first attempt belongs to: its events, and what workers must know of it.
    run: OnceLock<(Events, Setup)>,
    state: Mutex<State>,
    /// Told when the pool closes, to starts that wait, and then to that which waits for lent threads.
    closed: Condvar,
    /// When it was made, and how many processes the system had killed to free memory.
    memory_kills: u64,
}

/// What a task that ended says about its kind.
struct Settled {
    kind: usize,
    elapsed: Duration,
    bytes: u64,
}

thread_local! {
    /// The pool for which this thread [gathers](Pool::gather) what is to be given out; 0 if it does not.
    static GATHERS: Cell<usize> = const { Cell::new(0) };
}

/// Gathers, while it lives.
struct Gather<'a> {
    pool: &'a Arc<Pool>,
    before: usize,
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        GATHERS.set(self.before);
        if self.pool.lock().waits() {
            self.pool.pump();
        }
    }
}

impl Pool {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        allow_descriptors(options.max_workers);
        let state = State { limit: options.max_workers.max(1), ..State::default() };
        let pool = Arc::new(Self {
            options,
            run: OnceLock::new(),
            state: Mutex::new(state),
            closed: Condvar::new(),
            memory_kills: loss::memory_kills(),
        });
        pause::add(Arc::downgrade(&pool));
        pool
    }

    /// Signals all workers and what they have started.
    pub(super) fn signal(&self, signal: Signal) {
        self.lock().slots.iter().for_each(|slot| slot.link.group.signal(signal));
    }

    pub(crate) fn max_workers(&self) -> usize {
        self.options.max_workers
    }

    /// Attempts that are taken with profit at once.
    pub(crate) fn window(&self) -> usize {
        self.options.max_workers * MOST
    }

    /// Takes an attempt.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) {
        self.run.get_or_init(|| {
            let max_workers = job.run.max_workers().map(|most| most as u64);
            let settings = job.run.settings().to_send(job.run.plan());
            let tells = job.run.events().wants();
            (job.run.events().clone(), Setup { memory_limit: None, max_workers, tells, settings })
        });
        let cancel = job.cancel.clone();
        let mut state = self.lock();
        state.last_errand += 1;
        let errand = Errand::new(state.last_errand, job);
        let id = errand.id;
        if let Some(refusal) =
            state.refusal.clone().or_else(|| identity::can_have_workers(self.options.program.is_some()).err())
        {
            state.refusal = Some(refusal.clone());
            drop(state);
            return errand.fail(&refusal, Ran::nowhere());
        }
        if state.closing {
            drop(state);
            return errand.fail(&cancelled(CancelReason::Requested), Ran::nowhere());
        }
        state.queues.entry(errand.memory_limit()).or_default().insert(id, errand);
        let later = state.is_lent() || GATHERS.get() == Arc::as_ptr(self).addr();
        drop(state);
        let pool = Arc::downgrade(self);
        cancel.on_cancel(move |reason| {
            if let Some(pool) = pool.upgrade() {
                pool.cancel(id, reason);
            }
        });
        if !later {
            self.pump();
        }
    }

    /// From now on, what this thread submits waits, and what it settles is not followed by something else; until what this
    /// gives is dropped, when all of that is given out together.
    fn gather(self: &Arc<Self>) -> Gather<'_> {
        Gather { pool: self, before: GATHERS.replace(Arc::as_ptr(self).addr()) }
    }

    /// Cancels an attempt, wherever it is.
    fn cancel(self: &Arc<Self>, id: u64, reason: CancelReason) {
        let mut state = self.lock();
        if let Some(errand) = state.queues.values_mut().find_map(|queue| queue.remove(&id)) {
            drop(state);
            return errand.fail(&cancelled(reason), Ran::nowhere());
        }
        let links: Vec<_> = state.slots.iter().map(|slot| Arc::clone(&slot.link)).collect();
        drop(state);
        for link in links {
            link.cancel(id, reason);
        }
    }

    /// Gives work to workers, and starts workers for work, as far as possible.
    fn pump(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            if state.closing {
                let waiting = state.take_queue();
                drop(state);
                for errand in waiting {
                    errand.fail(&cancelled(CancelReason::Requested), Ran::nowhere());
                }
                return;
            }
            let given = state.assign();
            let starts = state.starts();
            for limit in starts {
                self.start(&mut state, limit);
            }
            self.await_lent(&mut state);
            if let Some(refusal) = state.refusal.clone() {
                let waiting = state.take_queue();
                drop(state);
                for errand in waiting {
                    errand.fail(&refusal, Ran::nowhere());
                }
            } else {
                drop(state);
            }
            if given.is_empty() {
                return;
            }
            let mut links: Vec<Arc<Link>> = Vec::new();
            for (link, errand) in given {
                if let Err(errand) = link.give(self, errand) {
                    // That worker is gone; its thread takes it out of the pool.
                    self.put_back(&link, std::iter::once(errand));
                } else if !links.iter().any(|other| Arc::ptr_eq(other, &link)) {
                    links.push(link);
                }
            }
            for link in links {
                link.outbox.flush();
            }
        }
    }

    /// A worker's task ended, unless it could not be sent to it; what waits may be [given](Self::pump) to it. Gives
    /// whether the link's thread, if it `asks`, is lent: there is nothing else for it to do.
    fn settled(self: &Arc<Self>, link: &Arc<Link>, task: Option<&Settled>, asks: bool) -> bool {
        let mut state = self.lock();
        if let Some(&Settled { kind, elapsed, bytes }) = task {
            state.paces.add(kind, elapsed, bytes);
        }
        let waiting = state.waits();
        let (mut goodbye, mut lent) = (false, false);
        if let Some(slot) = state.slot(link) {
            slot.in_flight -= 1;
            let idle = slot.in_flight == 0;
            goodbye = slot.retiring && idle;
            lent = asks && idle && !slot.retiring && !waiting;
            slot.lent = lent.then(Lent::this);
        }
        if lent {
            self.watch_lent(&mut state);
        }
        if goodbye {
            link.say_goodbye();
        }
        lent
    }

    /// There is more of an attempt that a worker had.
    fn again(&self, errand: Box<Errand>) {
        if let Some(reason) = errand.job.cancel.reason() {
            return errand.fail(&cancelled(reason), Ran::nowhere());
        }
        self.lock().queues.entry(errand.memory_limit()).or_default().insert(errand.id, errand);
    }

    /// Work that a worker did not begin goes back to where it stood.
    fn put_back(&self, link: &Arc<Link>, errands: impl Iterator<Item = Box<Errand>>) {
        let mut state = self.lock();
        for errand in errands {
            if let Some(slot) = state.slot(link) {
                slot.in_flight -= 1;
                slot.retiring = true;
            }
            state.queues.entry(errand.memory_limit()).or_default().insert(errand.id, errand);
        }
    }

    /// Starts a worker, on a thread of its own.
    fn start(self: &Arc<Self>, state: &mut State, memory_limit: Option<u64>) {
        let number = state.next_worker;
        let delay = match state.failed_starts {
            0 => Duration::ZERO,
            failed => Duration::from_millis(5 << failed.min(6)),
        };
        let pool = Arc::clone(self);
        match state.spawn(number, move || link::serve(&pool, number, memory_limit, delay)) {
            Ok(()) => {
                state.next_worker += 1;
                *state.starting.entry(memory_limit).or_default() += 1;
            }
            // Fewer workers then; with none, the queue fails.
            Err(error) => Self::no_more(state, &error),
        }
    }

    /// The system has nothing left to start a worker with.
    fn no_more(state: &mut State, error: &std::io::Error) {
        let here = state.workers();
        state.limit = here;
        if here == 0 {
            let message = format!("no worker process can be started: {error}");
            state.refusal = Some(Box::new(Failure::new(FailureKind::Error, message)));
        }
    }

    /// A worker is ready. `false` if none is needed any more.
    fn add(self: &Arc<Self>, link: &Arc<Link>) -> bool {
        let mut state = self.lock();
        state.started(link.memory_limit());
        if state.closing {
            return false;
        }
        state.failed_starts = 0;
        state.tried_alone = false;
        state.slots.push(Slot::new(Arc::clone(link)));
        drop(state);
        self.pump();
        true
    }

    /// A worker could not be started.
    fn start_failed(self: &Arc<Self>, memory_limit: Option<u64>, error: &StartError) {
        let mut state = self.lock();
        state.started(memory_limit);
        match error {
            StartError::Closing => {}
            // Starts at the same time may have taken each other's last descriptors.
            StartError::System(_) if state.workers() == 0 && !state.tried_alone => {
                state.tried_alone = true;
                state.limit = 1;
            }
            StartError::System(error) => {
                Self::no_more(&mut state, error);
                if let workers @ 1.. = state.limit {
                    let message = format!("only {workers} worker processes run, no more can be started: {error}");
                    drop(state);
                    self.warn(&message);
                    state = self.lock();
                }
            }
            StartError::Wrong(message) => {
                state.refusal = Some(Box::new(Failure::new(FailureKind::Transport, message.clone())));
            }
            StartError::Ended(failure) => {
                state.failed_starts += 1;
                if state.failed_starts >= FAILED_STARTS {
                    let message = format!(
                        "{FAILED_STARTS} worker processes in a row ended before they were ready; the last: {}",
                        failure.message
                    );
                    state.refusal = Some(Box::new(Failure { message, ..(**failure).clone() }));
                }
            }
        }
        drop(state);
        self.pump();
    }

    /// A worker is gone.
    fn remove(self: &Arc<Self>, link: &Arc<Link>) {
        let mut state = self.lock();
        state.slots.retain(|slot| !Arc::ptr_eq(&slot.link, link));
        drop(state);
        self.pump();
    }

    /// Ends all workers: those that run something at once, the others after a goodbye. Waits for them, unless this is
    /// one of the pool's own threads.
    pub(crate) fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        state.closing = true;
        let waiting = state.take_queue();
        for slot in &mut state.slots {
            slot.retiring = true;
            if slot.in_flight == 0 {
                slot.link.say_goodbye();
            } else {
                slot.link.kill();
            }
        }
        drop(state);
        self.closed.notify_all();
        for errand in waiting {
            errand.fail(&cancelled(CancelReason::Requested), Ran::nowhere());
        }
        if self.lock().threads.iter().any(|(_, thread)| thread.thread().id() == thread::current().id()) {
            return;
        }
        self.call_back();
        let threads = std::mem::take(&mut self.lock().threads);
        for (_, thread) in threads {
            // A panic there has been told by the panic hook.
            let _ = thread.join();
        }
    }

    fn program(&self) -> std::io::Result<Program> {
        let threads = (crate::executor::parallelism() / self.options.max_workers.max(1)).max(1);
        match (&self.options.program, identity::entry()) {
            (Some(path), _) => Ok(Program::other(path.clone(), threads)),
            (None, Some(entry)) => Program::current(&entry, threads),
            (None, None) => Err(std::io::Error::other("no entry")),
        }
    }

    /// Waits; `false` as soon as the pool is closing.
    fn wait_unless_closing(&self, delay: Duration) -> bool {
        let deadline = Instant::now() + delay;
        let mut state = self.lock();
        while !state.closing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.closed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Passes on a line that a worker wrote.
    fn tell_line(&self, worker: u32, pid: u32, label: &str, line: &str) {
        if self.is_heard() {
            self.emit(|| Event::WorkerOutput { worker, pid, label, line });
        } else {
            print_line(label, line);
        }
    }

    fn warn(&self, message: &str) {
        if self.is_heard() {
            self.emit(|| Event::Warning { message });
        } else {
            print_warning(message);
        }
    }

    /// Whether anybody listens to events.
    fn is_heard(&self) -> bool {
        self.run.get().is_some_and(|run| run.0.is_active())
    }

    fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some((events, _)) = self.run.get() {
            events.emit(event);
        }
    }

    /// What a worker with this limit must know.
    fn setup(&self, memory_limit: Option<u64>) -> Setup {
        let (_, setup) = self.run.get().expect("workers are started for attempts");
        Setup { memory_limit, ..setup.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sees to it that so many workers have descriptors, as far as the system lets us: mostly 1,024 are allowed to a program
/// that asks for no more. With fewer, there are fewer workers.
fn allow_descriptors(workers: usize) {
    let wanted = workers as u64 * DESCRIPTORS.0 + DESCRIPTORS.1;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |most| most.min(wanted)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

/// Shows a line that a worker wrote, where nobody listens.
pub(crate) fn print_line(label: &str, line: &str) {
    let label = if label.is_empty() { "worker" } else { label };
    eprintln!("{label}: {line}");
}

/// Shows a warning, where nobody listens.
pub(crate) fn print_warning(message: &str) {
    eprintln!("warning: {message}");
}
