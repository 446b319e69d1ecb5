//! What is drawn: nodes, boxes around the branches of fan-outs, and arrows.
//!
//! Arrows go from node to node as in the workflow file: a fan-out is a box around its branches, and not a node itself.

use std::collections::HashMap;

use tea_build::{
    plan::{Action, Block, Code, KeyId, Map, Next, Output, Plan, Policy, Region, Run, Target, Task, Work},
    source::{LineColumn, Sources, Span},
    syntax::Strategy,
};

/// A drawing of a workflow.
pub(super) struct Drawing<'a> {
    /// The plan.
    pub(super) plan: &'a Plan,
    /// The number of the workflow, if others call it.
    pub(super) number: Option<u32>,
    /// The path of the workflow file.
    pub(super) file: String,
    /// What is outside of all boxes, in order.
    pub(super) root: Vec<Item<'a>>,
    /// The arrows, in the order of the nodes that they start from.
    pub(super) arrows: Vec<Arrow<'a>>,
    /// The nodes that call workflows, with the numbers of these.
    pub(super) calls: Vec<(&'a str, u32)>,
    /// The workflows that are called, each before those that it calls itself.
    pub(super) called: Vec<Drawing<'a>>,
    /// All of them, by their numbers.
    plans: &'a [Plan],
    order: HashMap<&'a str, usize>,
    sources: &'a Sources,
}

/// Part of a drawing, or of a box in it.
pub(super) enum Item<'a> {
    /// A node.
    Node(Node<'a>),
    /// A box.
    FanOut(FanOut<'a>),
}

/// A node of the workflow.
pub(super) struct Node<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Where it is in the file.
    pub(super) place: LineColumn,
    /// How often it may run.
    pub(super) max_visits: u64,
    /// The map, if it is one.
    pub(super) map: Option<&'a Map>,
    /// The workflow that it calls.
    pub(super) calls: Option<&'a Plan>,
    /// Its settings, if it has some of its own.
    pub(super) attempt: Option<&'a Policy>,
    /// The keys that it reads.
    pub(super) reads: Vec<&'a str>,
    /// The keys that it writes.
    pub(super) writes: Vec<&'a str>,
    /// It asks a person.
    pub(super) asks: bool,
    /// It runs when the run ends.
    pub(super) finally: bool,
}

impl Node<'_> {
    /// What is written below the name.
    pub(super) fn about(&self) -> Vec<String> {
        let calls = self.calls.map(|plan| format!("runs {}", plan.name.value));
        let settings = match (self.map, self.attempt) {
            (Some(map), _) => Some(title("each item", Some(map.policy.strategy), map.max_workers, map.fail_fast)),
            (None, Some(policy)) => Some(title("by itself", Some(policy.strategy), None, false)),
            (None, None) => None,
        };
        let asks = self.asks.then(|| "asks a person".to_owned());
        let finally = self.finally.then(|| "finally".to_owned());
        calls.into_iter().chain(settings).chain(asks).chain(finally).collect()
    }
}

/// A box around the branches of a fan-out.
pub(super) struct FanOut<'a> {
    /// The node that it starts from.
    pub(super) from: &'a str,
    /// Where it is in the file.
    pub(super) place: LineColumn,
    /// The fan-out.
    pub(super) region: &'a Region,
    /// What is inside of it.
    pub(super) items: Vec<Item<'a>>,
}

/// From a node, or the start, to a node, or the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrow<'a> {
    /// Where it starts.
    pub(super) from: End<'a>,
    /// Where it leads.
    pub(super) to: End<'a>,
    /// What is written next to it.
    pub(super) label: String,
}

/// One end of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum End<'a> {
    /// The start of the workflow.
    Start,
    /// A node.
    Node(&'a str),
    /// The end of the workflow.
    Finish,
}

impl<'a> Drawing<'a> {
    /// What a plan looks like.
    pub(super) fn new(plan: &'a Plan, sources: &'a Sources) -> Self {
        let called = |(number, called)| Self::of(called, u32::try_from(number).ok(), &plan.called, sources);
        let called = plan.called.iter().enumerate().rev().map(called).collect();
        Self { called, ..Self::of(plan, None, &plan.called, sources) }
    }

    fn of(plan: &'a Plan, number: Option<u32>, plans: &'a [Plan], sources: &'a Sources) -> Self {
        let file = sources.get(plan.name.span.file).path.display().to_string();
        let (root, arrows, calls, called, order) = Default::default();
        let mut drawing = Self { plan, number, file, root, arrows, calls, called, plans, order, sources };
        let frame = Frame { block: &plan.root, within: None };
        drawing.arrows_to(End::Start, &frame, &plan.root.entry);
        drawing.root = drawing.block(&frame);
        drawing.finally();
        enumerate(&drawing.root, &mut drawing.order);
        drawing
    }

    /// What runs when the run ends: one node after the other, to which nothing leads.
    fn finally(&mut self) {
        let mut before = None;
        for step in self.plan.finally.iter().flat_map(|block| &block.steps) {
            let Work::Run(Run { action, .. }) = &step.work else { continue };
            let name = step.name.as_str();
            self.root.push(Item::Node(Node {
                name,
                place: self.locate(step.span),
                max_visits: step.max_visits,
                map: None,
                calls: None,
                attempt: None,
                reads: self.names(&reads(action.code())),
                writes: Vec::new(),
                asks: false,
                finally: true,
            }));
            let arrow = |from| Arrow { from: End::Node(from), to: End::Node(name), label: String::new() };
            self.arrows.extend(before.map(arrow));
            before = Some(name);
        }
    }

    /// Whether an arrow leads to a node that comes before the one it starts from.
    pub(super) fn leads_back(&self, arrow: &Arrow<'_>) -> bool {
        match (arrow.from, arrow.to) {
            (End::Node(from), End::Node(to)) => self.order[to] <= self.order[from],
            _ => false,
        }
    }

    /// The path of a workflow's file.
    pub(super) fn file_of(&self, plan: &Plan) -> String {
        self.sources.get(plan.name.span.file).path.display().to_string()
    }

    /// The line and column of a place.
    fn locate(&self, span: Span) -> LineColumn {
        self.sources.locate(span)
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
            self.calls.extend(number.and_then(|number| Some((&*step.name, u32::try_from(number).ok()?))));
            let calls = number.and_then(|number| self.plans.get(number));
            items.push(Item::Node(Node {
                name: &step.name,
                place: self.locate(step.span),
                max_visits: step.max_visits,
                map,
                calls,
                attempt,
                reads: self.names(&reads),
                writes: self.names(&writes),
                asks: matches!(action, Action::Ask(_)),
                finally: false,
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
        FanOut { from, place: self.locate(region.span), region, items }
    }

    fn arrows_to(&mut self, from: End<'a>, frame: &Frame<'a, '_>, next: &'a Next) {
        let mut ends = Vec::new();
        frame.follow(next, &Labels::default(), &mut ends);
        let first = self.arrows.len();
        for (to, labels) in ends {
            let arrow = Arrow { from, to, label: labels.0.join(", ") };
            if !self.arrows[first..].contains(&arrow) {
                self.arrows.push(arrow);
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

/// Numbers the nodes in the order in which they are drawn.
fn enumerate<'a>(items: &[Item<'a>], order: &mut HashMap<&'a str, usize>) {
    for item in items {
        match item {
            Item::Node(node) => {
                let next = order.len();
                order.entry(node.name).or_insert(next);
            }
            Item::FanOut(fan_out) => enumerate(&fan_out.items, order),
        }
    }
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
pub(super) fn region_title(region: &Region) -> String {
    let title = title("parallel", strategy(region), region.max_workers, region.fail_fast);
    match region.join {
        None => title,
        Some(1) => format!("{title}, join: first"),
        Some(join) => format!("{title}, join: {join}"),
    }
}

fn title(what: &str, strategy: Option<Strategy>, max_workers: Option<u32>, fail_fast: bool) -> String {
    let parts = [
        Some(what.to_owned()),
        strategy.map(|strategy| strategy.name().to_owned()),
        max_workers.map(|max| format!("at most {max}")),
        fail_fast.then(|| "fail fast".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A condition on one line, and not too long for an arrow.
fn condition(code: &Code) -> String {
    const LONGEST: usize = 60;
    let line = code.rust.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("if {}…", &line[..end]),
        None => format!("if {line}"),
    }
}
