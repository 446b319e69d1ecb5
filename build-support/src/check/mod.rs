//! The checks, each a pass of its own over the graph. What rustc says better is left to rustc.
//!
//! What an earlier finding may have caused is not reported again: nodes that are never reached and regions whose
//! shape is in doubt say nothing certain about the keys that they touch.

mod ask;
mod assigned;
mod assignments;
mod cached;
mod calls;
mod fallback;
mod finally;
mod join;
mod keys;
mod races;
mod reach;
mod records;
mod results;
mod secrets;
mod settings;
mod transient;
mod unused;
mod visits;
mod ways;

use std::collections::HashSet;

use crate::{
    diagnostic::Diagnostics,
    graph::{Graph, KeyId, access::Access},
};

/// Runs every check. Of a workflow that others call, only what is wrong is of interest, and not what it does not use.
pub(crate) fn check(graph: &Graph<'_>, access: &Access, is_called: bool, found: &mut Diagnostics) {
    calls::check(graph, found);
    keys::check(graph, found);
    secrets::check(graph, found);
    records::check(graph, is_called, found);
    cached::check(graph, found);
    ask::check(graph, found);
    assignments::check(graph, found);
    settings::check(graph, found);
    fallback::check(graph, access, found);
    join::check(graph, found);
    results::check(graph, found);
    finally::check(graph, found);
    transient::check(graph, access, found);
    let mut settled = doubtful_keys(graph);
    races::check(graph, access, &mut settled, found);
    assigned::check(graph, access, &settled, found);
    if !found.has_errors() && !is_called {
        unused::check(graph, found);
        settings::check_use(graph, found);
        records::check_use(graph, found);
        ask::check_use(graph, found);
        visits::check(graph, found);
    }
}

/// Keys about which nothing certain can be said.
fn doubtful_keys(graph: &Graph<'_>) -> HashSet<KeyId> {
    let uncertain = |node: &usize| match graph.block_of[*node] {
        None => true,
        Some(block) => ways::outwards(graph, block).any(|(region, _)| graph.doubtful[region]),
    };
    let nodes = (0..graph.nodes.len()).filter(uncertain).map(|node| &graph.nodes[node]);
    nodes
        .flat_map(|node| {
            let reads = node.reads.iter().map(|(key, _)| *key);
            reads.chain(node.writes.iter().map(|write| write.key))
        })
        .collect()
}
