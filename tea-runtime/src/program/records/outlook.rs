//! What a run would do, for people.

use std::{borrow::Cow, fmt::Write};

use crate::engine::records::{Outlook, Prospect};

/// What an outlook says about all nodes, or about one.
pub(in crate::program) fn told(outlook: &Outlook, node: Option<&str>) -> Result<String, String> {
    let mut text = match &outlook.run {
        Some(run) => format!("run {run} would be resumed:\n"),
        None => "a new run would be started:\n".to_owned(),
    };
    let mut lines = Vec::new();
    collect(&outlook.nodes, node, 1, &mut lines);
    if let (Some(node), true) = (node, lines.is_empty()) {
        return Err(format!("`--explain {node}`: there is no node or branch `{node}` that the run would reach"));
    }
    let width = lines.iter().map(|(depth, of)| 2 * depth + name(of).chars().count()).max().unwrap_or_default();
    for (depth, of) in lines {
        let (indent, what) = (2 * depth, if of.runs { "would run" } else { "would not run" });
        let (rest, cache) = (width - indent, if of.cached { ", unless its result is in the cache" } else { "" });
        writeln!(text, "{:indent$}{:rest$}  {what}: {}{cache}", "", name(of), of.why)
            .expect("a string takes everything");
    }
    Ok(text)
}

/// A fan-out has no name of its own.
fn name(of: &Prospect) -> Cow<'_, str> {
    if of.fan_out { format!("branches after {}", of.node).into() } else { Cow::Borrowed(&of.node) }
}

/// The nodes and branches with this name, or all, with how deep they are.
fn collect<'a>(of: &'a [Prospect], node: Option<&str>, depth: usize, lines: &mut Vec<(usize, &'a Prospect)>) {
    for prospect in of {
        let is_asked = node.is_none_or(|node| prospect.is_called(node));
        if is_asked {
            lines.push((depth, prospect));
        }
        collect(&prospect.parts, node.filter(|_| !is_asked), depth + usize::from(is_asked), lines);
    }
}
