//! `max_visits` where no loop comes by.

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Block, Graph, Next, Target},
};

/// Warns of a `max_visits` that can never be exceeded, since its node runs once in a run of its block.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for block in &graph.blocks {
        for (index, step) in block.steps.iter().enumerate() {
            // `__start__` is not a node; and a fan-out follows the step of the node that it starts from.
            let Some(node) = graph.workflow.nodes.get(step.node) else { continue };
            let Some(visits) = node.max_visits.as_ref().filter(|_| step.region.is_none()) else { continue };
            if !is_in_loop(block, index) {
                found.push(
                    Diagnostic::warning(codes::UNUSED_VISITS, visits.span, "`max_visits` has no effect")
                        .label(format!("no path leads from `{}` back to it", node.name.value))
                        .help("write it on a node of a loop, or remove it"),
                );
            }
        }
    }
}

/// Whether a way leads from a step back to itself.
fn is_in_loop(block: &Block<'_>, step: usize) -> bool {
    let mut seen = vec![false; block.steps.len()];
    let mut stack = vec![step];
    while let Some(at) = stack.pop() {
        let Next::Choose(arms) = &block.steps[at].next else { continue };
        for (_, target) in arms {
            let Target::Step(next) = *target else { continue };
            let next = next as usize;
            if next == step {
                return true;
            }
            if !std::mem::replace(&mut seen[next], true) {
                stack.push(next);
            }
        }
    }
    false
}
