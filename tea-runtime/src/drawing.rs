//! The drawing of a plan of the runtime.

use serde_json::{Map as Facts, Value, json};
use tea_graph::{Arrow, Drawing, End, FanOut, Item, Node, one_line, title};

use crate::{
    plan::{Block, Map, Next, Place, Plan, Region, Subworkflow, Target, Task, Work},
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

/// What is written at an arrow: conditions, and the strategy where branches differ.
#[derive(Clone, Default)]
struct Labels(Vec<String>);

impl Labels {
    fn and(&self, label: Option<String>) -> Self {
        Self(self.0.iter().cloned().chain(label).collect())
    }
}

/// A block, and where it stands: what its end leads to.
struct Frame<'a> {
    block: &'static Block,
    within: Option<Within<'a>>,
}

/// Where a branch stands.
#[derive(Clone, Copy)]
struct Within<'a> {
    outer: &'a Frame<'a>,
    step: usize,
    region: &'static Region,
    task: usize,
}

impl Frame<'_> {
    /// The nodes that `next` leads to; fan-outs lead to the first nodes of their branches.
    fn follow(&self, next: &Next, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        match next {
            Next::Go(target) => self.reach(*target, labels, ends),
            Next::Choose(arms) => {
                for arm in *arms {
                    let text = arm.when.map_or_else(|| "else".to_owned(), |_| format!("if {}", one_line(arm.text)));
                    self.reach(arm.to, &labels.and(Some(text)), ends);
                }
            }
            Next::Fork(tasks) => {
                for task in *tasks {
                    self.reach(Target::Task(*task), labels, ends);
                }
            }
        }
    }

    fn reach(&self, target: Target, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        match (target, &self.within) {
            (Target::Step(index), _) => {
                let step = &self.block.steps[index as usize];
                match step.work {
                    Work::Run(_) | Work::Ask(_) | Work::Call(_) | Work::Map(_) => {
                        ends.push((End::Node(step.name), labels.clone()));
                    }
                    Work::FanOut(region) if region.attempt().is_some() => {
                        ends.push((End::Node(step.name), labels.clone()));
                    }
                    Work::FanOut(region) => self.enter(index as usize, region, labels, ends),
                }
            }
            (Target::Task(task), Some(within)) => within.sibling(task as usize, labels, ends),
            (Target::End, Some(within)) => within.leave(labels, ends),
            (Target::End | Target::Task(_), None) => ends.push((End::Finish, labels.clone())),
        }
    }

    fn enter(&self, step: usize, region: &'static Region, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        let mixed = strategy(region).is_none();
        for (task, branch) in region.tasks.iter().enumerate().filter(|(_, branch)| branch.needs.is_empty()) {
            let when = branch.when.map(|_| format!("if {}", one_line(branch.when_text)));
            let strategy = mixed.then(|| strategy_name(branch.config.strategy).to_owned());
            Within { outer: self, step, region, task }.sibling(task, &labels.and(when).and(strategy), ends);
        }
    }
}

impl Within<'_> {
    fn sibling(self, task: usize, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
        let block = self.region.tasks[task].block;
        Frame { block, within: Some(Within { task, ..self }) }.follow(&block.entry, labels, ends);
    }

    fn leave(self, labels: &Labels, ends: &mut Vec<(End<'static>, Labels)>) {
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

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests {
    use tea_graph::Format;

    use super::*;
    use crate::program::sample::{DIAMOND, READ_QC};

    fn end(end: End<'_>) -> &str {
        match end {
            End::Start => "(",
            End::Node(name) => name,
            End::Finish => ")",
        }
    }

    fn arrows(plan: &'static Plan) -> Vec<String> {
        let arrow = |arrow: &Arrow<'_>| format!("{} -> {} [{}]", end(arrow.from), end(arrow.to), arrow.label);
        drawing(plan).arrows.iter().map(arrow).collect()
    }

    #[test]
    fn arrows_lead_through_fan_outs_to_nodes() {
        assert_eq!(
            arrows(&READ_QC),
            [
                "( -> load []",
                "load -> count [process]",
                "load -> gc [if k > 3, thread]",
                "count -> left []",
                "count -> right []",
                "left -> sum []",
                "right -> sum []",
                "sum -> end []",
                "gc -> end []",
                "end -> load [if report.is_empty() && k < 31]",
                "end -> each [else]",
                "each -> ) []",
            ]
        );
    }

    #[test]
    fn needs_are_arrows() {
        assert_eq!(arrows(&DIAMOND), ["( -> a []", "( -> b []", "a -> c []", "b -> c []", "c -> d []", "d -> ) []"]);
    }

    #[test]
    fn mermaid() {
        assert_eq!(
            drawing(&READ_QC).render(Format::Mermaid),
            r#"flowchart TD
    start([start])
    load["load"]
    subgraph box1["parallel, at most 4, fail fast"]
        count["count"]
        subgraph box2["parallel, thread"]
            left["left"]
            right["right"]
        end
        sum["sum"]
        gc["gc"]
    end
    node_6["end"]
    each[["each<br/>each item, process, at most 8"]]
    finish([end])
    start --> load
    load -->|"process"| count
    load -->|"if k #gt; 3, thread"| gc
    count --> left
    count --> right
    left --> sum
    right --> sum
    sum --> node_6
    gc --> node_6
    node_6 -->|"if report.is_empty() #amp;#amp; k #lt; 31"| load
    node_6 -->|"else"| each
    each --> finish
"#
        );
    }

    #[test]
    fn dot() {
        assert_eq!(
            drawing(&DIAMOND).render(Format::Dot),
            r#"digraph "diamond" {
    node [shape=box, style=rounded, fontname="Helvetica"];
    edge [fontname="Helvetica", fontsize=10];
    start [shape=oval];
    subgraph cluster_1 {
        label="parallel, thread";
        style="rounded,dashed"; fontname="Helvetica"; fontsize=10;
        "n:a" [label="a"];
        "n:b" [label="b"];
        "n:c" [label="c"];
        "n:d" [label="d"];
    }
    end [shape=oval];
    start -> "n:a";
    start -> "n:b";
    "n:a" -> "n:c";
    "n:b" -> "n:c";
    "n:c" -> "n:d";
    "n:d" -> end;
}
"#
        );
    }

    #[test]
    fn json_has_the_settings_too() {
        let json: Value = serde_json::from_str(&drawing(&READ_QC).render(Format::Json)).unwrap();
        assert_eq!(json["fan_outs"][0]["branches"][0]["strategy"], "process");
        assert_eq!(json["fan_outs"][0]["branches"][1]["when"], "k > 3");
        assert_eq!(json["fan_outs"][1]["within"], 0);
        assert_eq!(json["nodes"][2]["fan_out"], 1);
        assert_eq!(json["edges"][1]["label"], "process");
        assert_eq!(json["keys"][0]["type"], "PathBuf");
        let diamond: Value = serde_json::from_str(&drawing(&DIAMOND).render(Format::Json)).unwrap();
        assert_eq!(diamond["fan_outs"][0]["branches"][2]["needs"], serde_json::json!(["a", "b"]));
    }
}
