//! `finally`: what runs when the run ends.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, KeyId, resolve},
    source::Span,
};

/// Reports what the nodes of `finally` cannot read.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for node in &graph.workflow.finally {
        if let Some(key) = graph.keys.get(resolve::OUTCOME)
            && let Some(word) = node.run.names.iter().find(|name| name.value == resolve::OUTCOME)
        {
            found.push(
                Diagnostic::error(codes::HIDDEN_KEY, word.span, "`outcome` is a variable here, and a state key")
                    .label("tells how the run ended")
                    .also(graph.keys.entry(key).name.span, "the key")
                    .help("give the key another name"),
            );
        }
        let uses = graph.keys.uses(&node.run, &[resolve::OUTCOME]);
        if let Some(span) = uses.results {
            found.push(
                Diagnostic::error(codes::NO_RESULTS, span, "`parallel_results` outside a fan-in")
                    .label("there are none here")
                    .note("when the run ends, it may not have come to a fan-in")
                    .help("read it in the fan-in, and write what you need of it to a key"),
            );
        }
        for (key, span) in uses.keys {
            if graph.keys.entry(key).input.is_none() && !is_written(graph, key) {
                found.push(never_written(graph, key, span));
            }
        }
    }
}

/// The keys that the nodes of `finally` read.
pub(super) fn reads(graph: &Graph<'_>) -> Vec<KeyId> {
    let uses = |node: &crate::syntax::Finally| graph.keys.uses(&node.run, &[resolve::OUTCOME]).keys;
    graph.workflow.finally.iter().flat_map(uses).map(|(key, _)| key).collect()
}

fn is_written(graph: &Graph<'_>, key: KeyId) -> bool {
    graph.nodes.iter().any(|node| node.writes.iter().any(|write| write.key == key))
}

fn never_written(graph: &Graph<'_>, key: KeyId, span: Span) -> Diagnostic {
    let name = graph.keys.name(key);
    Diagnostic::error(codes::NEVER_WRITTEN, span, format!("`{name}` is read, but nothing writes it"))
        .label("never set")
        .also(graph.keys.entry(key).name.span, "declared here")
        .help(format!("write it: `output: {name}` on a node"))
}
