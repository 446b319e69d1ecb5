//! Ways through the graph, to show to people.

use std::collections::VecDeque;

use crate::graph::{Graph, KeyId, Next, Target, access::Access, access::Read};

/// The regions and tasks that a block is nested in, from the inside.
pub(super) fn outwards(graph: &Graph<'_>, block: usize) -> impl Iterator<Item = (usize, usize)> {
    let first = graph.blocks[block].task;
    std::iter::successors(first, |(region, _)| graph.blocks[graph.regions[*region].block].task)
}

/// Where a read is evaluated: the tasks that it is inside of, from the outside, and whether it is the condition of
/// a branch, which is evaluated before the branch starts.
pub(super) fn place(graph: &Graph<'_>, read: &Read) -> (Vec<(usize, usize)>, bool) {
    let mut tasks: Vec<_> = graph.block_of[read.node].map_or_else(Vec::new, |block| outwards(graph, block).collect());
    let condition = tasks.first().is_some_and(|(region, task)| {
        let when = graph.regions[*region].tasks[*task].when;
        when.is_some_and(|when| when.span.start <= read.span.start && read.span.end <= when.span.end)
    });
    tasks.reverse();
    (tasks, condition)
}

/// The names along a path on which `read` finds its key unset.
pub(super) fn way_that_misses<'g>(graph: &'g Graph<'_>, access: &Access, read: &Read) -> Vec<&'g str> {
    let (tasks, condition) = place(graph, read);
    let mut names = vec![graph.name(graph.workflow.nodes.len())];
    let mut block = 0;
    for (depth, &(region, task)) in tasks.iter().enumerate() {
        let step = graph.blocks[block].steps.iter().position(|step| step.region == Some(region));
        walk(graph, access, block, step, read.key, &mut names);
        if condition && depth + 1 == tasks.len() {
            return names;
        }
        block = graph.regions[region].tasks[task].block;
    }
    let step = graph.blocks[block].steps.iter().position(|step| step.region.is_none() && step.node == read.node);
    walk(graph, access, block, step, read.key, &mut names);
    // A condition at the very start has no node.
    if read.node < graph.workflow.nodes.len() {
        names.push(graph.name(read.node));
    }
    names
}

/// Adds the nodes on a shortest way from the entry of a block to a step, on which the key is not set.
fn walk<'g>(
    graph: &'g Graph<'_>,
    access: &Access,
    block: usize,
    goal: Option<usize>,
    key: KeyId,
    names: &mut Vec<&'g str>,
) {
    let Some(goal) = goal else { return };
    let steps = &graph.blocks[block].steps;
    let mut from = vec![None; steps.len()];
    let mut seen = vec![false; steps.len()];
    let mut queue = VecDeque::new();
    for next in inside(&graph.blocks[block].entry) {
        if !std::mem::replace(&mut seen[next], true) {
            queue.push_back(next);
        }
    }
    while let Some(step) = queue.pop_front() {
        if step == goal {
            break;
        }
        if sets(graph, access, &steps[step], key) {
            continue;
        }
        for next in inside(&steps[step].next) {
            if !std::mem::replace(&mut seen[next], true) {
                from[next] = Some(step);
                queue.push_back(next);
            }
        }
    }
    let mut way: Vec<_> = std::iter::successors(from[goal], |step| from[*step]).collect();
    way.reverse();
    names.extend(way.into_iter().filter(|step| steps[*step].region.is_none()).map(|step| graph.name(steps[step].node)));
}

fn inside(next: &Next<'_>) -> Vec<usize> {
    match next {
        Next::Choose(arms) => arms
            .iter()
            .filter_map(|(_, target)| match target {
                Target::Step(step) => Some(*step as usize),
                Target::End | Target::Task(_) => None,
            })
            .collect(),
        Next::Fork(_) => Vec::new(),
    }
}

fn sets(graph: &Graph<'_>, access: &Access, step: &crate::graph::Step<'_>, key: KeyId) -> bool {
    match step.region {
        Some(region) => access.regions[region].sets.binary_search(&key).is_ok(),
        None => graph.nodes[step.node].writes.iter().any(|write| write.always && write.key == key),
    }
}
