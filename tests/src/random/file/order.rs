//! What follows what, and what each fan-out consists of.

use std::collections::{BTreeMap, BTreeSet};

use super::text::{File, Goto, Policy};

/// A node by its index in the list; `__start__` has the index after the last one.
pub(super) type NodeIndex = usize;

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Node(NodeIndex),
    End,
}

/// What follows a node.
#[derive(Debug, Clone)]
pub(super) struct Ways {
    /// Tried in order.
    pub(super) choices: Vec<(String, Place)>,
    /// If none of the conditions is true.
    pub(super) rest: Rest,
}

#[derive(Debug, Clone)]
pub(super) enum Rest {
    /// What the order of the list says.
    Listed,
    /// These, all at once if there are several.
    To(Vec<Place>),
    /// A fan-out.
    FanOut(usize),
}

/// A fan-out; of a dataflow file, all of it.
#[derive(Debug)]
pub(super) struct FanOut {
    pub(super) fan_in: Place,
    heads: Vec<Head>,
    /// In the order in which their values are combined.
    pub(super) parts: Vec<Part>,
    /// How many parts have to succeed, if not all.
    pub(super) join: Option<usize>,
    /// A part runs when what it needs has ended, whatever it ended with.
    pub(super) dataflow: bool,
}

#[derive(Debug)]
struct Head {
    node: NodeIndex,
    when: Option<String>,
    policy: Policy,
    fallback: BTreeMap<String, String>,
}

/// What runs, is retried and fails by itself.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) first: NodeIndex,
    nodes: BTreeSet<NodeIndex>,
    pub(super) when: Option<String>,
    /// The parts that lead to it.
    pub(super) needs: BTreeSet<usize>,
    pub(super) policy: Policy,
    /// What keys are after a failure.
    pub(super) fallback: BTreeMap<String, String>,
}

/// The order of a workflow.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) ways: Vec<Ways>,
    pub(super) fan_outs: Vec<FanOut>,
}

impl Ways {
    /// What follows without a condition, besides the end of the block.
    pub(super) fn fork(&self, end: Place) -> Vec<Place> {
        match &self.rest {
            Rest::To(places) => places.iter().copied().filter(|place| *place != end).collect(),
            Rest::Listed | Rest::FanOut(_) => Vec::new(),
        }
    }
}

/// A fan-out's index, or `None` outside of all.
type Owner = Option<usize>;

impl Order {
    pub(super) fn new(file: &File) -> Self {
        if file.nodes.iter().any(|node| node.needs.is_some()) { Self::dataflow(file) } else { Self::sequential(file) }
    }

    fn dataflow(file: &File) -> Self {
        let index = |name: &String| file.nodes.iter().position(|node| node.name == *name).expect("a node");
        let needs: Vec<BTreeSet<_>> =
            file.nodes.iter().map(|node| node.needs.iter().flatten().map(index).collect()).collect();
        let order = combined(&(0..needs.len()).collect::<Vec<_>>(), |node| needs[node].clone(), |node| node);
        let position = |node: &NodeIndex| order.iter().position(|other| other == node).expect("all are in order");
        let parts = order.iter().map(|&first| Part {
            first,
            nodes: BTreeSet::from([first]),
            when: None,
            needs: needs[first].iter().map(position).collect(),
            // The settings of a map are those of its items.
            policy: match file.nodes[first].items {
                Some(_) => Policy::default(),
                None => file.policy(file.nodes[first].written_policy()),
            },
            fallback: file.nodes[first].fallback(),
        });
        let fan_out =
            FanOut { fan_in: Place::End, heads: Vec::new(), parts: parts.collect(), join: None, dataflow: true };
        let mut ways = vec![Ways { choices: Vec::new(), rest: Rest::To(vec![Place::End]) }; needs.len()];
        ways.push(Ways { choices: Vec::new(), rest: Rest::FanOut(0) });
        Self { ways, fan_outs: vec![fan_out] }
    }

    fn sequential(file: &File) -> Self {
        let start = file.nodes.len();
        let mut order = Self { ways: Vec::new(), fan_outs: Vec::new() };
        for node in 0..=start {
            let ways = order.written(file, node);
            order.ways.push(ways);
        }
        order.follow_branch_lists(file);
        let mut walk = Walk { heads: BTreeMap::new(), owner: BTreeMap::new(), opened: Vec::new() };
        for (index, fan_out) in order.fan_outs.iter().enumerate() {
            walk.heads.extend(fan_out.heads.iter().map(|head| (head.node, index)));
        }
        order.walk(None, vec![start], &mut walk);
        let mut next = 0;
        while let Some(&fan_out) = walk.opened.get(next) {
            let heads = order.fan_outs[fan_out].heads.iter().map(|head| head.node).collect();
            order.walk(Some(fan_out), heads, &mut walk);
            next += 1;
        }
        for fan_out in walk.opened {
            let members = walk.owner.iter().filter(|(_, owner)| **owner == Some(fan_out)).map(|(node, _)| *node);
            order.fan_outs[fan_out].parts = order.parts(&order.fan_outs[fan_out], &members.collect());
        }
        order
    }

    /// The ways that `goto` and edges give.
    fn written(&mut self, file: &File, node: NodeIndex) -> Ways {
        let name = file.nodes.get(node).map_or("__start__", |node| &node.name);
        let mut ways = Ways { choices: Vec::new(), rest: Rest::Listed };
        match file.nodes.get(node).and_then(|node| node.goto.as_ref()) {
            Some(Goto::Node(to)) => ways.rest = Rest::To(vec![place(file, to)]),
            Some(Goto::List(arms)) => {
                for arm in arms {
                    match &arm.condition {
                        Some(condition) => ways.choices.push((condition.clone(), place(file, &arm.to))),
                        None => ways.rest = Rest::To(vec![place(file, &arm.to)]),
                    }
                }
            }
            None => {}
        }
        let mut always = Vec::new();
        let mut heads = Vec::new();
        let (mut fan_in, mut join) = (None, None);
        for edge in file.edges.iter().filter(|edge| edge.from == name) {
            let targets = edge.to().map(|to| place(file, &to[0]));
            if edge.parallel {
                fan_in = edge.fan_in.as_ref().map(|name| place(file, name));
                join = join.or(edge.join());
                heads.extend(targets.map(|to| match to {
                    Place::Node(node) => Head {
                        node,
                        when: edge.when.clone(),
                        policy: file.policy(edge.written_policy()),
                        fallback: edge.fallback(),
                    },
                    Place::End => panic!("`__end__` is no branch"),
                }));
            } else if let Some(when) = &edge.when {
                ways.choices.extend(targets.map(|to| (when.clone(), to)));
            } else {
                always.extend(targets);
            }
        }
        if !always.is_empty() {
            ways.rest = Rest::To(always);
        }
        if let Some(fan_in) = fan_in {
            ways.rest = Rest::FanOut(self.fan_outs.len());
            self.fan_outs.push(FanOut { fan_in, heads, parts: Vec::new(), join, dataflow: false });
        }
        ways
    }

    /// The nodes of a branch that is written as a list run one after the other; the last one continues with `fan_in`,
    /// unless it says otherwise.
    fn follow_branch_lists(&mut self, file: &File) {
        for edge in file.edges.iter().filter(|edge| edge.parallel) {
            // A list of names has branches of one node each, which follow the order of the list.
            for list in edge.to().filter(|list| list.len() > 1) {
                let fan_in = edge.fan_in.as_deref().expect("a fan-in");
                let after = list.iter().skip(1).map(String::as_str).chain([fan_in]);
                for (name, next) in list.iter().zip(after) {
                    let Place::Node(node) = place(file, name) else { panic!("`{name}` is no node") };
                    if self.ways[node].choices.is_empty() && matches!(self.ways[node].rest, Rest::Listed) {
                        self.ways[node].rest = Rest::To(vec![place(file, next)]);
                    }
                }
            }
        }
    }

    /// Finds what belongs to a fan-out, or to none, and says what follows where the order of the list does.
    fn walk(&mut self, owner: Owner, mut open: Vec<NodeIndex>, walk: &mut Walk) {
        let start = self.ways.len() - 1;
        let end = owner.map_or(Place::End, |fan_out| self.fan_outs[fan_out].fan_in);
        walk.owner.extend(open.iter().map(|node| (*node, owner)));
        while let Some(node) = open.pop() {
            if matches!(self.ways[node].rest, Rest::Listed) {
                let next = if node == start { 0 } else { node + 1 };
                let elsewhere = walk.heads.contains_key(&next) || walk.owner.get(&next).is_some_and(|of| *of != owner);
                let complete = next == start || (owner.is_some() && elsewhere);
                self.ways[node].rest = Rest::To(vec![if complete { end } else { Place::Node(next) }]);
            }
            if let Rest::FanOut(fan_out) = self.ways[node].rest {
                walk.opened.push(fan_out);
            }
            for place in self.following(node) {
                if let Place::Node(next) = place
                    && place != end
                    && !walk.owner.contains_key(&next)
                {
                    walk.owner.insert(next, owner);
                    open.push(next);
                }
            }
        }
    }

    /// Where a node may lead, after a fan-out if one starts from it.
    fn following(&self, node: NodeIndex) -> Vec<Place> {
        let ways = &self.ways[node];
        let mut places: Vec<_> = ways.choices.iter().map(|(_, to)| *to).collect();
        match &ways.rest {
            Rest::Listed => {}
            Rest::To(to) => places.extend(to),
            Rest::FanOut(fan_out) => places.push(self.fan_outs[*fan_out].fan_in),
        }
        places
    }

    /// The parts of a fan-out that these nodes belong to. A part starts at the first node of a branch, where paths split,
    /// and where paths from different parts join.
    fn parts(&self, fan_out: &FanOut, members: &BTreeSet<NodeIndex>) -> Vec<Part> {
        let inside = |place: &Place| match place {
            Place::Node(node) if members.contains(node) => Some(*node),
            _ => None,
        };
        let steps: Vec<(NodeIndex, NodeIndex)> = members
            .iter()
            .flat_map(|&node| {
                self.following(node).iter().filter_map(inside).map(|next| (node, next)).collect::<Vec<_>>()
            })
            .collect();
        let mut firsts: BTreeSet<_> = fan_out.heads.iter().map(|head| head.node).collect();
        for node in members {
            let fork = self.ways[*node].fork(fan_out.fan_in);
            if fork.len() > 1 {
                firsts.extend(fork.iter().filter_map(inside));
            }
        }
        let reached_from = loop {
            // The parts from which each node is reached without entering another one.
            let mut reached_from: BTreeMap<NodeIndex, BTreeSet<NodeIndex>> =
                firsts.iter().map(|first| (*first, BTreeSet::from([*first]))).collect();
            let mut changed = true;
            while std::mem::take(&mut changed) {
                for (from, to) in steps.iter().filter(|(_, to)| !firsts.contains(to)) {
                    let from = reached_from.get(from).cloned().unwrap_or_default();
                    let to = reached_from.entry(*to).or_default();
                    let before = to.len();
                    to.extend(from);
                    changed |= to.len() > before;
                }
            }
            let joins = |node: &NodeIndex| {
                let mut before = steps.iter().filter(|(_, to)| to == node).map(|(from, _)| &reached_from[from]);
                let first = before.next();
                before.any(|other| Some(other) != first)
            };
            let found: Vec<_> = members.iter().filter(|node| !firsts.contains(node) && joins(node)).copied().collect();
            if found.is_empty() {
                break reached_from;
            }
            firsts.extend(found);
        };
        let part_of = |node: NodeIndex| *reached_from[&node].first().expect("it is reached");
        let needs = |first: NodeIndex| -> BTreeSet<NodeIndex> {
            let before = steps.iter().filter(|(_, to)| *to == first).map(|(from, _)| part_of(*from));
            before.filter(|part| *part != first).collect()
        };
        let head = |first: NodeIndex| fan_out.heads.iter().position(|head| head.node == first);
        let firsts: Vec<_> = firsts.into_iter().collect();
        // Branches in the order of the edges, then other parts in the order of the nodes.
        let order = combined(&firsts, needs, |first| head(first).unwrap_or(fan_out.heads.len() + first));
        let mut parts: Vec<Part> = Vec::new();
        for first in &order {
            let needs: BTreeSet<_> = needs(*first)
                .iter()
                .map(|need| order.iter().position(|other| other == need).expect("all are in order"))
                .collect();
            let (when, policy, fallback) = if let Some(head) = head(*first).map(|head| &fan_out.heads[head]) {
                (head.when.clone(), head.policy, head.fallback.clone())
            } else {
                let before = &parts[*needs.first().expect("something leads to it")];
                (None, before.policy, before.fallback.clone())
            };
            let nodes = members.iter().copied().filter(|node| part_of(*node) == *first).collect();
            parts.push(Part { first: *first, nodes, when, needs, policy, fallback });
        }
        parts
    }
}

impl Part {
    /// Whether this is a step within it.
    pub(super) fn contains(&self, node: NodeIndex) -> bool {
        self.nodes.contains(&node)
    }
}

struct Walk {
    /// The first nodes of all branches, with their fan-outs.
    heads: BTreeMap<NodeIndex, usize>,
    owner: BTreeMap<NodeIndex, Owner>,
    /// Fan-outs that are reached; outer ones first.
    opened: Vec<usize>,
}

fn place(file: &File, name: &str) -> Place {
    match name {
        "__end__" => Place::End,
        "__start__" => Place::Node(file.nodes.len()),
        _ => Place::Node(file.nodes.iter().position(|node| node.name == name).expect("a node")),
    }
}

/// What others depend on first, and otherwise by rank.
fn combined(
    all: &[NodeIndex],
    needs: impl Fn(NodeIndex) -> BTreeSet<NodeIndex>,
    rank: impl Fn(NodeIndex) -> usize,
) -> Vec<NodeIndex> {
    let mut order: Vec<NodeIndex> = Vec::new();
    while order.len() < all.len() {
        let ready = all
            .iter()
            .copied()
            .filter(|node| !order.contains(node) && needs(*node).iter().all(|need| order.contains(need)));
        order.push(ready.min_by_key(|node| rank(*node)).expect("nothing depends on itself"));
    }
    order
}
