//! A fan-out that runs: which task starts when, and what becomes of its parent in the end.

pub(super) use self::join::summary;
mod ends;
mod join;
mod ready;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use self::{
    ends::Ends,
    ready::{Claim, Ready, Step},
};
use super::{
    Run,
    attempt::{self, Attempts, Verdict},
    frame::{self, Frame, cancelled},
    panic::guard,
    schedule,
    site::Site,
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    context::Context,
    event::{Event, Scope},
    executor::{Attempt, BranchEnd, BranchOutcome, Done, Job, JobWork, ParallelExecutor, thread::Telling},
    failure::Failure,
    plan::{Region, Task, TaskRead},
    policy::{ParallelConfig, Strategy},
    result::ParallelFlowResult,
    state::{Value, View},
};

/// A fan-out that runs.
struct RegionRun {
    run: Arc<Run>,
    region: &'static Region,
    /// Where the fan-out stands.
    parent: Scope,
    isolated: bool,
    cancel: CancellationToken,
    base: RwLock<Base>,
    ends: Ends,
    ready: Mutex<Ready>,
}

/// What tasks read: what was there before, and what finished tasks wrote as far as others had to read it.
struct Base {
    view: View,
    /// How many writers of a key are included.
    included: BTreeMap<u32, usize>,
}

/// The end of a task.
struct TaskEnd {
    result: ParallelFlowResult,
    /// With what it wrote, if it ended well.
    view: Option<View>,
    goes_to: Vec<u32>,
}

/// An attempt at a task, ready to start.
struct Trial {
    task: usize,
    scope: Scope,
    attempts: Attempts,
    view: View,
}

/// What is needed of an attempt when it has ended.
struct Pending {
    task: usize,
    scope: Scope,
    attempts: Attempts,
    /// What another one would start with.
    kept: Option<Box<View>>,
}

/// Starts a fan-out of `frame`, which goes on when it has ended.
pub(super) fn start(mut frame: Box<Frame>, region: &'static Region) {
    let mut skipped = Vec::new();
    for (index, task) in region.tasks.iter().enumerate() {
        match task.when.map_or(Ok(true), |when| frame.walk.holds(when)) {
            Ok(true) => {}
            Ok(false) => skipped.push(index),
            Err(failure) => return frame.resume_here(Err(failure.at(task.name, task.place))),
        }
    }
    let run = Arc::clone(&frame.walk.context.run);
    let cancel = &frame.walk.context.token;
    let fail_fast = run.region(region).fail_fast;
    let state = Arc::new(RegionRun {
        region,
        parent: frame.walk.context.scope,
        isolated: frame.walk.context.seat.is_some() || fail_fast,
        cancel: if fail_fast { cancel.child() } else { cancel.clone() },
        base: RwLock::new(Base { view: frame.walk.take_view(), included: BTreeMap::new() }),
        ends: Ends::new(region.tasks.len()),
        ready: Mutex::new(Ready::new(region, run.region(region), frame)),
        run,
    });
    if let Some(seat) = state.ready().parent_seat() {
        seat.give_back();
    }
    for task in skipped {
        state.ready().skip(task, &state.ends, state.site());
    }
    if schedule::is_caller() && state.is_for_pool() {
        // One thread is woken, and wakes the others when this one sleeps and has left its core to them.
        let on = Arc::clone(&state);
        return state.run.spawn(false, Box::new(move || on.drive(None)));
    }
    state.drive(None);
}

impl RegionRun {
    /// Takes the end of a task, and starts what may start now; a thread of the pool runs one task after the other.
    fn drive(self: &Arc<Self>, mut ended: Option<usize>) {
        let mut context = None;
        loop {
            let mut here = None;
            loop {
                let step = self.ready().step(ended.take(), &self.ends, self.site());
                let (claim, more) = match step {
                    Step::Wait => break,
                    Step::Join => return self.join_later(),
                    Step::Start(claim, more) => (claim, more),
                };
                if !schedule::is_inside() && self.combines(&claim) {
                    self.start_in_pool(claim);
                } else {
                    match self.prepare(claim) {
                        Ok((trial, _)) if here.is_none() && self.runs_here(&trial) => here = Some(trial),
                        Ok((trial, executor)) => self.submit(trial, executor),
                        Err(end) => ended = Some(end),
                    }
                }
                if ended.is_none() && !more {
                    break;
                }
            }
            let Some(trial) = here else { return };
            match self.run_here(trial, context) {
                Some((free, end)) => (context, ended) = (Some(free), end),
                None => return,
            }
        }
    }

    /// Whether all its tasks run on threads of the pool.
    fn is_for_pool(&self) -> bool {
        let on_threads = |task| self.run.strategy(self.config(task)) == Strategy::Thread;
        !self.isolated && (0..self.region.tasks.len()).all(on_threads)
    }

    /// Whether starting it runs reducers, which are the user's Rust: no business of an executor's own threads.
    fn combines(&self, claim: &Claim) -> bool {
        let combined = |read: &TaskRead| read.after > 0 && self.run.plan.keys[read.key as usize].reduce.is_some();
        matches!(claim, Claim::Task(task) if self.region.tasks[*task].reads.iter().any(combined))
    }

    fn start_in_pool(self: &Arc<Self>, claim: Claim) {
        let state = Arc::clone(self);
        let start = move || match state.prepare(claim) {
            Ok((trial, executor)) => state.submit(trial, executor),
            Err(end) => state.drive(Some(end)),
        };
        self.run.spawn(false, Box::new(start));
    }

    /// Makes an attempt ready for its executor, unless the task ends without one.
    fn prepare(&self, claim: Claim) -> Result<(Trial, &Arc<dyn ParallelExecutor>), usize> {
        let mut trial = match claim {
            Claim::Again(trial) => trial,
            Claim::Task(task) => {
                let (scope, attempts) = (self.run.events.scope(), Attempts::default());
                match self.cancel.reason().map_or_else(|| self.view(task), |reason| Err(cancelled(reason))) {
                    Ok(view) => {
                        self.tell_start(scope, task);
                        Trial { task, scope, attempts, view }
                    }
                    Err(failure) => return Err(self.failed(task, scope, attempts, failure, None)),
                }
            }
        };
        let (config, breaker) = (self.config(trial.task), self.site().breaker(trial.task));
        let executor = match self.cancel.reason() {
            Some(reason) => Err(cancelled(reason)),
            None => self.run.executor(self.run.strategy(config)),
        };
        let executor = executor.and_then(|executor| trial.attempts.start(breaker).map(|()| executor));
        self.run.tell_circuit(trial.scope, self.region.tasks[trial.task].name, breaker);
        match executor {
            Ok(executor) => Ok((trial, executor)),
            Err(failure) => Err(self.failed(trial.task, trial.scope, trial.attempts, failure, None)),
        }
    }

    /// Hands an attempt to its executor.
    fn submit(self: &Arc<Self>, trial: Trial, executor: &Arc<dyn ParallelExecutor>) {
        let config = self.config(trial.task);
        let (view, pending) = self.pending(trial);
        executor.submit(Job {
            run: Arc::clone(&self.run),
            scope: pending.scope,
            attempt: pending.attempts.started,
            config,
            deadline: pending.attempts.deadline(config),
            isolated: self.isolated,
            cancel: self.attempt_token(config),
            work: JobWork::Branch { region: self.region, task: pending.task, view, done: self.done(pending) },
        });
    }

    /// Whether this thread may run it: one of the pool, which nothing has to leave behind.
    fn runs_here(&self, trial: &Trial) -> bool {
        let config = self.config(trial.task);
        let limited = config.timeout.is_some() || config.timeout_total.is_some();
        !self.isolated && !limited && self.run.runs_here(config)
    }

    /// Runs an attempt on this thread, with the context of the one before it if there is one. It gives the context back
    /// with what the attempt came to, unless that came to a fan-out.
    fn run_here(self: &Arc<Self>, trial: Trial, context: Option<Context>) -> Option<(Context, Option<usize>)> {
        let task = &self.region.tasks[trial.task];
        let (view, pending) = self.pending(trial);
        let (scope, attempt) = (pending.scope, pending.attempts.started);
        let context = match context {
            Some(context) => context.reused(task.name, scope, attempt),
            None => Context::new(Arc::clone(&self.run), task.name, scope, attempt, self.cancel.clone()),
        };
        let telling = Telling::start(&self.run.events, scope, attempt, || task.name.to_owned());
        match frame::run_here(context, task.block, view) {
            Ok((context, outcome)) => Some((context, self.ended(pending, telling.branch(outcome)))),
            Err(waiting) => {
                let done = self.done(pending);
                // Not here, so that nesting needs no stack.
                self.run.go_on(None, Box::new(move || waiting.start(telling, done)));
                None
            }
        }
    }

    /// What an attempt starts with, and what is needed of it when it has ended.
    fn pending(&self, trial: Trial) -> (View, Pending) {
        let Trial { task, scope, attempts, view } = trial;
        let kept = (attempts.started <= self.config(task).retry.max_retries).then(|| Box::new(view.clone()));
        (view, Pending { task, scope, attempts, kept })
    }

    /// Takes the end of an attempt that ran elsewhere, or came to a fan-out.
    fn done(self: &Arc<Self>, pending: Pending) -> Done<BranchOutcome> {
        let state = Arc::clone(self);
        Box::new(move |attempt| {
            let ended = state.ended(pending, attempt);
            state.drive(ended);
        })
    }

    /// A token that is the attempt's own, where something may cancel it or listen to it.
    fn attempt_token(&self, config: &ParallelConfig) -> CancellationToken {
        let limited = config.timeout.is_some() || config.timeout_total.is_some();
        if self.isolated || limited || self.run.strategy(config) == Strategy::Process {
            self.cancel.child()
        } else {
            self.cancel.clone()
        }
    }

    /// What the end of an attempt came to: the task's, unless it is tried again.
    fn ended(self: &Arc<Self>, pending: Pending, attempt: Attempt<BranchOutcome>) -> Option<usize> {
        let Pending { task: index, scope, mut attempts, kept } = pending;
        let (task, breaker) = (&self.region.tasks[index], self.site().breaker(index));
        let Attempt { outcome, pid, worker, elapsed } = attempt;
        let ran = Some((pid, worker, elapsed));
        let failure = match outcome {
            Ok(BranchEnd { mut view, goes_to }) => {
                view.keep_written();
                if let Some(breaker) = breaker {
                    breaker.succeeded();
                    self.run.tell_circuit(scope, task.name, Some(breaker));
                }
                let mut result = self.result(index, attempts, ran);
                result.success = true;
                self.tell_end(scope, &result);
                self.ends.put(index, TaskEnd { result, view: Some(view), goes_to });
                return Some(index);
            }
            Err(failure) => failure,
        };
        let verdict = attempts.failed(failure, elapsed, self.config(index), breaker, &self.cancel);
        self.run.tell_circuit(scope, task.name, breaker);
        match (verdict, kept) {
            (Verdict::Again(delay, failure), Some(view)) => {
                let (name, attempt, failure) = (task.name, attempts.started + 1, &failure);
                self.run.events.emit(|| Event::RetryScheduled { scope, name, attempt, delay, failure });
                self.again(delay, Trial { task: index, scope, attempts, view: *view });
                None
            }
            (Verdict::Again(_, failure) | Verdict::Failed(failure), kept) => {
                drop(kept);
                Some(self.failed(index, scope, attempts, failure, ran))
            }
        }
    }

    /// Makes another attempt after `delay`.
    fn again(self: &Arc<Self>, delay: Duration, trial: Trial) {
        self.ready().release();
        if delay.is_zero() {
            return self.ready().again(trial);
        }
        let state = Arc::clone(self);
        attempt::wait(&self.run, &self.cancel, delay, move || {
            state.ready().again(trial);
            state.drive(None);
        });
    }

    /// A task ended with a failure.
    fn failed(&self, index: usize, scope: Scope, attempts: Attempts, failure: Box<Failure>, ran: Option<Ran>) -> usize {
        let mut result = self.result(index, attempts, ran);
        result.error = Some(failure);
        self.tell_end(scope, &result);
        if self.site().fail_fast && (!self.config(index).allow_failure || self.site().all_may_fail) {
            self.cancel.cancel_for(CancelReason::Sibling);
        }
        self.ends.put(index, TaskEnd { result, view: None, goes_to: Vec::new() });
        index
    }

    fn result(&self, index: usize, attempts: Attempts, ran: Option<Ran>) -> ParallelFlowResult {
        let mut result = ParallelFlowResult::new(self.region.tasks[index].name);
        let (pid, worker, elapsed) = ran.unwrap_or((result.pid, None, result.elapsed));
        (result.pid, result.worker) = (pid, worker);
        attempts.report(elapsed, self.site().breaker(index), &mut result);
        result
    }

    /// What a task starts with.
    fn view(&self, index: usize) -> Result<View, Box<Failure>> {
        let task = &self.region.tasks[index];
        let mut view = View::new(self.run.plan, task.block.keys);
        if self.site().graph.is_some() && task.reads.iter().any(|read| read.after > 0) {
            guard(|| self.include(task)).flatten()?;
        }
        let takes = |key| self.takes_over(index, key);
        let base = self.base.read().unwrap_or_else(PoisonError::into_inner);
        for read in task.reads.iter().filter(|read| !takes(read.key)) {
            if let Some(value) = base.view.value(read.key) {
                view.set(read.key, Value::clone(value));
            }
        }
        drop(base);
        for read in task.reads.iter().filter(|read| takes(read.key)) {
            let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = base.view.take_value(read.key) {
                // Counted as written, so that it comes back in any case.
                view.replace(read.key, value);
            }
        }
        Ok(view)
    }

    /// Whether the task gets the only hold of a value that it combines with others: it need not be copied then. Nobody
    /// else may read it meanwhile, and if the task fails, so does the fan-out.
    fn takes_over(&self, index: usize, key: u32) -> bool {
        let (task, config) = (&self.region.tasks[index], self.config(index));
        self.run.plan.keys[key as usize].reduce.is_some()
            && task.writes.iter().any(|write| write.key == key && !write.combine)
            && config.retry.max_retries == 0
            && !config.allow_failure
            && self.run.strategy(config) == Strategy::Thread
    }

    /// Includes in the base what `task` reads of finished tasks. Those are all that will ever be included before it,
    /// in task order, since nobody may write a key while others read it.
    fn include(&self, task: &'static Task) -> Result<(), Box<Failure>> {
        let Some(graph) = &self.site().graph else { return Ok(()) };
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        let Base { view, included } = &mut *base;
        for read in task.reads.iter().filter(|read| read.after > 0) {
            let included = included.entry(read.key).or_default();
            for writer in graph.writers(read.key).take(read.after as usize).skip(*included) {
                *included += 1;
                if let Some(value) = self.ends.take_write(writer, read.key) {
                    join::merge(&self.region.tasks[writer], read.key, value, view)?;
                }
            }
        }
        Ok(())
    }

    fn config(&self, index: usize) -> &'static ParallelConfig {
        self.site().config(index)
    }

    fn site(&self) -> &Site {
        self.run.region(self.region)
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins, on a thread that may run the user's Rust.
    fn join_later(self: &Arc<Self>) {
        let state = Arc::clone(self);
        let seat = self.ready().parent_seat();
        self.run.go_on(seat.as_ref(), Box::new(move || state.join()));
    }

    fn tell_start(&self, scope: Scope, index: usize) {
        let (region, task) = (self.region, &self.region.tasks[index]);
        self.run.events.emit(|| Event::BranchStarted {
            scope,
            parent: self.parent,
            region,
            task: u32::try_from(index).unwrap_or(u32::MAX),
            name: task.name,
            strategy: self.run.strategy(self.config(index)),
        });
    }

    fn tell_end(&self, scope: Scope, result: &ParallelFlowResult) {
        self.run.events.emit(|| Event::BranchFinished { scope, result });
    }
}

/// Process, worker and time of an attempt.
type Ran = (u32, Option<u32>, Duration);
