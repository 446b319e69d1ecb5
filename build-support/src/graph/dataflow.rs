//! Dataflow files: one region, a task for every node, ordered by `needs`.

use super::{
    Block, Next, Region, Step, Target, Task,
    blocks::{Shape, index_u32},
    resolve::{NodeNames, Place},
    tasks,
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Spanned,
    syntax::{Parallel, Work, Workflow},
};

/// Whether any node says `needs`.
pub(super) fn is_dataflow(workflow: &Workflow) -> bool {
    workflow.nodes.iter().any(|node| node.needs.is_some())
}

/// The shape of a dataflow file.
pub(super) fn shape<'a>(workflow: &'a Workflow, found: &mut Diagnostics) -> Shape<'a> {
    let ordered = refuse_order(workflow, found);
    let silent = !ordered && silent_nodes(workflow, found);
    let needs = needs(workflow, found);
    let (order, cyclic) = order(workflow, &needs, found);
    let count = workflow.nodes.len();
    let mut position = vec![0; count];
    for (index, node) in order.iter().enumerate() {
        position[*node] = index;
    }
    let mut blocks = vec![Block {
        task: None,
        entry: Next::go(Target::Step(0)),
        steps: vec![Step { node: count, region: Some(0), next: Next::go(Target::End) }],
    }];
    let mut block_of = vec![None; count + 1];
    block_of[count] = Some(0);
    let mut tasks = Vec::with_capacity(count);
    for (index, &node) in order.iter().enumerate() {
        // What does not come before it is part of a cycle, which has been reported.
        let before = needs[node].iter().map(|need| position[need.value]).filter(|need| *need < index);
        let mut task_needs: Vec<_> = before.map(index_u32).collect();
        task_needs.sort_unstable();
        task_needs.dedup();
        let written = &workflow.nodes[node];
        block_of[node] = Some(blocks.len());
        tasks.push(Task {
            head: node,
            span: written.name.span,
            when: None,
            needs: task_needs,
            block: blocks.len(),
            settings: match written.work {
                Work::Run(_) => written.parallel.or(&workflow.parallel),
                // A map's settings are those of its items. The map itself is driven where the workflow runs.
                Work::Map(_) => Parallel::default(),
            },
            fallback: written.fallback.iter().collect(),
            inherits: false,
        });
        blocks.push(Block {
            task: Some((0, index)),
            entry: Next::go(Target::Step(0)),
            steps: vec![Step { node, region: None, next: Next::go(Target::End) }],
        });
    }
    let region = Region {
        from: count,
        span: workflow.name.span,
        fan_in: None,
        block: 0,
        tasks,
        join: None,
        settings: workflow.parallel.clone(),
    };
    Shape { blocks, regions: vec![region], dataflow: true, block_of, doubtful: vec![cyclic || ordered || silent] }
}

/// Each node says what it needs, so that no edit elsewhere in the file changes when it starts.
fn silent_nodes(workflow: &Workflow, found: &mut Diagnostics) -> bool {
    /// More of them say nothing new.
    const SHOWN: usize = 3;
    let needs = workflow.nodes.iter().find_map(|node| node.needs.as_ref());
    let silent: Vec<_> = workflow.nodes.iter().filter(|node| node.needs.is_none()).map(|node| &node.name).collect();
    let (Some(needs), Some((first, others))) = (needs, silent.split_first()) else { return false };
    let others_say = match others.len() {
        0 => String::new(),
        1 => format!(" and `{}`", others[0].value),
        more => format!(" and {more} other nodes"),
    };
    let verb = if others.is_empty() { "does" } else { "do" };
    let error = Diagnostic::error(
        codes::MISSING_NEEDS,
        first.span,
        format!("`{}`{others_say} {verb} not say what to wait for", first.value),
    )
    .label("the order of the list means nothing in this file")
    .also(needs.span, "makes this a dataflow file");
    let error = others.iter().take(SHOWN).fold(error, |error, name| error.also(name.span, "and this one"));
    found.push(
        error
            .help("write `needs: []` on each node that starts at once, and `needs: [name]` on the others")
            .help("or remove every `needs`: the nodes then run in the order of the list"),
    );
    true
}

/// `edges` and `goto` have no meaning where the order follows from needs.
fn refuse_order(workflow: &Workflow, found: &mut Diagnostics) -> bool {
    let needs = workflow.nodes.iter().find_map(|node| node.needs.as_ref());
    let mut refuse = |span, what: &str| {
        let mut error = Diagnostic::error(
            codes::ORDER_IN_DATAFLOW,
            span,
            format!("`{what}` in a file whose order follows from `needs`"),
        )
        .label("has no meaning here");
        if let Some(needs) = needs {
            error = error.also(needs.span, "makes this a dataflow file");
        }
        found.push(error.help("say what each node needs, or remove every `needs`"));
    };
    let edge = workflow.edges.first().map(|edge| edge.from.span);
    let gotos = workflow.nodes.iter().filter_map(|node| Some(node.goto.as_ref()?.span));
    let written: Vec<_> =
        edge.map(|span| (span, "edges")).into_iter().chain(gotos.map(|span| (span, "goto"))).collect();
    for (span, what) in &written {
        refuse(*span, what);
    }
    !written.is_empty()
}

fn needs(workflow: &Workflow, found: &mut Diagnostics) -> Vec<Vec<Spanned<usize>>> {
    let names = NodeNames::new(workflow);
    let mut all = Vec::with_capacity(workflow.nodes.len());
    for (index, node) in workflow.nodes.iter().enumerate() {
        let mut own: Vec<Spanned<usize>> = Vec::new();
        for name in node.needs.iter().flat_map(|needs| &needs.value) {
            match names.resolve(name, found).map(|to| to.place) {
                Some(Place::Node(need)) if need == index => {
                    found.push(tasks::cycle(name.span, &[&name.value, &name.value]));
                }
                Some(Place::Node(need)) => own.push(Spanned::new(need, name.span)),
                Some(Place::Start | Place::End) => found.push(
                    Diagnostic::error(
                        codes::BAD_NEED,
                        name.span,
                        format!("`{}` is not a node to wait for", name.value),
                    )
                    .label("not a node")
                    .help("remove it: a node with `needs: []` starts at once"),
                ),
                None => {}
            }
        }
        all.push(own);
    }
    all
}

/// Topological order, by the listing among those that could be next. Nodes of cycles come last.
fn order(workflow: &Workflow, needs: &[Vec<Spanned<usize>>], found: &mut Diagnostics) -> (Vec<usize>, bool) {
    use std::cmp::Reverse;
    let count = needs.len();
    let mut dependents = vec![Vec::new(); count];
    let mut waiting = vec![0_usize; count];
    for (node, needs) in needs.iter().enumerate() {
        for need in needs {
            dependents[need.value].push(node);
            waiting[node] += 1;
        }
    }
    let mut ready: std::collections::BinaryHeap<_> =
        (0..count).filter(|node| waiting[*node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for dependent in &dependents[node] {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                ready.push(Reverse(*dependent));
            }
        }
    }
    let cyclic = order.len() < count;
    if cyclic {
        report_cycles(workflow, needs, &waiting, found);
        order.extend((0..count).filter(|node| waiting[*node] > 0));
    }
    (order, cyclic)
}

/// From what still waits, needs that still wait lead round in a circle: each circle found is reported once.
fn report_cycles(workflow: &Workflow, needs: &[Vec<Spanned<usize>>], waiting: &[usize], found: &mut Diagnostics) {
    let mut walk_of = vec![usize::MAX; needs.len()];
    for start in (0..needs.len()).filter(|node| waiting[*node] > 0) {
        let mut path: Vec<(usize, &Spanned<usize>)> = Vec::new();
        let mut at = start;
        while walk_of[at] == usize::MAX {
            walk_of[at] = start;
            let need = needs[at].iter().find(|need| waiting[need.value] > 0).expect("it waits for one that waits");
            path.push((at, need));
            at = need.value;
        }
        if walk_of[at] != start {
            continue;
        }
        let first = path.iter().position(|(node, _)| *node == at).unwrap_or(0);
        let circle = &path[first..];
        // Start with the node that is listed first, and go the way of the data: against the needs.
        let low = (0..circle.len()).min_by_key(|index| circle[*index].0).unwrap_or(0);
        let mut names: Vec<&str> = (0..=circle.len())
            .map(|offset| circle[(low + offset) % circle.len()].0)
            .map(|node| workflow.nodes[node].name.value.as_str())
            .collect();
        names.reverse();
        found.push(tasks::cycle(circle[low].1.span, &names));
    }
}
