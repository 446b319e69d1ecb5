//! The drawing of a plan of the runtime.

mod arrows;

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;

use serde_json::{Map as Facts, Value, json};
use tea_graph::{Arrow, Drawing, End, FanOut, Item, Node, title};

use self::arrows::{Frame, Labels, Within};
use crate::{
    plan::{Block, Map, Next, Place, Plan, Region, Subworkflow, Task, Work},
    policy::{ParallelConfig, Strategy},
    state::KeySpec,
};

/// What a plan looks like.
pub(crate) fn drawing(plan: &'static Plan) -> Drawing<'static> {
    let called = |called: &&'static Subworkflow| {
        let (keys, blocks) = (called.keys, (called.root, &[][..]));
        of(Drawing::new(called.name, called.file.to_owned(), Some(called.id)), keys, blocks)
    };
    let called = plan.workflows.iter().rev().map(called).collect();
    let mut drawing = Drawing::new(plan.name, plan.file.to_owned(), None);
    drawing.description = Some(plan.description);
    let mut drawing = of(drawing, plan.keys, (plan.root, plan.finally));
    drawing.called = called;
    drawing
}

fn of(
    mut drawing: Drawing<'static>,
    keys: &[KeySpec],
    (block, finally): (&'static Block, &'static [&'static Block]),
) -> Drawing<'static> {
    drawing.keys = keys.iter().map(key).collect();
    let mut drawer = Drawer { drawing };
    let frame = Frame { block, within: None };
    drawer.arrows_to(End::Start, &frame, &block.entry);
    drawer.drawing.root = drawer.block(&frame);
    drawer.finally(finally);
    drawer.drawing.in_order()
}

fn key(key: &KeySpec) -> Value {
    json!({
        "name": key.name,
        "type": key.kind.name,
        "input": key.input,
        "output": key.output,
        "secret": key.secret,
        "transient": key.transient,
        "optional": key.optional,
        "reduce": key.reduce.is_some(),
        "description": key.description,
    })
}

/// Draws one workflow.
struct Drawer {
    drawing: Drawing<'static>,
}

impl Drawer {
    /// What runs when the run ends: one node after the other, to which nothing leads.
    fn finally(&mut self, blocks: &'static [&'static Block]) {
        let mut before = None;
        for step in blocks.iter().flat_map(|block| block.steps) {
            let (name, place, max_visits) = (step.name, step.place, step.max_visits);
            self.drawing.root.push(Item::Node(Node {
                about: vec!["finally".to_owned()],
                facts: object(json!({ "max_visits": max_visits, "calls": null, "attempt": null, "map": null, "asks": false, "finally": true })),
                ..plain(name, place)
            }));
            let arrow = |from| Arrow { from: End::Node(from), to: End::Node(name), label: String::new() };
            self.drawing.arrows.extend(before.map(arrow));
            before = Some(name);
        }
    }

    fn block(&mut self, frame: &Frame<'_>) -> Vec<Item<'static>> {
        let mut items = Vec::new();
        for (index, step) in frame.block.steps.iter().enumerate() {
            let (mut work, mut attempt) = (step.work, None);
            if let Work::FanOut(region) = work {
                let Some((task, [inner])) = region.attempt().map(|task| (task, task.block.steps)) else {
                    items.push(Item::FanOut(self.fan_out(frame, index, step.name, region)));
                    continue;
                };
                (work, attempt) = (inner.work, Some(task.config));
            }
            let (map, calls) = match work {
                Work::Run(_) | Work::Ask(_) | Work::FanOut(_) => (None, None),
                Work::Call(call) => (None, Some(call.workflow)),
                Work::Map(map) => (Some(map), map.workflow),
            };
            let (name, place, max_visits) = (step.name, step.place, step.max_visits);
            let asks = matches!(work, Work::Ask(_));
            self.drawing.calls.extend(calls.map(|workflow| (name, workflow.id)));
            let facts = json!({
                "max_visits": max_visits,
                "calls": calls.map(|workflow| json!({ "name": workflow.name, "file": workflow.file })),
                "attempt": attempt.map(limits),
                "asks": asks,
                "finally": false,
                "map": map.map(|map| {
                    let mut settings = limits(map.config);
                    settings.insert("max_workers".to_owned(), map.max_workers.into());
                    settings.insert("fail_fast".to_owned(), map.fail_fast.into());
                    settings
                }),
            });
            items.push(Item::Node(Node {
                about: about(calls, map, attempt, asks),
                is_several: map.is_some() || calls.is_some(),
                facts: object(facts),
                ..plain(name, place)
            }));
            self.arrows_to(End::Node(step.name), frame, &step.next);
        }
        items
    }

    fn fan_out(
        &mut self,
        outer: &Frame<'_>,
        step: usize,
        from: &'static str,
        region: &'static Region,
    ) -> FanOut<'static> {
        let mut items = Vec::new();
        for (task, branch) in region.tasks.iter().enumerate() {
            items
                .extend(self.block(&Frame { block: branch.block, within: Some(Within { outer, step, region, task }) }));
        }
        let name = |task: &u32| region.tasks[*task as usize].name;
        let branch = |task: &Task| {
            let mut branch = limits(task.config);
            branch.insert("name".to_owned(), task.name.into());
            branch.insert("needs".to_owned(), task.needs.iter().map(name).collect());
            branch.insert("when".to_owned(), task.when.map(|_| task.when_text).into());
            branch
        };
        let facts = object(json!({
            "join": region.join,
            "max_workers": region.max_workers,
            "fail_fast": region.fail_fast,
            "branches": region.tasks.iter().map(branch).collect::<Vec<_>>(),
        }));
        FanOut { id: region.id, from, place: place(region.place), title: region_title(region), items, facts }
    }

    fn arrows_to(&mut self, from: End<'static>, frame: &Frame<'_>, next: &Next) {
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

/// A node about which there is nothing more to say.
fn plain(name: &'static str, at: Place) -> Node<'static> {
    let (about, reads, writes, facts) = Default::default();
    Node { name, place: place(at), about, is_several: false, reads, writes, facts }
}

fn place(place: Place) -> tea_graph::Place {
    tea_graph::Place { line: place.line, column: place.column }
}

fn object(facts: Value) -> Facts<String, Value> {
    match facts {
        Value::Object(facts) => facts,
        _ => Facts::new(),
    }
}

/// What is written below the name of a node.
fn about(calls: Option<&Subworkflow>, map: Option<&Map>, attempt: Option<&ParallelConfig>, asks: bool) -> Vec<String> {
    let calls = calls.map(|workflow| format!("runs {}", workflow.name));
    let settings = match (map, attempt) {
        (Some(map), _) => {
            Some(title("each item", Some(strategy_name(map.config.strategy)), map.max_workers, map.fail_fast))
        }
        (None, Some(config)) => Some(title("by itself", Some(strategy_name(config.strategy)), None, false)),
        (None, None) => None,
    };
    let asks = asks.then(|| "asks a person".to_owned());
    calls.into_iter().chain(settings).chain(asks).collect()
}

/// The strategy of all its branches, if they have the same.
fn strategy(region: &Region) -> Option<Strategy> {
    let first = region.tasks.first()?.config.strategy;
    region.tasks.iter().all(|task| task.config.strategy == first).then_some(first)
}

fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Thread => "thread",
        Strategy::Process => "process",
        Strategy::Remote => "remote",
    }
}

/// What is written on the box of a fan-out.
fn region_title(region: &Region) -> String {
    let strategy = strategy(region).map(strategy_name);
    let title = title("parallel", strategy, region.max_workers, region.fail_fast);
    match region.join {
        None => title,
        Some(1) => format!("{title}, join: first"),
        Some(join) => format!("{title}, join: {join}"),
    }
}

/// The settings of a branch or map that differ from the defaults, for JSON.
fn limits(config: &ParallelConfig) -> Facts<String, Value> {
    let mut limits = Facts::new();
    let mut set = |name: &str, value: Value| limits.insert(name.to_owned(), value);
    set("strategy", strategy_name(config.strategy).into());
    if let Some(timeout) = config.timeout {
        set("timeout_seconds", timeout.as_secs_f64().into());
    }
    if let Some(timeout) = config.timeout_total {
        set("timeout_total_seconds", timeout.as_secs_f64().into());
    }
    if let Some(bytes) = config.memory_limit {
        set("memory_limit_bytes", bytes.into());
    }
    if config.retry.max_retries > 0 {
        set("max_retries", config.retry.max_retries.into());
    }
    if config.allow_failure {
        set("allow_failure", true.into());
    }
    limits
}
