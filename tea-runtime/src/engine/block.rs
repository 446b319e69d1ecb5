//! A block that runs: its steps one after the other, with jumps. It runs on one thread from its start to its end; where it
//! comes to a fan-out, that thread drives the fan-out.

use std::{sync::Arc, time::Instant};

use super::{Run, branches, items};
use crate::{
    context::Context,
    event::Event,
    failure::{Failure, FailureKind, cancelled},
    panic::guard,
    plan::{Arm, Block, Body, Condition, Next, Step, Target, Work},
    position::Position,
    result::pid,
    state::View,
};

/// The end of a block that did not fail.
#[derive(Debug)]
pub(super) struct BlockEnd {
    /// What it worked with.
    pub(super) view: View,
    /// The tasks that it goes on to, besides the fan-in: empty, one, or several after a fork.
    pub(super) goes_to: Vec<u32>,
}

/// Why a block failed, and how far it had come.
pub(super) struct BlockFailed {
    pub(super) failure: Box<Failure>,
    /// The nodes that were done.
    pub(super) finished: Vec<&'static str>,
    /// What it worked with.
    pub(super) view: View,
}

/// A block that runs.
pub(super) struct BlockRun<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) context: Context,
    pub(super) view: View,
    /// Where the block stands.
    position: &'a Position,
    block: &'static Block,
    visits: Visits,
    at: usize,
}

/// Where it goes on.
enum Onward {
    /// To a step of the block.
    Step(usize),
    /// Out of the block, to these tasks.
    Out(Vec<u32>),
}

impl<'a> BlockRun<'a> {
    pub(super) fn new(
        run: &'a Arc<Run>,
        context: Context,
        block: &'static Block,
        view: View,
        position: &'a Position,
    ) -> Self {
        Self { run, context, view, position, block, visits: Visits::new(block.steps.len()), at: 0 }
    }

    /// Runs it to its end.
    pub(super) fn run(mut self) -> Result<BlockEnd, BlockFailed> {
        match self.steps() {
            Ok(goes_to) => Ok(BlockEnd { view: self.view, goes_to }),
            Err(failure) => Err(BlockFailed { failure, finished: self.finished(), view: self.view }),
        }
    }

    /// Where the fan-out stands to which the block has come.
    pub(super) fn position(&self) -> Position {
        self.position.step(u32::try_from(self.at).unwrap_or(u32::MAX), self.visits.of(self.at))
    }

    fn steps(&mut self) -> Result<Vec<u32>, Box<Failure>> {
        let mut next = self.block.entry;
        loop {
            let at = match self.target(next)? {
                Onward::Step(at) => at,
                Onward::Out(goes_to) => return Ok(goes_to),
            };
            let step = &self.block.steps[at];
            // Results are there for the node that a fan-out leads to, and for no other.
            if !matches!(self.block.steps.get(self.at).map(|before| before.work), Some(Work::FanOut(_))) {
                self.view.clear_parallel_results();
            }
            self.enter(at, step)?;
            match step.work {
                Work::Run(body) => self.node(step, body)?,
                Work::Map(map) => items::run(self, map)?,
                Work::FanOut(region) => branches::run(self, region)?,
            }
            next = step.next;
        }
    }

    /// What comes next.
    fn target(&self, next: Next) -> Result<Onward, Box<Failure>> {
        let target = match next {
            Next::Go(target) => target,
            Next::Choose(arms) => self.choose(arms)?,
            Next::Fork(tasks) => return Ok(Onward::Out(tasks.to_vec())),
        };
        Ok(match target {
            Target::Step(step) => Onward::Step(step as usize),
            Target::End => Onward::Out(Vec::new()),
            Target::Task(task) => Onward::Out(vec![task]),
        })
    }

    /// The first arm whose condition holds.
    fn choose(&self, arms: &[Arm]) -> Result<Target, Box<Failure>> {
        for arm in arms {
            if arm.when.map_or(Ok(true), |when| self.holds(when).map_err(|failure| self.here(failure)))? {
                return Ok(arm.to);
            }
        }
        unreachable!("the last arm has no condition")
    }

    /// Whether a condition holds here.
    pub(super) fn holds(&self, when: Condition) -> Result<bool, Box<Failure>> {
        guard(|| when(&self.view, &self.context).map_err(Into::into)).flatten()
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
        let told = self.context.events.is_active().then(Instant::now);
        let (worker, pid) = (None, pid());
        let started = told.map(|started| {
            self.context.events.emit(|| Event::NodeStarted { scope, node, place, worker, pid, started });
            // What listeners took is not the node's.
            Instant::now()
        });
        let outcome = guard(|| body.run(&mut self.view, &self.context)).flatten();
        let outcome = outcome.map_err(|failure| failure.at(node, place));
        if let Some(started) = started {
            let (elapsed, failure) = (started.elapsed(), outcome.as_ref().err().map(|failure| &**failure));
            let ended = || Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure };
            self.context.events.emit(ended);
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
        let done = nodes.filter(|(step, _)| *step != self.at && self.visits.of(*step) > 0);
        done.map(|(_, step)| step.name).collect()
    }
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

    fn of(&self, at: usize) -> u64 {
        if self.counts.is_empty() { self.once >> at & 1 } else { self.counts[at] }
    }

    fn count(&mut self, at: usize, step: &Step) -> Result<(), Box<Failure>> {
        let before = self.of(at);
        if before > 0 && self.counts.is_empty() {
            self.counts = (0..64).map(|step| self.once >> step & 1).collect();
        }
        match self.counts.get_mut(at) {
            Some(count) => *count += 1,
            None => self.once |= 1 << at,
        }
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
