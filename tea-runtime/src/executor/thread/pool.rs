//! Pools of threads, kept for a while after a run: starting threads costs as much as a hundred branches.
//!
//! A pool belongs to one run at a time. So a node that runs a workflow of its own, and waits for it, cannot wait for
//! threads that wait for it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
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
    pool: ThreadPool,
    since: Instant,
}

/// A pool of `workers` threads, or of as many as the system gives; `None` if it gives none.
pub(super) fn take(workers: usize) -> Option<ThreadPool> {
    let mut idle = idle();
    if let Some(at) = idle.pools.iter().position(|kept| kept.workers == workers) {
        return Some(idle.pools.swap_remove(at).pool);
    }
    drop(idle);
    let sizes = std::iter::successors(Some(workers), |size| Some(size / 2)).take_while(|size| *size > 0);
    let build = |size| ThreadPoolBuilder::new().num_threads(size).thread_name(|i| format!("tea-{i}")).build();
    sizes.map(build).find_map(Result::ok)
}

/// Keeps a pool, none of whose threads runs anything, for the next run that asks for as many `workers`.
pub(super) fn give_back(workers: usize, pool: ThreadPool) {
    let mut idle = idle();
    if idle.pools.len() < KEPT {
        idle.pools.push(Kept { workers, pool, since: Instant::now() });
        watch(&mut idle);
    }
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
