//! A block that runs: its steps one after the other, with jumps.

use std::time::Instant;

use super::{each, panic::guard, region, root::Failed};
use crate::{
    cancel::CancelReason,
    context::Context,
    event::{Event, Scope},
    executor::{BranchEnd, BranchOutcome, Done, thread::Telling},
    failure::{Failure, FailureKind},
    plan::{Block, Body, Condition, Map, Next, Region, Step, Target, Work},
    result::pid,
    state::View,
};

/// Takes the end of a block.
pub(crate) type Ended = Box<dyn FnOnce(BranchOutcome) + Send>;

/// Takes the end of the root block: its view, or why it failed and which of its nodes were done.
pub(crate) type RootEnded = Box<dyn FnOnce(Result<View, Failed>) + Send>;

/// A block that runs, or waits for a fan-out of its.
pub(crate) struct Frame {
    pub(crate) walk: Walk,
    ended: Takes,
}

/// The way through a block, as far as it has come.
pub(crate) struct Walk {
    pub(crate) context: Context,
    pub(crate) view: View,
    block: &'static Block,
    visits: Visits,
    at: usize,
}

/// Who takes the end of a block.
enum Takes {
    /// Whoever started it.
    Branch(Ended),
    /// The fan-out that it is a branch of.
    Attempt(Telling, Done<BranchOutcome>),
    /// The run.
    Root(RootEnded),
}

/// Runs a branch on this thread. It returns at the branch's first fan-out or end, whichever comes first; `ended` is
/// called at the end, on some thread.
pub(crate) fn run_branch(context: Context, region: &'static Region, task: usize, view: View, ended: Ended) {
    Frame::run(context, region.tasks[task].block, view, Takes::Branch(ended));
}

/// The same for an attempt in the pool, which costs less without a box.
pub(crate) fn run_attempt(
    context: Context,
    region: &'static Region,
    task: usize,
    view: View,
    ended: (Telling, Done<BranchOutcome>),
) {
    Frame::run(context, region.tasks[task].block, view, Takes::Attempt(ended.0, ended.1));
}

/// Runs the next item of a batch.
pub(crate) fn run_item(
    map: &'static Map,
    batch: &mut dyn super::map::Batch,
    view: &View,
    context: &Context,
) -> Result<(), Box<Failure>> {
    let outcome = guard(|| batch.run(view, context, 1)).and_then(|outcome| outcome.map_err(Into::into));
    outcome.map_err(|failure| failure.at(map.name, map.place))
}

/// Where it goes on.
enum Onward {
    /// To a step of the block.
    Step(usize),
    /// Out of the block, to these tasks.
    Out(Vec<u32>),
}

/// Where a walk stops.
pub(super) enum Halt {
    /// At its end, with the tasks that it goes on to, or a failure.
    Ended(Result<Vec<u32>, Box<Failure>>),
    /// At a fan-out.
    FanOut(&'static Region),
    /// At a map.
    Map(&'static Map),
}

impl Frame {
    /// Runs a plan's root block.
    pub(crate) fn run_root(context: Context, block: &'static Block, view: View, ended: RootEnded) {
        Self::run(context, block, view, Takes::Root(ended));
    }

    fn run(context: Context, block: &'static Block, view: View, ended: Takes) {
        let mut walk = Walk::new(context, block, view);
        let halt = walk.go(block.entry);
        Box::new(Self { walk, ended }).halt(halt);
    }

    /// Goes on with a walk that was started, and came to a fan-out or map.
    pub(super) fn go_on(walk: Walk, halt: Halt, telling: Telling, done: Done<BranchOutcome>) {
        Box::new(Self { walk, ended: Takes::Attempt(telling, done) }).halt(halt);
    }

    /// Goes on after a fan-out or map. It runs the block's next steps, so it is called where nothing is left to be done
    /// on this thread but what was put down for later.
    pub(crate) fn resume_here(mut self: Box<Self>, outcome: Result<(), Box<Failure>>) {
        let halt = match outcome {
            Ok(()) => self.walk.go(self.walk.block.steps[self.walk.at].next),
            Err(failure) => Halt::Ended(Err(failure)),
        };
        self.halt(halt);
    }

    fn halt(self: Box<Self>, halt: Halt) {
        match halt {
            Halt::Ended(outcome) => self.end(outcome),
            Halt::FanOut(region) => region::start(self, region),
            Halt::Map(map) => each::start(self, map),
        }
    }

    fn end(self, outcome: Result<Vec<u32>, Box<Failure>>) {
        let Self { mut walk, ended } = self;
        let finished = if outcome.is_err() { walk.finished() } else { Vec::new() };
        let outcome = walk.end(outcome);
        // A branch that is no more must not hold its run.
        drop(walk);
        match ended {
            Takes::Branch(ended) => ended(outcome),
            Takes::Attempt(telling, done) => done(telling.branch(outcome)),
            Takes::Root(ended) => ended(outcome.map(|end| end.view).map_err(|failure| (failure, finished))),
        }
    }
}

impl Walk {
    pub(super) fn new(context: Context, block: &'static Block, view: View) -> Self {
        Self { context, view, block, visits: Visits::new(block.steps.len()), at: 0 }
    }

    /// Makes it one through a block of another branch of the same fan-out, once it has ended.
    pub(super) fn renew(
        &mut self,
        branch: &'static str,
        scope: Scope,
        attempt: u32,
        block: &'static Block,
        view: View,
    ) {
        self.context.renew(branch, scope, attempt);
        (self.view, self.block, self.visits, self.at) = (view, block, Visits::new(block.steps.len()), 0);
    }

    /// Runs the block up to its first fan-out or map, or to its end, which it gives.
    pub(super) fn start(&mut self) -> Result<BranchOutcome, Halt> {
        match self.go(self.block.entry) {
            Halt::Ended(outcome) => Ok(self.end(outcome)),
            halt => Err(halt),
        }
    }

    /// Takes the view for the time of a fan-out or map.
    pub(crate) fn take_view(&mut self) -> View {
        self.view.take_all()
    }

    /// Runs steps up to the next fan-out or map, or to the end.
    fn go(&mut self, next: Next) -> Halt {
        self.steps(next).unwrap_or_else(|failure| Halt::Ended(Err(failure)))
    }

    fn steps(&mut self, mut next: Next) -> Result<Halt, Box<Failure>> {
        loop {
            let at = match self.target(next)? {
                Onward::Step(at) => at,
                Onward::Out(goes_to) => return Ok(Halt::Ended(Ok(goes_to))),
            };
            let step = &self.block.steps[at];
            // Results are there for the node that a fan-out leads to, and for no other.
            if !matches!(self.block.steps.get(self.at).map(|before| before.work), Some(Work::FanOut(_))) {
                self.view.clear_parallel_results();
            }
            self.enter(at, step)?;
            match step.work {
                Work::Run(body) => self.node(step, body)?,
                Work::Map(map) => return Ok(Halt::Map(map)),
                Work::FanOut(region) => return Ok(Halt::FanOut(region)),
            }
            next = step.next;
        }
    }

    /// What comes next.
    fn target(&self, next: Next) -> Result<Onward, Box<Failure>> {
        let target = match next {
            Next::Go(target) => target,
            Next::Choose(arms) => {
                let mut taken = None;
                for arm in arms {
                    if arm.when.map_or(Ok(true), |when| self.holds(when).map_err(|failure| self.here(failure)))? {
                        taken = Some(arm.to);
                        break;
                    }
                }
                taken.expect("the last arm has no condition")
            }
            Next::Fork(tasks) => return Ok(Onward::Out(tasks.to_vec())),
        };
        Ok(match target {
            Target::Step(step) => Onward::Step(step as usize),
            Target::End => Onward::Out(Vec::new()),
            Target::Task(task) => Onward::Out(vec![task]),
        })
    }

    /// Whether a condition holds here.
    pub(crate) fn holds(&self, when: Condition) -> Result<bool, Box<Failure>> {
        guard(|| when(&self.view, &self.context)).and_then(|outcome| outcome.map_err(Into::into))
    }

    /// Comes to a step, unless it may not.
    fn enter(&mut self, at: usize, step: &Step) -> Result<(), Box<Failure>> {
        self.at = at;
        self.visits.count(at, step).map_err(|failure| failure.at(step.name, step.place))?;
        self.context.token.reason().map_or(Ok(()), |reason| Err(cancelled(reason).at(step.name, step.place)))
    }

    fn node(&mut self, step: &'static Step, body: &'static dyn Body) -> Result<(), Box<Failure>> {
        self.context.node = step.name;
        let (scope, node, place) = (self.context.scope, step.name, step.place);
        let told = self.context.events().is_active().then(Instant::now);
        let (worker, pid) = (None, pid());
        let started = told.map(|started| {
            self.context.events().emit(|| Event::NodeStarted { scope, node, place, worker, pid, started });
            // What listeners took is not the node's.
            Instant::now()
        });
        let outcome = guard(|| body.run(&mut self.view, &self.context)).flatten();
        let outcome = outcome.map_err(|failure| failure.at(node, place));
        if let Some(started) = started {
            let (elapsed, failure) = (started.elapsed(), outcome.as_ref().err().map(|failure| &**failure));
            let ended = || Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure };
            self.context.events().emit(ended);
        }
        outcome
    }

    fn here(&self, failure: Box<Failure>) -> Box<Failure> {
        match self.block.steps.get(self.at) {
            Some(step) => failure.at(step.name, step.place),
            None => failure,
        }
    }

    /// The nodes that were done when it failed.
    fn finished(&self) -> Vec<&'static str> {
        let nodes = self.block.steps.iter().enumerate().filter(|(_, step)| !matches!(step.work, Work::FanOut(_)));
        let done = nodes.filter(|(step, _)| *step != self.at && self.visits.any(*step));
        done.map(|(_, step)| step.name).collect()
    }

    /// What the block gives. What one that failed worked with is dropped first.
    fn end(&mut self, outcome: Result<Vec<u32>, Box<Failure>>) -> BranchOutcome {
        let view = self.take_view();
        match outcome {
            Ok(goes_to) => Ok(BranchEnd { view, goes_to }),
            Err(failure) => {
                // It is the failure that counts, not what else goes wrong in a `Drop`.
                let _dropped = guard(|| drop(view));
                Err(failure)
            }
        }
    }
}

/// The failure of something that was told to end.
pub(crate) fn cancelled(reason: CancelReason) -> Box<Failure> {
    let why = match reason {
        CancelReason::Requested => "cancelled",
        CancelReason::Sibling => "cancelled, since another branch failed",
        CancelReason::Timeout => "told to end at its deadline",
    };
    Box::new(Failure::new(FailureKind::Cancelled, why))
}

/// `max_visits` of a node that has none in the workflow file.
const DEFAULT_MAX_VISITS: u64 = 10_000;

/// How often each step was visited. A block that never goes back needs no counters.
struct Visits {
    /// The steps visited before the first jump back; of 64 steps at most.
    once: u64,
    counts: Vec<u64>,
}

impl Visits {
    fn new(steps: usize) -> Self {
        Self { once: 0, counts: if steps > 64 { vec![0; steps] } else { Vec::new() } }
    }

    fn any(&self, at: usize) -> bool {
        if self.counts.is_empty() { self.once >> at & 1 == 1 } else { self.counts[at] > 0 }
    }

    fn count(&mut self, at: usize, step: &Step) -> Result<(), Box<Failure>> {
        let before = if self.counts.is_empty() {
            let bit = 1 << at;
            if self.once & bit == 0 {
                self.once |= bit;
                0
            } else {
                self.counts = (0..64).map(|step| self.once >> step & 1).collect();
                self.counts[at] += 1;
                1
            }
        } else {
            self.counts[at] += 1;
            self.counts[at] - 1
        };
        if before < step.max_visits {
            return Ok(());
        }
        let most = step.max_visits;
        let message = if most == DEFAULT_MAX_VISITS {
            format!(
                "visited {most} times, which is as often as a node may run if the workflow file does not say otherwise: if the \
                 loop does end, write `max_visits` with a larger number on the node"
            )
        } else {
            format!("visited {most} times, which is its `max_visits`: the loop does not end")
        };
        Err(Box::new(Failure::new(FailureKind::Error, message)))
    }
}
