//! Where in the language a position of a workflow file is, as far as that is clear from the lines: the file may be in the
//! middle of being written.

use serde_json::Value;

/// What may be written at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The entries that lead there from the top; `[]` stands for an item of a list.
    pub(super) path: Vec<String>,
    /// The entry whose value is at the position. `None`: the name of an entry is.
    pub(super) value_of: Option<String>,
}

/// The context of a byte offset.
pub(super) fn at(text: &str, offset: usize) -> Context {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &text[start..offset];
    let (mut column, mut item, content) = dashes(line);
    if content.is_empty() && line.trim().is_empty() && !item {
        column = line.len();
    }
    let mut path: Vec<String> = Vec::new();
    let (mut value_of, inner) = flow(content);
    if value_of.is_none()
        && inner.is_empty()
        && let Some(key) = key_of(content)
    {
        value_of = Some(key);
    }
    path.extend(inner.iter().rev().cloned());
    if item {
        path.push("[]".to_owned());
    }
    // From here up, each line that is indented less leads to this one.
    for line in text[..start].lines().rev().chain(std::iter::once("")) {
        let (own, is_item, content) = dashes(line);
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let dash = line.len() - trimmed.len();
        if is_item && own == column && !item {
            // The first entry of the item that this is another entry of.
            path.push("[]".to_owned());
            (column, item) = (dash, true);
        } else if own < column || item && own == column && !is_item {
            if let Some(key) = key_of(content) {
                path.push(key);
            }
            (column, item) = (own, false);
            if is_item {
                path.push("[]".to_owned());
                (column, item) = (dash, true);
            }
        }
        if column == 0 && !item {
            break;
        }
    }
    path.reverse();
    Context { path, value_of }
}

/// The column of a line's content after its dashes, whether there are any, and the content.
fn dashes(line: &str) -> (usize, bool, &str) {
    let mut rest = line.trim_start_matches(' ');
    let mut item = false;
    while let Some(after) = rest.strip_prefix("- ").or_else(|| (rest == "-").then_some("")) {
        item = true;
        rest = after.trim_start_matches(' ');
    }
    (line.len() - rest.len(), item, rest)
}

/// The key at the start of `content`, if there is one.
fn key_of(content: &str) -> Option<String> {
    let end = content.find(": ").or_else(|| content.trim_end().strip_suffix(':').map(str::len))?;
    let key = &content[..end];
    let is_key = !key.is_empty() && key.chars().all(|char| char == '_' || char.is_alphanumeric());
    is_key.then(|| key.to_owned())
}

/// Within brackets that are open at the end of `content`: the entry whose value comes next, and the entries that lead
/// there, outermost first.
fn flow(content: &str) -> (Option<String>, Vec<String>) {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut quote = None;
    // Where the current entry starts.
    let mut starts = vec![0];
    for (at, char) in content.char_indices() {
        match (quote, char) {
            (Some(open), char) if open == char => quote = None,
            (None, '"' | '\'') => quote = Some(char),
            (None, '{' | '[') => {
                open.push((char, at));
                starts.push(at + 1);
            }
            (None, '}' | ']') => {
                open.pop();
                if starts.len() > 1 {
                    starts.pop();
                }
            }
            (None, ',') => {
                if let Some(start) = starts.last_mut() {
                    *start = at + 1;
                }
            }
            _ => {}
        }
    }
    let mut path = Vec::new();
    for (index, (bracket, at)) in open.iter().enumerate() {
        let before = content[starts_before(content, &open, index)..*at].trim_start();
        path.extend(key_of(before));
        if *bracket == '[' {
            path.push("[]".to_owned());
        }
    }
    if open.is_empty() {
        return (None, path);
    }
    let entry = content[starts.last().copied().unwrap_or(0)..].trim_start();
    (key_of(entry), path)
}

/// Where the entry starts that the bracket of this index is the value of.
fn starts_before(content: &str, open: &[(char, usize)], index: usize) -> usize {
    let from = index.checked_sub(1).map_or(0, |outer| open[outer].1 + 1);
    let to = open[index].1;
    content[from..to].rfind(',').map_or(from, |comma| from + comma + 1)
}

/// The part of the schema that describes what is at `path`.
pub(super) fn schema<'s>(root: &'s Value, path: &[String]) -> Option<&'s Value> {
    let mut here = root;
    for name in path {
        here = step(root, here, name)?;
    }
    Some(resolve(root, here))
}

fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#'))) {
        Some(target) => target,
        None => schema,
    }
}

fn step<'s>(root: &'s Value, schema: &'s Value, name: &str) -> Option<&'s Value> {
    let schema = resolve(root, schema);
    let own = if name == "[]" {
        schema.get("items")
    } else {
        schema["properties"].get(name).or_else(|| schema.get("additionalProperties").filter(|more| more.is_object()))
    };
    let alternatives = schema["oneOf"].as_array();
    own.or_else(|| alternatives?.iter().find_map(|alternative| step(root, alternative, name)))
}

/// The entries that a mapping may have, each with its description.
pub(super) fn entries<'s>(root: &'s Value, schema: &'s Value) -> Vec<(&'s str, &'s Value)> {
    let schema = resolve(root, schema);
    if let Some(properties) = schema["properties"].as_object() {
        return properties.iter().map(|(name, value)| (name.as_str(), value)).collect();
    }
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    alternatives.flat_map(|alternative| entries(root, alternative)).collect()
}

/// The words that a value may be.
pub(super) fn words<'s>(root: &'s Value, schema: &'s Value) -> Vec<&'s str> {
    let schema = resolve(root, schema);
    let own = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let examples = schema["examples"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let boolean: &[&str] = if schema["type"] == "boolean" { &["true", "false"] } else { &[] };
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let inner = alternatives.chain(schema.get("items")).flat_map(|alternative| words(root, alternative));
    own.chain(examples).chain(boolean.iter().copied()).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(text: &str) -> (String, Option<String>) {
        let offset = text.find('^').unwrap();
        let Context { path, value_of } = at(&text.replace('^', ""), offset);
        (path.join("/"), value_of)
    }

    #[test]
    fn entries_of_block_mappings_and_items() {
        assert_eq!(context("na^"), (String::new(), None));
        assert_eq!(context("name: ^"), (String::new(), Some("name".into())));
        assert_eq!(context("nodes:\n  - na^"), ("nodes/[]".into(), None));
        assert_eq!(context("nodes:\n  - name: a\n    ^"), ("nodes/[]".into(), None));
        assert_eq!(context("nodes:\n- name: a\n  goto: ^"), ("nodes/[]".into(), Some("goto".into())));
        assert_eq!(context("settings:\n  parallel:\n    retry:\n      ^"), ("settings/parallel/retry".into(), None));
        assert_eq!(context("state_schema:\n  a: u8\n\n  b:\n    ty^"), ("state_schema/b".into(), None));
    }

    #[test]
    fn entries_in_brackets() {
        assert_eq!(context("edges:\n  - { from: a, to^"), ("edges/[]".into(), None));
        assert_eq!(context("edges:\n  - { from: a, to: ^"), ("edges/[]".into(), Some("to".into())));
        assert_eq!(context("edges:\n  - { from: a, to: [b, ^"), ("edges/[]/to/[]".into(), None));
        assert_eq!(context("state_schema:\n  a: { type: u8, in^"), ("state_schema/a".into(), None));
        assert_eq!(
            context("settings: { parallel: { strategy: ^"),
            ("settings/parallel".into(), Some("strategy".into()))
        );
    }
}
