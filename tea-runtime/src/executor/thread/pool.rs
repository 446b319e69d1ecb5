//! Pools of threads, kept for a while after a run: starting threads costs as much as a hundred branches.
//!
//! A pool belongs to one run at a time. So a node that runs a workflow of its own, and waits for it, cannot wait for
//! threads that wait for it.

use std::{
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::engine::timer;

/// How long a pool stays when no run has it.
const LINGER: Duration = Duration::from_millis(100);

/// How many pools stay.
const KEPT: usize = 2;

/// The pools that no run has.
static IDLE: Mutex<Idle> = Mutex::new(Idle { pools: Vec::new(), watched: false });

struct Idle {
    pools: Vec<Kept>,
    /// An alarm is set that lets go of those that have stayed long enough.
    watched: bool,
}

struct Kept {
    /// How many threads were asked for.
    workers: usize,
    pool: Arc<ThreadPool>,
    since: Instant,
}

/// A pool that a run has.
pub(super) struct Held {
    workers: usize,
    pool: Arc<ThreadPool>,
    over: Once,
}

impl Held {
    /// Runs `work` on one of its threads.
    pub(super) fn spawn(&self, work: impl FnOnce() + Send + 'static) {
        self.pool.spawn(work);
    }

    /// Keeps the pool, none of whose threads runs anything, for the next run that asks for as many workers.
    pub(super) fn give_back(&self) {
        self.over.call_once(|| {
            let mut idle = idle();
            if idle.pools.len() < KEPT {
                let (workers, pool) = (self.workers, Arc::clone(&self.pool));
                idle.pools.push(Kept { workers, pool, since: Instant::now() });
                watch(&mut idle);
            }
        });
    }

    /// No other run gets the pool: a thread of it may never be free again.
    pub(super) fn withhold(&self) {
        self.over.call_once(|| ());
    }
}

impl Drop for Held {
    /// All that ran there held it.
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A pool of `workers` threads, or of as many as the system gives; `None` if it gives none.
pub(super) fn take(workers: usize) -> Option<Held> {
    let held = |pool| Held { workers, pool, over: Once::new() };
    let mut idle = idle();
    if let Some(at) = idle.pools.iter().position(|kept| kept.workers == workers) {
        return Some(held(idle.pools.swap_remove(at).pool));
    }
    drop(idle);
    let sizes = std::iter::successors(Some(workers), |size| Some(size / 2)).take_while(|size| *size > 0);
    let build = |size| ThreadPoolBuilder::new().num_threads(size).thread_name(|i| format!("tea-{i}")).build();
    sizes.map(build).find_map(Result::ok).map(Arc::new).map(held)
}

fn watch(idle: &mut Idle) {
    if !std::mem::replace(&mut idle.watched, true) {
        timer::after(LINGER, Box::new(let_go));
    }
}

fn let_go() {
    let mut idle = idle();
    idle.pools.retain(|kept| kept.since.elapsed() < LINGER);
    idle.watched = false;
    if !idle.pools.is_empty() {
        watch(&mut idle);
    }
}

fn idle() -> MutexGuard<'static, Idle> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}
