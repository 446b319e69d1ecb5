//! What follows every node, as written: `goto` and plain edges. Parallel edges are gathered in `fan_out`.

use super::{
    fan_out::{self, FanOut},
    resolve::{NodeNames, Place, To},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Span,
    syntax::{Edge, Goto, Rust, Workflow},
};

/// What follows a node.
pub(super) struct Flow<'a> {
    /// Conditions, in order.
    pub(super) arms: Vec<(&'a Rust, To)>,
    /// What follows if none of them holds.
    pub(super) rest: Rest,
}

/// What follows if no condition holds.
pub(super) enum Rest {
    /// Nothing is written: the next node in the list.
    Listed,
    /// There.
    Go(To),
    /// To all of these: right only inside a fan-out.
    Fork(Vec<To>),
    /// A fan-out, by index.
    FanOut(usize),
}

/// What follows what, as written.
pub(super) struct Flows<'a> {
    /// From every node and, last, from `__start__`.
    pub(super) nodes: Vec<Flow<'a>>,
    /// The parallel ones.
    pub(super) fan_outs: Vec<FanOut<'a>>,
}

/// Gathers what follows every node.
pub(super) fn flows<'a>(workflow: &'a Workflow, found: &mut Diagnostics) -> Flows<'a> {
    let names = NodeNames::new(workflow);
    let count = workflow.nodes.len();
    let mut edges: Vec<Vec<&Edge>> = vec![Vec::new(); count + 1];
    for edge in &workflow.edges {
        match names.resolve(&edge.from, found).map(|from| from.place) {
            Some(Place::Node(node)) => edges[node].push(edge),
            Some(Place::Start) => edges[count].push(edge),
            Some(Place::End) => found.push(
                Diagnostic::error(codes::MISPLACED_END, edge.from.span, "nothing follows `__end__`")
                    .label("an edge cannot start here")
                    .help("name the node that the edge starts from"),
            ),
            None => {}
        }
    }
    let mut fan_outs = Vec::new();
    let mut nodes: Vec<_> = edges
        .into_iter()
        .enumerate()
        .map(|(node, edges)| {
            // One with a `fan_in` was meant to be parallel.
            let (parallel, plain): (Vec<_>, Vec<_>) =
                edges.into_iter().partition(|edge| edge.parallel.is_some() || leads_to_branches(edge));
            parallel
                .iter()
                .filter(|edge| edge.parallel.is_none())
                .for_each(|edge| fan_out::refuse_settings(edge, found));
            let mut flow = plain_flow(&plain, !parallel.is_empty(), &names, found);
            if let Some(first) = parallel.first() {
                if let Rest::Go(To { span, .. }) = flow.rest {
                    found.push(
                        Diagnostic::error(
                            codes::CONFLICTING_WAYS,
                            span,
                            "a plain edge and parallel edges start from the same node",
                        )
                        .label("would always be taken")
                        .also(first.span, "the fan-out starts here")
                        .help("give the plain edge a `when`, so that the fan-out starts if it does not hold"),
                    );
                }
                if let Some(fan_out) = fan_out::gather(workflow, node, &parallel, &names, found) {
                    flow.rest = Rest::FanOut(fan_outs.len());
                    fan_outs.push(fan_out);
                }
            }
            if let Some(goto) = workflow.nodes.get(node).and_then(|node| node.goto.as_ref()) {
                if let Some(edge) = plain.first().or(parallel.first()) {
                    found.push(
                        Diagnostic::error(
                            codes::CONFLICTING_WAYS,
                            goto.span,
                            "both `goto` and edges say what follows a node",
                        )
                        .label("a `goto`")
                        .also(edge.from.span, "an edge")
                        .help("say what follows this node either with `goto` or with `edges`"),
                    );
                    for arm in &goto.arms {
                        names.resolve_goto(&arm.to, found);
                    }
                } else {
                    flow = goto_flow(goto, &names, found);
                }
            }
            flow
        })
        .collect();
    fan_out::claim_heads(workflow, &mut fan_outs, found);
    fan_out::follow_lists(workflow, &fan_outs, &mut nodes, found);
    Flows { nodes, fan_outs }
}

fn leads_to_branches(edge: &Edge) -> bool {
    edge.fan_in.as_ref().is_some_and(|fan_in| edge.to.iter().all(|branch| branch.first().value != fan_in.value))
}

fn goto_flow<'a>(goto: &'a Goto, names: &NodeNames<'_>, found: &mut Diagnostics) -> Flow<'a> {
    let mut flow = Flow { arms: Vec::new(), rest: Rest::Listed };
    let mut last: Option<Span> = None;
    for arm in &goto.arms {
        let to = names.resolve_goto(&arm.to, found);
        if let Some(span) = last {
            found.push(
                Diagnostic::error(codes::NEVER_TAKEN, arm.to.span, "this path is never taken")
                    .label("comes after an entry without `if`")
                    .also(span, "always taken")
                    .help("put the entry without `if` last"),
            );
            break;
        }
        match (&arm.condition, to) {
            (Some(condition), Some(to)) => flow.arms.push((condition, to)),
            (Some(_), None) => {}
            (None, to) => {
                last = Some(arm.to.span);
                flow.rest = to.map_or(Rest::Listed, Rest::Go);
            }
        }
    }
    if last.is_none() {
        found.push(
            Diagnostic::error(codes::FALLS_THROUGH, goto.span, "nothing follows if none of the conditions holds")
                .label("the last entry has an `if` too")
                .help("end the list with an entry without `if`: `- to: __end__`, or another node"),
        );
    }
    flow
}

/// The flow along plain edges; `parallel` edges may take the place of the one without a condition.
fn plain_flow<'a>(plain: &[&'a Edge], parallel: bool, names: &NodeNames<'_>, found: &mut Diagnostics) -> Flow<'a> {
    let mut flow = Flow { arms: Vec::new(), rest: Rest::Listed };
    let mut always: Vec<To> = Vec::new();
    let mut unknown = false;
    for edge in plain {
        fan_out::refuse_settings(edge, found);
        let targets: Vec<_> = edge.to.iter().filter_map(|branch| names.resolve(branch.first(), found)).collect();
        unknown |= targets.len() < edge.to.len();
        match &edge.when {
            None => {
                for to in targets {
                    if let Some(twice) = always.iter().find(|other| other.place == to.place) {
                        found.push(
                            Diagnostic::error(codes::CONFLICTING_WAYS, to.span, "this edge is written twice")
                                .label("again here")
                                .also(twice.span, "first written here")
                                .help("remove one of them"),
                        );
                    } else {
                        always.push(to);
                    }
                }
            }
            Some(when) => {
                if let [_, second, ..] = targets[..] {
                    found.push(several(second.span, targets[0].span));
                }
                flow.arms.extend(targets.first().map(|to| (when, *to)));
            }
        }
    }
    match always[..] {
        [to] => flow.rest = Rest::Go(to),
        [first, second, ..] if !flow.arms.is_empty() => {
            found.push(several(second.span, first.span));
            flow.rest = Rest::Go(first);
        }
        [_, _, ..] => flow.rest = Rest::Fork(always),
        [] => {
            if let Some(edge) = plain.last()
                && !parallel
                && !unknown
            {
                let span = edge.when.as_ref().map_or(edge.span, |when| when.span);
                found.push(
                    Diagnostic::error(codes::FALLS_THROUGH, span, "nothing follows if none of the conditions holds")
                        .label(format!("every edge from `{}` has a `when`", edge.from.value))
                        .help(format!("add an edge without `when`: `- {{ from: {}, to: … }}`", edge.from.value)),
                );
            }
        }
    }
    flow
}

/// Several nodes follow where only one can.
pub(super) fn several(second: Span, first: Span) -> Diagnostic {
    Diagnostic::error(codes::SEVERAL_WAYS, second, "several nodes follow at the same time")
        .label("and also here")
        .also(first, "continues here")
        .help("to run them in parallel write `parallel: true` and `fan_in`")
        .help("to choose between them write each with a `when`, and one without")
}
