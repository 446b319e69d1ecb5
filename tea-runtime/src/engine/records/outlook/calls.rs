//! What would become of items, and of the nodes of workflows that are called.

use std::sync::{Arc, Mutex};

use super::{Changed, Prospect, Walk};
use crate::{
    cancel::CancellationToken,
    context::{Caller, Context, Item, Place},
    engine::{
        records::{ItemRecords, Name, Names, StepRecord, hash},
        root,
    },
    event::{Events, Scope},
    failure::{Failure, FailureKind},
    map::Batch,
    panic::guard,
    plan::{Call, Map, Passed, RESULTS, Step, Subworkflow},
    position::Position,
    state::{Value, View},
    sync::lock,
};

/// How many items are looked into and told one by one.
const TOLD: usize = 20;

/// How many items are asked for at once.
const MANY: usize = 4096;

/// The inputs of a call, with their names.
type Inputs = (Vec<(u32, Value)>, Names);

impl Walk<'_> {
    /// What would become of a call that is not done, because of `why`. Outputs that stay as they are go to `kept`.
    pub(super) fn call(
        &self,
        step: &'static Step,
        call: &'static Call,
        position: &Position,
        why: String,
        kept: &mut Vec<u32>,
    ) -> Prospect {
        let mut names = self.names.passed(call.passed, self.records, &self.view);
        names.renewed |= step.rerun;
        let made = self.is_known(step.reads).then(|| {
            let context = self.context(step.name, position);
            guard(|| (call.inputs)(&self.view, &context).map_err(Into::into)).flatten()
        });
        let (inputs, failure) = match made.transpose() {
            Ok(inputs) => (inputs.unwrap_or_default(), None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        let names = names.for_call(call.passed, &inputs, None);
        let inner = self.inner(call.workflow, call.passed, (inputs, names), position, step.name);
        if inner.ends {
            let same = call.outputs.iter().filter(|(from, _)| !inner.changed.contains_key(from));
            kept.extend(same.map(|(_, to)| *to));
        }
        Prospect {
            runs: failure.is_some() || inner.nodes.iter().any(|node| node.runs),
            parts: inner.nodes,
            ..Prospect::running(step.name, with_failure(why, "with", failure.as_deref()))
        }
    }

    /// What would become of a map and its items.
    pub(super) fn map(
        &self,
        step: &'static Step,
        map: &'static Map,
        position: &Position,
        found: Option<&StepRecord>,
        asks: Name,
    ) -> Prospect {
        let in_place = map.spec.is_in_place();
        let of_items =
            if in_place { asks } else { self.records.asks(&[step.code], &self.names, map.reads, &self.view) };
        let done = self.records.items(position, of_items, &self.names);
        let count = done.as_ref().map_or(0, ItemRecords::count);
        let is_done = found.is_some_and(|found| found.done.asks == Some(asks) && found.done.map.items == count);
        // Files may have changed that belong to items of an expression.
        let may_differ = map.spec.has_paths() && !in_place;
        if is_done && !may_differ {
            return Prospect::done(step.name);
        }
        let why = match count {
            _ if is_done => "it is done, except for items whose files have changed".to_owned(),
            0 if found.is_none() && !self.names.renewed => "its items are not done".to_owned(),
            0 => self.why(found.is_some(), &[step.code], step.reads),
            count => format!("{count} of its items are done"),
        };
        let all = match self.items(step, map, position, done, &why) {
            Ok(Some(all)) => all,
            Ok(None) => return Prospect { runs: !is_done, ..Prospect::running(step.name, why) },
            Err(failure) => return Prospect::running(step.name, with_failure(why, "items", Some(&failure))),
        };
        let Items { total, open, parts } = all;
        if open == 0 && is_done {
            return Prospect::done(step.name);
        }
        let why = if count > 0 { format!("{} of its {total} items are done", total - open) } else { why };
        let more = (open > parts.len()).then(|| Prospect::running("…", format!("{} more items", open - parts.len())));
        Prospect { parts: parts.into_iter().chain(more).collect(), ..Prospect::running(step.name, why) }
    }

    /// The items of a map that are not done; `None` if it is not known which items it has. Fails if its `items` do.
    fn items(
        &self,
        step: &'static Step,
        map: &'static Map,
        position: &Position,
        mut done: Option<ItemRecords>,
        why: &str,
    ) -> Result<Option<Items>, Box<Failure>> {
        if !self.is_known(step.reads) {
            return Ok(None);
        }
        let mut context = self.context(map.name, position);
        let mut source = guard(|| map.spec.items(&self.view, &context).map_err(Into::into)).flatten()?;
        let names = self.names.passed(map.passed, self.records, &self.view);
        let captured = Arc::new(Captured { passed: map.passed, names, inputs: Mutex::default() });
        context.caller = Some(Arc::clone(&captured) as Arc<dyn Caller>);
        let (mut all, mut buffer) = (Items { total: 0, open: 0, parts: Vec::new() }, Vec::new());
        let is_new = done.is_some() && !map.spec.is_in_place();
        while let Some(batch) = guard(|| source.next(MANY))? {
            for at in 0..batch.len() {
                let index = batch.start() + at;
                all.total += 1;
                let is_done = done.as_mut().is_some_and(|done| {
                    if map.spec.is_in_place() {
                        return done.has(index);
                    }
                    hash(&*batch, at, &mut buffer).is_some_and(|hash| done.find(index, hash, !map.indexed))
                });
                if is_done {
                    continue;
                }
                all.open += 1;
                if all.parts.len() < TOLD {
                    let of = if !is_new {
                        why
                    } else if batch.paths(at).is_empty() {
                        "it is new"
                    } else {
                        "it is new, or its file has changed"
                    };
                    let label = batch.label(at).filter(|_| !self.specs.iter().any(|key| key.secret));
                    let of = label.map_or_else(|| of.to_owned(), |label| format!("{of} ({label})"));
                    let name = format!("{}[{index}]", map.name);
                    let part = position.at_part(index as u64);
                    let parts = map.workflow.map_or(Ok(Vec::new()), |workflow| {
                        self.item(workflow, &*batch, at, (&mut context, &captured), &part, &name)
                    });
                    all.parts.push(match parts {
                        Ok(parts) => Prospect { parts, ..Prospect::running(name, of) },
                        Err(failure) => Prospect::running(name, with_failure(of, "with", Some(&failure))),
                    });
                }
            }
        }
        Ok(Some(all))
    }

    /// What would become of the nodes of the workflow that an item calls. Fails if its `with` does.
    fn item(
        &self,
        workflow: &'static Subworkflow,
        batch: &dyn Batch,
        at: usize,
        (context, captured): (&mut Context, &Arc<Captured>),
        position: &Position,
        name: &str,
    ) -> Result<Vec<Prospect>, Box<Failure>> {
        let index = batch.start() + at;
        context.item = Some(Item { index, by_index: false, identity: None });
        // The call ends where it would begin.
        let ended = guard(|| batch.slice(at, 1).run(&self.view, context, 1).map_err(Into::into)).flatten();
        let inputs = match (lock(&captured.inputs).take(), ended) {
            (Some(inputs), _) => inputs,
            (None, Err(failure)) => return Err(failure),
            (None, Ok(())) => (Vec::new(), captured.names.clone()),
        };
        Ok(self.inner(workflow, captured.passed, inputs, position, name).nodes)
    }

    /// The way through a workflow that is called.
    fn inner<'a>(
        &'a self,
        workflow: &'static Subworkflow,
        passed: &'static [Passed],
        (inputs, names): Inputs,
        position: &'a Position,
        caller: &str,
    ) -> Walk<'a> {
        let mut changed = Changed::new();
        for of in passed {
            let of_reads = || of.reads.iter().find_map(|key| self.changed.get(key)).cloned();
            if let Some(why) = self.records.changes(self.plan, &[of.code]).or_else(of_reads) {
                changed.insert(of.key, why);
            }
        }
        let (keys, root) = (workflow.keys, workflow.root);
        let mut inner = Walk::new((self.plan, keys), self.records, root, position, names, changed);
        inner.view = root::view(keys, root.keys, inputs).unwrap_or(inner.view);
        inner.run();
        inner.nodes.iter_mut().for_each(|node| node.within(caller));
        inner
    }

    /// Whether the values that some Rust reads are known.
    pub(super) fn is_known(&self, reads: &[u32]) -> bool {
        let is_same = |key: &u32| !self.changed.contains_key(key) || self.given.contains(key);
        reads.iter().all(|key| *key != RESULTS && self.view.value(*key).is_some() && is_same(key))
    }

    fn context(&self, node: &'static str, position: &Position) -> Context {
        let origin = Arc::new(Place { run: self.records.run_id(), position: position.clone() });
        Context::new(Events::default(), node, Scope::ROOT, 1, CancellationToken::new(), origin)
    }
}

impl Prospect {
    /// Names it after what calls the workflow that it is in.
    fn within(&mut self, caller: &str) {
        if !self.fan_out {
            self.node = format!("{caller}/{}", self.node).into();
        }
        self.parts.iter_mut().for_each(|part| part.within(caller));
    }
}

/// Why something would run, and that its `items` or its `with` would fail then.
fn with_failure(why: String, of: &str, failure: Option<&Failure>) -> String {
    match failure {
        Some(failure) => {
            let fails = if failure.kind == FailureKind::Panic { "panics" } else { "fails" };
            format!("{why}, and its `{of}` {fails}: {}", failure.message)
        }
        None => why,
    }
}

/// Items of a map.
struct Items {
    total: usize,
    /// How many are not done.
    open: usize,
    /// The first of these.
    parts: Vec<Prospect>,
}

/// Takes what is passed to a workflow in place of running it.
struct Captured {
    passed: &'static [Passed],
    names: Names,
    inputs: Mutex<Option<Inputs>>,
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured").finish_non_exhaustive()
    }
}

impl Caller for Captured {
    fn call(&self, context: &Context, _: u32, inputs: Vec<(u32, Value)>) -> Result<View, Box<Failure>> {
        let names = self.names.for_call(self.passed, &inputs, context.item.as_ref());
        *lock(&self.inputs) = Some((inputs, names));
        Err(Box::new(Failure::new(FailureKind::Error, "nothing runs".to_owned())))
    }
}
