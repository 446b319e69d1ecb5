//! What `cache` cannot keep, or would not recognize.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, KeyId},
    source::Span,
    syntax::{Node, Output, Work},
};

/// Reports nodes with `cache` that read or write what is never written down, or that have nothing to keep.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (node, access) in graph.workflow.nodes.iter().zip(&graph.nodes) {
        let Some(cache) = node.cache else { continue };
        let reads = access.reads.iter().map(|(key, span)| (*key, *span, "reads"));
        let writes = access.writes.iter().map(|write| (write.key, write.span, "writes"));
        for (key, span, does) in reads.chain(writes) {
            if let Some(error) = key_error(graph, (node, cache), (key, span, does)) {
                found.push(error);
            }
        }
        let name = &node.name.value;
        if let Output::None = node.output {
            found.push(
                Diagnostic::error(codes::ENTRY_CONFLICT, cache, format!("`cache` on `{name}`, which has no output"))
                    .label("there is nothing to keep")
                    .help("remove `cache`, or write the node's value to a key: `output: KEY`"),
            );
        }
        if let Some(rerun) = node.rerun {
            found.push(
                Diagnostic::error(codes::ENTRY_CONFLICT, rerun, "`resume: rerun` on a node with `cache`")
                    .label("runs the node again")
                    .also(cache, "takes what it gave before")
                    .help("remove one of them"),
            );
        }
    }
}

fn key_error(
    graph: &Graph<'_>,
    (node, cache): (&Node, Span),
    (id, span, does): (KeyId, Span, &str),
) -> Option<Diagnostic> {
    let (key, name) = (graph.keys.entry(id), &node.name.value);
    let own = &key.name.value;
    let error = |what: &str| {
        Diagnostic::error(codes::NOT_CACHED, cache, format!("`{name}` {does} `{own}`, {what}, and cannot be cached"))
            .also(span, format!("{does} `{own}`"))
    };
    if let Some(secret) = key.secret {
        return Some(
            error("a secret")
                .also(secret, "never written down, and neither is a hash of it")
                .help("remove `cache`, or do what needs the secret in a node of its own"),
        );
    }
    if let Some(transient) = key.transient {
        return Some(
            error("which is `transient`")
                .also(transient, "never leaves the process, so it has no content that can be compared")
                .help(format!("remove `transient`; write `output: false` if `{own}` is only to stay out of the output"))
                .help(format!("or make in `{name}` what it needs of it, from keys that are not `transient`"))
                .help("or remove `cache`"),
        );
    }
    let is_path = |word: &str| word == "PathBuf";
    let mut words = key.ty.text.split(|char: char| char != '_' && !char.is_alphanumeric());
    if does == "writes" && matches!(node.work, Work::Map(_)) && words.any(is_path) {
        return Some(
            error("whose items are paths")
                .note("an item from the cache would be the path of a file that may be gone or have changed by now")
                .help("let the items be what is in the files, or remove `cache`"),
        );
    }
    None
}
