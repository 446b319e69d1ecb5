//! Keys that are declared for nothing. A key that is written and not read is a result.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::Graph,
    syntax::Rust,
};

/// Warns of each key that is never read or never written though it should be.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    let (mut read, mut written) = (vec![false; graph.keys.len()], vec![false; graph.keys.len()]);
    for node in &graph.nodes {
        for (key, _) in &node.reads {
            read[key.0 as usize] = true;
        }
        for write in &node.writes {
            written[write.key.0 as usize] = true;
        }
    }
    let arms = graph.workflow.nodes.iter().filter_map(|node| node.goto.as_ref()).flat_map(|goto| &goto.arms);
    let conditions = arms.filter_map(|arm| arm.condition.as_ref());
    let conditions: Vec<&Rust> =
        conditions.chain(graph.workflow.edges.iter().filter_map(|edge| edge.when.as_ref())).collect();
    for condition in conditions {
        for (key, _) in graph.keys.uses(condition, &[]).keys {
            read[key.0 as usize] = true;
        }
    }
    for key in super::finally::reads(graph) {
        read[key.0 as usize] = true;
    }
    for (id, key) in graph.keys.iter() {
        let name = &key.name.value;
        let (read, written) = (read[id.0 as usize], written[id.0 as usize]);
        let warning = |code, message: String| Diagnostic::warning(code, key.name.span, message);
        if !read && !written {
            let what = if key.input.is_some() { "the input" } else { "the key" };
            found.push(
                warning(codes::UNUSED_KEY, format!("{what} `{name}` is never used"))
                    .label("no node reads or writes it")
                    .help("remove it from `state_schema`, or name it in a node's Rust"),
            );
        } else if !read && written && !key.in_output() {
            let entry = if key.transient.is_some() { "transient" } else { "output: false" };
            found.push(
                warning(codes::UNUSED_KEY, format!("the key `{name}` is written for nobody"))
                    .label("not in the output, and no node reads it")
                    .help(format!("remove `{entry}` to have it in the output, or remove the key")),
            );
        } else if !written && key.input.is_none() && key.optional.is_some() {
            found.push(
                warning(codes::ALWAYS_UNSET, format!("the optional key `{name}` is never written"))
                    .label("always `None`")
                    .help(format!("write it: `output: {name}` on a node")),
            );
        }
    }
}
