//! Units on threads of this process.
//!
//! Nothing can end a thread. An attempt that does not end at its deadline is left behind with the thread that it runs on:
//! its outcome is brought without it, its token goes back, and another thread takes the place of that one.

pub(crate) mod cache;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::{
    ParallelExecutor, Ticket, Unit, UnitId,
    outcome::{Outcome, Ran},
    tokens::{self, Lease, Place, Tokens},
    unit::Limit,
};
use crate::{
    cancel::CancelReason,
    failure::{Failure, FailureKind},
    panic::guard,
    timer,
};

/// How long a thread waits for the next unit of an executor before it goes back to the [cache]: as long as the engine may
/// take from one fan-out to the next.
const LINGER: Duration = Duration::from_millis(50);

/// Runs units on threads of this process.
#[derive(Clone)]
pub struct ThreadExecutor(Arc<Shared>);

struct Shared {
    workers: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Unit>,
    /// Threads that serve this executor, those aside that wait for a fan-out of what they run, or were left behind.
    threads: usize,
    /// Those of them that wait for a unit.
    idle: usize,
    /// One has been woken or started, and has not looked yet.
    coming: bool,
    /// All that run something, those that were left behind aside.
    slots: Vec<Arc<Slot>>,
    closed: bool,
}

/// What a thread runs.
#[derive(Default)]
struct Slot {
    unit: Mutex<Option<UnitId>>,
    lease: Mutex<Option<Arc<Lease>>>,
}

impl ThreadExecutor {
    /// Runs `max_workers` units at once, at least one.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        let workers = max_workers.max(1);
        Self(Arc::new(Shared { workers, state: Mutex::default(), changed: Condvar::new() }))
    }
}

impl std::fmt::Debug for ThreadExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadExecutor").field("max_workers", &self.0.workers).finish_non_exhaustive()
    }
}

impl ParallelExecutor for ThreadExecutor {
    fn name(&self) -> &'static str {
        "thread"
    }

    fn max_workers(&self) -> usize {
        self.0.workers
    }

    fn window(&self) -> usize {
        // One more for each thread, so that none waits for the engine to hand out the next.
        2 * self.0.workers
    }

    fn submit(&self, unit: Unit) {
        self.submit_all(vec![unit]);
    }

    fn submit_all(&self, units: Vec<Unit>) {
        let mut state = self.0.lock();
        state.queue.extend(units);
        self.0.call_thread(state);
    }

    fn abandon(&self, unit: UnitId) {
        let mut state = self.0.lock();
        if let Some(at) = state.queue.iter().position(|queued| queued.id() == unit) {
            let unit = state.queue.remove(at);
            drop(state);
            // Nobody waits for it, and what it drops is the user's.
            return drop(unit.map(|unit| cache::run(Box::new(move || drop(unit)))));
        }
        let slot = state.slots.iter().find(|slot| *lock(&slot.unit) == Some(unit)).map(Arc::clone);
        drop(state);
        if let Some(slot) = slot {
            self.0.leave_behind(&slot);
        }
    }

    fn close(&self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// Wakes or starts a thread for what waits, as far as there may be more. It calls the next one itself, if there is more to
    /// do by then: to wake a thread takes longer than to run a short unit, and whoever submits has more to do.
    fn call_thread(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.coming || state.queue.is_empty() {
            return;
        }
        if state.idle > 0 {
            state.coming = true;
            drop(state);
            return self.changed.notify_one();
        }
        if state.threads >= self.workers {
            return;
        }
        let on = Arc::clone(self);
        match cache::run(Box::new(move || on.serve())) {
            Ok(()) => {
                state.threads += 1;
                state.coming = true;
            }
            // Those that there are do the work.
            Err(_) if state.threads > 0 => {}
            Err((_, error)) => {
                let message = format!("no thread can be started to run branches on: {error}");
                let failure = Failure::new(FailureKind::Error, message);
                let refused = std::mem::take(&mut state.queue);
                drop(state);
                for unit in refused {
                    unit.refuse(&failure);
                }
            }
        }
    }

    /// Runs units on this thread as long as there are any.
    fn serve(self: Arc<Self>) {
        let slot = Arc::new(Slot::default());
        let mut state = self.lock();
        state.slots.push(Arc::clone(&slot));
        state.coming = false;
        drop(state);
        while let Some(unit) = self.next(&slot) {
            let lease = self.lease(&slot, &unit.fan_out().run.tokens);
            *lock(&slot.unit) = Some(unit.id());
            let outer = tokens::set_current(Some(Arc::clone(&lease)));
            match unit.limit() {
                None => run(unit),
                Some(limit) => self.run_limited(unit, limit, &slot),
            }
            tokens::set_current(outer);
            *lock(&slot.unit) = None;
            if lease.is_revoked() {
                // Another thread has taken this one's place.
                return;
            }
        }
        self.lock().slots.retain(|other| !Arc::ptr_eq(other, &slot));
    }

    /// The next unit, if one comes while this thread may wait for it. It waits without a token.
    fn next(self: &Arc<Self>, slot: &Slot) -> Option<Unit> {
        let mut state = self.lock();
        loop {
            // After waiting for a fan-out of what it ran, there may be a thread too many.
            if state.threads > self.workers {
                break;
            }
            if let Some(unit) = state.queue.pop_front() {
                self.call_thread(state);
                return Some(unit);
            }
            if state.closed {
                break;
            }
            if lock(&slot.lease).is_some() {
                drop(state);
                let lease = lock(&slot.lease).take();
                drop(lease);
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (back, waited) = self.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.idle -= 1;
            state.coming = false;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        drop(state);
        let lease = lock(&slot.lease).take();
        drop(lease);
        None
    }

    /// The lease by which the thread runs a unit whose run has these tokens: the one that it has, if it is one of them.
    fn lease(self: &Arc<Self>, slot: &Slot, tokens: &Arc<Tokens>) -> Arc<Lease> {
        let mut held = lock(&slot.lease);
        if let Some(lease) = held.as_ref().filter(|lease| Arc::ptr_eq(lease.tokens(), tokens)) {
            return Arc::clone(lease);
        }
        *held = None;
        let lease = Lease::acquire(Arc::clone(tokens), Some(Arc::new(Arc::downgrade(self))));
        Arc::clone(held.insert(lease))
    }

    /// Runs a unit that is left behind at its deadline.
    fn run_limited(self: &Arc<Self>, unit: Unit, limit: Limit, slot: &Arc<Slot>) {
        let cancel = unit.cancellation().clone();
        let (ticket, attempt) = unit.into_parts();
        let (ticket, started) = (Arc::new(Mutex::new(Some(ticket))), Instant::now());
        let (late, behind, on) = (Arc::clone(&ticket), Arc::clone(slot), Arc::clone(self));
        let alarm = timer::after(
            limit.after,
            Box::new(move || {
                // First the outcome, so that it is told as what it is; then the node is told to end.
                let Some(ticket) = lock(&late).take() else { return };
                on.leave_behind(&behind);
                ticket.finish(Outcome::left_behind(&limit.failure(), Ran::here(started.elapsed())));
                cancel.cancel_for(CancelReason::Timeout);
            }),
        );
        let outcome = guard(|| attempt.run());
        alarm.cancel();
        if let Some(ticket) = lock(&ticket).take() {
            bring(ticket, outcome);
        }
    }

    /// What the thread runs takes nobody's place any more.
    fn leave_behind(&self, slot: &Arc<Slot>) {
        self.lock().slots.retain(|other| !Arc::ptr_eq(other, slot));
        let lease = lock(&slot.lease).clone();
        if let Some(lease) = lease {
            lease.revoke();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn run(unit: Unit) {
    let (ticket, attempt) = unit.into_parts();
    bring(ticket, guard(|| attempt.run()));
}

fn bring(ticket: Ticket, outcome: Result<Outcome, Box<Failure>>) {
    match outcome {
        Ok(outcome) => ticket.finish(outcome),
        Err(failure) => ticket.fail(&failure),
    }
}

impl Place for Weak<Shared> {
    fn left(&self) {
        if let Some(shared) = self.upgrade() {
            let mut state = shared.lock();
            state.threads -= 1;
            shared.call_thread(state);
        }
    }

    fn taken_again(&self) {
        self.upgrade().iter().for_each(|shared| shared.lock().threads += 1);
    }
}

/// How many threads this process should use: all of the machine's, or a worker's share of them. Asked once: to find the
/// machine's takes longer than a small run.
pub(crate) fn parallelism() -> usize {
    static PARALLELISM: LazyLock<usize> = LazyLock::new(|| {
        let share = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        share.filter(|threads| *threads > 0).unwrap_or_else(all)
    });
    *PARALLELISM
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
