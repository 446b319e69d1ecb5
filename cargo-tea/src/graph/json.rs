//! JSON, for other programs.

use serde_json::{Map, Value, json};
use tea_build::{plan::Policy, source::LineColumn};

use super::drawing::{Drawing, End, Item};

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let mut whole = workflow(drawing);
    whole["description"] = drawing.plan.description.as_deref().into();
    whole["workflows"] = drawing.called.iter().map(workflow).collect();
    format!("{whole:#}\n")
}

fn workflow(drawing: &Drawing<'_>) -> Value {
    let plan = drawing.plan;
    let (mut nodes, mut fan_outs) = (Vec::new(), Vec::new());
    collect(drawing, &drawing.root, None, &mut nodes, &mut fan_outs);
    let keys: Vec<_> = plan
        .keys
        .iter()
        .map(|key| {
            json!({
                "name": key.name.value,
                "type": key.ty.text.trim(),
                "input": key.input,
                "transient": key.transient,
                "optional": key.optional,
                "reduce": key.reduce.is_some(),
                "description": key.description,
            })
        })
        .collect();
    let arrows: Vec<_> = drawing
        .arrows
        .iter()
        .map(|arrow| {
            let label = (!arrow.label.is_empty()).then_some(&*arrow.label);
            json!({ "from": end(arrow.from), "to": end(arrow.to), "label": label })
        })
        .collect();
    json!({
        "name": plan.name.value,
        "file": drawing.file,
        "keys": keys,
        "nodes": nodes,
        "fan_outs": fan_outs,
        "edges": arrows,
    })
}

fn collect(
    drawing: &Drawing<'_>,
    items: &[Item<'_>],
    within: Option<u32>,
    nodes: &mut Vec<Value>,
    fan_outs: &mut Vec<Value>,
) {
    for item in items {
        match item {
            Item::Node(node) => nodes.push(json!({
                "name": node.name,
                "place": place(node.place),
                "max_visits": node.max_visits,
                "fan_out": within,
                "reads": node.reads,
                "writes": node.writes,
                "calls": node.calls.map(|plan| json!({ "name": plan.name.value, "file": drawing.file_of(plan) })),
                "attempt": node.attempt.map(limits),
                "asks": node.asks,
                "finally": node.finally,
                "map": node.map.map(|map| {
                    let mut settings = limits(&map.policy);
                    settings.insert("max_workers".to_owned(), map.max_workers.into());
                    settings.insert("fail_fast".to_owned(), map.fail_fast.into());
                    settings
                }),
            })),
            Item::FanOut(fan_out) => {
                let region = fan_out.region;
                let name = |task: &u32| Value::from(&*region.tasks[*task as usize].name);
                let branches: Vec<_> = region
                    .tasks
                    .iter()
                    .map(|task| {
                        let mut branch = limits(&task.policy);
                        branch.insert("name".to_owned(), (&*task.name).into());
                        branch.insert("needs".to_owned(), task.needs.iter().map(name).collect());
                        branch.insert("when".to_owned(), task.when.as_ref().map(|when| &*when.rust.text).into());
                        branch
                    })
                    .collect();
                fan_outs.push(json!({
                    "id": region.id,
                    "from": fan_out.from,
                    "place": place(fan_out.place),
                    "within": within,
                    "join": region.join,
                    "max_workers": region.max_workers,
                    "fail_fast": region.fail_fast,
                    "branches": branches,
                }));
                collect(drawing, &fan_out.items, Some(region.id), nodes, fan_outs);
            }
        }
    }
}

/// The settings of a branch or map that differ from the defaults.
fn limits(policy: &Policy) -> Map<String, Value> {
    let mut limits = Map::new();
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

fn end(end: End<'_>) -> &str {
    match end {
        End::Start => "__start__",
        End::Node(name) => name,
        End::Finish => "__end__",
    }
}

fn place(place: LineColumn) -> Value {
    json!({ "line": place.line, "column": place.column })
}
