//! `transient` keys never leave this process.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, KeyId, access::Access, crossing, resolve},
    source::Span,
    syntax::Work,
};

/// Reports each transient key that a worker process would be sent or give back, once a fan-out.
pub(super) fn check(graph: &Graph<'_>, access: &Access, found: &mut Diagnostics) {
    if graph.keys.iter().all(|(_, key)| key.transient.is_none()) {
        return;
    }
    for (index, region) in graph.regions.iter().enumerate() {
        let mut reported = Vec::new();
        for (task, sent) in region.tasks.iter().zip(&access.regions[index].tasks) {
            let Some(away) = crossing::away(graph, &task.settings, region.span) else { continue };
            let block = &access.blocks[task.block];
            let reads = sent.reads.iter().map(|read| (read.key, false));
            for (key, written) in reads.chain(sent.writes.iter().map(|write| (write.key, true))) {
                if graph.keys.entry(key).transient.is_none() || reported.contains(&key) {
                    continue;
                }
                reported.push(key);
                let span = if written {
                    block.writes.iter().find(|write| write.key == key).map(|write| write.span)
                } else {
                    block.reads.iter().find(|read| read.key == key).map(|read| read.span)
                };
                found.push(error(graph, key, span.unwrap_or(task.span), away, written));
            }
        }
    }
    for node in &graph.workflow.nodes {
        let Work::Map(map) = &node.work else { continue };
        let resolved = node.parallel.or(&graph.workflow.parallel);
        let Some(away) = crossing::away(graph, &resolved, node.name.span) else { continue };
        // Its output may well be transient: the items' results travel, and the key is made of them here.
        for (key, span) in graph.keys.uses_of(&map.run, &resolve::hidden(map)) {
            if graph.keys.entry(key).transient.is_some() {
                found.push(error(graph, key, span, away, false));
            }
        }
    }
}

fn error(graph: &Graph<'_>, key: KeyId, span: Span, away: Span, written: bool) -> Diagnostic {
    let name = graph.keys.name(key);
    let way = if written { "back from" } else { "to" };
    let error = Diagnostic::error(
        codes::TRANSIENT_CROSSES,
        span,
        format!("the transient key `{name}` would have to be sent {way} a worker process"),
    )
    .label(if written { "written in a worker process, and read outside" } else { "read in a worker process" })
    .also(away, "runs in a worker process");
    let error = match graph.keys.entry(key).transient {
        Some(transient) => error.also(transient, "never leaves this process"),
        None => error,
    };
    error
        .help(format!("write `output: false` in place of `transient`, if `{name}` is only to stay out of the output"))
        .help(format!("or make `{name}` in the branch that needs it"))
        .help("or run the branch on threads: `parallel_strategy: thread`")
}
