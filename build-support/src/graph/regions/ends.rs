//! Whether everything comes to an end.

use std::collections::HashMap;

use super::Walk;
use crate::{
    codes,
    diagnostic::Diagnostic,
    graph::{
        fan_out::FanOut,
        flow::{Flow, Rest},
        resolve::{END, Place},
    },
};

impl Walk<'_, '_> {
    /// From everything in a region its fan-in must be in reach.
    pub(super) fn ends(&mut self, region: usize, flows: &[Flow<'_>]) {
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
    pub(super) fn trunk_ends(&mut self, flows: &[Flow<'_>]) {
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
pub(in crate::graph) fn targets(flow: &Flow<'_>, fan_outs: &[FanOut<'_>]) -> Vec<Place> {
    let mut places: Vec<_> = flow.arms.iter().map(|(_, to)| to.place).collect();
    match &flow.rest {
        Rest::Listed => {}
        Rest::Go(to) => places.push(to.place),
        Rest::Fork(targets) => places.extend(targets.iter().map(|to| to.place)),
        Rest::FanOut(fan_out) => places.push(fan_outs[*fan_out].fan_in.place),
    }
    places
}
