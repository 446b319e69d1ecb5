//! The values in `allow_failure`.

use std::collections::HashSet;

use super::keys;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, KeyId, access::Access},
    source::Spanned,
    syntax::Rust,
};

/// Reports values of keys that do not exist or that the branch does not write, and values that read the state.
pub(super) fn check(graph: &Graph<'_>, access: &Access, found: &mut Diagnostics) {
    let nodes = graph.workflow.nodes.iter().map(|node| (&node.fallback, "this node does not write"));
    let edges = graph.workflow.edges.iter().map(|edge| {
        (
            &edge.fallback,
            if edge.to.len() == 1 { "this branch does not write" } else { "none of these branches writes" },
        )
    });
    // What several branches have, or a branch and what follows in it, has to be used by one of them.
    let mut used = HashSet::new();
    for (region, access) in graph.regions.iter().zip(&access.regions) {
        for (task, access) in region.tasks.iter().zip(&access.tasks) {
            let keys: HashSet<&str> = access.writes.iter().map(|write| graph.keys.name(write.key)).collect();
            used.extend(task.fallback.iter().filter(|(key, _)| keys.contains(&*key.value)).map(|(key, _)| key.span));
        }
    }
    let doubtful = graph.doubtful.contains(&true);
    for (values, of) in nodes.chain(edges) {
        for (name, value) in values {
            let Some(key) = graph.keys.resolve(name, found) else { continue };
            if !used.contains(&name.span) && !doubtful {
                found.push(not_written(graph, name, of));
            }
            value_of(graph, key, value, found);
        }
    }
}

fn not_written(graph: &Graph<'_>, name: &Spanned<String>, of: &str) -> Diagnostic {
    let key = &name.value;
    let writer = graph.workflow.nodes.iter().find_map(|node| {
        let output = node.output.keys().iter().find(|output| output.value == *key)?;
        Some((node, output.span))
    });
    let error = Diagnostic::error(codes::UNUSED_FALLBACK, name.span, format!("{of} `{key}`")).label("never used");
    match writer {
        Some((node, span)) => error
            .also(span, format!("`{}` writes it", node.name.value))
            .help(format!("write the value where `{}` may fail", node.name.value)),
        None => error,
    }
    .help(format!("or remove `{key}` here"))
}

fn value_of(graph: &Graph<'_>, key: KeyId, value: &Rust, found: &mut Diagnostics) {
    let name = graph.keys.name(key);
    if let Some(word) = value.names.iter().find(|word| keys::is_state(graph, &word.value)) {
        found.push(keys::no_state(graph, name, "allow_failure", word));
    } else if let Some(error) = keys::bare_text(graph.keys.entry(key), value, name) {
        found.push(error);
    }
}
