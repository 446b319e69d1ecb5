//! Whether two files mean the same.

use granit_parser::ScalarStyle;
use serde_json::Value as Json;

use super::{
    pieces::Pieces,
    rust::{essence, same_tokens},
    tree::{File, Node, Value},
};
use crate::file::Compiled;

/// Whether formatting has kept what a file means: its YAML, and the plan that it compiles to. Rust may differ in what
/// `rustfmt` changes.
pub(super) fn same_meaning(before: &str, after: &str) -> Result<(), String> {
    let trees = [File::parse(before)?, File::parse(after)?];
    let pieces = [Pieces::find(before), Pieces::find(after)];
    let same = match (&trees[0].root, &trees[1].root) {
        (Some(a), Some(b)) => same_nodes(a, b, &pieces[0]),
        (None, None) => true,
        _ => false,
    };
    if !same {
        return Err("the YAML would mean something else".to_owned());
    }
    if trees[0].comments.len() != trees[1].comments.len() {
        return Err("a comment would be lost".to_owned());
    }
    let plans = [before, after].map(plan);
    if plans[0] == plans[1] { Ok(()) } else { Err("the plan would be another".to_owned()) }
}

fn same_nodes(a: &Node<'_>, b: &Node<'_>, pieces: &Pieces) -> bool {
    if a.properties != b.properties {
        return false;
    }
    match (&a.value, &b.value) {
        (Value::Scalar(text, style), Value::Scalar(other, other_style)) => {
            let quotes = usize::from(matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
            let is_rust = pieces.kind(a.range.start + quotes, text).is_some();
            let is_null =
                |text: &str, style| style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
            is_null(text, *style) == is_null(other, *other_style)
                && (text == other || is_rust && same_tokens(text, other))
        }
        (Value::Alias(a), Value::Alias(b)) => a == b,
        (Value::List { items: a, .. }, Value::List { items: b, .. }) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_nodes(a, b, pieces))
        }
        (Value::Map { entries: a, .. }, Value::Map { entries: b, .. }) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| same_nodes(&a.0, &b.0, pieces) && same_nodes(&a.1, &b.1, pieces))
        }
        _ => false,
    }
}

/// The plan of a file, if it has no errors, without what `rustfmt` changes in Rust.
fn plan(text: &str) -> Option<Json> {
    let compiled = Compiled::new("".as_ref(), text.as_bytes().to_vec());
    let mut plan = compiled.plan.as_ref()?.to_json();
    reduce(&mut plan);
    Some(plan)
}

fn reduce(value: &mut Json) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                match value {
                    Json::String(text) if matches!(&**name, "rust" | "type") => {
                        *value = essence(text).map_or(Json::Null, Json::from);
                    }
                    value => reduce(value),
                }
            }
        }
        Json::Array(values) => values.iter_mut().for_each(reduce),
        _ => {}
    }
}
