//! JSON, for other programs.

use serde_json::{Value, json};

use super::{Drawing, End, Item, Place};

pub(super) fn render(drawing: &Drawing<'_>) -> String {
    let mut whole = workflow(drawing);
    whole["description"] = drawing.description.into();
    whole["workflows"] = drawing.called.iter().map(workflow).collect();
    format!("{whole:#}\n")
}

fn workflow(drawing: &Drawing<'_>) -> Value {
    let (mut nodes, mut fan_outs) = (Vec::new(), Vec::new());
    collect(&drawing.root, None, &mut nodes, &mut fan_outs);
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
        "keys": drawing.keys,
        "nodes": nodes,
        "fan_outs": fan_outs,
        "edges": arrows,
    })
}

fn collect(items: &[Item<'_>], within: Option<u32>, nodes: &mut Vec<Value>, fan_outs: &mut Vec<Value>) {
    for item in items {
        match item {
            Item::Node(node) => {
                let mut facts = node.facts.clone();
                facts.insert("name".to_owned(), node.name.into());
                facts.insert("place".to_owned(), place(node.place));
                facts.insert("fan_out".to_owned(), within.into());
                nodes.push(facts.into());
            }
            Item::FanOut(fan_out) => {
                let mut facts = fan_out.facts.clone();
                facts.insert("id".to_owned(), fan_out.id.into());
                facts.insert("from".to_owned(), fan_out.from.into());
                facts.insert("place".to_owned(), place(fan_out.place));
                facts.insert("within".to_owned(), within.into());
                fan_outs.push(facts.into());
                collect(&fan_out.items, Some(fan_out.id), nodes, fan_outs);
            }
        }
    }
}

fn end(end: End<'_>) -> &str {
    match end {
        End::Start => "__start__",
        End::Node(name) => name,
        End::Finish => "__end__",
    }
}

fn place(place: Place) -> Value {
    json!({ "line": place.line, "column": place.column })
}
