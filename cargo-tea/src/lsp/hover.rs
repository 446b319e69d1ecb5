//! Hover: what a key, a node or an entry is.

use std::fmt::Write;

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};
use serde_json::Value;
use tea_build::{
    plan::{Block, Plan, Policy, Task, Work},
    source::Span,
    syntax::{Strategy, Workflow},
};

use super::{
    context,
    document::Document,
    occurrences::{self, Kind, Occurrence, Role},
};

/// What there is to say about what is at `offset`.
pub(super) fn hover(document: &Document, schema: &Value, offset: usize) -> Option<Hover> {
    if let Some(workflow) = &document.workflow {
        let all = occurrences::all(workflow);
        if let Some(name) = occurrences::at(&all, offset) {
            let text = match name.kind {
                Kind::Key => key(document, workflow, &all, name)?,
                Kind::Node => node(document, workflow, &all, name),
            };
            return Some(markdown(document, text, Some(name.span)));
        }
    }
    entry(document, schema, offset)
}

fn markdown(document: &Document, value: String, span: Option<Span>) -> Hover {
    Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: span.map(|span| document.range(span)),
    }
}

fn key(document: &Document, workflow: &Workflow, all: &[Occurrence<'_>], name: &Occurrence<'_>) -> Option<String> {
    let workflow = *occurrences::workflows(workflow).get(name.workflow)?;
    let all: Vec<_> = all.iter().filter(|other| other.workflow == name.workflow).collect();
    let key = workflow.keys.iter().find(|key| key.name.value == name.text)?;
    let mut text = format!("```rust\n{}: {}\n```\n", name.text, key.ty.text.trim());
    if let Some(description) = &key.description {
        _ = writeln!(text, "{description}\n");
    }
    let nodes = |role| {
        let uses = all.iter().filter(|other| other.kind == Kind::Key && other.text == name.text && other.role == role);
        let mut nodes: Vec<_> =
            uses.filter_map(|other| Some(format!("`{}`", workflow.nodes[other.node?].name.value))).collect();
        nodes.dedup();
        nodes.join(", ")
    };
    if key.input.is_some() {
        _ = writeln!(text, "- supplied by the caller");
    }
    for (what, role) in [("written by", Role::Writes), ("read by", Role::Reads)] {
        let nodes = nodes(role);
        if !nodes.is_empty() {
            _ = writeln!(text, "- {what} {nodes}");
        }
    }
    let plan = planned(document, workflow);
    let planned = plan.and_then(|plan| plan.keys.iter().find(|key| key.name.value == name.text));
    if let Some(key) = planned {
        _ = writeln!(
            text,
            "- {}",
            if key.always_set { "set on every path to the end" } else { "not set on every path to the end" }
        );
        if !key.crosses.is_empty() {
            _ = writeln!(text, "- sent to worker processes, so its type must be `Serialize` and `Deserialize`");
        }
    }
    Some(text)
}

/// The plan of a workflow of the document.
fn planned<'d>(document: &'d Document, workflow: &Workflow) -> Option<&'d Plan> {
    let root = document.plan.as_ref()?;
    std::iter::once(root).chain(&root.called).find(|plan| plan.name.span == workflow.name.span)
}

fn node(document: &Document, workflow: &Workflow, all: &[Occurrence<'_>], name: &Occurrence<'_>) -> String {
    let mut text = format!("node `{}`\n\n", name.text);
    let all: Vec<_> = all.iter().filter(|other| other.workflow == name.workflow).collect();
    let index =
        all.iter().find(|other| other.kind == Kind::Node && other.role == Role::Declares && other.text == name.text);
    if let Some(index) = index.and_then(|name| name.node) {
        for (what, role) in [("reads", Role::Reads), ("writes", Role::Writes)] {
            let of =
                all.iter().filter(|other| other.node == Some(index) && other.kind == Kind::Key && other.role == role);
            let mut keys: Vec<_> = of.map(|other| format!("`{}`", other.text)).collect();
            keys.sort_unstable();
            keys.dedup();
            if !keys.is_empty() {
                _ = writeln!(text, "- {what} {}", keys.join(", "));
            }
        }
    }
    let workflows = occurrences::workflows(workflow);
    if let Some(plan) = workflows.get(name.workflow).and_then(|workflow| planned(document, workflow)) {
        runs(plan, &plan.root, None, name.text, &mut text);
    }
    text
}

/// How a node runs: by the plan, so with the settings that hold.
fn runs(plan: &Plan, block: &Block, task: Option<&Task>, name: &str, text: &mut String) {
    for step in &block.steps {
        match &step.work {
            Work::FanOut(region) => {
                for task in &region.tasks {
                    runs(plan, &task.block, Some(task), name, text);
                }
            }
            Work::Map(map) if step.name == name => policy("each item runs", &map.policy, text),
            Work::Run(_) | Work::Map(_) => {}
        }
        if step.name == name
            && let Some(task) = task
            && !matches!(step.work, Work::FanOut(_))
        {
            policy(&format!("in the branch `{}`, which runs", task.name), &task.policy, text);
            if task.policy.strategy.crosses() {
                let names = |ids: Vec<tea_build::plan::KeyId>| {
                    let names = ids.iter().map(|id| format!("`{}`", plan.keys[id.0 as usize].name.value));
                    names.collect::<Vec<_>>().join(", ")
                };
                let sent = names(task.reads.iter().map(|read| read.key).collect());
                let back = names(task.writes.iter().map(|write| write.key).collect());
                let or_nothing = |text: String| if text.is_empty() { "nothing".to_owned() } else { text };
                _ = writeln!(text, "- to the worker: {}; back: {}", or_nothing(sent), or_nothing(back));
            }
        }
    }
}

fn policy(what: &str, policy: &Policy, text: &mut String) {
    let place = match policy.strategy {
        Strategy::Thread => "on a thread",
        Strategy::Process => "in a worker process",
        Strategy::Remote => "in a worker process, here or on a host of the pool",
    };
    _ = write!(text, "- {what} {place}");
    if let Some(timeout) = policy.timeout {
        _ = write!(text, ", for at most {timeout:?}");
    }
    if let Some(retry) = policy.retry.as_ref().filter(|retry| retry.max_retries > 0) {
        let retries = if retry.max_retries == 1 { "retry" } else { "retries" };
        _ = write!(text, ", with up to {} {retries}", retry.max_retries);
    }
    text.push('\n');
}

/// The description of the entry whose name is at `offset`.
fn entry(document: &Document, schema: &Value, offset: usize) -> Option<Hover> {
    let text = document.text();
    let is_word = |char: char| char == '_' || char.is_ascii_alphanumeric();
    let start = text[..offset]
        .rfind(|char| !is_word(char))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[offset..].find(|char| !is_word(char)).map_or(text.len(), |at| offset + at);
    let word = &text[start..end];
    if word.is_empty() || !text[end..].starts_with(':') {
        return None;
    }
    let context = context::at(text, start);
    let at = context::schema(schema, &context.path)?;
    let (_, value) = context::entries(schema, at).into_iter().find(|(name, _)| *name == word)?;
    let about = value["description"].as_str()?;
    Some(markdown(document, format!("**{word}**: {about}"), None))
}
