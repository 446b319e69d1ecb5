//! Runs a block: its steps one after the other, with jumps. A block runs on one thread from start to end. When it
//! reaches a fan-out, that thread drives the fan-out.

use std::{sync::Arc, time::Instant};

use super::{
    Run,
    ask::Asking,
    branches,
    call::{CallSite, Recorded},
    items,
    records::{Done, MapDone, Name, Names, Onward, Records},
};
use crate::{
    context::{Context, Running},
    event::Event,
    failure::{Failure, FailureKind, cancelled},
    panic::guard,
    plan::{Arm, Block, Body, Call, CodeId, Condition, Next, Step, Target, Work},
    position::Position,
    result::pid,
    state::View,
    words::counted,
};

/// The result of a block that succeeded.
#[derive(Debug)]
pub(super) struct BlockEnd {
    /// The values that it worked with.
    pub(super) view: View,
    /// The tasks with which it continues, besides the fan-in: none, one, or several after a fork.
    pub(super) goes_to: Vec<u32>,
}

/// Why a block failed, and how far it got.
pub(super) struct BlockFailed {
    pub(super) failure: Box<Failure>,
    /// The nodes that were done.
    pub(super) finished: Vec<&'static str>,
    /// The values that it worked with.
    pub(super) view: View,
}

/// A running block.
pub(super) struct BlockRun<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) context: &'a mut Context,
    pub(super) view: View,
    /// The position of the block.
    position: &'a Position,
    block: &'static Block,
    visits: Visits,
    at: usize,
    /// The records of its steps; `None` if the run is not recorded, or the block is a branch that is recorded as a whole.
    records: Option<&'a Arc<Records>>,
    /// The names of what it works with, if it is recorded.
    pub(super) names: Names,
}

impl<'a> BlockRun<'a> {
    pub(super) fn new(
        run: &'a Arc<Run>,
        context: &'a mut Context,
        block: &'static Block,
        view: View,
        position: &'a Position,
        recorded: Option<(&'a Arc<Records>, Names)>,
    ) -> Self {
        let (records, names) = recorded.unzip();
        let (visits, names) = (Visits::new(block.steps.len()), names.unwrap_or_default());
        context.run = Some(Arc::clone(run) as Arc<dyn Running>);
        Self { run, context, view, position, block, visits, at: 0, records, names }
    }

    /// Runs the block to its end.
    pub(super) fn run(mut self) -> Result<BlockEnd, BlockFailed> {
        match self.steps() {
            Ok(goes_to) => Ok(BlockEnd { view: self.view, goes_to }),
            Err(failure) => Err(BlockFailed { failure, finished: self.finished(), view: self.view }),
        }
    }

    /// The position of the fan-out that the block has reached.
    pub(super) fn position(&self) -> Position {
        self.position.step(u32::try_from(self.at).unwrap_or(u32::MAX), self.visits.of(self.at))
    }

    /// The step that the block has reached.
    pub(super) fn step(&self) -> Option<&'static Step> {
        self.block.steps.get(self.at)
    }

    /// The identity of the code of the step that the block has reached.
    pub(super) fn code(&self) -> CodeId {
        self.block.steps.get(self.at).map_or(CodeId::UNKNOWN, |step| step.code)
    }

    /// The records of its steps, if these are recorded.
    pub(super) fn records(&self) -> Option<&'a Arc<Records>> {
        self.records
    }

    fn steps(&mut self) -> Result<Vec<u32>, Box<Failure>> {
        let mut onward = self.entry()?;
        loop {
            let at = match onward {
                Onward::Step(at) => at,
                Onward::Out(goes_to) => return Ok(goes_to),
            };
            let step = &self.block.steps[at];
            // Only the fan-in sees the results of a fan-out.
            if !matches!(self.block.steps.get(self.at).map(|before| before.work), Some(Work::FanOut(_))) {
                self.view.clear_parallel_results();
            }
            self.enter(at, step)?;
            onward = match self.records() {
                None => {
                    self.work(step)?;
                    self.target(step.next)?
                }
                Some(records) => self.recorded(step, records)?,
            };
            let is_root = std::ptr::eq(self.block, self.run.plan.root);
            if is_root && self.run.until() == Some(step.name) && matches!(onward, Onward::Step(_)) {
                let _ = self.run.stopped.set(self.finished().into_iter().chain([step.name]).collect());
                return Ok(Vec::new());
            }
        }
    }

    /// The first step.
    fn entry(&mut self) -> Result<Onward, Box<Failure>> {
        let Some(records) = self.records().filter(|_| matches!(self.block.entry, Next::Choose(_))) else {
            return self.target(self.block.entry);
        };
        // Like a step after all others.
        let position = self.position.step(u32::try_from(self.block.steps.len()).unwrap_or(u32::MAX), 1);
        let decided = self.decided(records, self.block.entry);
        let found = records.step(&position, &self.names).filter(|found| found.done.decided == decided);
        if let Some(found) = found.filter(|found| self.leads_on(&found.done.onward)) {
            return Ok(found.done.onward);
        }
        let onward = self.target(self.block.entry)?;
        let done = Done { asks: None, onward, decided, map: MapDone::default() };
        let (written, told) = ((Vec::new(), self.view.specs()), (&self.context.token, &self.context.events));
        records.step_done(&position, (None, done), written, &mut self.names, told)
    }

    /// Runs a step that may have a record. Afterwards, it has one.
    fn recorded(&mut self, step: &'static Step, records: &Arc<Records>) -> Result<Onward, Box<Failure>> {
        records.tell_failure(&self.context.events);
        let position = self.position();
        self.names.renewed |= records.renews(self.run.plan, step);
        let found = records.step(&position, &self.names).filter(|found| self.leads_on(&found.done.onward));
        let asks = (!matches!(step.work, Work::FanOut(_)))
            .then(|| records.asks(&[step.code], &self.names, step.reads, &self.view));
        self.context.reads = asks.map(|asks| records.read(asks, &[step.code]));
        // What conditions read that the node wrote is determined by what it read.
        let mut decided = self.decided(records, step.next);
        let valid = found.as_ref().filter(|found| found.done.asks == asks);
        let (mut journal, mut map, mut restored) = (Vec::new(), MapDone::default(), false);
        match step.work {
            Work::Run(_) | Work::Ask(_) | Work::Call(_) => {
                if let Some(valid) = valid.filter(|_| !step.rerun) {
                    let outcome = guard(|| valid.restore(&mut self.view, &mut self.names)).flatten();
                    restored = outcome.map_err(|failure| self.here(failure))?;
                }
                if !restored {
                    self.view.start_journal();
                    let outcome = self.node(step, Some(records));
                    journal = self.view.take_journal();
                    outcome?;
                }
            }
            Work::Map(work) => {
                map = items::run(self, work, asks, valid)?;
                map.outputs.iter().for_each(|(key, name)| self.names.write(self.view.specs(), *key, *name));
                decided = self.decided(records, step.next);
                restored = valid.is_some_and(|valid| valid.done.map == map);
            }
            Work::FanOut(region) => {
                branches::run(self, region)?;
                decided = self.decided(records, step.next);
                restored = valid.is_some();
            }
        }
        let valid = valid.filter(|_| restored);
        if let Some(valid) = valid.filter(|valid| valid.done.decided == decided) {
            return Ok(valid.done.onward.clone());
        }
        let onward = self.target(step.next)?;
        let (done, specs) = (Done { asks, onward, decided, map }, self.view.specs());
        let told = (&self.context.token, &self.context.events);
        let done = match valid {
            Some(valid) => records.redecided(&position, (valid, done), specs, told),
            None => records.step_done(&position, (found.as_ref(), done), (journal, specs), &mut self.names, told),
        };
        done.map_err(|failure| self.here(failure))
    }

    /// The name of what the conditions read that decide what comes next, if there are any.
    fn decided(&self, records: &Records, next: Next) -> Option<Name> {
        let Next::Choose(arms) = next else { return None };
        let reads: Vec<u32> = arms.iter().flat_map(|arm| arm.reads).copied().collect();
        let code: Vec<CodeId> = arms.iter().map(|arm| arm.code).collect();
        Some(records.asks(&code, &self.names, &reads, &self.view))
    }

    /// Whether the block can continue there from here.
    fn leads_on(&self, onward: &Onward) -> bool {
        !matches!(onward, Onward::Step(step) if *step >= self.block.steps.len())
    }

    /// Runs the work of a step.
    fn work(&mut self, step: &'static Step) -> Result<(), Box<Failure>> {
        match step.work {
            Work::Run(_) | Work::Ask(_) | Work::Call(_) => self.node(step, None),
            Work::Map(map) => items::run(self, map, None, None).map(drop),
            Work::FanOut(region) => branches::run(self, region),
        }
    }

    /// Decides what comes next.
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

    /// The first arm whose condition is true.
    fn choose(&self, arms: &[Arm]) -> Result<Target, Box<Failure>> {
        for arm in arms {
            if arm.when.map_or(Ok(true), |when| self.holds(when).map_err(|failure| self.here(failure)))? {
                return Ok(arm.to);
            }
        }
        unreachable!("the last arm has no condition")
    }

    /// Evaluates a condition.
    pub(super) fn holds(&self, when: Condition) -> Result<bool, Box<Failure>> {
        guard(|| when(&self.view, self.context).map_err(Into::into)).flatten()
    }

    /// Enters a step, unless it has been visited too often or the block is cancelled.
    fn enter(&mut self, at: usize, step: &Step) -> Result<(), Box<Failure>> {
        self.at = at;
        self.visits.count(at, step).map_err(|failure| failure.at(step.name, step.place))?;
        self.context.step = (at, self.visits.of(at));
        self.context.token.reason().map_or(Ok(()), |reason| Err(cancelled(reason).at(step.name, step.place)))
    }

    fn node(&mut self, step: &'static Step, recorded: Option<&Arc<Records>>) -> Result<(), Box<Failure>> {
        let asking;
        let body: &dyn Body = match step.work {
            Work::Run(body) => body,
            Work::Ask(ask) => {
                asking = Asking { run: self.run, ask };
                &asking
            }
            Work::Call(call) => call,
            Work::Map(_) | Work::FanOut(_) => return Ok(()),
        };
        self.context.node = step.name;
        if let Work::Call(Call { passed, .. }) = step.work {
            let (run, node, position) = (Arc::clone(self.run), Some(step.name), self.position());
            let recorded = recorded.map(|records| {
                let mut names = self.names.passed(passed, records, &self.view);
                names.renewed |= step.rerun;
                Arc::new(Recorded { records: Arc::clone(records), passed, names, position: position.clone() })
            });
            self.context.caller = Some(Arc::new(CallSite { run, node, position, recorded }));
        }
        let (scope, node, place) = (self.context.scope, self.context.shown(step.name), step.place);
        let node = &*node;
        let told = self.context.events.is_active().then(Instant::now);
        let (worker, pid) = (None, pid());
        let started = told.map(|started| {
            self.context.events.emit(|| Event::NodeStarted { scope, node, place, worker, pid, started });
            // The time of listeners does not count as that of the node.
            Instant::now()
        });
        let cache = if step.cached { self.run.cache() } else { None };
        let (view, context) = (&mut self.view, &*self.context);
        let mut cached = false;
        let outcome = match cache {
            None => guard(|| body.run(view, context)).flatten(),
            Some(cache) => guard(|| cache.run(step, body, view, context)).flatten().map(|taken| cached = taken),
        };
        let outcome = outcome.map_err(|failure| failure.at(step.name, place));
        if let Some(started) = started {
            let (elapsed, failure) = (started.elapsed(), outcome.as_ref().err().map(|failure| &**failure));
            let ended = || Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached };
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

    /// The nodes that were done when the block failed.
    fn finished(&self) -> Vec<&'static str> {
        let nodes = self.block.steps.iter().enumerate().filter(|(_, step)| !matches!(step.work, Work::FanOut(_)));
        let done = nodes.filter(|(step, _)| *step != self.at && self.visits.of(*step) > 0);
        done.map(|(_, step)| step.name).collect()
    }
}

/// `max_visits` of a node that has none in the workflow file.
const DEFAULT_MAX_VISITS: u64 = 10_000;

/// The number of visits of each step. A block without loops needs no counters.
struct Visits {
    /// The steps that were visited before the first jump back, for up to 64 steps.
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
        let times = counted(most, "time", "times");
        let message = if most == DEFAULT_MAX_VISITS {
            format!(
                "visited {times}, which is as often as a node may run if the workflow file does not say otherwise: if the \
                 loop does end, write `max_visits` with a larger number on the node"
            )
        } else {
            format!("visited {times}, which is its `max_visits`: the loop does not end")
        };
        Err(Box::new(Failure::new(FailureKind::Error, message)))
    }
}
