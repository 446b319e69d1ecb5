//! The tasks of a region: its branches, and what they meet in or fork to.
//!
//! A node starts a task of its own if it is a head, a target of a fork, or has predecessors in different tasks. In
//! reverse postorder all predecessors but those of a loop are known when a node is looked at, so one pass finds
//! them all; a loop that would then lead from one task to another is a cycle of dependencies.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use super::{
    fan_out::FanOut,
    flow::{Flow, Rest},
    regions::{Frame, targets},
    resolve::{Place, To, node_name},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Span,
    syntax::Workflow,
};

/// A task before it has a block.
#[derive(Debug)]
pub(super) struct Shape {
    /// Its first node.
    pub(super) first: usize,
    /// Index among the fan-out's heads, if it is one.
    pub(super) head: Option<usize>,
    /// The others, ascending; itself among them.
    pub(super) nodes: Vec<usize>,
    /// Tasks that it needs, ascending.
    pub(super) needs: Vec<u32>,
}

/// The tasks of a region in topological order, branches first; and whether there was an error.
pub(super) fn shape(
    workflow: &Workflow,
    flows: &[Flow<'_>],
    fan_outs: &[FanOut<'_>],
    frame: &Frame,
    found: &mut Diagnostics,
) -> (Vec<Shape>, bool) {
    let fan_out = &fan_outs[frame.fan_out];
    if frame.members.is_empty() {
        // Nested too deeply, which was reported.
        return (Vec::new(), true);
    }
    let graph = Members::new(flows, fan_outs, frame);
    let order = graph.reverse_postorder(fan_out);
    let leader = graph.leaders(&order, fan_out, flows);

    let mut needs: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    let mut cyclic = false;
    for &member in &order.list {
        for &next in &graph.next[member] {
            let (from, to) = (leader[member], leader[next]);
            // Paths that are all taken are dependencies, also those back to where this task starts.
            let forks = matches!(flows[graph.nodes[member]].rest, Rest::Fork(ref targets)
                if targets.iter().any(|to| to.place == Place::Node(graph.nodes[next])));
            if from == to && !(forks && order.rank[next] <= order.rank[member]) {
                continue;
            }
            if order.rank[next] <= order.rank[member] {
                cyclic = true;
                graph.report_cycle(workflow, flows, next, member, found);
            } else {
                needs.entry(to).or_default().insert(from);
            }
        }
    }

    let heads: HashMap<usize, usize> =
        fan_out.heads.iter().enumerate().map(|(index, head)| (graph.local[&head.node], index)).collect();
    let mut tasks = sort(&graph, &order.list, &leader, &needs, &heads);
    for task in &mut tasks {
        task.nodes.sort_unstable();
    }
    let unclear = !cyclic && branches_that_others_may_start(workflow, flows, &tasks, (fan_out, fan_outs), found);
    (tasks, cyclic || unclear)
}

/// The nodes of one region, numbered from 0.
struct Members<'a> {
    nodes: &'a [usize],
    local: HashMap<usize, usize>,
    next: Vec<Vec<usize>>,
}

struct Order {
    list: Vec<usize>,
    rank: Vec<usize>,
}

impl<'a> Members<'a> {
    fn new(flows: &[Flow<'_>], fan_outs: &[FanOut<'_>], frame: &'a Frame) -> Self {
        let local: HashMap<_, _> = frame.members.iter().enumerate().map(|(index, node)| (*node, index)).collect();
        let next = frame.members.iter().map(|node| {
            let places = targets(&flows[*node], fan_outs).into_iter();
            places
                .filter_map(|place| match place {
                    Place::Node(next) => local.get(&next).copied(),
                    Place::Start | Place::End => None,
                })
                .collect()
        });
        Self { next: next.collect(), nodes: &frame.members, local }
    }

    fn reverse_postorder(&self, fan_out: &FanOut<'_>) -> Order {
        let mut seen = vec![false; self.nodes.len()];
        let mut list = Vec::with_capacity(self.nodes.len());
        for head in fan_out.heads.iter().rev() {
            let mut stack = vec![(self.local[&head.node], 0)];
            if std::mem::replace(&mut seen[stack[0].0], true) {
                continue;
            }
            while let Some((member, child)) = stack.last_mut() {
                if let Some(&next) = self.next[*member].get(*child) {
                    *child += 1;
                    if !std::mem::replace(&mut seen[next], true) {
                        stack.push((next, 0));
                    }
                } else {
                    list.push(*member);
                    stack.pop();
                }
            }
        }
        list.reverse();
        let mut rank = vec![usize::MAX; self.nodes.len()];
        for (position, member) in list.iter().enumerate() {
            rank[*member] = position;
        }
        Order { list, rank }
    }

    /// For each member the first node of its task.
    fn leaders(&self, order: &Order, fan_out: &FanOut<'_>, flows: &[Flow<'_>]) -> Vec<usize> {
        let mut own = vec![false; self.nodes.len()];
        for head in &fan_out.heads {
            own[self.local[&head.node]] = true;
        }
        for node in self.nodes {
            if let Rest::Fork(targets) = &flows[*node].rest {
                for to in targets {
                    if let Place::Node(next) = to.place {
                        own[self.local[&next]] = true;
                    }
                }
            }
        }
        let mut leader: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for &member in &order.list {
            let first = match leader[member] {
                Some(first) if !own[member] => first,
                _ => member,
            };
            leader[member] = Some(first);
            for &next in &self.next[member] {
                if order.rank[next] > order.rank[member] {
                    own[next] |= leader[next].is_some_and(|other| other != first);
                    leader[next] = Some(first);
                }
            }
        }
        leader.into_iter().enumerate().map(|(member, first)| first.unwrap_or(member)).collect()
    }

    fn report_cycle(
        &self,
        workflow: &Workflow,
        flows: &[Flow<'_>],
        first: usize,
        last: usize,
        found: &mut Diagnostics,
    ) {
        let mut from = vec![usize::MAX; self.nodes.len()];
        let mut queue = std::collections::VecDeque::from([first]);
        from[first] = first;
        while let Some(member) = queue.pop_front() {
            for &next in &self.next[member] {
                if from[next] == usize::MAX {
                    from[next] = member;
                    queue.push_back(next);
                }
            }
        }
        let mut path = vec![first, last];
        let mut at = last;
        while at != first && from[at] != usize::MAX {
            at = from[at];
            path.push(at);
        }
        path.reverse();
        let names: Vec<_> = path.iter().map(|member| node_name(workflow, self.nodes[*member])).collect();
        let span =
            way(&flows[self.nodes[last]], self.nodes[first]).unwrap_or(workflow.nodes[self.nodes[last]].name.span);
        found
            .push(cycle(span, &names).note("in a fan-out, a node that several branches lead to waits for all of them"));
    }
}

/// The error for a cycle; the last name is the first one again.
pub(super) fn cycle(span: Span, names: &[&str]) -> Diagnostic {
    Diagnostic::error(codes::DEPENDENCY_CYCLE, span, format!("`{}` would wait for itself", names[0]))
        .label("closes the cycle")
        .note(format!("the cycle: {}", super::resolve::path(names)))
        .help("remove one of its steps")
}

/// The place of the way from a flow to a node.
fn way(flow: &Flow<'_>, node: usize) -> Option<Span> {
    let rest: &[To] = match &flow.rest {
        Rest::Go(to) => std::slice::from_ref(to),
        Rest::Fork(targets) => targets,
        Rest::Listed | Rest::FanOut(_) => &[],
    };
    let mut ways = flow.arms.iter().map(|(_, to)| to).chain(rest);
    ways.find(|to| to.place == Place::Node(node)).map(|to| to.span)
}

/// Topological order; among those that could be next, branches in declared order, then by the listing.
fn sort(
    graph: &Members<'_>,
    list: &[usize],
    leader: &[usize],
    needs: &HashMap<usize, BTreeSet<usize>>,
    heads: &HashMap<usize, usize>,
) -> Vec<Shape> {
    let mut dependents: HashMap<usize, Vec<usize>> = HashMap::new();
    for (task, needs) in needs {
        for need in needs {
            dependents.entry(*need).or_default().push(*task);
        }
    }
    let rank = |member: usize| match heads.get(&member) {
        Some(index) => (0, *index, member),
        None => (1, graph.nodes[member], member),
    };
    let mut waiting: HashMap<usize, usize> = needs.iter().map(|(task, needs)| (*task, needs.len())).collect();
    let firsts = list.iter().copied().filter(|member| leader[*member] == *member);
    let mut ready: BinaryHeap<_> =
        firsts.filter(|member| !waiting.contains_key(member)).map(|m| Reverse(rank(m))).collect();
    let mut position: HashMap<usize, u32> = HashMap::new();
    let mut tasks = Vec::new();
    while let Some(Reverse((_, _, member))) = ready.pop() {
        let own = needs.get(&member).into_iter().flatten();
        let mut own: Vec<_> = own.filter_map(|need| position.get(need).copied()).collect();
        own.sort_unstable();
        position.insert(member, u32::try_from(tasks.len()).unwrap_or(u32::MAX));
        tasks.push(Shape {
            first: graph.nodes[member],
            head: heads.get(&member).copied(),
            nodes: Vec::new(),
            needs: own,
        });
        for dependent in dependents.get(&member).into_iter().flatten() {
            let left = waiting.get_mut(dependent).expect("counted above");
            *left -= 1;
            if *left == 0 {
                ready.push(Reverse(rank(*dependent)));
            }
        }
    }
    for member in list {
        tasks[position[&leader[*member]] as usize].nodes.push(graph.nodes[*member]);
    }
    tasks
}

/// A branch that another one leads to starts when that is done. If it is not certain to be led to, or if the other one
/// may be skipped or may fail, it is not clear whether the branch should start at all.
fn branches_that_others_may_start(
    workflow: &Workflow,
    flows: &[Flow<'_>],
    tasks: &[Shape],
    (fan_out, fan_outs): (&FanOut<'_>, &[FanOut<'_>]),
    found: &mut Diagnostics,
) -> bool {
    let mut unclear = false;
    // Whether each task may not reach its end in a run that continues. Needs come first.
    let mut may_miss_out: Vec<bool> = Vec::with_capacity(tasks.len());
    for task in tasks {
        let may_miss = match task.head.map(|head| fan_out.heads[head].edge) {
            Some(edge) => {
                let allowed = edge.settings.allow_failure.as_ref().or(workflow.parallel.allow_failure.as_ref());
                edge.when.is_some() || allowed.is_some_and(|allowed| allowed.value)
            }
            None => task.needs.iter().all(|need| may_miss_out[*need as usize]),
        };
        may_miss_out.push(may_miss);
    }
    for task in tasks {
        let Some(head) = task.head.map(|head| &fan_out.heads[head]) else { continue };
        for need in &task.needs {
            let may_not_end = may_miss_out[*need as usize];
            let need = &tasks[*need as usize];
            let inside = |place: Place| matches!(place, Place::Node(node) if need.nodes.binary_search(&node).is_ok());
            let misses = |to: &To| !inside(to.place) && to.place != Place::Node(task.first);
            let may_miss = need.nodes.iter().any(|node| {
                let flow = &flows[*node];
                flow.arms.iter().any(|(_, to)| misses(to))
                    || match &flow.rest {
                        Rest::Go(to) => misses(to),
                        Rest::Fork(targets) => !targets.iter().any(|to| !misses(to)),
                        Rest::FanOut(inner) => misses(&fan_outs[*inner].fan_in),
                        Rest::Listed => false,
                    }
            });
            if may_miss || may_not_end || head.edge.when.is_some() {
                unclear = true;
                let name = node_name(workflow, task.first);
                let before = node_name(workflow, need.first);
                found.push(
                    Diagnostic::error(
                        codes::BAD_BRANCH,
                        head.span,
                        format!("it is not clear when the branch `{name}` starts"),
                    )
                    .label("a branch of the fan-out")
                    .also(
                        workflow.nodes[need.first].name.span,
                        if may_miss { "may lead to it too, or not" } else { "leads to it, and may be skipped or fail" },
                    )
                    .help(format!("remove `{name}` from `to`, so that it starts only when `{before}` leads to it"))
                    .help(if may_miss {
                        format!("or lead to it from `{before}` without a condition")
                    } else {
                        format!("or remove the path from `{before}` to `{name}`, so that it starts in any case")
                    }),
                );
            }
        }
    }
    unclear
}
