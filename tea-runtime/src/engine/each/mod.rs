//! A `dynamic_parallel` node that runs: its items are handed out in batches, and their results collected in item order.
//!
//! How many items a batch holds follows from how long items take, so that cheap ones cost little each and dear ones
//! travel alone. An iterator is asked for items only as they are needed.

mod progress;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use self::progress::{Progress, Step};
use super::{
    Run,
    attempt::{self, Attempts, Verdict},
    frame::{Frame, Walk, cancelled},
    map::{Batch, Source},
    panic::guard,
    region::summary,
    schedule,
    site::Site,
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    event::{Event, Scope},
    executor::{Attempt, ItemsEnd, Job, JobWork},
    failure::Failure,
    plan::Map,
    policy::{ParallelConfig, Strategy},
    result::{ParallelFlowResult, pid},
};

/// A `dynamic_parallel` node that runs.
struct MapRun {
    run: Arc<Run>,
    map: &'static Map,
    scope: Scope,
    started: Instant,
    isolated: bool,
    /// Items run one by one, since something counts or limits each attempt.
    alone: bool,
    /// Cancels the items.
    cancel: CancellationToken,
    /// Cancels the branch that the node stands in.
    outer: CancellationToken,
    /// `None` once it is exhausted.
    source: Mutex<Option<Box<dyn Source>>>,
    progress: Mutex<Progress>,
}

/// An attempt at a batch.
struct Try {
    batch: Box<dyn Batch>,
    attempts: Attempts,
    /// The batch that the item was first tried in, if this is another attempt, and its position there.
    home: Option<(usize, usize)>,
}

/// Starts a map of `frame`, which goes on when it has ended.
pub(super) fn start(frame: Box<Frame>, map: &'static Map) {
    let Walk { context, view, .. } = &frame.walk;
    let items = guard(|| map.spec.items(view, context)).and_then(|items| items.map_err(Into::into));
    let source = match items {
        Ok(source) => source,
        Err(failure) => return frame.resume_here(Err(failure.at(map.name, map.place))),
    };
    let run = Arc::clone(&context.run);
    let (config, fail_fast) = (run.map(map).config(0), run.map(map).fail_fast);
    let scope = run.events.scope();
    let (parent, total, strategy) = (context.scope, source.total(), run.strategy(config));
    run.events.emit(|| Event::MapStarted { scope, parent, map, total: total.map(|total| total as u64), strategy });
    let isolated = context.seat.is_some() || fail_fast;
    let counted = config.circuit_breaker.is_some() || config.max_tasks_per_worker.is_some();
    let state = Arc::new(MapRun {
        map,
        scope,
        started: Instant::now(),
        isolated,
        alone: isolated || config.is_limited() || counted,
        cancel: if fail_fast { context.token.child() } else { context.token.clone() },
        outer: context.token.clone(),
        progress: Mutex::new(Progress::new(map.spec.collector(run.plan), total, frame)),
        source: Mutex::new(Some(source)),
        run,
    });
    if let Some(seat) = state.progress().parent_seat() {
        seat.give_back();
    }
    if schedule::is_caller() && !isolated && strategy == Strategy::Thread {
        // One thread is woken, and wakes the others when this one sleeps and has left its core to them.
        let on = Arc::clone(&state);
        return state.run.spawn(false, Box::new(move || on.drive()));
    }
    state.drive();
}

impl MapRun {
    /// Starts what may start: the first of it on this thread.
    fn drive(self: &Arc<Self>) {
        let mut here = true;
        loop {
            let step = self.progress().step(self.site().limit, self.alone);
            let attempt = match step {
                Step::Wait => return,
                Step::Join => return self.join_later(),
                Step::Again(again) => again,
                Step::Pull(count) => match self.pull(count) {
                    Some(batch) => Try { batch, attempts: Attempts::default(), home: None },
                    None => continue,
                },
            };
            match self.start(attempt, here) {
                Ok(()) => here = false,
                Err((attempt, failure)) => self.all_failed(attempt, &failure),
            }
        }
    }

    /// The next items, or the knowledge that there are no more.
    fn pull(&self, count: usize) -> Option<Box<dyn Batch>> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = match self.outer.reason() {
            Some(reason) => Some(Err(cancelled(reason))),
            // With `allow_failure` each item is accounted for, also those that `fail_fast` keeps from starting.
            None if self.cancel.is_cancelled() && !self.config().allow_failure => Some(Ok(None)),
            None => None,
        };
        let next = stopped.unwrap_or_else(|| guard(|| source.as_mut().and_then(|source| source.next(count))));
        if let Ok(Some(batch)) = next {
            return Some(batch);
        }
        let dropped = guard(|| *source = None);
        self.progress().exhausted(next.err().or(dropped.err()));
        None
    }

    /// Starts an attempt, or gives it back if it fails without one.
    fn start(self: &Arc<Self>, attempt: Try, here: bool) -> Result<(), (Try, Box<Failure>)> {
        let Try { batch, mut attempts, home } = attempt;
        let config = self.config();
        let (strategy, breaker) = (self.run.strategy(config), self.site().breaker(0));
        let executor = match self.cancel.reason() {
            Some(reason) => Err(cancelled(reason)),
            None => self.run.executor(strategy),
        };
        let executor = executor.and_then(|executor| attempts.start(breaker).map(|()| executor));
        self.run.tell_circuit(self.scope, self.map.name, breaker);
        let executor = match executor {
            Ok(executor) => executor,
            Err(failure) => return Err((Try { batch, attempts, home }, failure)),
        };
        // A batch that is left behind does not come back.
        let kept = self.alone.then(|| batch.only(0));
        let own_token = self.isolated || self.alone || strategy == Strategy::Process;
        let (number, deadline) = (attempts.started, attempts.deadline(config));
        let state = Arc::clone(self);
        let done = Box::new(move |attempt| state.ended(&attempts, home, kept, attempt));
        let job = Job {
            run: Arc::clone(&self.run),
            scope: self.scope,
            attempt: number,
            config,
            deadline,
            isolated: self.isolated,
            cancel: if own_token { self.cancel.child() } else { self.cancel.clone() },
            work: JobWork::Items { map: self.map, view: self.progress().view(), batch, done },
        };
        if here {
            executor.submit_next(job);
        } else {
            executor.submit(job);
        }
        Ok(())
    }

    /// An attempt ended.
    fn ended(
        self: Arc<Self>,
        attempts: &Attempts,
        home: Option<(usize, usize)>,
        kept: Option<Box<dyn Batch>>,
        attempt: Attempt<ItemsEnd>,
    ) {
        let breaker = self.site().breaker(0);
        let Attempt { outcome: ItemsEnd { batch, failures }, pid, worker, elapsed } = attempt;
        let Some(batch) = batch.or(kept) else { unreachable!("only a batch that is alone is left behind") };
        if home.is_none() && !self.alone {
            let strategy = self.run.strategy(self.config());
            let workers = self.run.workers(self.map.max_workers);
            self.progress().took(batch.len(), elapsed, strategy, workers);
        }
        if let (true, Some(breaker)) = (failures.is_empty(), breaker) {
            breaker.succeeded();
        }
        let mut again = Vec::new();
        for (at, failure) in failures {
            let mut attempts = attempts.clone();
            match attempts.failed(failure, elapsed, self.config(), breaker, &self.cancel) {
                Verdict::Again(delay, failure) => {
                    self.tell_retry(batch.start() + at, &attempts, delay, &failure);
                    let home = home.unwrap_or((batch.start(), at));
                    again.push((delay, Try { batch: batch.only(at), attempts, home: Some(home) }));
                }
                Verdict::Failed(failure) => self.item_failed(batch.start() + at, attempts, failure, pid, worker),
            }
        }
        self.run.tell_circuit(self.scope, self.map.name, breaker);
        self.progress().landed(batch, home, again.len());
        for (delay, attempt) in again {
            let state = Arc::clone(&self);
            attempt::wait(&self.run, &self.cancel, delay, move || {
                state.progress().again(attempt);
                state.drive();
            });
        }
        self.collect();
        self.tell_progress();
        self.drive();
    }

    /// An attempt was not made.
    fn all_failed(self: &Arc<Self>, attempt: Try, failure: &Failure) {
        let Try { batch, attempts, home } = attempt;
        for at in 0..batch.len() {
            let failure = Box::new(failure.clone());
            self.item_failed(batch.start() + at, attempts.clone(), failure, pid(), None);
        }
        self.progress().landed(batch, home, 0);
        self.collect();
    }

    fn item_failed(&self, index: usize, attempts: Attempts, failure: Box<Failure>, pid: u32, worker: Option<u32>) {
        let name = format!("{}[{index}]", self.map.name);
        let failure = failure.at(self.map.name, self.map.place);
        let mut result = ParallelFlowResult { error: Some(failure), pid, worker, ..ParallelFlowResult::new(name) };
        attempts.report(std::time::Duration::ZERO, self.site().breaker(0), &mut result);
        self.progress().failed(index, result, self.config().allow_failure);
        if self.site().fail_fast {
            self.cancel.cancel_for(CancelReason::Sibling);
        }
    }

    /// Collects what has come in, up to the first batch that has not. The output's reducer is the user's Rust, which is
    /// not run on the thread of an executor.
    fn collect(self: &Arc<Self>) {
        loop {
            // Others may land batches meanwhile, and leave them to whoever collects.
            let Some(collecting) = self.progress().collectable() else { return };
            if !collecting.is_quick() && !schedule::is_inside() {
                let state = Arc::clone(self);
                let collect = move || {
                    let collected = collecting.run();
                    state.progress().collected(collected);
                    state.collect();
                    state.drive();
                };
                return self.run.spawn(self.isolated, Box::new(collect));
            }
            let collected = collecting.run();
            self.progress().collected(collected);
        }
    }

    /// Ends the node, on a thread that may run the user's Rust.
    fn join_later(self: &Arc<Self>) {
        let state = Arc::clone(self);
        let seat = self.progress().parent_seat();
        self.run.go_on(seat.as_ref(), Box::new(move || state.join()));
    }

    fn join(self: Arc<Self>) {
        let Some(end) = self.progress().take() else { return };
        let (scope, elapsed) = (self.scope, self.started.elapsed());
        let (done, failed) = (end.done as u64, end.failed as u64);
        self.run.events.emit(|| Event::MapProgress { scope, done, failed, total: Some(done) });
        self.run.events.emit(|| Event::MapFinished { scope, elapsed, done, failed });
        let map = self.map;
        drop(self);
        let (mut frame, view) = (end.frame, end.view);
        let failure = end.error.or_else(|| summary(end.branches, end.done, "items"));
        let outcome = guard(|| {
            if let Some(failure) = failure {
                drop((end.collector, view));
                return Err(failure);
            }
            // A batch that was left behind may hold the view for ever.
            let mut view = Arc::try_unwrap(view).unwrap_or_else(|shared| (*shared).clone());
            end.collector.finish(end.failures, &mut view)?;
            frame.walk.view = view;
            Ok(())
        });
        frame.resume_here(outcome.flatten().map_err(|failure| failure.at(map.name, map.place)));
    }

    fn config(&self) -> &'static ParallelConfig {
        self.site().config(0)
    }

    fn site(&self) -> &Site {
        self.run.map(self.map)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_retry(&self, index: usize, attempts: &Attempts, delay: std::time::Duration, failure: &Failure) {
        let scope = self.scope;
        if self.run.events.is_active() {
            let name = format!("{}[{index}]", self.map.name);
            let (name, attempt) = (name.as_str(), attempts.started + 1);
            self.run.events.emit(|| Event::RetryScheduled { scope, name, attempt, delay, failure });
        }
    }

    fn tell_progress(&self) {
        let scope = self.scope;
        if self.run.events.is_active()
            && let Some((done, failed, total)) = self.progress().news()
        {
            self.run.events.emit(|| Event::MapProgress { scope, done, failed, total });
        }
    }
}
