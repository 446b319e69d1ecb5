//! `parallel_results` is in scope in a fan-in: in its Rust, and in the conditions of what follows it.

use std::collections::HashSet;

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, resolve},
    source::Span,
    syntax::{Rust, Work},
};

/// Reports uses elsewhere.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    let count = graph.workflow.nodes.len();
    let mut fan_in = vec![false; count];
    let mut joined = vec![false; count];
    for region in &graph.regions {
        if let Some(node) = region.fan_in {
            fan_in[node] = true;
            // Of several fan-outs that end here, the one whose `fan_in` this node is gives the results.
            joined[node] |= graph.block_of[node] == Some(region.block);
        }
    }
    let gathering = &graph.workflow.nodes[count - graph.workflow.gathering..];
    let goto = gathering.iter().flat_map(|node| &node.goto).flat_map(|goto| &goto.arms);
    let gathered: HashSet<&str> = goto.map(|arm| arm.to.value.as_str()).collect();
    let mut refuse = |rust: &Rust, hidden: &[&str], why: &str| {
        if let Some(span) = graph.keys.uses(rust, hidden).results {
            found.push(error(span, why));
        }
    };
    for (index, node) in graph.workflow.nodes.iter().enumerate() {
        let why = match (fan_in[index], joined[index]) {
            (true, true) => None,
            (true, false) => Some("this fan-in waits for other branches too, and runs apart from its fan-out"),
            (false, _) if gathered.contains(node.name.value.as_str()) => {
                Some("`failures` of the fan-out has gathered before this node what failed: read that key")
            }
            (false, _) => Some("this node is not the `fan_in` of any fan-out"),
        };
        match &node.work {
            Work::Run(action) => {
                if let Some(why) = why {
                    action.rust().for_each(|rust| refuse(rust, &[], why));
                }
            }
            Work::Map(map) => {
                if let Some(why) = why {
                    map.items().for_each(|items| refuse(items, &[], why));
                }
                map.run.rust().for_each(|rust| refuse(rust, &resolve::hidden(map), "items may run elsewhere"));
            }
        }
        if let Some(why) = why {
            for arm in node.goto.iter().flat_map(|goto| &goto.arms) {
                if let Some(condition) = &arm.condition {
                    refuse(condition, &[], why);
                }
            }
        }
    }
    let together = (0..count).filter(|node| joined[*node]).map(|node| graph.name(node));
    let together: HashSet<_> = together.collect();
    for edge in &graph.workflow.edges {
        let Some(when) = &edge.when else { continue };
        if edge.parallel.is_some() {
            refuse(when, &[], "this is the condition of a branch");
        } else if !together.contains(edge.from.value.as_str()) {
            refuse(when, &[], "this edge does not start from a fan-in");
        }
    }
}

fn error(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error(codes::NO_RESULTS, span, "`parallel_results` outside a fan-in")
        .label("there are none here")
        .note(why)
        .help("read it in the fan-in, and write what you need of it to a key")
}
