//! What a run would do, and why, without doing it.

use std::collections::BTreeSet;

use super::{Onward, Records, Session, bytes, session};
use crate::{
    plan::{Next, Plan, Step, Target, Work},
    position::Position,
    state::{Value, View},
    store::{Folder, Kind, Recorder, StoreError},
};

/// What would become of a node outside of branches, or of a fan-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// The node; of a fan-out, the node that it starts from.
    pub node: &'static str,
    /// Whether it would run: its record does not hold, or it has none.
    pub runs: bool,
    /// Why.
    pub why: String,
}

/// What a run would do from where its records end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The run that would go on; `None` if a new one would begin.
    pub run: Option<String>,
    /// In the order in which they were done, and would be done as far as that is known.
    pub nodes: Vec<Prospect>,
}

/// What a run with these inputs would do.
///
/// # Errors
/// If the store cannot be read, or there is no such run.
pub(crate) fn outlook(plan: &'static Plan, inputs: &[(u32, Value)], session: &Session) -> Result<Outlook, StoreError> {
    let Some(asked) = &session.resume else { return Ok(all_run(plan, "no run is resumed")) };
    let folder = Folder::open(&session.state_dir)?;
    let run = session::find(plan, &folder, asked)?;
    let name = run.name.clone();
    if run.manifest()?.program != session::program(&session.state_dir)? {
        return Ok(all_run(plan, "the run was recorded by another build of this program"));
    }
    let recorder = Recorder::look(folder, run)?;
    let begun = session::begun(plan, &recorder, inputs)?;
    let since = if begun.changed.is_empty() { begun.since } else { recorder.before() };
    let changed = begun.changed.join(", ");
    let records = session::records(recorder, session.clone(), since, begun.retries_failures);
    let mut walk = Walk { plan, records: &records, since, nodes: Vec::new(), visits: vec![0; plan.root.steps.len()] };
    walk.run();
    let mut nodes = walk.nodes;
    if !changed.is_empty() {
        for node in &mut nodes {
            node.why.clone_from(&changed);
        }
    }
    Ok(Outlook { run: Some(name), nodes })
}

fn all_run(plan: &'static Plan, why: &str) -> Outlook {
    let prospect = |step: &Step| Prospect { node: step.name, runs: true, why: why.to_owned() };
    Outlook { run: None, nodes: plan.root.steps.iter().map(prospect).collect() }
}

/// The way through the root block as records tell it.
struct Walk<'a> {
    plan: &'static Plan,
    records: &'a Records,
    since: u64,
    nodes: Vec<Prospect>,
    visits: Vec<u64>,
}

impl Walk<'_> {
    fn run(&mut self) {
        let steps = self.plan.root.steps;
        let mut next = match self.plan.root.entry {
            Next::Go(target) => of(target),
            Next::Fork(_) => None,
            Next::Choose(_) => {
                let position = Position::ROOT.step(u32::try_from(steps.len()).unwrap_or(u32::MAX), 1);
                match self.records.step(&position, self.since) {
                    Some(found) => step_of(&found.onward),
                    None => return self.rest(self.plan.root.entry, "it is not known yet where the run starts"),
                }
            }
        };
        while let Some(at) = next {
            let Some(step) = steps.get(at) else { return };
            self.visits[at] += 1;
            let position = Position::ROOT.step(u32::try_from(at).unwrap_or(u32::MAX), self.visits[at]);
            let since = self.records.since_at(step.name, self.since);
            let from = std::mem::replace(&mut self.since, since) < since;
            let (runs, mut why, onward) = self.step(step, &position);
            if from && runs {
                "`--from` names it".clone_into(&mut why);
            }
            self.nodes.push(Prospect { node: step.name, runs, why });
            match onward {
                Some(onward) => next = step_of(&onward),
                None => return self.rest(step.next, "a node before it runs"),
            }
        }
    }

    /// What would become of a step, and what is known to follow it.
    fn step(&mut self, step: &'static Step, position: &Position) -> (bool, String, Option<Onward>) {
        let Some(found) = self.records.step(position, self.since) else {
            let exists = self.records.recorder.find(Kind::Step, &bytes(position)).is_some();
            let why = if exists { "its record is older than that of a node before it" } else { "it has no record" };
            return (true, format!("{why}{}", self.parts(step, position)), None);
        };
        self.since = found.after;
        let rerun = step.rerun.then(|| "it has `resume: rerun`".to_owned());
        match rerun.or_else(|| found.why_not(&View::new(self.plan.keys, self.plan.root.keys))) {
            // If it gives the same once more, what follows it is done.
            Some(why) => (true, why, Some(found.onward)),
            None => (false, "it is done".to_owned(), Some(found.onward)),
        }
    }

    /// How many of its branches or items are done.
    fn parts(&self, step: &Step, position: &Position) -> String {
        match step.work {
            Work::Run(_) => String::new(),
            Work::FanOut(region) => {
                let of = |task: usize| self.records.recorder.find(Kind::Branch, &bytes(&position.at_part(task as u64)));
                let done = (0..region.tasks.len()).filter_map(of).filter(|found| found.number >= self.since).count();
                format!("; {done} of its {} branches are done", region.tasks.len())
            }
            Work::Map(_) => {
                let items = self.records.recorder.items(Kind::Items, &bytes(position));
                let held = items.iter().filter(|done| done.found.number >= self.since);
                format!("; {} of its items are done", held.map(|done| done.count).sum::<u64>())
            }
        }
    }

    /// All that may follow, as far as it was not told.
    fn rest(&mut self, next: Next, why: &str) {
        let mut seen: BTreeSet<usize> =
            self.visits.iter().enumerate().filter(|(_, visits)| **visits > 0).map(|of| of.0).collect();
        let mut open = targets(next);
        let mut found = BTreeSet::new();
        while let Some(at) = open.pop() {
            if seen.insert(at) {
                found.insert(at);
                open.extend(self.plan.root.steps.get(at).map(|step| targets(step.next)).unwrap_or_default());
            }
        }
        let steps = found.into_iter().filter_map(|at| self.plan.root.steps.get(at));
        self.nodes.extend(steps.map(|step| Prospect { node: step.name, runs: true, why: why.to_owned() }));
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

fn targets(next: Next) -> Vec<usize> {
    match next {
        Next::Go(target) => of(target).into_iter().collect(),
        Next::Choose(arms) => arms.iter().filter_map(|arm| of(arm.to)).collect(),
        Next::Fork(_) => Vec::new(),
    }
}
