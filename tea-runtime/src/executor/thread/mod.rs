//! Attempts on threads of this process.
//!
//! An attempt that may have to be left behind (it has a limit, or stands in a `fail_fast` fan-out) runs on a thread of
//! its own: nothing can end a thread, and one that hangs must not take a place in the pool.

mod items;
mod own;
mod pool;

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use self::own::Own;
pub(crate) use self::own::Seat;
use super::{Attempt, BranchOutcome, ItemsEnd, Job, JobWork, ParallelExecutor};
use crate::{
    engine::{cancelled, guard, run_attempt, schedule},
    event::{Event, Events, Scope},
    failure::Failure,
    result::pid,
};

/// Runs attempts on threads of this process.
#[derive(Clone)]
pub struct ThreadExecutor(Arc<Threads>);

struct Threads {
    workers: usize,
    /// Taken when it is first needed; `None` if the system gives no threads at all.
    pool: OnceLock<Option<pool::Held>>,
    own: Own,
    /// Takes a panic of what is no node: the `Drop` of a value that the engine lets go, or a defect of ours.
    on_panic: Option<OnPanic>,
}

/// Takes a panic outside of nodes.
pub(crate) type OnPanic = Box<dyn Fn(Box<Failure>) + Send + Sync>;

impl ThreadExecutor {
    /// Runs `max_workers` attempts at once, at least one.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        Self::with(max_workers, None)
    }

    /// The same; panics outside of nodes end the process unless `on_panic` takes them.
    pub(crate) fn with(max_workers: usize, on_panic: Option<OnPanic>) -> Self {
        let workers = max_workers.max(1);
        Self(Arc::new(Threads { workers, pool: OnceLock::new(), own: Own::new(workers), on_panic }))
    }

    /// Runs `work` on a thread of the pool.
    pub(crate) fn spawn(&self, work: schedule::Work) {
        let on = self.clone();
        let run = move || on.enter(schedule::Place::Pool, work);
        match self.pool() {
            Some(pool) => pool.spawn(run),
            None => run(),
        }
    }

    /// The same for work that may be left behind there.
    fn spawn_for_good(&self, work: schedule::Work) {
        self.pool().inspect(|pool| pool.withhold());
        self.spawn(work);
    }

    /// Lets the next run have the pool, since nothing runs there any more: that run need not wait until the last thread
    /// here has let go of it.
    pub(crate) fn give_back(&self) {
        if let Some(Some(pool)) = self.0.pool.get() {
            pool.give_back();
        }
    }

    fn pool(&self) -> Option<&pool::Held> {
        self.0.pool.get_or_init(|| pool::take(self.0.workers)).as_ref()
    }

    /// Runs `work` on a thread of its own.
    pub(crate) fn spawn_own(&self, work: schedule::Work) {
        own::spawn(self, work).unwrap_or_else(|work| self.enter(schedule::Place::Own, work));
    }

    /// Runs `work` on this thread. Whatever happens, the run ends.
    pub(crate) fn enter(&self, place: schedule::Place, work: schedule::Work) {
        self.survive(|| schedule::enter(place, work));
    }

    /// Calls what is no node. If it panics the run ends, which might wait for it for ever.
    fn survive(&self, call: impl FnOnce()) {
        if let Err(failure) = guard(call) {
            match &self.0.on_panic {
                Some(tell) => tell(failure),
                None => std::process::abort(),
            }
        }
    }
}

impl ParallelExecutor for ThreadExecutor {
    fn name(&self) -> &'static str {
        "thread"
    }

    fn max_workers(&self) -> usize {
        self.0.workers
    }

    fn submit(&self, job: Job) {
        if job.isolated || job.limit().is_some() {
            return own::submit(self, job);
        }
        self.spawn(Box::new(move || start(job)));
    }

    fn submit_next(&self, job: Job) {
        if job.isolated || job.limit().is_some() {
            return own::submit(self, job);
        }
        if let Err(work) = schedule::put(schedule::Place::Pool, Box::new(move || start(job))) {
            self.spawn(work);
        }
    }
}

/// Runs a job on this thread.
fn start(job: Job) {
    let telling = Telling::of(&job);
    let (context, work) = job.into_context();
    match work {
        JobWork::Branch { region, task, view, done } => match context.token.reason() {
            Some(reason) => done(telling.branch(Err(cancelled(reason)))),
            None => run_attempt(context, region, task, view, (telling, done)),
        },
        JobWork::Items { map, view, batch, done } => {
            let end = items::run(map, &view, batch, &context);
            drop((view, context));
            done(telling.items(end));
        }
    }
}

/// Tells the start and end of an attempt.
pub(crate) struct Telling {
    pub(crate) started: Instant,
    pid: u32,
    attempt: u32,
    scope: Scope,
    /// Only if somebody listens.
    heard: Option<Box<(Events, String)>>,
}

impl Telling {
    fn of(job: &Job) -> Self {
        Self::start(&job.run.events, job.scope, job.attempt, None, || job.label())
    }

    /// `now`, if known, saves a look at the clock.
    pub(crate) fn start(
        events: &Events,
        scope: Scope,
        attempt: u32,
        now: Option<Instant>,
        label: impl FnOnce() -> String,
    ) -> Self {
        let pid = pid();
        let heard = events.is_active().then(|| Box::new((events.clone(), label())));
        if let Some((events, name)) = heard.as_deref() {
            let started = Instant::now();
            events.emit(|| Event::AttemptStarted { scope, name, attempt, worker: None, pid, started, sent: 0 });
        }
        // What listeners took is not the attempt's.
        let started = now.filter(|_| heard.is_none()).unwrap_or_else(Instant::now);
        Self { started, pid, attempt, scope, heard }
    }

    pub(crate) fn branch(self, outcome: BranchOutcome) -> Attempt<BranchOutcome> {
        let elapsed = self.end(outcome.as_ref().err().map(|failure| &**failure));
        Attempt { outcome, pid: self.pid, worker: None, elapsed }
    }

    fn items(self, end: ItemsEnd) -> Attempt<ItemsEnd> {
        let elapsed = self.end(end.failures.first().map(|(_, failure)| &**failure));
        Attempt { outcome: end, pid: self.pid, worker: None, elapsed }
    }

    fn end(&self, failure: Option<&Failure>) -> std::time::Duration {
        let elapsed = self.started.elapsed();
        if let Some((events, name)) = self.heard.as_deref() {
            let &Self { pid, attempt, scope, .. } = self;
            let (worker, received) = (None, 0);
            events.emit(|| Event::AttemptFinished { scope, name, attempt, worker, pid, elapsed, received, failure });
        }
        elapsed
    }
}
