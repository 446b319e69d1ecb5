//! `graph`: the workflow as a drawing.
//!
//! A [`Drawing`] is made once from the plan and says what is drawn; each format says only how. Arrows go from node to
//! node as the workflow file has them: a fan-out is a box around its branches, not a node of its own.

mod dot;
mod json;
mod mermaid;

use std::collections::HashMap;

use crate::{
    plan::{Block, Map, Next, Place, Plan, Region, Subworkflow, Target, Task, Work},
    policy::{ParallelConfig, Strategy},
    state::KeySpec,
};

/// The language of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Mermaid,
    Dot,
    Json,
}

/// The formats by name, the default first.
pub(super) const FORMATS: &[(&str, Format)] =
    &[("mermaid", Format::Mermaid), ("dot", Format::Dot), ("json", Format::Json)];

/// Draws the workflow.
pub(super) fn draw(plan: &'static Plan, format: Format) -> String {
    let drawing = Drawing::of(plan);
    match format {
        Format::Mermaid => mermaid::render(&drawing),
        Format::Dot => dot::render(&drawing),
        Format::Json => json::render(&drawing, plan.description),
    }
}

/// What is drawn.
struct Drawing {
    name: &'static str,
    file: &'static str,
    keys: &'static [KeySpec],
    /// The number of the workflow, if others call it.
    number: Option<u32>,
    root: Vec<Item>,
    arrows: Vec<Arrow>,
    /// The numbers of the workflows that its nodes call, with the nodes.
    calls: Vec<(&'static str, u32)>,
    order: HashMap<&'static str, usize>,
    /// The workflows that are called, each before those that it calls itself.
    called: Vec<Drawing>,
}

/// What stands in the drawing or in a box of it.
enum Item {
    Node(DrawnNode),
    FanOut(FanOut),
}

/// A node of the workflow.
struct DrawnNode {
    name: &'static str,
    place: Place,
    max_visits: u64,
    map: Option<&'static Map>,
    /// The workflow that it calls.
    calls: Option<&'static Subworkflow>,
    /// Its settings, if it has some of its own.
    attempt: Option<&'static ParallelConfig>,
    /// It asks a person.
    asks: bool,
    /// It runs when the run ends.
    finally: bool,
}

impl DrawnNode {
    /// What is written below the name.
    fn about(&self) -> Vec<String> {
        let calls = self.calls.map(|workflow| format!("runs {}", workflow.name));
        let settings = match (self.map, self.attempt) {
            (Some(map), _) => Some(map_title(map)),
            (None, Some(config)) => Some(title("by itself", Some(config.strategy), None, false)),
            (None, None) => None,
        };
        let asks = self.asks.then(|| "asks a person".to_owned());
        let finally = self.finally.then(|| "finally".to_owned());
        calls.into_iter().chain(settings).chain(asks).chain(finally).collect()
    }
}

/// A box around the branches of a fan-out.
struct FanOut {
    from: &'static str,
    region: &'static Region,
    items: Vec<Item>,
}

/// From a node, or the start, to a node, or the end.
#[derive(Clone, PartialEq, Eq)]
struct Arrow {
    from: End,
    to: End,
    label: String,
}

/// One end of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Start,
    Node(&'static str),
    Finish,
}

impl Drawing {
    fn of(plan: &'static Plan) -> Self {
        let called = |of: &&'static Subworkflow| Self::new((of.name, of.file), of.keys, (of.root, &[]), Some(of.id));
        let called = plan.workflows.iter().rev().map(called).collect();
        Self { called, ..Self::new((plan.name, plan.file), plan.keys, (plan.root, plan.finally), None) }
    }

    fn new(
        (name, file): (&'static str, &'static str),
        keys: &'static [KeySpec],
        (block, finally): (&'static Block, &'static [&'static Block]),
        number: Option<u32>,
    ) -> Self {
        let (root, arrows, calls, order, called) = Default::default();
        let mut drawing = Self { name, file, keys, number, root, arrows, calls, order, called };
        let frame = Frame { block, within: None };
        drawing.arrows_to(End::Start, &frame, &block.entry);
        drawing.root = drawing.block(&frame);
        drawing.finally(finally);
        enumerate(&drawing.root, &mut drawing.order);
        drawing
    }

    /// What runs when the run ends: one node after the other, to which nothing leads.
    fn finally(&mut self, blocks: &'static [&'static Block]) {
        let mut before = None;
        for step in blocks.iter().flat_map(|block| block.steps) {
            let (name, place, max_visits) = (step.name, step.place, step.max_visits);
            let (map, calls, attempt) = (None, None, None);
            self.root.push(Item::Node(DrawnNode {
                name,
                place,
                max_visits,
                map,
                calls,
                attempt,
                asks: false,
                finally: true,
            }));
            let arrow = |from| Arrow { from: End::Node(from), to: End::Node(name), label: String::new() };
            self.arrows.extend(before.map(arrow));
            before = Some(name);
        }
    }

    /// Whether an arrow leads to a node that stands before the one it comes from.
    fn leads_back(&self, arrow: &Arrow) -> bool {
        match (arrow.from, arrow.to) {
            (End::Node(from), End::Node(to)) => self.order[to] <= self.order[from],
            _ => false,
        }
    }

    fn block(&mut self, frame: &Frame<'_>) -> Vec<Item> {
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
            self.calls.extend(calls.map(|workflow| (name, workflow.id)));
            items.push(Item::Node(DrawnNode { name, place, max_visits, map, calls, attempt, asks, finally: false }));
            self.arrows_to(End::Node(step.name), frame, &step.next);
        }
        items
    }

    fn fan_out(&mut self, outer: &Frame<'_>, step: usize, from: &'static str, region: &'static Region) -> FanOut {
        let mut items = Vec::new();
        for (task, branch) in region.tasks.iter().enumerate() {
            items
                .extend(self.block(&Frame { block: branch.block, within: Some(Within { outer, step, region, task }) }));
        }
        FanOut { from, region, items }
    }

    fn arrows_to(&mut self, from: End, frame: &Frame<'_>, next: &Next) {
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

/// The places of nodes in the order in which they are drawn.
fn enumerate(items: &[Item], order: &mut HashMap<&'static str, usize>) {
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
    fn follow(&self, next: &Next, labels: &Labels, ends: &mut Vec<(End, Labels)>) {
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

    fn reach(&self, target: Target, labels: &Labels, ends: &mut Vec<(End, Labels)>) {
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

    fn enter(&self, step: usize, region: &'static Region, labels: &Labels, ends: &mut Vec<(End, Labels)>) {
        let mixed = strategy(region).is_none();
        for (task, branch) in region.tasks.iter().enumerate().filter(|(_, branch)| branch.needs.is_empty()) {
            let when = branch.when.map(|_| format!("if {}", one_line(branch.when_text)));
            let strategy = mixed.then(|| strategy_name(branch.config.strategy).to_owned());
            Within { outer: self, step, region, task }.sibling(task, &labels.and(when).and(strategy), ends);
        }
    }
}

impl Within<'_> {
    fn sibling(self, task: usize, labels: &Labels, ends: &mut Vec<(End, Labels)>) {
        let block = self.region.tasks[task].block;
        Frame { block, within: Some(Within { task, ..self }) }.follow(&block.entry, labels, ends);
    }

    fn leave(self, labels: &Labels, ends: &mut Vec<(End, Labels)>) {
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
    let title = title("parallel", strategy(region), region.max_workers, region.fail_fast);
    match region.join {
        None => title,
        Some(1) => format!("{title}, join: first"),
        Some(join) => format!("{title}, join: {join}"),
    }
}

/// What is written under the name of a map.
fn map_title(map: &Map) -> String {
    title("each item", Some(map.config.strategy), map.max_workers, map.fail_fast)
}

fn title(what: &str, strategy: Option<Strategy>, max_workers: Option<u32>, fail_fast: bool) -> String {
    let parts = [
        Some(what.to_owned()),
        strategy.map(|strategy| strategy_name(strategy).to_owned()),
        max_workers.map(|max| format!("at most {max}")),
        fail_fast.then(|| "fail fast".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Rust on one line, and not too long for an arrow.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The settings of a branch or map that differ from the defaults, for JSON.
fn limits(config: &ParallelConfig) -> serde_json::Map<String, serde_json::Value> {
    let mut limits = serde_json::Map::new();
    let mut set = |name: &str, value: serde_json::Value| limits.insert(name.to_owned(), value);
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
mod tests {
    use super::*;
    use crate::program::sample::{DIAMOND, READ_QC};

    fn arrows(plan: &'static Plan) -> Vec<String> {
        let end = |end| match end {
            End::Start => "(",
            End::Node(name) => name,
            End::Finish => ")",
        };
        let arrow = |arrow: &Arrow| format!("{} -> {} [{}]", end(arrow.from), end(arrow.to), arrow.label);
        Drawing::of(plan).arrows.iter().map(arrow).collect()
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
            draw(&READ_QC, Format::Mermaid),
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
            draw(&DIAMOND, Format::Dot),
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
        let json: serde_json::Value = serde_json::from_str(&draw(&READ_QC, Format::Json)).unwrap();
        assert_eq!(json["fan_outs"][0]["branches"][0]["strategy"], "process");
        assert_eq!(json["fan_outs"][0]["branches"][1]["when"], "k > 3");
        assert_eq!(json["fan_outs"][1]["within"], 0);
        assert_eq!(json["nodes"][2]["fan_out"], 1);
        assert_eq!(json["edges"][1]["label"], "process");
        assert_eq!(json["keys"][0]["type"], "PathBuf");
        let diamond: serde_json::Value = serde_json::from_str(&draw(&DIAMOND, Format::Json)).unwrap();
        assert_eq!(diamond["fan_outs"][0]["branches"][2]["needs"], serde_json::json!(["a", "b"]));
    }
}
