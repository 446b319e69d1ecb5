//! Attempts on threads of their own, which are left behind when they do not end in time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Telling, ThreadExecutor, items};
use crate::{
    cancel::CancelReason,
    engine::{cancelled, run_branch, schedule, timer},
    executor::{BranchOutcome, Done, ItemsEnd, Job, JobWork},
    failure::Failure,
};

/// How many attempts run on threads of their own, and what waits. Those left behind do not count.
pub(super) struct Own {
    workers: usize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    taken: usize,
    waiting: VecDeque<schedule::Work>,
}

impl Own {
    pub(super) fn new(workers: usize) -> Self {
        Self { workers, places: Mutex::default() }
    }

    /// Takes a place for `work`, or lets it wait: before all others, if it had a place already.
    fn enter(&self, work: schedule::Work, first: bool) -> Option<schedule::Work> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.taken < self.workers {
            places.taken += 1;
            return Some(work);
        }
        if first {
            places.waiting.push_front(work);
        } else {
            places.waiting.push_back(work);
        }
        None
    }

    /// Gives a place back, or to what waits for it.
    fn leave(&self) -> Option<schedule::Work> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let next = places.waiting.pop_front();
        places.taken -= usize::from(next.is_none());
        next
    }
}

/// The place of an attempt. A block that comes to a fan-out gives it back until that has ended: else fan-outs within
/// limited branches would wait for the places of those who wait for them.
#[derive(Clone)]
pub(crate) struct Seat(Arc<SeatOf>);

struct SeatOf {
    executor: ThreadExecutor,
    state: Mutex<SeatState>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SeatState {
    Taken,
    Free,
    /// The attempt has ended, or was left behind: what still runs of it takes no place.
    Over,
}

impl Seat {
    /// That of an attempt for which a place was taken.
    fn new(executor: ThreadExecutor) -> Self {
        Self(Arc::new(SeatOf { executor, state: Mutex::new(SeatState::Taken) }))
    }

    /// Lets others have the place while the attempt waits for a fan-out.
    pub(crate) fn give_back(&self) {
        self.leave(SeatState::Free);
    }

    /// Runs `work`, with which the attempt goes on, when there is a place again.
    pub(crate) fn take_again(&self, work: schedule::Work) {
        let Self(seat) = self;
        if *self.state() == SeatState::Over {
            return launch(&seat.executor, work);
        }
        let there = self.clone();
        let work: schedule::Work = Box::new(move || {
            there.taken();
            work();
        });
        if let Some(work) = seat.executor.0.own.enter(work, true) {
            launch(&seat.executor, work);
        }
    }

    /// There is a place: it is the attempt's, unless that was left behind meanwhile.
    fn taken(&self) {
        let mut state = self.state();
        if *state == SeatState::Over {
            drop(state);
            self.make_room();
        } else {
            *state = SeatState::Taken;
        }
    }

    fn leave(&self, to: SeatState) {
        let before = std::mem::replace(&mut *self.state(), to);
        if before == SeatState::Taken {
            self.make_room();
        }
    }

    /// Lets the next one have the place.
    fn make_room(&self) {
        let executor = &self.0.executor;
        if let Some(next) = executor.0.own.leave() {
            launch(executor, next);
        }
    }

    fn state(&self) -> MutexGuard<'_, SeatState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

/// Runs a job when there is a place.
pub(super) fn submit(executor: &ThreadExecutor, job: Job) {
    let on = executor.clone();
    if let Some(work) = executor.0.own.enter(Box::new(move || run(on, job)), false) {
        launch(executor, work);
    }
}

fn launch(executor: &ThreadExecutor, work: schedule::Work) {
    let work = schedule::put(schedule::Place::Own, work).or_else(|work| spawn(executor, work));
    // Without a thread to spare it may as well take one of the pool.
    work.unwrap_or_else(|work| executor.spawn_for_good(work));
}

/// Runs `work` on a new thread, or gives it back if there is none to be had.
pub(super) fn spawn(executor: &ThreadExecutor, work: schedule::Work) -> Result<(), schedule::Work> {
    let slot = Arc::new(Mutex::new(Some(work)));
    let take = |slot: &Mutex<Option<schedule::Work>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (there, executor) = (Arc::clone(&slot), executor.clone());
    let spawned = std::thread::Builder::new().name("tea-own".to_owned()).spawn(move || {
        if let Some(work) = take(&there) {
            executor.enter(schedule::Place::Own, work);
        }
    });
    match spawned {
        Ok(_) => Ok(()),
        Err(_) => take(&slot).map_or(Ok(()), Err),
    }
}

/// An attempt that runs, until it ends or is left behind.
struct Running {
    seat: Seat,
    end: Mutex<Option<End>>,
}

struct End {
    telling: Telling,
    done: Takes,
    alarms: Vec<timer::Handle>,
}

/// Who takes the end.
enum Takes {
    Branch(Done<BranchOutcome>),
    Items(Done<ItemsEnd>, usize),
}

fn run(executor: ThreadExecutor, job: Job) {
    let telling = Telling::of(&job);
    let (limit, grace, cancel) = (job.limit(), job.config.grace, job.cancel.clone());
    let (context, work) = job.into_context();
    let seat = Seat::new(executor);
    let context = context.seated(seat.clone());
    let running = |done| {
        let running = Arc::new(Running { seat, end: Mutex::new(Some(End { telling, done, alarms: Vec::new() })) });
        if let Some(limit) = limit {
            let (late, cancel) = (Arc::clone(&running), cancel.clone());
            running.alarm(limit.after, move || {
                // First the end, so that it is reported as what it is; then the branch is told.
                if let Some(end) = late.take() {
                    cancel.cancel_for(CancelReason::Timeout);
                    late.leave_behind(end, &limit.failure());
                }
            });
        }
        let told = Arc::clone(&running);
        cancel.on_cancel(move |reason| {
            let late = Arc::clone(&told);
            told.alarm(grace, move || {
                if let Some(end) = late.take() {
                    late.leave_behind(end, &cancelled(reason));
                }
            });
        });
        running
    };
    match work {
        JobWork::Branch { region, task, view, done } => {
            let running = running(Takes::Branch(done));
            match context.token.reason() {
                Some(reason) => running.branch(Err(cancelled(reason))),
                None => run_branch(context, region, task, view, Box::new(move |outcome| running.branch(outcome))),
            }
        }
        JobWork::Items { map, view, batch, done } => {
            let running = running(Takes::Items(done, batch.len()));
            let end = items::run(map, &view, batch, &context);
            drop((view, context));
            running.items(end);
        }
    }
}

impl Running {
    /// Sets an alarm that is forgotten at the end.
    fn alarm(&self, delay: std::time::Duration, alarm: impl FnOnce() + Send + 'static) {
        if let Some(end) = &mut *self.end.lock().unwrap_or_else(PoisonError::into_inner) {
            let on = self.seat.0.executor.clone();
            end.alarms.push(timer::after(delay, Box::new(move || on.survive(alarm))));
        }
    }

    /// The right to end it, which one has.
    fn take(&self) -> Option<End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn branch(&self, outcome: BranchOutcome) {
        let Some(End { telling, done: Takes::Branch(done), alarms }) = self.take() else { return };
        self.make_room(&alarms);
        done(telling.branch(outcome));
    }

    fn items(&self, end: ItemsEnd) {
        let Some(End { telling, done: Takes::Items(done, _), alarms }) = self.take() else { return };
        self.make_room(&alarms);
        done(telling.items(end));
    }

    fn leave_behind(&self, end: End, failure: &Failure) {
        let End { telling, done, alarms } = end;
        self.make_room(&alarms);
        let failure = Box::new(failure.clone());
        match done {
            Takes::Branch(done) => done(telling.branch(Err(failure))),
            Takes::Items(done, items) => {
                let failures = (0..items).map(|at| (at, failure.clone())).collect();
                done(telling.items(ItemsEnd { batch: None, failures }));
            }
        }
    }

    /// Lets the next one have the place.
    fn make_room(&self, alarms: &[timer::Handle]) {
        alarms.iter().for_each(timer::Handle::cancel);
        self.seat.leave(SeatState::Over);
    }
}
