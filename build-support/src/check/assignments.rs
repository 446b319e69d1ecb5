//! State keys are read in Rust and written by `output`: an assignment would change nothing.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, resolve},
    syntax::{Rust, Work},
};

/// Reports assignments to keys.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    let mut refuse = |rust: &Rust, hidden: &[&str]| {
        for name in &rust.assigned {
            let word = name.value.as_str();
            if graph.keys.get(word).is_none() || hidden.contains(&word) {
                continue;
            }
            found.push(
                Diagnostic::error(codes::ASSIGNED_KEY, name.span, format!("the state key `{word}` cannot be assigned"))
                    .label("is only read here")
                    .help(format!("return the new value as the node's last expression, and add `output: {word}`"))
                    .help(format!("or work on a local variable: `let mut {word} = …;`")),
            );
        }
    };
    graph.workflow.finally.iter().for_each(|node| refuse(&node.run, &[]));
    for node in &graph.workflow.nodes {
        let own = match &node.work {
            Work::Run(_) => Vec::new(),
            Work::Map(map) => {
                map.items().for_each(|items| refuse(items, &[]));
                resolve::hidden(map)
            }
        };
        node.work.action().rust().for_each(|rust| refuse(rust, &own));
        node.goto
            .iter()
            .flat_map(|goto| &goto.arms)
            .filter_map(|arm| arm.condition.as_ref())
            .for_each(|rust| refuse(rust, &[]));
    }
    graph.workflow.edges.iter().filter_map(|edge| edge.when.as_ref()).for_each(|rust| refuse(rust, &[]));
}
