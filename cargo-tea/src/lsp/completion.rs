//! Completion: entries and their values, from the description that the schema is made from; names; keys in Rust.

use std::collections::BTreeSet;

use lsp_types::{CompletionItem, CompletionItemKind, Documentation};
use serde_json::Value;

use super::{
    context::{self, Context},
    document::Document,
    occurrences,
};

/// What may be written at an offset.
pub(super) fn complete(document: &Document, schema: &Value, offset: usize) -> Vec<CompletionItem> {
    let Context { mut path, value_of } = context::at(document.text(), offset);
    let Some(entry) = value_of.or_else(|| list_entry(&mut path)) else {
        return entries(schema, &path);
    };
    let at = context::schema(schema, &path);
    let in_keys = path.first().is_some_and(|section| section == "state_schema");
    match &*entry {
        "from" | "to" | "fan_in" | "goto" | "needs" => nodes(document),
        "output" | "failures" if !in_keys => keys(document),
        "run" | "items" | "if" | "when" => {
            let given = ["ctx", "parallel_results"].map(|name| item(name, CompletionItemKind::VARIABLE, None, None));
            keys(document).into_iter().chain(given).collect()
        }
        _ => {
            let value = at.and_then(|at| context::schema(schema, &path).filter(|_| at.is_object()));
            let value = value.and_then(|at| context::entries(schema, at).into_iter().find(|(name, _)| *name == entry));
            let words: BTreeSet<_> =
                value.map(|(_, value)| context::words(schema, value)).unwrap_or_default().into_iter().collect();
            words.into_iter().map(|word| item(word, CompletionItemKind::ENUM_MEMBER, None, None)).collect()
        }
    }
}

/// In a list of plain values, the entry that the list is the value of.
fn list_entry(path: &mut Vec<String>) -> Option<String> {
    match &path[..] {
        [.., entry, item] if item == "[]" && matches!(&**entry, "output" | "to" | "needs" | "retry_on") => {
            let entry = entry.clone();
            path.truncate(path.len() - 2);
            Some(entry)
        }
        _ => None,
    }
}

fn entries(schema: &Value, path: &[String]) -> Vec<CompletionItem> {
    let Some(at) = context::schema(schema, path) else { return Vec::new() };
    let of = |(name, value): (&str, &Value)| {
        let about = value["description"].as_str().map(str::to_owned);
        let mut item = item(name, CompletionItemKind::PROPERTY, None, about);
        item.insert_text = Some(format!("{name}: "));
        item
    };
    context::entries(schema, at).into_iter().map(of).collect()
}

fn nodes(document: &Document) -> Vec<CompletionItem> {
    let workflows = document.workflow.iter().flat_map(occurrences::workflows);
    let names = workflows.flat_map(|workflow| &workflow.nodes).map(|node| &*node.name.value);
    let all = names.filter(|name| !name.starts_with("__unnamed")).chain(["__start__", "__end__"]);
    all.map(|name| item(name, CompletionItemKind::FUNCTION, None, None)).collect()
}

fn keys(document: &Document) -> Vec<CompletionItem> {
    let keys = document.workflow.iter().flat_map(occurrences::workflows).flat_map(|workflow| &workflow.keys);
    keys.map(|key| {
        let ty = Some(key.ty.text.trim().to_owned());
        item(&key.name.value, CompletionItemKind::FIELD, ty, key.description.clone())
    })
    .collect()
}

fn item(label: &str, kind: CompletionItemKind, detail: Option<String>, about: Option<String>) -> CompletionItem {
    CompletionItem {
        label: label.to_owned(),
        kind: Some(kind),
        detail,
        documentation: about.map(Documentation::String),
        ..CompletionItem::default()
    }
}
