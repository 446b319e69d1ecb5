//! A fan-out that runs: which task starts when, and what becomes of its parent in the end.

pub(super) use self::join::summary;
mod ends;
mod join;
mod lane;
mod ready;
mod share;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::{
    ends::{End, Ended},
    lane::Lane,
    ready::{Claim, Ready, Step},
};
use super::{
    Run,
    attempt::{self, Attempts, Verdict},
    frame::{Frame, Walk, cancelled},
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
    base: Mutex<Base>,
    ready: Mutex<Ready>,
}

/// What tasks read, and what they wrote.
struct Base {
    /// What was there before, what finished tasks wrote as far as others had to read it, and what nobody else may write.
    view: View,
    /// How many writers of a key are included.
    included: BTreeMap<u32, usize>,
    /// What else they wrote, by task and key.
    written: BTreeMap<(usize, u32), Value>,
    /// What nobody needs any more. It is dropped at the end: its `Drop` is the user's.
    dropped: Vec<Value>,
}

/// The attempts at a task.
struct Trial {
    task: usize,
    scope: Scope,
    attempts: Attempts,
    /// What the next one starts with; taken if there is no other.
    view: View,
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
        base: Mutex::new(Base::new(frame.walk.take_view())),
        ready: Mutex::new(Ready::new(region, run.region(region), frame, &skipped)),
        run,
    });
    if let Some(seat) = state.ready().parent_seat() {
        seat.give_back();
    }
    if schedule::is_caller() && state.is_for_pool() {
        // All threads that it takes are woken from here: one that wakes another often keeps it waiting on its own core,
        // for milliseconds, while this thread leaves its core to nobody.
        for _ in 0..state.site().limit.min(region.tasks.len().max(1)) {
            let on = Arc::clone(&state);
            state.run.spawn(false, Box::new(move || on.drive(Lane::default())));
        }
        return;
    }
    state.drive(Lane::default());
}

impl Trial {
    fn take(&mut self) -> Self {
        Self { attempts: std::mem::take(&mut self.attempts), view: self.view.take_all(), ..*self }
    }
}

impl Base {
    fn new(view: View) -> Self {
        Self { view, included: BTreeMap::new(), written: BTreeMap::new(), dropped: Vec::new() }
    }
}

impl RegionRun {
    /// Starts what may start; a thread of the pool runs one task after the other.
    fn drive(self: &Arc<Self>, mut lane: Lane) {
        loop {
            let mut here = None;
            loop {
                let (claim, more) = match self.settle(&mut lane, here.is_none()) {
                    Step::Wait => break,
                    Step::Join => return self.join_later(),
                    Step::Start(claim, more) => (claim, more),
                };
                if !schedule::is_inside() && self.combines(&claim) {
                    self.start_in_pool(claim);
                } else if here.is_none() && self.runs_here(&claim) {
                    here = Some(claim);
                } else if !self.hand_over(claim, &mut lane) {
                    continue;
                }
                if !more {
                    break;
                }
            }
            let Some(claim) = here else { return };
            self.run_here(claim, &mut lane);
        }
    }

    /// Makes known what tasks left behind on this thread, and says what may start now. Several tasks at once are for this
    /// thread.
    fn settle(&self, lane: &mut Lane, for_here: bool) -> Step {
        let site = self.site();
        lane.rest();
        self.keep(&mut lane.writes);
        let short = for_here && self.is_for_pool() && schedule::is_free(schedule::Place::Pool);
        let wanted = if short { lane.pace.wanted() } else { 1 };
        let mut ready = self.ready();
        lane.ends.drain(..).for_each(|ended| ready.end(ended, site));
        ready.release(std::mem::take(&mut lane.released));
        ready.step(wanted, site)
    }

    /// Whether all its tasks run on threads of the pool.
    fn is_for_pool(&self) -> bool {
        !self.isolated && self.site().in_pool
    }

    /// Whether starting it runs reducers, which are the user's Rust: no business of an executor's own threads.
    fn combines(&self, claim: &Claim) -> bool {
        let combined = |read: &TaskRead| read.after > 0 && self.run.plan.keys[read.key as usize].reduce.is_some();
        matches!(claim, Claim::Task(task) if self.region.tasks[*task].reads.iter().any(combined))
    }

    fn start_in_pool(self: &Arc<Self>, claim: Claim) {
        let state = Arc::clone(self);
        let start = move || {
            let mut lane = Lane::default();
            if !state.hand_over(claim, &mut lane) {
                state.drive(lane);
            }
        };
        self.run.spawn(false, Box::new(start));
    }

    /// Hands an attempt to its executor, unless the task ends without one.
    fn hand_over(self: &Arc<Self>, claim: Claim, lane: &mut Lane) -> bool {
        let trial = match claim {
            Claim::Task(task) => self.trial(task, lane),
            Claim::Again(trial) => Some(trial),
            Claim::Share(_) => unreachable!("it is claimed for the thread that runs it"),
        };
        let handed_over = trial.is_some_and(|mut trial| {
            let executor = self.prepare(&mut trial, lane);
            executor.map(|executor| self.submit(trial, executor)).is_some()
        });
        lane.released += usize::from(!handed_over);
        handed_over
    }

    /// A first attempt at a task, unless the task ends without one.
    fn trial(&self, task: usize, lane: &mut Lane) -> Option<Trial> {
        let (scope, attempts) = (self.run.events.scope(), Attempts::default());
        match self.cancel.reason().map_or_else(|| self.view(task, lane), |reason| Err(cancelled(reason))) {
            Ok(view) => {
                self.tell_start(scope, task);
                Some(Trial { task, scope, attempts, view })
            }
            Err(failure) => {
                let view = View::new(self.run.plan, &[]);
                self.failed(&mut Trial { task, scope, attempts, view }, failure, None, lane);
                None
            }
        }
    }

    /// Counts an attempt that is about to start, and gives its executor, unless the task ends without it.
    fn prepare(&self, trial: &mut Trial, lane: &mut Lane) -> Option<&Arc<dyn ParallelExecutor>> {
        let (config, breaker) = (self.config(trial.task), self.site().breaker(trial.task));
        let executor = match self.cancel.reason() {
            Some(reason) => Err(cancelled(reason)),
            None => self.run.executor(self.run.strategy(config)),
        };
        let executor = executor.and_then(|executor| trial.attempts.start(breaker).map(|()| executor));
        self.run.tell_circuit(trial.scope, self.region.tasks[trial.task].name, breaker);
        executor.map_err(|failure| self.failed(trial, failure, None, lane)).ok()
    }

    /// Hands an attempt to its executor.
    fn submit(self: &Arc<Self>, mut trial: Trial, executor: &Arc<dyn ParallelExecutor>) {
        let config = self.config(trial.task);
        let (task, view) = (trial.task, self.start_of(&mut trial));
        executor.submit(Job {
            run: Arc::clone(&self.run),
            scope: trial.scope,
            attempt: trial.attempts.started,
            config,
            deadline: trial.attempts.deadline(config),
            isolated: self.isolated,
            cancel: self.attempt_token(config),
            work: JobWork::Branch { region: self.region, task, view, done: self.done(trial) },
        });
    }

    /// Whether this thread may run it: one of the pool, which nothing has to leave behind.
    fn runs_here(&self, claim: &Claim) -> bool {
        let task = match claim {
            Claim::Task(task) => *task,
            Claim::Again(trial) => trial.task,
            Claim::Share(_) => return true,
        };
        !self.isolated && self.run.in_pool(self.config(task)) && schedule::is_free(schedule::Place::Pool)
    }

    /// Runs what was claimed on this thread.
    fn run_here(self: &Arc<Self>, claim: Claim, lane: &mut Lane) {
        let all_ended = match claim {
            Claim::Task(task) => self.first_attempt(task, lane),
            Claim::Again(mut trial) => self.attempt(&mut trial, lane),
            Claim::Share(share) => loop {
                let Some(task) = share.begin() else { break true };
                if !self.first_attempt(task, lane) {
                    self.ready().put_back(share.take_back());
                    break false;
                }
            },
        };
        lane.released += usize::from(all_ended);
    }

    /// As [`attempt`](Self::attempt), the first one at a task.
    fn first_attempt(self: &Arc<Self>, task: usize, lane: &mut Lane) -> bool {
        match &mut self.trial(task, lane) {
            Some(trial) => self.attempt(trial, lane),
            None => true,
        }
    }

    /// Makes an attempt on this thread. Says whether it ended: not if it came to a fan-out.
    fn attempt(self: &Arc<Self>, trial: &mut Trial, lane: &mut Lane) -> bool {
        if self.prepare(trial, lane).is_none() {
            return true;
        }
        let Task { name, block, .. } = &self.region.tasks[trial.task];
        let (scope, attempt, view) = (trial.scope, trial.attempts.started, self.start_of(trial));
        let mut walk = if let Some(mut walk) = lane.walk.take() {
            walk.renew(name, scope, attempt, block, view);
            walk
        } else {
            let context = Context::new(Arc::clone(&self.run), name, scope, attempt, self.cancel.clone());
            Box::new(Walk::new(context, block, view))
        };
        let telling = Telling::start(&self.run.events, scope, attempt, lane.now.take(), || (*name).to_owned());
        match walk.start() {
            Ok(outcome) => {
                let (started, attempt) = (telling.started, telling.branch(outcome));
                (lane.walk, lane.now) = (Some(walk), Some(started + attempt.elapsed));
                lane.pace.add(attempt.elapsed);
                self.ended(trial, attempt, lane);
                true
            }
            Err(halt) => {
                let done = self.done(trial.take());
                // Not here, so that nesting needs no stack.
                self.run.go_on(None, Box::new(move || Frame::go_on(*walk, halt, telling, done)));
                false
            }
        }
    }

    /// What an attempt starts with.
    fn start_of(&self, trial: &mut Trial) -> View {
        let last = trial.attempts.started > self.config(trial.task).retry.max_retries;
        if last { trial.view.take_all() } else { trial.view.clone() }
    }

    /// Takes the end of an attempt that ran elsewhere, or came to a fan-out.
    fn done(self: &Arc<Self>, mut trial: Trial) -> Done<BranchOutcome> {
        let state = Arc::clone(self);
        Box::new(move |attempt| {
            let mut lane = Lane { released: 1, ..Lane::default() };
            state.ended(&mut trial, attempt, &mut lane);
            state.drive(lane);
        })
    }

    /// A token that is the attempt's own, where something may cancel it or listen to it.
    fn attempt_token(&self, config: &ParallelConfig) -> CancellationToken {
        if self.isolated || config.is_limited() || self.run.strategy(config) == Strategy::Process {
            self.cancel.child()
        } else {
            self.cancel.clone()
        }
    }

    /// An attempt ended: so did the task, unless it is tried again.
    fn ended(self: &Arc<Self>, trial: &mut Trial, attempt: Attempt<BranchOutcome>, lane: &mut Lane) {
        let Trial { task: index, scope, .. } = *trial;
        let (task, breaker) = (&self.region.tasks[index], self.site().breaker(index));
        let Attempt { outcome, pid, worker, elapsed } = attempt;
        let ran = Some((pid, worker, elapsed));
        let failure = match outcome {
            Ok(BranchEnd { mut view, goes_to }) => {
                // Whoever reads the values next may want them for himself.
                drop(trial.view.take_all());
                for (key, value) in view.take_written() {
                    lane.writes.push((index, key, value));
                }
                // Where no task waits for another, what one was sent is the same for the next.
                lane.view = Some(view).filter(|_| self.site().graph.is_none());
                if let Some(breaker) = breaker {
                    breaker.succeeded();
                    self.run.tell_circuit(scope, task.name, Some(breaker));
                }
                let plain =
                    breaker.is_none() && worker.is_none() && trial.attempts.is_first() && !self.run.events.is_active();
                let end = if plain {
                    End::Plain(elapsed)
                } else {
                    let result = ParallelFlowResult { success: true, ..self.result(trial, ran) };
                    self.tell_end(scope, &result);
                    End::Told(Box::new(result))
                };
                return lane.ends.push(Ended { task: index, end, goes_to });
            }
            Err(failure) => failure,
        };
        let verdict = trial.attempts.failed(failure, elapsed, self.config(index), breaker, &self.cancel);
        self.run.tell_circuit(scope, task.name, breaker);
        match verdict {
            Verdict::Again(delay, failure) => {
                let (name, attempt, failure) = (task.name, trial.attempts.started + 1, &failure);
                self.run.events.emit(|| Event::RetryScheduled { scope, name, attempt, delay, failure });
                self.again(delay, trial.take());
            }
            Verdict::Failed(failure) => {
                drop(trial.view.take_all());
                self.failed(trial, failure, ran, lane);
            }
        }
    }

    /// Makes another attempt after `delay`.
    fn again(self: &Arc<Self>, delay: Duration, trial: Trial) {
        if delay.is_zero() {
            return self.ready().again(trial);
        }
        let state = Arc::clone(self);
        attempt::wait(&self.run, &self.cancel, delay, move || {
            state.ready().again(trial);
            state.drive(Lane::default());
        });
    }

    /// A task ended with a failure.
    fn failed(&self, trial: &mut Trial, failure: Box<Failure>, ran: Option<Ran>, lane: &mut Lane) {
        let Trial { task, scope, .. } = *trial;
        let result = ParallelFlowResult { error: Some(failure), ..self.result(trial, ran) };
        self.tell_end(scope, &result);
        if self.site().fail_fast && (!self.config(task).allow_failure || self.site().all_may_fail) {
            self.cancel.cancel_for(CancelReason::Sibling);
        }
        lane.ends.push(Ended { task, end: End::Told(Box::new(result)), goes_to: Vec::new() });
    }

    fn result(&self, trial: &mut Trial, ran: Option<Ran>) -> ParallelFlowResult {
        let mut result = ParallelFlowResult::new(self.region.tasks[trial.task].name);
        let (pid, worker, elapsed) = ran.unwrap_or((result.pid, None, result.elapsed));
        (result.pid, result.worker) = (pid, worker);
        std::mem::take(&mut trial.attempts).report(elapsed, self.site().breaker(trial.task), &mut result);
        result
    }

    /// What a task starts with: what the one before it on this thread was sent, as far as it reads that too.
    fn view(&self, index: usize, lane: &mut Lane) -> Result<View, Box<Failure>> {
        let task = &self.region.tasks[index];
        if self.site().graph.is_some() && task.reads.iter().any(|read| read.after > 0) {
            guard(|| self.include(task)).flatten()?;
        }
        let (keys, mut before) = (task.block.keys, lane.view.take());
        let mut view = lane.spare.take().map_or_else(|| View::new(self.run.plan, keys), |spare| spare.renewed(keys));
        let mut base = None;
        for read in task.reads {
            if before.as_mut().is_some_and(|before| view.take_from(before, read.key)) {
                continue;
            }
            let base = base.get_or_insert_with(|| self.base());
            if !self.takes_over(index, read.key) {
                base.view.value(read.key).into_iter().for_each(|value| view.set(read.key, Value::clone(value)));
            } else if let Some(value) = base.view.take_value(read.key) {
                // Counted as written, so that it comes back in any case.
                view.replace(read.key, value);
            }
        }
        lane.spare = before;
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
        let mut base = self.base();
        let Base { view, included, written, .. } = &mut *base;
        for read in task.reads.iter().filter(|read| read.after > 0) {
            let included = included.entry(read.key).or_default();
            for writer in graph.writers(read.key).take(read.after as usize).skip(*included) {
                *included += 1;
                if let Some(value) = written.remove(&(writer, read.key)) {
                    join::merge(&self.region.tasks[writer], read.key, value, view)?;
                }
            }
        }
        Ok(())
    }

    /// Keeps what tasks wrote until the join, or until another reads it. What no other task may write or read can be
    /// joined at once.
    fn keep(&self, writes: &mut Vec<(usize, u32, Value)>) {
        if writes.is_empty() {
            return;
        }
        let mut base = self.base();
        let Base { view, written, dropped, .. } = &mut *base;
        for (task, key, value) in writes.drain(..) {
            match self.region.tasks[task].writes.iter().find(|write| write.key == key) {
                Some(write) if write.combine || self.site().graph.is_some() => _ = written.insert((task, key), value),
                Some(_) => dropped.extend(view.replace(key, value)),
                // The branch's own affair.
                None => dropped.push(value),
            }
        }
    }

    fn config(&self, index: usize) -> &'static ParallelConfig {
        self.site().config(index)
    }

    fn site(&self) -> &Site {
        self.run.region(self.region)
    }

    fn base(&self) -> MutexGuard<'_, Base> {
        self.base.lock().unwrap_or_else(PoisonError::into_inner)
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
