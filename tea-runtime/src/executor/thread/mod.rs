//! Runs units on threads of this process.
//!
//! A thread cannot be ended from outside. An attempt that has not ended at its deadline is abandoned, together with its
//! thread: its outcome is delivered without it, its token is returned, and another thread takes the place of this one.

pub(crate) mod cache;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex, MutexGuard, Weak},
    time::Instant,
};

use super::{
    ParallelExecutor, Ticket, Unit, UnitId,
    limit::Limit,
    outcome::{Outcome, Ran},
    tokens::{self, Permit, Place},
};
use crate::{
    cancel::CancelReason,
    failure::{Failure, FailureKind},
    panic::guard,
    sync::lock,
    timer,
};

/// Runs units on threads of this process.
#[derive(Clone)]
pub struct ThreadExecutor(Arc<Shared>);

struct Shared {
    workers: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that are parts of more items come first, and of these whoever has waited longest.
    queue: VecDeque<Unit>,
    /// The number of threads that serve this executor, except those that wait for a nested fan-out or have been
    /// abandoned.
    threads: usize,
    /// Whether a thread has been called and has not checked for units yet.
    coming: bool,
    /// All threads that run something, except those that have been abandoned.
    slots: Vec<Arc<Slot>>,
}

/// What a thread runs.
#[derive(Default)]
struct Slot {
    unit: Mutex<Option<UnitId>>,
    permit: Mutex<Option<Arc<Permit>>>,
}

impl ThreadExecutor {
    /// An executor that runs up to `max_workers` units at once, at least one.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        let workers = max_workers.max(1);
        Self(Arc::new(Shared { workers, state: Mutex::default() }))
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
        // One more for each thread, so that none has to wait for the engine to hand out the next one.
        2 * self.0.workers
    }

    fn submit(&self, unit: Unit) {
        self.submit_all(vec![unit]);
    }

    fn submit_all(&self, units: Vec<Unit>) {
        let mut state = self.0.lock();
        let depth = units.first().map_or(0, Unit::depth);
        let before = state.queue.iter().rposition(|queued| queued.depth() >= depth).map_or(0, |last| last + 1);
        let mut later = state.queue.split_off(before);
        state.queue.extend(units);
        state.queue.append(&mut later);
        self.0.call_thread(state);
    }

    fn abandon(&self, unit: UnitId) {
        let mut state = self.0.lock();
        if let Some(at) = state.queue.iter().position(|queued| queued.id() == unit) {
            let unit = state.queue.remove(at);
            drop(state);
            // Nobody waits for it, and what it drops is user data.
            return cache::drop_elsewhere(unit);
        }
        let slot = state.slots.iter().find(|slot| *lock(&slot.unit) == Some(unit)).map(Arc::clone);
        drop(state);
        if let Some(slot) = slot {
            self.0.leave_behind(&slot);
        }
    }
}

impl Shared {
    /// Calls a thread for the units that wait, if there may be another one. If there is still more to do by then, that thread
    /// calls the next one, because waking a thread takes longer than running a short unit, and the thread that submits has
    /// other work to do.
    fn call_thread(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.coming || state.queue.is_empty() || state.threads >= self.workers {
            return;
        }
        let on = Arc::clone(self);
        match cache::run(Box::new(move || on.serve())) {
            Ok(()) => {
                state.threads += 1;
                state.coming = true;
            }
            // The existing threads do the work.
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

    /// Runs units on this thread while there are any.
    fn serve(self: Arc<Self>) {
        let slot = Arc::new(Slot::default());
        let mut state = self.lock();
        state.slots.push(Arc::clone(&slot));
        state.coming = false;
        drop(state);
        while let Some(unit) = self.next(&slot) {
            let permit = self.permit(&slot, &unit);
            *lock(&slot.unit) = Some(unit.id());
            let outer = tokens::set_current(Some(Arc::clone(&permit)));
            match unit.limit() {
                None => run(unit),
                Some(limit) => self.run_limited(unit, limit, &slot),
            }
            tokens::set_current(outer);
            *lock(&slot.unit) = None;
            if permit.is_revoked() {
                // Another thread has taken the place of this one.
                return;
            }
        }
        self.lock().slots.retain(|other| !Arc::ptr_eq(other, &slot));
    }

    /// The next unit, if one waits. Without one, the thread returns to the [cache], and its token to the run.
    fn next(self: &Arc<Self>, slot: &Slot) -> Option<Unit> {
        let mut state = self.lock();
        loop {
            // After a wait for a nested fan-out there may be one thread too many.
            if state.threads > self.workers {
                break;
            }
            let Some(next) = state.queue.front() else { break };
            // Its token goes to what comes before the next unit.
            if next.fan_out().run.tokens.is_wanted_before(next.depth()) && lock(&slot.permit).is_some() {
                drop(state);
                let permit = lock(&slot.permit).take();
                drop(permit);
                state = self.lock();
                continue;
            }
            let unit = state.queue.pop_front();
            self.call_thread(state);
            return unit;
        }
        state.threads -= 1;
        drop(state);
        let permit = lock(&slot.permit).take();
        drop(permit);
        None
    }

    /// The permit with which the thread runs a unit: the current one, if it belongs to the tokens of the unit's run.
    fn permit(self: &Arc<Self>, slot: &Slot, unit: &Unit) -> Arc<Permit> {
        let tokens = &unit.fan_out().run.tokens;
        let mut held = lock(&slot.permit);
        if let Some(permit) = held.as_ref().filter(|permit| Arc::ptr_eq(permit.tokens(), tokens)) {
            return Arc::clone(permit);
        }
        *held = None;
        let permit = Permit::acquire(Arc::clone(tokens), unit.depth(), Some(Arc::new(Arc::downgrade(self))));
        Arc::clone(held.insert(permit))
    }

    /// Runs a unit that is abandoned at its deadline.
    fn run_limited(self: &Arc<Self>, unit: Unit, limit: Limit, slot: &Arc<Slot>) {
        let cancel = unit.cancellation().clone();
        let (ticket, attempt) = unit.into_parts();
        let (ticket, started) = (Arc::new(Mutex::new(Some(ticket))), Instant::now());
        let (late, behind, on) = (Arc::clone(&ticket), Arc::clone(slot), Arc::clone(self));
        let alarm = timer::after(
            limit.after,
            Box::new(move || {
                // The outcome comes first, so that it is reported as a timeout. Then the node is told to end.
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

    /// What the thread runs no longer counts.
    fn leave_behind(&self, slot: &Arc<Slot>) {
        self.lock().slots.retain(|other| !Arc::ptr_eq(other, slot));
        let permit = lock(&slot.permit).clone();
        if let Some(permit) = permit {
            permit.revoke();
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

/// The number of threads that this process should use: that of the machine, or a worker's share of it. Determined once,
/// because finding out takes longer than a small run.
pub(crate) fn parallelism() -> usize {
    static PARALLELISM: LazyLock<usize> = LazyLock::new(|| {
        let share = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        share.filter(|threads| *threads > 0).unwrap_or_else(all)
    });
    *PARALLELISM
}
