//! A fan-out of branches: a graph of tasks. Tasks start when what they need is done; what they wrote is joined in their
//! order, so that no result depends on timing.

mod base;
mod ends;
mod fallback;
mod graph;
mod join;
mod recording;
mod work;

use std::{borrow::Cow, sync::Arc, time::Instant};

use self::{
    base::Base,
    ends::{Ends, TaskEnd},
    graph::Ready,
    join::Join,
    recording::Recording,
};
pub(super) use self::{ends::summary, work::BranchWork};
use super::{
    Run,
    block::BlockRun,
    fan_out::{Driver, End, Next, Source, Start, Succeeded},
    records::BranchRecord,
    site::Site,
};
use crate::{
    cancel::CancelReason,
    context::Context,
    event::{Event, Scope},
    executor::{message::Pulled, outcome::Received, payload::Shared},
    failure::Failure,
    panic::guard,
    plan::Region,
    position::Position,
    result::ParallelFlowResult,
    store::RawRecord,
};

/// Runs a fan-out of `block`.
pub(super) fn run(block: &mut BlockRun<'_>, region: &'static Region) -> Result<(), Box<Failure>> {
    let (run, position, records) = (block.run, block.position(), block.records());
    let skipped = skipped(block, region, &position)?;
    let site = run.region(region);
    let recording = records.map(|records| Recording::new(records, region, block));
    let mut branches = Branches {
        run,
        region,
        shared: Arc::new(Shared::new(region)),
        site,
        context: block.context,
        position: position.clone(),
        recording,
        scopes: Vec::new(),
        base: Base::new(region, site, block.view.take_all()),
        ready: Ready::new(region, site, &skipped),
        join: Join::of(region),
        failure: None,
    };
    branches.restore_winners(&skipped);
    let driver = Driver::new(run, site, region.id, block.context, position);
    let outcome = driver.drive(&mut branches);
    let Branches { base, ready, recording, join, failure: own, .. } = branches;
    if let Some(recording) = recording {
        block.names = recording.join(region.keys);
    }
    let ends = ready.into_ends();
    if run.info.events.is_active() {
        for result in ends.skipped() {
            let branch = block.context.shown(&result.branch).into_owned().into();
            let result = &ParallelFlowResult { branch, ..result.clone() };
            run.info.events.emit(|| Event::BranchFinished { scope: run.info.events.scope(), result });
        }
    }
    let failure = match (join, region.join) {
        (Join::Missing(0), _) => None,
        (Join::Missing(_), Some(join)) => Some(ends.too_few(region, join)),
        _ => ends.failure(|index| site.config(index).allow_failure),
    };
    let failure = if region.attempt().is_some() { failure.map(ends::of_attempt) } else { failure };
    let failure = own.or(outcome.err().map(|refused| ends.refused(*refused))).or(failure);
    let joined = match failure {
        Some(failure) => {
            block.view = base.into_view();
            return Err(failure);
        }
        None => guard(|| base.join()),
    };
    let (view, outcome) = joined.unwrap_or_else(|panic| (run.empty_view(), Err(panic)));
    block.view = view;
    outcome?;
    block.view.set_parallel_results(move || ends.into_results());
    Ok(())
}

/// The tasks whose conditions do not hold, ascending.
fn skipped(block: &mut BlockRun<'_>, region: &'static Region, position: &Position) -> Result<Vec<usize>, Box<Failure>> {
    let records = block.records().filter(|_| region.tasks.iter().any(|task| task.when.is_some()));
    let records = records.map(|records| {
        let reads: Vec<u32> = region.tasks.iter().flat_map(|task| task.when_reads).copied().collect();
        (records, records.asks(&region.when_code(), &block.names, &reads, &block.view))
    });
    if let Some(skipped) = records.and_then(|(records, asks)| records.skipped(position, asks, &block.names)) {
        return Ok(skipped);
    }
    let mut skipped = Vec::new();
    for (index, task) in region.tasks.iter().enumerate() {
        let holds = task.when.map_or(Ok(true), |when| block.holds(when));
        if !holds.map_err(|failure| failure.at(task.name, task.place))? {
            skipped.push(index);
        }
    }
    if let Some((records, asks)) = records {
        records.entered(position, (asks, &skipped), &block.context.token, &block.context.events)?;
    }
    Ok(skipped)
}

/// A fan-out that runs.
struct Branches<'a> {
    run: &'a Arc<Run>,
    region: &'static Region,
    shared: Arc<Shared>,
    site: &'a Site,
    /// That of the block which the fan-out is a step of.
    context: &'a Context,
    position: Position,
    /// What is recorded, if the run is.
    recording: Option<Recording<'a>>,
    /// This run of each branch, in events, if there are any.
    scopes: Vec<Scope>,
    base: Base,
    ready: Ready,
    join: Join,
    /// Why the fan-out fails, whatever becomes of its branches.
    failure: Option<Box<Failure>>,
}

impl Source for Branches<'_> {
    /// A task.
    type Key = usize;

    fn next(&mut self, driver: &Driver<'_>) -> Next<usize> {
        loop {
            if self.ready.is_done() {
                return Next::Exhausted;
            }
            let Some(task) = self.ready.next() else { return Next::Wait };
            if self.join.is_enough() {
                self.not_needed(task, None);
                continue;
            }
            // It may follow from branches that have just ended.
            self.write_records(driver);
            if !driver.cancel().is_cancelled() && self.restore(task) {
                continue;
            }
            let scope = self.start(task);
            let view =
                if driver.cancel().is_cancelled() { Ok(self.run.empty_view()) } else { self.base.view(task, self.run) };
            match view {
                Ok(view) => {
                    let position = if self.region.tasks[task].block.is_by_steps() {
                        self.position.at_part(task as u64)
                    } else {
                        Position::ROOT
                    };
                    let recorded = self.recording.as_ref().filter(|_| !position.is_root());
                    let recorded = recorded.map(|recording| recording.of_steps(task));
                    let reads = self.recording.as_mut().map(|recording| recording.read(task));
                    let place = (position, reads);
                    let work = Box::new(BranchWork::new(self.run, &self.shared, task, view, place, recorded));
                    return Next::Start(Start { key: task, work, scope, part: task as u64 });
                }
                Err(failure) => {
                    let name = self.region.tasks[task].name;
                    let result = ParallelFlowResult { error: Some(failure), ..ParallelFlowResult::new(name) };
                    self.failed(driver, task, scope, result);
                }
            }
        }
    }

    fn index(&self, key: usize) -> usize {
        key
    }

    fn name(&self, key: usize) -> &'static str {
        self.region.tasks[key].name
    }

    fn label(&self, key: usize, _: usize) -> Cow<'static, str> {
        self.name(key).into()
    }

    fn scope(&self, key: usize) -> Scope {
        self.scopes.get(key).copied().unwrap_or(Scope::ROOT)
    }

    fn part_key(&self, key: usize, _: usize) -> usize {
        key
    }

    fn rest_key(&self, key: usize, _: usize) -> usize {
        key
    }

    fn ended(&mut self, driver: &Driver<'_>, key: usize, mut end: End) {
        if end.again > 0 {
            return;
        }
        self.starts_over(key);
        if let Some((_, result)) = end.failed.pop() {
            // What it worked with is dropped here, where the user's `Drop` may run.
            drop(guard(|| drop(end.work)));
            return self.failed(driver, key, end.scope, result);
        }
        if self.join.is_enough() {
            // It has succeeded too late.
            drop(guard(|| drop(end.work)));
            let result = end.succeeded.map(|succeeded| succeeded.into_end().into_result(&self.region.tasks[key]));
            return result.into_iter().for_each(|result| self.not_needed(key, Some((end.scope, result))));
        }
        let mut goes_to = Vec::new();
        if let Some(Ok(mut work)) = end.work.map(|work| work.into_any().downcast::<BranchWork>()) {
            match &end.succeeded {
                Some(Succeeded::Told(result)) => self.record(driver, key, Some(&work), &end.received, result),
                Some(Succeeded::Plain(elapsed)) if self.recording.is_some() => {
                    let result = TaskEnd::Plain(*elapsed).into_result(&self.region.tasks[key]);
                    self.record(driver, key, Some(&work), &end.received, &result);
                }
                _ => {}
            }
            goes_to = std::mem::take(&mut work.goes_to);
            self.base.keep(key, work.view.take_written());
            drop(guard(|| drop(work)));
        }
        let Some(succeeded) = end.succeeded else { return };
        self.end(key, end.scope, succeeded.into_end(), &goes_to);
        self.won(driver);
    }

    fn recorded(&mut self, driver: &Driver<'_>, key: usize, raw: RawRecord) {
        let Some(recording) = &mut self.recording else { return };
        let relayed = recording.relay(key, &self.position, raw, driver.outer);
        self.check(driver, relayed);
    }

    fn starts_over(&mut self, key: usize) {
        self.recording.iter().for_each(|recording| recording.forget(key, &self.position));
    }

    fn pulled(&mut self, _: Pulled) {}

    fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    fn started(&mut self, driver: &Driver<'_>) -> bool {
        self.write_records(driver);
        false
    }

    fn settle(&mut self, _: &Driver<'_>) {}

    fn settle_at(&self) -> Option<Instant> {
        None
    }

    fn give_up(&mut self, _: &Failure) {}
}

impl Branches<'_> {
    /// Takes a branch from its record, if it has one that holds.
    fn restore(&mut self, task: usize) -> bool {
        let Some(recording) = &mut self.recording else { return false };
        let is_needed = !self.join.is_enough();
        let record = recording.restore(task, &self.position, self.run, is_needed);
        let Some(BranchRecord { values, goes_to, result, .. }) = record else { return false };
        self.base.keep(task, values.into_iter());
        if result.success {
            self.join.count();
        }
        self.ready.end(task, TaskEnd::Told(Box::new(result)), &goes_to, self.site);
        true
    }

    /// Writes what is recorded of branches that have ended.
    fn write_records(&mut self, driver: &Driver<'_>) {
        if let Some(recording) = &mut self.recording {
            let flushed = recording.flush();
            self.check(driver, flushed);
        }
    }

    /// Records how a branch ended. It is written before anything that follows from it starts.
    fn record(
        &mut self,
        driver: &Driver<'_>,
        task: usize,
        work: Option<&BranchWork>,
        received: &[Received],
        result: &ParallelFlowResult,
    ) {
        let Some(recording) = &mut self.recording else { return };
        let recorded = recording.record(task, &self.position, work, received, result, driver.outer);
        self.check(driver, recorded);
    }

    /// Ends the fan-out if something could not be recorded, and the run must not continue without.
    fn check(&mut self, driver: &Driver<'_>, recorded: Result<(), Box<Failure>>) {
        if let Err(failure) = recorded {
            self.fails(driver, failure);
        }
    }

    /// Ends the fan-out.
    fn fails(&mut self, driver: &Driver<'_>, failure: Box<Failure>) {
        self.failure.get_or_insert(failure);
        driver.cancel().cancel_for(CancelReason::Sibling);
    }

    /// Tells that a branch starts.
    fn start(&mut self, task: usize) -> Scope {
        let events = &self.run.info.events;
        if !events.is_active() {
            return Scope::ROOT;
        }
        let scope = events.scope();
        self.scopes.resize(self.region.tasks.len(), Scope::ROOT);
        self.scopes[task] = scope;
        let name = self.context.shown(self.region.tasks[task].name);
        events.emit(|| Event::BranchStarted {
            scope,
            parent: self.context.scope,
            name: &name,
            place: self.region.tasks[task].place,
            strategy: self.run.strategy(self.site.config(task)),
        });
        scope
    }

    fn end(&mut self, task: usize, scope: Scope, end: TaskEnd, goes_to: &[u32]) {
        if let TaskEnd::Told(result) = &end {
            self.run.info.events.emit(|| Event::BranchFinished { scope, result });
        }
        self.ready.end(task, end, goes_to, self.site);
    }
}

impl Succeeded {
    fn into_end(self) -> TaskEnd {
        match self {
            Self::Told(result) => TaskEnd::Told(result),
            Self::Plain(elapsed) => TaskEnd::Plain(elapsed),
        }
    }
}

/// What became of all tasks.
impl Ends {
    /// The failure of a fan-out that could not be run at all.
    fn refused(&self, refused: Failure) -> Box<Failure> {
        match self.failure(|_| false) {
            Some(failure) => Box::new(Failure { kind: refused.kind, ..*failure }),
            None => Box::new(refused),
        }
    }
}
