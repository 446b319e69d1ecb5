//! What is recorded, and what is done again on resume.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::Graph,
    syntax::{CodeScope, Node, Rust, Work},
};

/// Reports `resume` where there are no records, or none of the node by itself; and what is to count as the code of a node
/// where no code counts.
pub(super) fn check(graph: &Graph<'_>, is_called: bool, found: &mut Diagnostics) {
    fingerprints(graph, found);
    for (index, node) in graph.workflow.nodes.iter().enumerate() {
        let Some(rerun) = node.rerun else { continue };
        let in_branch = graph.block_of[index].is_some_and(|block| graph.blocks[block].task.is_some());
        found.push(if graph.workflow.checkpoint.is_none() {
            Diagnostic::error(codes::NO_RECORDS, rerun, "`resume` in a workflow whose runs are not recorded")
                .label("there is nothing to resume")
                .help("record them: `settings: { checkpoint: true }`")
                .help("or remove `resume`")
        } else if is_called {
            Diagnostic::error(codes::ENTRY_CONFLICT, rerun, "`resume` on a node of a workflow that is called")
                .label("of a call that is done, no node is looked at")
                .help("write it on the node that calls: all of the call then runs again")
                .help("or remove `resume`")
        } else if in_branch {
            Diagnostic::error(codes::ENTRY_CONFLICT, rerun, "`resume` on a node of a branch")
                .label("a branch is recorded as a whole")
                .help("move the node out of the fan-out, or remove `resume`")
        } else if let Work::Map(_) = node.work {
            Diagnostic::error(codes::ENTRY_CONFLICT, rerun, "`resume` on a `dynamic_parallel` node")
                .label("each of its items is recorded")
                .help("make its output `transient: true`: all items then run again on every resume")
                .help("or remove `resume`")
        } else {
            continue;
        });
    }
}

/// Reports `version`, `sources` and `env` where nothing is recorded that they could make invalid.
fn fingerprints(graph: &Graph<'_>, found: &mut Diagnostics) {
    for node in &graph.workflow.nodes {
        let Some(checkpoint) = &graph.workflow.checkpoint else {
            if let Some((entry, span)) = node.fingerprint.entries().next().filter(|_| node.cache.is_none()) {
                found.push(
                    Diagnostic::error(
                        codes::NO_RECORDS,
                        span,
                        format!("`{entry}` in a workflow whose runs are not recorded"),
                    )
                    .label("every run runs the node")
                    .help("record them: `settings: { checkpoint: true }`")
                    .help("or let later runs take the node's results: `cache: true`")
                    .help(format!("or remove `{entry}`")),
                );
            }
            continue;
        };
        if let (Some(version), CodeScope::Build) = (&node.fingerprint.version, checkpoint.value.code) {
            found.push(
                Diagnostic::error(
                    codes::ENTRY_CONFLICT,
                    version.span,
                    "`version` where every byte of the program counts",
                )
                .label("has no effect")
                .also(checkpoint.span, "`code: build`")
                .help("write `code: crate`, or `code: source`, which is the default")
                .help("or remove `version`"),
            );
        }
    }
}

/// Warns of `transient` keys that hold plain data: they are made again on every resume, and that may not be meant.
pub(super) fn check_use(graph: &Graph<'_>, found: &mut Diagnostics) {
    let Some(checkpoint) = &graph.workflow.checkpoint else { return };
    for (id, key) in graph.keys.iter() {
        let Some(transient) = key.transient else { continue };
        let is_written_by = |node: &usize| graph.nodes[*node].writes.iter().any(|write| write.key == id);
        let makers: Vec<&Node> =
            (0..graph.nodes.len()).filter(is_written_by).map(|node| &graph.workflow.nodes[node]).collect();
        // Who says that it runs again means it.
        let Some(maker) = makers.first().filter(|_| makers.iter().all(|node| node.rerun.is_none())) else { continue };
        if !holds_data(&key.ty) {
            continue;
        }
        let (name, node) = (&key.name.value, &maker.name.value);
        // A map, or a node of a branch, has no other way to say that it runs again.
        let in_branch = |node: &usize| graph.block_of[*node].is_some_and(|block| graph.blocks[block].task.is_some());
        if matches!(maker.work, Work::Map(_))
            || (0..graph.nodes.len()).filter(is_written_by).any(|node| in_branch(&node))
        {
            continue;
        }
        found.push(
            Diagnostic::warning(codes::TRANSIENT_DATA, transient, format!("`{name}` is made again on every resume"))
                .label("never recorded, though its type can be")
                .also(checkpoint.span, "runs are recorded")
                .note(format!("`{node}` runs again every time a run is resumed"))
                .help(format!("write `output: false` in place of it, if `{name}` is only to stay out of the output"))
                .help(format!("if it is meant, say so: `resume: rerun` on `{node}`")),
        );
    }
}

/// Whether a type is a text or a collection of the standard library's: more than a handle, and can be recorded.
fn holds_data(ty: &Rust) -> bool {
    const COLLECTIONS: &[&str] = &["Vec", "VecDeque", "BTreeMap", "BTreeSet", "HashMap", "HashSet"];
    let words: String = ty.text.split_whitespace().collect();
    let (head, of) = words.split_once('<').unwrap_or((&words, ""));
    let leaf = |word: &str| {
        const LEAVES: &[&str] = &[
            "", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
            "bool", "char", "String", "PathBuf",
        ];
        LEAVES.contains(&word) || COLLECTIONS.contains(&word)
    };
    head == "String" || COLLECTIONS.contains(&head) && of.split(['<', '>', ',', '(', ')']).all(leaf)
}
