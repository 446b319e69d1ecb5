//! Which fan-out each node belongs to, and where the listing leads. See the rules in [`super`].
//!
//! One walk a region, parents first: from the heads along every path, a nested fan-out being a single hop to its
//! fan-in. Each node is walked once in all.

mod ends;
mod paths;

use std::collections::HashMap;

pub(super) use self::ends::targets;
use super::{
    fan_out::FanOut,
    flow::{Flow, Rest, several},
    resolve::{Place, To, node_name},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Span,
    syntax::Workflow,
};

/// Fan-outs nested deeper than this are refused: no workflow needs them, and code that reads the plan may recurse.
const MAX_DEPTH: usize = 64;

/// What a node belongs to: the region of this index, or the trunk of the workflow.
pub(super) type Owner = Option<usize>;

/// The regions and what belongs to them.
pub(super) struct Regions {
    /// The regions, parents first.
    pub(super) list: Vec<Frame>,
    /// By node, and last for `__start__`; outer `None` if it is never reached.
    pub(super) owner: Vec<Option<Owner>>,
    /// By region: an error was found in its shape.
    pub(super) doubtful: Vec<bool>,
}

/// A fan-out that is reached.
pub(super) struct Frame {
    /// Index of the fan-out.
    pub(super) fan_out: usize,
    /// What it is nested in.
    pub(super) owner: Owner,
    depth: usize,
    /// The nodes that belong to it, in the order of the walk.
    pub(super) members: Vec<usize>,
}

/// Finds the regions. After this no flow is [`Rest::Listed`], no flow leaves its region but to its fan-in, and only
/// a fan-out at `__start__` is still named [`Place::Start`].
pub(super) fn assign<'a>(
    workflow: &'a Workflow,
    flows: &mut [Flow<'a>],
    fan_outs: &[FanOut<'a>],
    found: &mut Diagnostics,
) -> Regions {
    let start = workflow.nodes.len();
    let mut head_of = vec![None; start + 1];
    for (index, fan_out) in fan_outs.iter().enumerate() {
        for head in &fan_out.heads {
            head_of[head.node] = Some(index);
        }
    }
    let regions = Regions { list: Vec::new(), owner: vec![None; start + 1], doubtful: Vec::new() };
    let mut walk = Walk {
        workflow,
        fan_outs,
        head_of,
        reached_from: vec![start; start + 1],
        regions,
        by_the_list: HashMap::new(),
        found,
    };
    walk.owned(None, flows, &mut vec![start]);
    let mut next = 0;
    while next < walk.regions.list.len() {
        let frame = &walk.regions.list[next];
        let fan_out = &fan_outs[frame.fan_out];
        if frame.depth > MAX_DEPTH {
            walk.found.push(
                Diagnostic::error(codes::TOO_DEEP, fan_out.span, "fan-outs are nested too deeply")
                    .label(format!("the {}th level", frame.depth))
                    .help("move the inner fan-outs into a function"),
            );
        } else {
            let mut heads = fan_out.heads.iter().map(|head| head.node).collect();
            walk.owned(Some(next), flows, &mut heads);
            if !walk.regions.doubtful[next] {
                walk.ends(next, flows);
            }
        }
        next += 1;
    }
    walk.warn_of_the_list();
    walk.trunk_ends(flows);
    walk.regions
}

struct Walk<'a, 'b> {
    workflow: &'a Workflow,
    fan_outs: &'b [FanOut<'a>],
    /// The fan-out that each node is a head of.
    head_of: Vec<Option<usize>>,
    /// The node from which each was first reached.
    reached_from: Vec<usize>,
    regions: Regions,
    /// The steps within branches that follow only from the order of the list.
    by_the_list: HashMap<usize, usize>,
    found: &'b mut Diagnostics,
}

impl<'a> Walk<'a, '_> {
    /// Walks everything that belongs to `owner`, from `stack` on.
    fn owned(&mut self, owner: Owner, flows: &mut [Flow<'a>], stack: &mut Vec<usize>) {
        for node in stack.iter() {
            self.claim(*node, owner);
        }
        // Declared order, since the stack gives the last first.
        stack.reverse();
        while let Some(node) = stack.pop() {
            let mut flow = std::mem::replace(&mut flows[node], Flow { arms: Vec::new(), rest: Rest::Listed });
            for (_, to) in &mut flow.arms {
                self.hop(node, to, owner, flows, stack);
            }
            match &mut flow.rest {
                Rest::Listed => flow.rest = Rest::Go(self.listed(node, owner, flows, stack)),
                Rest::Go(to) => self.hop(node, to, owner, flows, stack),
                Rest::Fork(targets) => {
                    for to in targets.iter_mut() {
                        self.hop(node, to, owner, flows, stack);
                    }
                    flow.rest = self.fork(targets, owner);
                }
                Rest::FanOut(index) => self.open(node, *index, owner, flows, stack),
            }
            flows[node] = flow;
        }
    }

    fn claim(&mut self, node: usize, owner: Owner) {
        self.regions.owner[node] = Some(owner);
        if let Some(region) = owner {
            self.regions.list[region].members.push(node);
        }
    }

    fn fan_in(&self, region: usize) -> To {
        self.fan_outs[self.regions.list[region].fan_out].fan_in
    }

    /// Where what belongs to `owner` ends.
    fn end(&self, owner: Owner, span: Span) -> To {
        To { place: owner.map_or(Place::End, |region| self.fan_in(region).place), span }
    }

    /// Several successors without a condition are a fork in a region, where those that are its fan-in do not count; elsewhere
    /// they are an error.
    fn fork(&mut self, targets: &mut Vec<To>, owner: Owner) -> Rest {
        let first = targets[0];
        if let Some(region) = owner {
            let fan_in = self.fan_in(region).place;
            targets.retain(|to| to.place != fan_in);
        } else {
            self.found.push(several(targets[1].span, first.span));
            return Rest::Go(first);
        }
        match targets[..] {
            [] => Rest::Go(first),
            [only] => Rest::Go(only),
            _ => Rest::Fork(std::mem::take(targets)),
        }
    }

    fn open(&mut self, node: usize, fan_out: usize, owner: Owner, flows: &[Flow<'a>], stack: &mut Vec<usize>) {
        let depth = owner.map_or(0, |region| self.regions.list[region].depth) + 1;
        self.regions.list.push(Frame { fan_out, owner, depth, members: Vec::new() });
        self.regions.doubtful.push(false);
        let mut fan_in = self.fan_outs[fan_out].fan_in;
        let before = fan_in.place;
        self.hop(node, &mut fan_in, owner, flows, stack);
        if fan_in.place != before {
            self.regions.doubtful.pop();
            self.regions.doubtful.push(true);
        }
    }

    /// Where a node leads that does not say what follows it.
    fn listed(&mut self, node: usize, owner: Owner, flows: &[Flow<'a>], stack: &mut Vec<usize>) -> To {
        let start = self.workflow.nodes.len();
        let next = if node == start { 0 } else { node + 1 };
        let span = self.workflow.nodes.get(node).map_or(self.workflow.name.span, |node| node.name.span);
        let end = self.end(owner, span);
        let outside = |next: usize| {
            end.place == Place::Node(next)
                || self.head_of[next].is_some()
                || self.regions.owner[next].is_some_and(|other| other != owner)
        };
        if next + self.workflow.gathering >= start || (owner.is_some() && outside(next)) {
            return end;
        }
        let mut to = To { place: Place::Node(next), span };
        if let (None, Some(fan_out)) = (owner, self.head_of[next]) {
            self.enters_by_listing(node, next, fan_out);
            return end;
        }
        self.hop(node, &mut to, owner, flows, stack);
        if owner.is_some() && to.place == Place::Node(next) {
            self.by_the_list.insert(node, next);
        }
        to
    }

    /// Follows a path; one that is not allowed leads to the end instead.
    fn hop(&mut self, node: usize, to: &mut To, owner: Owner, flows: &[Flow<'a>], stack: &mut Vec<usize>) {
        if to.place == Place::Start && owner.is_none() {
            self.restart(node, to, flows);
        }
        let end = self.end(owner, to.span);
        if to.place == end.place {
            return;
        }
        if self.after_failures(end.place).is_some_and(|name| self.is(to.place, name)) {
            // On the way to its fan-in, it passes what gathers the failures.
            to.place = end.place;
            return;
        }
        match to.place {
            Place::Node(next) => {
                let own = owner.map(|region| self.regions.list[region].fan_out);
                if let Some(fan_out) = self.head_of[next]
                    && own != Some(fan_out)
                {
                    self.enters(node, *to, fan_out);
                } else if self.regions.owner[next].is_none() {
                    self.claim(next, owner);
                    self.reached_from[next] = node;
                    stack.push(next);
                    return;
                } else if self.regions.owner[next] == Some(owner) {
                    return;
                } else {
                    self.leaves(node, *to, owner);
                }
            }
            // The trunk's start is a fan-out: it is reached already.
            Place::Start if owner.is_none() => return,
            Place::Start | Place::End => self.leaves(node, *to, owner),
        }
        *to = end;
        self.doubt(owner);
    }

    /// The fan-in as it is written, if it is a node that gathers failures.
    fn after_failures(&self, fan_in: Place) -> Option<&'a str> {
        let Place::Node(node) = fan_in else { return None };
        let gathers = node + self.workflow.gathering >= self.workflow.nodes.len();
        let goto = self.workflow.nodes[node].goto.as_ref().filter(|_| gathers)?;
        goto.arms.first().map(|arm| arm.to.value.as_str())
    }

    /// Whether that is what has this name.
    fn is(&self, place: Place, name: &str) -> bool {
        match place {
            Place::Node(node) => self.workflow.nodes[node].name.value == name,
            Place::End => name == "__end__",
            Place::Start => false,
        }
    }

    /// Back to `__start__` means to where it leads.
    fn restart(&mut self, node: usize, to: &mut To, flows: &[Flow<'a>]) {
        let start = self.workflow.nodes.len();
        let flow = &flows[start];
        if node == start || !flow.arms.is_empty() {
            self.found.push(
                Diagnostic::error(codes::MISPLACED_START, to.span, "cannot go back to `__start__` here")
                    .label("what would follow depends on conditions")
                    .help("name the node to go back to"),
            );
            to.place = Place::End;
            return;
        }
        match flow.rest {
            Rest::Go(first) => to.place = first.place,
            Rest::Listed | Rest::Fork(_) => to.place = Place::Node(0),
            Rest::FanOut(_) => {}
        }
    }

    fn doubt(&mut self, mut owner: Owner) {
        while let Some(region) = owner {
            self.regions.doubtful[region] = true;
            owner = self.regions.list[region].owner;
        }
    }

    fn name(&self, node: usize) -> &'a str {
        node_name(self.workflow, node)
    }
}
