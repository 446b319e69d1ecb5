//! Which fan-out each node belongs to, and where the listing leads. See the rules in [`super`].
//!
//! One walk a region, parents first: from the heads along every path, a nested fan-out being a single hop to its
//! fan-in. Each node is walked once in all.

use std::collections::{HashMap, HashSet};

use super::{
    fan_out::FanOut,
    flow::{Flow, Rest, several},
    resolve::{END, Place, To, node_name},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    doubt::Facts,
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

    fn place_name(&self, place: Place) -> &'a str {
        match place {
            Place::Start => super::resolve::START,
            Place::End => END,
            Place::Node(node) => self.name(node),
        }
    }

    fn head_span(&self, fan_out: usize, node: usize) -> Span {
        let fan_out = &self.fan_outs[fan_out];
        fan_out.heads.iter().find(|head| head.node == node).map_or(fan_out.span, |head| head.span)
    }

    fn enters_by_listing(&mut self, node: usize, next: usize, fan_out: usize) {
        let from = self.name(self.fan_outs[fan_out].from);
        let (name, next_name) = (self.name(node), self.name(next));
        let branch = self.head_span(fan_out, next);
        let error = if node == self.workflow.nodes.len() {
            Diagnostic::error(
                codes::ENTERS_FAN_OUT,
                self.workflow.nodes[next].name.span,
                format!("the workflow would start inside the fan-out from `{from}`"),
            )
            .label("the first in the list, and a branch")
            .help("list the node that comes first before it")
            .help(format!("or add an edge: `- {{ from: __start__, to: {from} }}`"))
        } else {
            Diagnostic::error(
                codes::ENTERS_FAN_OUT,
                self.workflow.nodes[node].name.span,
                format!("`{name}` leads into the fan-out from `{from}`"),
            )
            .label(format!("continues with the next node in the list, `{next_name}`, which is a branch"))
            .help(format!("if the workflow ends here, say so: `goto: __end__` on `{name}`"))
            .help(format!("or say what follows it: `goto: {from}`"))
        };
        // Where it should have gone is not known.
        self.found.push(error.also(branch, "made a branch by this edge").doubts(Facts::REACH.and(Facts::ENDS)));
    }

    fn enters(&mut self, node: usize, to: To, fan_out: usize) {
        let from = self.name(self.fan_outs[fan_out].from);
        let Place::Node(next) = to.place else { return };
        self.found.push(
            Diagnostic::error(
                codes::ENTERS_FAN_OUT,
                to.span,
                format!("`{}` leads into the fan-out from `{from}`", self.name(node)),
            )
            .label(format!("`{}` is a branch", self.name(next)))
            .also(self.head_span(fan_out, next), "made a branch by this edge")
            .help(format!("go to `{from}`, where the fan-out starts")),
        );
    }

    fn leaves(&mut self, node: usize, to: To, owner: Owner) {
        let Some(region) = owner else { return };
        let fan_out = &self.fan_outs[self.regions.list[region].fan_out];
        let fan_in = self.place_name(fan_out.fan_in.place);
        let label = match to.place {
            Place::Node(next) => match self.regions.owner[next] {
                Some(Some(other)) => {
                    let other = self.fan_outs[self.regions.list[other].fan_out].from;
                    format!("belongs to the fan-out from `{}`", self.name(other))
                }
                _ => format!("runs outside the fan-out from `{}`", self.name(fan_out.from)),
            },
            Place::Start => "starts the workflow again".to_owned(),
            Place::End => "ends the workflow".to_owned(),
        };
        let mut error = Diagnostic::error(
            codes::LEAVES_FAN_OUT,
            to.span,
            format!("`{}` leaves the fan-out from `{}`", self.name(node), self.name(fan_out.from)),
        )
        .label(label)
        .also(fan_out.fan_in.span, "its branches end here")
        .help(format!("go to `{fan_in}`, and from there where you want"));
        if let Place::Node(next) = to.place {
            let from = self.reached_from[next];
            let how = if from + 1 == next { ", after which it is listed" } else { "" };
            error = error.note(format!("`{}` is also reached from `{}`{how}", self.name(next), self.name(from)));
            if from + 1 == next {
                error = error.help(format!("or end the workflow at `{}`: `goto: __end__`", self.name(from)));
            }
        }
        self.found.push(error);
    }

    /// Warns of nodes that are part of a branch only because of their places in the list, once for each run of them.
    fn warn_of_the_list(&mut self) {
        let gotos =
            self.workflow.nodes.iter().flat_map(|node| &node.goto).flat_map(|goto| &goto.arms).map(|arm| &arm.to);
        let edges = self.workflow.edges.iter();
        let edges = edges.flat_map(|edge| edge.to.iter().flat_map(|branch| &branch.nodes).chain(&edge.fan_in));
        let led_to_by_name: HashSet<&str> = gotos.chain(edges).map(|name| name.value.as_str()).collect();
        let mut ways = std::mem::take(&mut self.by_the_list);
        ways.retain(|_, next| !led_to_by_name.contains(self.name(*next)));
        let led_to: HashSet<usize> = ways.values().copied().collect();
        let mut starts: Vec<_> = ways.keys().copied().filter(|node| !led_to.contains(node)).collect();
        starts.sort_unstable();
        for start in starts {
            let run: Vec<_> = std::iter::successors(Some(start), |node| ways.get(node).copied()).collect();
            let names: Vec<_> = run.iter().map(|node| self.name(*node)).collect();
            let first = &self.workflow.nodes[run[1]].name;
            let message =
                format!("`{}` is part of a branch only because it is listed after `{}`", first.value, names[0]);
            let warning = Diagnostic::warning(codes::LISTED_IN_BRANCH, first.span, message);
            let warning = match self.head_of[start] {
                Some(fan_out) => warning
                    .label("does not wait for the other branches")
                    .also(self.head_span(fan_out, start), "the branch")
                    .help(format!("write the branch as a list in `to`: `[{}]`", names.join(", "))),
                None => warning.label("does not wait for other branches"),
            };
            self.found
                .push(warning.help(format!("say what follows `{0}`: `goto: {1}` on `{0}`", names[0], first.value)));
        }
    }

    /// From everything in a region its fan-in must be in reach.
    fn ends(&mut self, region: usize, flows: &[Flow<'a>]) {
        let frame = &self.regions.list[region];
        let fan_out = &self.fan_outs[frame.fan_out];
        let Some(lost) = never_ends(&frame.members, fan_out.fan_in.place, flows, self.fan_outs) else { return };
        let node = lost;
        let head = fan_out.heads.iter().find(|head| head.node == node);
        let what = if head.is_some() { "the branch " } else { "" };
        let (name, fan_in) = (self.name(node), self.place_name(fan_out.fan_in.place));
        self.found.push(
            Diagnostic::error(
                codes::NEVER_JOINS,
                head.map_or(self.workflow.nodes[node].name.span, |head| head.span),
                format!("{what}`{name}` never reaches its fan-in"),
            )
            .label("loops forever")
            .also(fan_out.fan_in.span, "the fan-in")
            .help(format!("leave the loop: a `goto` with `to: {fan_in}`")),
        );
        self.doubt(Some(region));
    }

    /// From everything outside of fan-outs the end must be in reach: else no run that comes there succeeds.
    fn trunk_ends(&mut self, flows: &[Flow<'a>]) {
        let trunk: Vec<_> =
            (0..=self.workflow.nodes.len()).filter(|node| self.regions.owner[*node] == Some(None)).collect();
        let Some(lost) = never_ends(&trunk, Place::End, flows, self.fan_outs) else { return };
        let Some(node) = self.workflow.nodes.get(lost) else { return };
        let name = &node.name.value;
        self.found.push(
            Diagnostic::error(codes::NEVER_JOINS, node.name.span, format!("`{name}` never reaches `{END}`"))
                .label("loops forever")
                .help(format!("leave the loop: a `goto` with an `if`, and `to: {END}` or a node after the loop")),
        );
    }
}

/// The first of these nodes from which `end` is out of reach.
fn never_ends(nodes: &[usize], end: Place, flows: &[Flow<'_>], fan_outs: &[FanOut<'_>]) -> Option<usize> {
    let local: HashMap<usize, usize> = nodes.iter().enumerate().map(|(index, node)| (*node, index)).collect();
    let start = flows.len() - 1;
    let mut before = vec![Vec::new(); nodes.len()];
    let mut ends = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        for place in targets(&flows[*node], fan_outs) {
            let next = match place {
                place if place == end => {
                    ends.push(index);
                    continue;
                }
                Place::Node(next) => next,
                Place::Start => start,
                Place::End => continue,
            };
            if let Some(next) = local.get(&next) {
                before[*next].push(index);
            }
        }
    }
    let mut reaches = vec![false; nodes.len()];
    while let Some(index) = ends.pop() {
        if !std::mem::replace(&mut reaches[index], true) {
            ends.extend(&before[index]);
        }
    }
    reaches.iter().position(|reaches| !reaches).map(|index| nodes[index])
}

/// Where a resolved flow may lead, a fan-out being a hop to its fan-in.
pub(super) fn targets(flow: &Flow<'_>, fan_outs: &[FanOut<'_>]) -> Vec<Place> {
    let mut places: Vec<_> = flow.arms.iter().map(|(_, to)| to.place).collect();
    match &flow.rest {
        Rest::Listed => {}
        Rest::Go(to) => places.push(to.place),
        Rest::Fork(targets) => places.extend(targets.iter().map(|to| to.place)),
        Rest::FanOut(fan_out) => places.push(fan_outs[*fan_out].fan_in.place),
    }
    places
}
