//! What a run would do, and why, without doing it. Only what says what nodes are about to work on is evaluated, as far as a
//! resumed run would: `items`, and what is passed to workflows.

mod calls;
mod prospect;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use self::prospect::{Outlook, Prospect};
use super::{Name, Names, Onward, Records, Session, begun, build, key, program, session, step::Missing};
use crate::{
    engine::root,
    plan::{Block, CodeId, Next, Plan, RESULTS, Region, Step, Target, Task, Work},
    position::Position,
    result::ParallelFlowResult,
    state::{KeySpec, Value, View},
    store::{Folder, Kind, Recorder, StoreError},
};

/// What a run with these inputs would do.
///
/// # Errors
/// If the store cannot be read, or there is no such run.
pub(crate) fn outlook(plan: &'static Plan, inputs: &[(u32, Value)], session: &Session) -> Result<Outlook, StoreError> {
    let Some(asked) = &session.resume else { return Ok(all_run(plan, "no run is resumed")) };
    let folder = Folder::open(&session.state_dir)?;
    let run = session::find(plan, &folder, asked)?;
    let name = run.name.clone();
    let own = program(&session.state_dir)?;
    if let Err(why) = build::before(plan, &run.manifest()?, own) {
        return Ok(all_run(plan, &format!("no records of run `{name}` are reused: {why}")));
    }
    let recorder = Recorder::look(folder, run)?;
    let begun = begun::begun(plan, &recorder, inputs, own)?;
    let changed: BTreeMap<u32, String> = begun.changed.iter().cloned().collect();
    let values = inputs.iter().chain(&begun.kept).cloned().collect();
    let records = Arc::new(session::records(plan, recorder, session.clone(), inputs, begun));
    let mut walk = Walk::new((plan, plan.keys), &records, plan.root, &Position::ROOT, records.inputs(), changed);
    walk.view = root::view(plan.keys, plan.root.keys, values).unwrap_or(walk.view);
    walk.run();
    Ok(Outlook { run: Some(name), nodes: walk.nodes })
}

fn all_run(plan: &'static Plan, why: &str) -> Outlook {
    Outlook { run: None, nodes: plan.root.steps.iter().map(|step| Prospect::step(step, why)).collect() }
}

/// The way through a block according to the records.
struct Walk<'a> {
    plan: &'static Plan,
    /// The keys of the workflow that the block is in.
    specs: &'static [KeySpec],
    records: &'a Arc<Records>,
    block: &'static Block,
    position: &'a Position,
    names: Names,
    /// What is known of the values.
    view: View,
    /// Keys whose value is not, or may not be, as it was when the records were made, and why.
    changed: Changed,
    /// Those of them whose value is known now.
    given: BTreeSet<u32>,
    nodes: Vec<Prospect>,
    visits: Vec<u64>,
    /// Whether it is known how the block ends.
    ends: bool,
}

type Changed = BTreeMap<u32, String>;

impl<'a> Walk<'a> {
    fn new(
        (plan, specs): (&'static Plan, &'static [KeySpec]),
        records: &'a Arc<Records>,
        block: &'static Block,
        position: &'a Position,
        names: Names,
        changed: Changed,
    ) -> Self {
        let (view, visits, nodes) = (View::new(specs, block.keys), vec![0; block.steps.len()], Vec::new());
        let given = changed.keys().copied().collect();
        Self { plan, specs, records, block, position, names, view, changed, given, nodes, visits, ends: false }
    }

    fn run(&mut self) {
        let steps = self.block.steps;
        let mut next = match self.block.entry {
            Next::Go(target) => of(target),
            Next::Fork(_) => None,
            Next::Choose(_) => match self.records.step(&self.at(steps.len()), &self.names) {
                Some(found) if self.is_decided(self.block.entry) => step_of(&found.done.onward),
                _ => return self.rest(self.block.entry, "it is not known yet where the run starts"),
            },
        };
        let mut before = None;
        while let Some(at) = next {
            let Some(step) = steps.get(at) else { break };
            // Only the fan-in sees the results of a fan-out.
            if !matches!(before, Some(Work::FanOut(_))) {
                self.view.clear_parallel_results();
                self.changed.remove(&RESULTS);
            }
            before = Some(step.work);
            self.visits[at] += 1;
            let named = self.records.renews(self.plan, step);
            self.names.renewed |= named;
            let (mut prospect, onward) = self.step(step, &self.at(at));
            if named {
                "`--from` names it".clone_into(&mut prospect.why);
            }
            let runs = prospect.runs;
            self.nodes.push(prospect);
            match onward {
                Some(onward) => next = step_of(&onward),
                None => return self.rest(step.next, self.why_open(step.next, runs)),
            }
        }
        self.ends = true;
    }

    /// The position of a step at its present visit.
    fn at(&self, step: usize) -> Position {
        let visit = self.visits.get(step).copied().unwrap_or(1);
        self.position.step(u32::try_from(step).unwrap_or(u32::MAX), visit)
    }

    /// What would become of a step, and what is known to follow it.
    fn step(&mut self, step: &'static Step, position: &Position) -> (Prospect, Option<Onward>) {
        let found = self.records.step(position, &self.names);
        let code = [step.code];
        let asks = self.records.asks(&code, &self.names, step.reads, &self.view);
        let is_same = found.as_ref().is_some_and(|found| found.done.asks == Some(asks));
        let missing = found.as_ref().filter(|_| is_same).and_then(|found| found.missing(&self.view));
        let ran = match step.work {
            _ if matches!(step.work, Work::FanOut(_) | Work::Map(_)) => None,
            _ if step.rerun => Some("it has `resume: rerun`".to_owned()),
            _ if !is_same => Some(self.why(found.is_some(), &code, step.reads)),
            _ => missing.map(|missing| missing.to_string()),
        };
        // The outputs of a call that stay as they are.
        let mut kept = Vec::new();
        let prospect = match (step.work, ran) {
            (Work::FanOut(region), _) => self.fan_out(step.name, region, position, found.is_some()),
            (Work::Map(map), _) => self.map(step, map, position, found.as_ref(), asks),
            (Work::Call(call), Some(why)) => self.call(step, call, position, why, &mut kept),
            (Work::Run(_) | Work::Ask(_), Some(why)) => Prospect::running(step.name, why),
            (Work::Run(_) | Work::Ask(_) | Work::Call(_), None) => Prospect::done(step.name),
        };
        let prospect = Prospect { cached: step.cached && prospect.runs, ..prospect };
        let Some(found) = found else {
            // The branches of a fan-out say what it gave.
            let onward = of_next(step.next).filter(|_| !prospect.runs).map(Onward::Step);
            return (prospect, onward);
        };
        found.name(self.specs, &mut self.names);
        for (key, name) in &found.done.map.outputs {
            self.names.write(self.specs, *key, *name);
        }
        for (key, value) in found.known(self.specs) {
            self.view.set_if_there(key, value);
        }
        // If it gives the same once more, what follows it is done.
        let may_differ = !is_same || matches!(missing, Some(Missing::File(_)));
        let differs = prospect.runs && may_differ && !matches!(step.work, Work::FanOut(_));
        if differs {
            // Also what it did not write before.
            let writes: BTreeSet<u32> = found.keys().chain(step.writes.iter().copied()).collect();
            for key in writes.into_iter().filter(|key| !kept.contains(key)) {
                changes(&mut self.names, &mut self.changed, key, self.specs, step.name);
                self.given.remove(&key);
            }
        }
        let decides = matches!(step.next, Next::Choose(_));
        let known = !decides || (!differs && self.is_decided(step.next));
        (prospect, Some(found.done.onward).filter(|_| known))
    }

    /// What would become of a fan-out and its branches. If it is `joined`, those without a record were not started.
    fn fan_out(&mut self, name: &'static str, region: &'static Region, position: &Position, joined: bool) -> Prospect {
        let specs = self.specs;
        let when: Vec<u32> = region.tasks.iter().flat_map(|task| task.when_reads).copied().collect();
        let when = self.records.asks(&region.when_code(), &self.names, &when, &self.view);
        let decided = self.records.skipped(position, when, &self.names);
        let (undecided, skipped) = (decided.is_none(), decided.unwrap_or_default());
        // With `join`, those that succeeded may be enough.
        let succeeded = |(index, task): (usize, &'static Task)| {
            let reads = task.reads.iter().map(|read| (read.key, self.names.get(read.key)));
            let asks = self.records.asked(&[task.code], reads);
            let record = self.records.branch(&position.at_part(index as u64), task, specs, asks);
            record.is_some_and(|record| record.result.success)
        };
        let joined = region.join.map_or(joined, |join| {
            region.tasks.iter().enumerate().filter(|of| succeeded(*of)).count() >= join as usize
        });
        // What tasks read, with the writes of those before them, as far as they read these.
        let mut ends: Vec<Written> = Vec::new();
        let (mut parts, mut results) = (Vec::new(), Vec::new());
        for (index, task) in region.tasks.iter().enumerate() {
            let (mut names, mut changed) = (self.names.only(task.reads.iter().map(|read| read.key)), Changed::new());
            names.renewed |= task.needs.iter().any(|need| ends.get(*need as usize).is_some_and(|end| end.renewed));
            for read in task.reads {
                changed.extend(self.changed.get(&read.key).map(|why| (read.key, why.clone())));
                let writers = ends.iter().filter(|end| end.task.writes.iter().any(|write| write.key == read.key));
                for writer in writers.take(read.after as usize) {
                    writer.merge(read.key, specs, &mut names, &mut changed);
                }
            }
            let renewed = names.renewed || self.records.renews_within(self.plan, task.block);
            let at = position.at_part(index as u64);
            let asks = self.records.asked(&[task.code], task.reads.iter().map(|read| (read.key, names.get(read.key))));
            let record = self.records.branch(&at, task, specs, asks).filter(|_| !renewed);
            let had = self.records.log.find(Kind::Branch, &key(&at, None)).is_some();
            let needs_what_runs = task.needs.iter().any(|need| ends.get(*need as usize).is_some_and(|end| end.runs));
            // One that was not started may be now.
            let may_start = needs_what_runs || (undecided && task.when.is_some());
            let starts = skipped.binary_search(&index).is_err() && (had || !joined || may_start);
            let runs = record.is_none() && starts;
            if starts && !runs {
                parts.push(Prospect::done(task.name));
            } else if starts {
                let mut inner = Walk::new((self.plan, specs), self.records, task.block, &at, names, changed);
                for read in task.reads.iter().filter(|read| read.after == 0 && self.is_known(&[read.key])) {
                    if let Some(value) = self.view.value(read.key).cloned() {
                        inner.view.set_if_there(read.key, value);
                    }
                }
                let why = if may_start && !had && joined {
                    "a condition before it is not decided yet".to_owned()
                } else {
                    inner.why(had, &[task.code], &task.reads.iter().map(|read| read.key).collect::<Vec<_>>())
                };
                if task.block.is_by_steps() {
                    inner.run();
                }
                parts.push(Prospect { parts: inner.nodes, ..Prospect::running(task.name, why) });
            }
            results.push(match &record {
                Some(record) => record.result.clone(),
                None => ParallelFlowResult { skipped: true, ..ParallelFlowResult::new(task.name) },
            });
            ends.push(Written { task, names: record.map(|record| record.names).unwrap_or_default(), runs, renewed });
        }
        for end in &ends {
            for write in end.task.writes {
                end.merge(write.key, specs, &mut self.names, &mut self.changed);
                if end.runs {
                    self.given.remove(&write.key);
                }
            }
            self.names.renewed |= end.renewed && end.runs;
        }
        let done = parts.iter().filter(|part| !part.runs).count();
        if done < parts.len() {
            self.changed.insert(RESULTS, "it reads `parallel_results`, and a branch runs".to_owned());
        }
        self.view.set_parallel_results(move || results);
        if done == parts.len() {
            return Prospect { fan_out: true, parts, ..Prospect::done(name) };
        }
        let why = format!("{done} of its {} branches are done", parts.len());
        Prospect { fan_out: true, parts, ..Prospect::running(name, why) }
    }

    /// Why something that reads these keys would run, which was or was not done before.
    fn why(&self, was_done: bool, code: &[CodeId], reads: &[u32]) -> String {
        if self.names.renewed {
            return self.records.why_renewed().to_owned();
        }
        if !was_done {
            return "it has no record".to_owned();
        }
        if let Some(changes) = self.records.changes(self.plan, code) {
            return changes;
        }
        let mut changed = reads.iter().filter_map(|key| self.changed.get(key));
        changed.next().cloned().unwrap_or_else(|| "what it reads has changed".to_owned())
    }

    /// Why it is not known what follows a node that `runs`, or does not.
    fn why_open(&self, next: Next, runs: bool) -> &'static str {
        let code = conditions(next);
        if self.records.changes(self.plan, &code).is_some() {
            "a condition before it has changed"
        } else if runs {
            "a node before it runs"
        } else {
            "a condition before it is not decided yet"
        }
    }

    /// Whether the conditions of `next`, and what they read, are as they were.
    fn is_decided(&self, next: Next) -> bool {
        let Next::Choose(arms) = next else { return true };
        arms.iter().flat_map(|arm| arm.reads).all(|key| !self.changed.contains_key(key))
            && self.records.changes(self.plan, &conditions(next)).is_none()
    }

    /// All that may follow, as far as it was not told.
    fn rest(&mut self, next: Next, why: &str) {
        // In a loop, also what was visited before.
        let mut seen = BTreeSet::new();
        let mut open = targets(next);
        let mut found = BTreeSet::new();
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                found.insert(at);
                open.extend(self.block.steps.get(at).map(|step| targets(step.next)).unwrap_or_default());
            }
        }
        let steps = found.into_iter().filter_map(|at| self.block.steps.get(at));
        self.nodes.extend(steps.map(|step| Prospect::step(step, why)));
    }
}

/// What a branch writes.
struct Written {
    task: &'static Task,
    /// According to its record.
    names: Vec<(u32, Name)>,
    /// Whether it would run, so that it may write something else.
    runs: bool,
    renewed: bool,
}

impl Written {
    /// Applies what it writes to a key.
    fn merge(&self, key: u32, specs: &'static [KeySpec], names: &mut Names, changed: &mut Changed) {
        if self.runs {
            return changes(names, changed, key, specs, self.task.name);
        }
        let written = self.names.iter().find(|of| of.0 == key).zip(self.task.writes.iter().find(|of| of.key == key));
        match written {
            Some(((_, name), write)) if write.combine => names.write(specs, key, *name),
            Some(((_, name), _)) => names.set(key, *name),
            None => {}
        }
    }
}

/// Notes that `node` may give a key another value.
fn changes(names: &mut Names, changed: &mut Changed, key: u32, specs: &[KeySpec], node: &str) {
    names.set(key, Name::unknown());
    changed.insert(key, format!("it reads `{}`, which `{node}` writes again", specs[key as usize].name));
}

/// The identities of the conditions that decide what follows.
fn conditions(next: Next) -> Vec<CodeId> {
    match next {
        Next::Choose(arms) => arms.iter().map(|arm| arm.code).collect(),
        Next::Go(_) | Next::Fork(_) => Vec::new(),
    }
}

fn step_of(onward: &Onward) -> Option<usize> {
    match onward {
        Onward::Step(step) => Some(*step),
        Onward::Out(_) => None,
    }
}

fn of(target: Target) -> Option<usize> {
    match target {
        Target::Step(step) => Some(step as usize),
        Target::End | Target::Task(_) => None,
    }
}

/// The step that follows whatever the values are.
fn of_next(next: Next) -> Option<usize> {
    match next {
        Next::Go(target) => of(target),
        Next::Choose(_) | Next::Fork(_) => None,
    }
}

fn targets(next: Next) -> Vec<usize> {
    match next {
        Next::Go(target) => of(target).into_iter().collect(),
        Next::Choose(arms) => arms.iter().filter_map(|arm| of(arm.to)).collect(),
        Next::Fork(_) => Vec::new(),
    }
}
