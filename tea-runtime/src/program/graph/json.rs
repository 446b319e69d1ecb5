//! JSON, for other programs.

use serde_json::{Value, json};

use super::{Drawing, End, Item, limits};
use crate::plan::Place;

pub(super) fn render(drawing: &Drawing, description: &str) -> String {
    let mut whole = workflow(drawing);
    whole["description"] = description.into();
    whole["workflows"] = drawing.called.iter().map(workflow).collect();
    let mut text = serde_json::to_string_pretty(&whole).expect("plain JSON can be written");
    text.push('\n');
    text
}

fn workflow(drawing: &Drawing) -> Value {
    let (mut nodes, mut fan_outs) = (Vec::new(), Vec::new());
    collect(&drawing.root, None, &mut nodes, &mut fan_outs);
    let keys: Vec<_> = drawing
        .keys
        .iter()
        .map(|key| {
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
        "name": drawing.name,
        "file": drawing.file,
        "keys": keys,
        "nodes": nodes,
        "fan_outs": fan_outs,
        "edges": arrows,
    })
}

fn collect(items: &[Item], within: Option<u32>, nodes: &mut Vec<Value>, fan_outs: &mut Vec<Value>) {
    for item in items {
        match item {
            Item::Node(node) => nodes.push(json!({
                "name": node.name,
                "place": place(node.place),
                "max_visits": node.max_visits,
                "fan_out": within,
                "calls": node.calls.map(|workflow| json!({ "name": workflow.name, "file": workflow.file })),
                "attempt": node.attempt.map(limits),
                "asks": node.asks,
                "finally": node.finally,
                "map": node.map.map(|map| {
                    let mut map_json = limits(map.config);
                    map_json.insert("max_workers".to_owned(), map.max_workers.into());
                    map_json.insert("fail_fast".to_owned(), map.fail_fast.into());
                    map_json
                }),
            })),
            Item::FanOut(fan_out) => {
                let region = fan_out.region;
                let name = |task: &u32| region.tasks[*task as usize].name;
                let branches: Vec<_> = region
                    .tasks
                    .iter()
                    .map(|task| {
                        let mut branch = limits(task.config);
                        branch.insert("name".to_owned(), task.name.into());
                        branch.insert("needs".to_owned(), task.needs.iter().map(name).collect());
                        branch.insert("when".to_owned(), task.when.map(|_| task.when_text).into());
                        branch
                    })
                    .collect();
                fan_outs.push(json!({
                    "id": region.id,
                    "from": fan_out.from,
                    "place": place(region.place),
                    "within": within,
                    "join": region.join,
                    "max_workers": region.max_workers,
                    "fail_fast": region.fail_fast,
                    "branches": branches,
                }));
                collect(&fan_out.items, Some(region.id), nodes, fan_outs);
            }
        }
    }
}

fn end(end: End) -> &'static str {
    match end {
        End::Start => "__start__",
        End::Node(name) => name,
        End::Finish => "__end__",
    }
}

fn place(place: Place) -> Value {
    json!({ "line": place.line, "column": place.column })
}
