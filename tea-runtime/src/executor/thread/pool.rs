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

impl Idle {
    /// A pool for which as many threads were asked.
    fn take(&mut self, workers: usize) -> Option<Arc<ThreadPool>> {
        let at = self.pools.iter().position(|kept| kept.workers == workers)?;
        Some(self.pools.swap_remove(at).pool)
    }

    /// Keeps a pool, if there are not enough already.
    fn keep(&mut self, workers: usize, pool: &Arc<ThreadPool>, since: Instant) {
        if self.pools.len() < KEPT {
            self.pools.push(Kept { workers, pool: Arc::clone(pool), since });
        }
    }

    /// Lets go of those that have stayed long enough.
    fn let_go(&mut self, now: Instant) {
        self.pools.retain(|kept| now.saturating_duration_since(kept.since) < LINGER);
    }
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
            idle.keep(self.workers, &self.pool, Instant::now());
            watch(&mut idle);
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
    let idle = idle().take(workers);
    if let Some(pool) = idle {
        return Some(held(pool));
    }
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
    idle.let_go(Instant::now());
    idle.watched = false;
    if !idle.pools.is_empty() {
        watch(&mut idle);
    }
}

fn idle() -> MutexGuard<'static, Idle> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Idle {
        Idle { pools: Vec::new(), watched: false }
    }

    fn pool() -> Arc<ThreadPool> {
        Arc::new(ThreadPoolBuilder::new().num_threads(1).build().unwrap())
    }

    #[test]
    fn a_pool_goes_to_one_run_that_asks_for_as_many_workers() {
        let (mut idle, pool) = (nothing(), pool());
        idle.keep(3, &pool, Instant::now());
        assert!(idle.take(2).is_none());
        assert!(Arc::ptr_eq(&idle.take(3).unwrap(), &pool));
        assert!(idle.take(3).is_none(), "another run has it");
    }

    #[test]
    fn only_a_few_stay_and_not_for_long() {
        let (mut idle, pool, now) = (nothing(), pool(), Instant::now());
        (0..KEPT + 2).for_each(|workers| idle.keep(workers, &pool, now));
        assert_eq!(Arc::strong_count(&pool), 1 + KEPT);
        idle.pools[0].since = now + LINGER / 2;
        idle.let_go(now + LINGER);
        assert_eq!(idle.pools.iter().map(|kept| kept.workers).collect::<Vec<_>>(), [0]);
        idle.let_go(now + 2 * LINGER);
        assert_eq!(Arc::strong_count(&pool), 1);
    }

    #[test]
    fn a_pool_that_is_withheld_stays_with_its_run() {
        let pool = pool();
        let held = Held { workers: 1, pool: Arc::clone(&pool), over: Once::new() };
        held.withhold();
        held.give_back();
        drop(held);
        assert_eq!(Arc::strong_count(&pool), 1);
    }
}
