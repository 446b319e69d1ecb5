//! What is said of paths that enter a fan-out, leave one, or follow only from the order of the list.

use std::collections::HashSet;

use super::{Owner, Walk};
use crate::{
    codes,
    diagnostic::Diagnostic,
    doubt::Facts,
    graph::resolve::{END, Place, START, To},
    source::Span,
};

impl<'a> Walk<'a, '_> {
    pub(super) fn place_name(&self, place: Place) -> &'a str {
        match place {
            Place::Start => START,
            Place::End => END,
            Place::Node(node) => self.name(node),
        }
    }

    pub(super) fn head_span(&self, fan_out: usize, node: usize) -> Span {
        let fan_out = &self.fan_outs[fan_out];
        fan_out.heads.iter().find(|head| head.node == node).map_or(fan_out.span, |head| head.span)
    }

    pub(super) fn enters_by_listing(&mut self, node: usize, next: usize, fan_out: usize) {
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

    pub(super) fn enters(&mut self, node: usize, to: To, fan_out: usize) {
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

    pub(super) fn leaves(&mut self, node: usize, to: To, owner: Owner) {
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
    pub(super) fn warn_of_the_list(&mut self) {
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
}
