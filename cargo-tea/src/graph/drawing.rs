//! The drawing of a plan of the compiler.

use serde_json::{Map as Facts, Value, json};
use tea_build::{
    plan::{Action, Block, Code, KeyId, Map, Next, Output, Plan, Policy, Region, Run, Target, Task, Work},
    source::{Sources, Span},
    syntax::Strategy,
};
use tea_graph::{Arrow, Drawing, End, FanOut, Item, Node, Place, one_line, title};

/// What a plan looks like.
pub(super) fn drawing<'a>(plan: &'a Plan, sources: &'a Sources) -> Drawing<'a> {
    let called = |(number, called)| of(called, u32::try_from(number).ok(), &plan.called, sources);
    let called = plan.called.iter().enumerate().rev().map(called).collect();
    let mut drawing = of(plan, None, &plan.called, sources);
    drawing.called = called;
    drawing
}

fn of<'a>(plan: &'a Plan, number: Option<u32>, plans: &'a [Plan], sources: &'a Sources) -> Drawing<'a> {
    let mut drawing = Drawing::new(&plan.name.value, path(plan, sources), number);
    drawing.description = plan.description.as_deref();
    drawing.keys = keys(plan);
    let mut drawer = Drawer { plan, plans, sources, drawing };
    let frame = Frame { block: &plan.root, within: None };
    drawer.arrows_to(End::Start, &frame, &plan.root.entry);
    drawer.drawing.root = drawer.block(&frame);
    drawer.finally();
    drawer.drawing.in_order()
}

/// The path of a workflow's file.
fn path(plan: &Plan, sources: &Sources) -> String {
    sources.get(plan.name.span.file).path.display().to_string()
}

fn keys(plan: &Plan) -> Vec<Value> {
    let key = |key: &tea_build::plan::Key| {
        json!({
            "name": key.name.value,
            "type": key.ty.text.trim(),
            "input": key.input,
            "transient": key.transient,
            "optional": key.optional,
            "reduce": key.reduce.is_some(),
            "description": key.description,
        })
    };
    plan.keys.iter().map(key).collect()
}

/// Draws one workflow.
struct Drawer<'a> {
    plan: &'a Plan,
    /// Those that are called, by their numbers.
    plans: &'a [Plan],
    sources: &'a Sources,
    drawing: Drawing<'a>,
}

impl<'a> Drawer<'a> {
    /// What runs when the run ends: one node after the other, to which nothing leads.
    fn finally(&mut self) {
        let mut before = None;
        for step in self.plan.finally.iter().flat_map(|block| &block.steps) {
            let Work::Run(Run { action, .. }) = &step.work else { continue };
            let name = step.name.as_str();
            let reads = self.names(&reads(action.code()));
            let node = Node {
                name,
                place: self.locate(step.span),
                about: vec!["finally".to_owned()],
                is_several: false,
                facts: object(
                    json!({ "max_visits": step.max_visits, "reads": reads, "writes": [], "calls": null, "attempt": null, "map": null, "asks": false, "finally": true }),
                ),
                reads,
                writes: Vec::new(),
            };
            self.drawing.root.push(Item::Node(node));
            let arrow = |from| Arrow { from: End::Node(from), to: End::Node(name), label: String::new() };
            self.drawing.arrows.extend(before.map(arrow));
            before = Some(name);
        }
    }

    /// The line and column of a place.
    fn locate(&self, span: Span) -> Place {
        let place = self.sources.locate(span);
        Place { line: place.line, column: place.column }
    }

    fn names(&self, keys: &[KeyId]) -> Vec<&'a str> {
        keys.iter().map(|key| self.plan.keys[key.0 as usize].name.value.as_str()).collect()
    }

    fn block(&mut self, frame: &Frame<'a, '_>) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        for (index, step) in frame.block.steps.iter().enumerate() {
            let (mut work, mut attempt) = (&step.work, None);
            if let Work::FanOut(region) = work {
                let Some((task, [inner])) = region.attempt().map(|task| (task, &task.block.steps[..])) else {
                    items.push(Item::FanOut(self.fan_out(frame, index, &step.name, region)));
                    continue;
                };
                (work, attempt) = (&inner.work, Some(&task.policy));
            }
            let (map, action, reads, writes) = match work {
                Work::Run(Run { action, output }) => (None, action, reads(action.code()), written(output)),
                Work::Map(map) => {
                    let reads = reads(map.body.code().chain(map.items()));
                    let writes = map.output.iter().map(|output| output.key).chain(map.failures).collect();
                    (Some(&**map), &map.body, reads, writes)
                }
                Work::FanOut(_) => unreachable!("a node by itself is no fan-out"),
            };
            let number = match action {
                Action::Rust(_) | Action::Ask(_) => None,
                Action::Call(call) => Some(call.number),
            };
            self.drawing.calls.extend(number.and_then(|number| Some((&*step.name, u32::try_from(number).ok()?))));
            let calls = number.and_then(|number| self.plans.get(number));
            let reads = self.names(&reads);
            let writes = self.names(&writes);
            let asks = matches!(action, Action::Ask(_));
            let facts = json!({
                "max_visits": step.max_visits,
                "reads": reads,
                "writes": writes,
                "calls": calls.map(|plan| json!({ "name": plan.name.value, "file": path(plan, self.sources) })),
                "attempt": attempt.map(limits),
                "asks": asks,
                "finally": false,
                "map": map.map(|map| {
                    let mut settings = limits(&map.policy);
                    settings.insert("max_workers".to_owned(), map.max_workers.into());
                    settings.insert("fail_fast".to_owned(), map.fail_fast.into());
                    settings
                }),
            });
            items.push(Item::Node(Node {
                name: &step.name,
                place: self.locate(step.span),
                about: about(calls, map, attempt, asks),
                is_several: map.is_some() || calls.is_some(),
                reads,
                writes,
                facts: object(facts),
            }));
            self.arrows_to(End::Node(&step.name), frame, &step.next);
        }
        items
    }

    fn fan_out(&mut self, outer: &Frame<'a, '_>, step: usize, from: &'a str, region: &'a Region) -> FanOut<'a> {
        let mut items = Vec::new();
        for (task, branch) in region.tasks.iter().enumerate() {
            let frame = Frame { block: &branch.block, within: Some(Within { outer, step, region, task }) };
            items.extend(self.block(&frame));
        }
        let name = |task: &u32| Value::from(&*region.tasks[*task as usize].name);
        let branch = |task: &Task| {
            let mut branch = limits(&task.policy);
            branch.insert("name".to_owned(), (&*task.name).into());
            branch.insert("needs".to_owned(), task.needs.iter().map(name).collect());
            branch.insert("when".to_owned(), task.when.as_ref().map(|when| &*when.rust.text).into());
            branch
        };
        let facts = json!({
            "join": region.join,
            "max_workers": region.max_workers,
            "fail_fast": region.fail_fast,
            "branches": region.tasks.iter().map(branch).collect::<Vec<_>>(),
        });
        let (id, place, title, facts) = (region.id, self.locate(region.span), region_title(region), object(facts));
        FanOut { id, from, place, title, items, facts }
    }

    fn arrows_to(&mut self, from: End<'a>, frame: &Frame<'a, '_>, next: &'a Next) {
        let mut ends = Vec::new();
        frame.follow(next, &Labels::default(), &mut ends);
        let arrows = &mut self.drawing.arrows;
        let first = arrows.len();
        for (to, labels) in ends {
            let arrow = Arrow { from, to, label: labels.0.join(", ") };
            if !arrows[first..].contains(&arrow) {
                arrows.push(arrow);
            }
        }
    }
}

fn reads<'c>(code: impl Iterator<Item = &'c Code>) -> Vec<KeyId> {
    let mut reads: Vec<KeyId> = code.flat_map(|code| code.reads.iter().copied()).collect();
    reads.sort_unstable();
    reads.dedup();
    reads
}

fn written(output: &Output) -> Vec<KeyId> {
    match output {
        Output::None => Vec::new(),
        Output::One(key) => vec![*key],
        Output::Tuple(keys) => keys.clone(),
    }
}

/// What is written below the name of a node.
fn about(calls: Option<&Plan>, map: Option<&Map>, attempt: Option<&Policy>, asks: bool) -> Vec<String> {
    let calls = calls.map(|plan| format!("runs {}", plan.name.value));
    let settings = match (map, attempt) {
        (Some(map), _) => Some(title("each item", Some(map.policy.strategy.name()), map.max_workers, map.fail_fast)),
        (None, Some(policy)) => Some(title("by itself", Some(policy.strategy.name()), None, false)),
        (None, None) => None,
    };
    let asks = asks.then(|| "asks a person".to_owned());
    calls.into_iter().chain(settings).chain(asks).collect()
}

fn object(facts: Value) -> Facts<String, Value> {
    match facts {
        Value::Object(facts) => facts,
        _ => Facts::new(),
    }
}

/// The settings of a branch or map that differ from the defaults.
fn limits(policy: &Policy) -> Facts<String, Value> {
    let mut limits = Facts::new();
    let mut set = |name: &str, value: Option<Value>| {
        limits.extend(value.map(|value| (name.to_owned(), value)));
    };
    set("strategy", Some(policy.strategy.name().into()));
    set("timeout_seconds", policy.timeout.map(|timeout| timeout.as_secs_f64().into()));
    set("timeout_total_seconds", policy.timeout_total.map(|timeout| timeout.as_secs_f64().into()));
    set("memory_limit_bytes", policy.memory_limit.map(Into::into));
    let retries = policy.retry.as_ref().map(|retry| retry.max_retries).filter(|retries| *retries > 0);
    set("max_retries", retries.map(Into::into));
    set("allow_failure", policy.allow_failure.map(Into::into));
    limits
}

/// What is written next to an arrow: conditions, and the strategy if branches differ in it.
#[derive(Clone, Default)]
struct Labels(Vec<String>);

impl Labels {
    fn and(&self, label: Option<String>) -> Self {
        Self(self.0.iter().cloned().chain(label).collect())
    }
}

/// A block, and what it is part of: that decides where its end leads.
struct Frame<'a, 'f> {
    block: &'a Block,
    within: Option<Within<'a, 'f>>,
}

/// The branch that a block belongs to.
#[derive(Clone, Copy)]
struct Within<'a, 'f> {
    outer: &'f Frame<'a, 'f>,
    step: usize,
    region: &'a Region,
    task: usize,
}

type Ends<'a> = Vec<(End<'a>, Labels)>;

impl<'a> Frame<'a, '_> {
    /// The nodes that `next` leads to. A fan-out leads to the first nodes of its branches.
    fn follow(&self, next: &'a Next, labels: &Labels, ends: &mut Ends<'a>) {
        match next {
            Next::Go(target) => self.reach(*target, labels, ends),
            Next::Choose(arms) => {
                for arm in arms {
                    let text = arm.when.as_ref().map_or_else(|| "else".to_owned(), condition);
                    self.reach(arm.to, &labels.and(Some(text)), ends);
                }
            }
            Next::Fork(tasks) => {
                for task in tasks {
                    self.reach(Target::Task(*task), labels, ends);
                }
            }
        }
    }

    fn reach(&self, target: Target, labels: &Labels, ends: &mut Ends<'a>) {
        match (target, &self.within) {
            (Target::Step(index), _) => {
                let step = &self.block.steps[index as usize];
                match &step.work {
                    Work::Run(_) | Work::Map(_) => ends.push((End::Node(&step.name), labels.clone())),
                    Work::FanOut(region) if region.attempt().is_some() => {
                        ends.push((End::Node(&step.name), labels.clone()));
                    }
                    Work::FanOut(region) => self.enter(index as usize, region, labels, ends),
                }
            }
            (Target::Task(task), Some(within)) => within.sibling(task as usize, labels, ends),
            (Target::End, Some(within)) => within.leave(labels, ends),
            (Target::End | Target::Task(_), None) => ends.push((End::Finish, labels.clone())),
        }
    }

    fn enter(&self, step: usize, region: &'a Region, labels: &Labels, ends: &mut Ends<'a>) {
        let mixed = strategy(region).is_none();
        for (task, branch) in region.tasks.iter().enumerate().filter(|(_, branch)| branch.needs.is_empty()) {
            let when = branch.when.as_ref().map(condition);
            let strategy = mixed.then(|| branch.policy.strategy.name().to_owned());
            Within { outer: self, step, region, task }.sibling(task, &labels.and(when).and(strategy), ends);
        }
    }
}

impl<'a> Within<'a, '_> {
    fn sibling(self, task: usize, labels: &Labels, ends: &mut Ends<'a>) {
        let block = &self.region.tasks[task].block;
        Frame { block, within: Some(Within { task, ..self }) }.follow(&block.entry, labels, ends);
    }

    fn leave(self, labels: &Labels, ends: &mut Ends<'a>) {
        let needs_this = |task: &Task| task.needs.iter().any(|need| *need as usize == self.task);
        let mut followed = false;
        if self.region.dataflow {
            for (task, _) in self.region.tasks.iter().enumerate().filter(|(_, task)| needs_this(task)) {
                self.sibling(task, labels, ends);
                followed = true;
            }
        }
        if !followed {
            self.outer.follow(&self.outer.block.steps[self.step].next, labels, ends);
        }
    }
}

/// The strategy of all its branches, if they have the same.
fn strategy(region: &Region) -> Option<Strategy> {
    let first = region.tasks.first()?.policy.strategy;
    region.tasks.iter().all(|task| task.policy.strategy == first).then_some(first)
}

/// The title of a fan-out's box.
fn region_title(region: &Region) -> String {
    let strategy = strategy(region).map(Strategy::name);
    let title = title("parallel", strategy, region.max_workers, region.fail_fast);
    match region.join {
        None => title,
        Some(1) => format!("{title}, join: first"),
        Some(join) => format!("{title}, join: {join}"),
    }
}

fn condition(code: &Code) -> String {
    format!("if {}", one_line(&code.rust.text))
}
