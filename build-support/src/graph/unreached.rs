//! Nodes that nothing leads to.

use super::resolve::Place;
use super::{fan_out::FanOut, flow::Flow, regions};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    syntax::Workflow,
};

/// Reports the nodes that are never reached: only the first of those that lead to one another.
pub(super) fn report(
    workflow: &Workflow,
    reached: impl Fn(usize) -> bool,
    flows: &[Flow<'_>],
    fan_outs: &[FanOut<'_>],
    found: &mut Diagnostics,
) {
    let count = workflow.nodes.len();
    let mut led_to = vec![false; count];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for node in (0..count).filter(|node| !reached(*node)) {
        let heads = match flows[node].rest {
            super::flow::Rest::FanOut(index) => fan_outs[index].heads.as_slice(),
            _ => &[],
        };
        let mut next: Vec<_> = heads.iter().map(|head| head.node).collect();
        next.extend(regions::targets(&flows[node], fan_outs).into_iter().filter_map(|place| match place {
            Place::Node(next) => Some(next),
            Place::Start | Place::End => None,
        }));
        if matches!(flows[node].rest, super::flow::Rest::Listed) && node + 1 < count - workflow.gathering {
            next.push(node + 1);
        }
        next.retain(|next| *next != node && !reached(*next));
        for next in &next {
            led_to[*next] = true;
        }
        after[node] = next;
    }
    let mut covered = vec![false; count];
    // First those that nothing leads to, then what is left: loops.
    let (first, loops): (Vec<_>, Vec<_>) = (0..count).filter(|node| !reached(*node)).partition(|node| !led_to[*node]);
    for node in first.into_iter().chain(loops) {
        if covered[node] {
            continue;
        }
        let mut stack = vec![node];
        while let Some(next) = stack.pop() {
            if !std::mem::replace(&mut covered[next], true) {
                stack.extend(&after[next]);
            }
        }
        let name = &workflow.nodes[node].name;
        let mut error =
            Diagnostic::error(codes::NEVER_REACHED, name.span, format!("the node `{}` is never reached", name.value))
                .label("nothing leads here");
        if let Some(before) = node.checked_sub(1) {
            let before = &workflow.nodes[before].name;
            error = error.note(format!("`{}`, listed before it, goes elsewhere", before.value));
        }
        found.push(
            error
                .help(format!("lead to it with `goto: {}`, an edge, or as a branch of a fan-out", name.value))
                .help("or remove the node"),
        );
    }
}
