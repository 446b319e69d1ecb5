//! Parallel edges gathered to fan-outs: heads, fan-in, settings.

use std::collections::HashMap;

use super::{
    flow::{Flow, Rest},
    resolve::{NodeNames, Place, To, node_name},
    settings,
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{Span, Spanned},
    syntax::{Branch, Edge, Parallel, Workflow},
};

/// The parallel edges from one node.
pub(super) struct FanOut<'a> {
    /// The node that they start from.
    pub(super) from: usize,
    /// The first of them.
    pub(super) span: Span,
    /// The branches in declared order.
    pub(super) heads: Vec<Head<'a>>,
    /// Where the branches end.
    pub(super) fan_in: To,
    /// `join`.
    pub(super) join: Option<Spanned<u32>>,
    /// What holds for all of it.
    pub(super) settings: Parallel,
}

/// A branch's first node.
pub(super) struct Head<'a> {
    pub(super) node: usize,
    pub(super) span: Span,
    pub(super) edge: &'a Edge,
    /// All nodes of a branch that is written as a list.
    pub(super) nodes: Vec<Spanned<usize>>,
}

/// The fan-out that the parallel `edges` from one node make; there is at least one. `None` if it has no branch.
pub(super) fn gather<'a>(
    workflow: &'a Workflow,
    from: usize,
    edges: &[&'a Edge],
    names: &NodeNames<'_>,
    found: &mut Diagnostics,
) -> Option<FanOut<'a>> {
    let mut heads = heads(edges, names, found);
    let fan_in = fan_in(workflow, from, edges, &heads, names, found)?;
    heads.retain(|head| {
        if head.node == from {
            found.push(
                Diagnostic::error(
                    codes::BAD_BRANCH,
                    head.span,
                    "a branch cannot start at the node that the fan-out starts from",
                )
                .label("would start itself again")
                .help("name the first node of each branch"),
            );
            return false;
        }
        let empty = fan_in.place == Place::Node(head.node);
        if empty {
            found.push(
                Diagnostic::error(codes::BAD_BRANCH, head.span, "a branch cannot start at its own fan-in")
                    .label("nothing would run in this branch")
                    .also(fan_in.span, "the fan-in")
                    .help("remove it from `to`"),
            );
        }
        !empty
    });
    (!heads.is_empty()).then(|| FanOut {
        from,
        span: edges[0].from.span,
        heads,
        fan_in,
        join: settings::join(edges, found),
        settings: settings::shared(workflow, edges, found),
    })
}

fn heads<'a>(edges: &[&'a Edge], names: &NodeNames<'_>, found: &mut Diagnostics) -> Vec<Head<'a>> {
    let mut heads: Vec<Head<'_>> = Vec::new();
    for edge in edges {
        for branch in &edge.to {
            let nodes: Vec<_> = branch.nodes.iter().map(|name| node_of(name, names, found)).collect();
            let Some(Some(first)) = nodes.first() else { continue };
            let (node, span) = (first.value, first.span);
            let nodes = if branch.is_list { nodes.into_iter().flatten().collect() } else { Vec::new() };
            heads.push(Head { node, span, edge, nodes });
        }
    }
    heads
}

/// A node that a branch runs.
fn node_of(name: &Spanned<String>, names: &NodeNames<'_>, found: &mut Diagnostics) -> Option<Spanned<usize>> {
    match names.resolve(name, found)?.place {
        Place::Node(node) => Some(Spanned::new(node, name.span)),
        Place::Start | Place::End => {
            let message = format!("a branch cannot run `{}`", name.value);
            found.push(
                Diagnostic::error(codes::BAD_BRANCH, name.span, message)
                    .label("not a node")
                    .help("name the nodes of each branch; it goes to `fan_in` by itself"),
            );
            None
        }
    }
}

fn fan_in(
    workflow: &Workflow,
    from: usize,
    edges: &[&Edge],
    heads: &[Head<'_>],
    names: &NodeNames<'_>,
    found: &mut Diagnostics,
) -> Option<To> {
    let mut first: Option<To> = None;
    let mut missing = None;
    for edge in edges {
        let Some(name) = &edge.fan_in else {
            missing = missing.or(Some(edge));
            continue;
        };
        let Some(to) = names.resolve(name, found) else { continue };
        if to.place == Place::Start {
            found.push(
                Diagnostic::error(codes::BAD_FAN_IN, name.span, "`__start__` cannot be a fan-in")
                    .label("not a node")
                    .help("name the node that the branches lead to"),
            );
            continue;
        }
        match first {
            None => first = Some(to),
            Some(other) if other.place != to.place => {
                found.push(
                    Diagnostic::error(
                        codes::BAD_FAN_IN,
                        name.span,
                        format!("the fan-out from `{}` has two fan-ins", node_name(workflow, from)),
                    )
                    .label("another one here")
                    .also(other.span, "one fan-in")
                    .help("parallel edges from one node are one fan-out: name the same fan-in on all of them")
                    .help("to go different ways, let the branches fan out again"),
                );
            }
            Some(_) => {}
        }
    }
    if let Some(edge) = missing {
        let near = first.map(|to| to.place).or_else(|| candidate(workflow, heads).map(Place::Node));
        let mut error = Diagnostic::error(
            codes::BAD_FAN_IN,
            edge.parallel.unwrap_or(edge.span),
            format!("the fan-out from `{}` has no `fan_in`", node_name(workflow, from)),
        )
        .label("where do these branches meet?");
        error.helps.push(match near {
            Some(Place::Node(node)) => format!("add `fan_in: {}`", node_name(workflow, node)),
            _ => "add `fan_in:` with the node that all branches lead to, or `__end__`".to_owned(),
        });
        found.push(error);
        let span = edge.span;
        first = first.or(near.map(|place| To { place, span })).or(Some(To { place: Place::End, span }));
    }
    first
}

/// The node that was probably meant as the fan-in: the one that an edge from a head leads to, else the one
/// that is listed after the last head.
fn candidate(workflow: &Workflow, heads: &[Head<'_>]) -> Option<usize> {
    let index = |name: &str| workflow.nodes.iter().position(|node| node.name.value == name);
    let is_head = |node: &usize| heads.iter().any(|head| head.node == *node);
    let last = heads.iter().map(|head| head.node).max()?;
    let name = &workflow.nodes[last].name.value;
    let led_to =
        workflow.edges.iter().filter(|edge| edge.from.value == *name).flat_map(|edge| &edge.to).map(Branch::first);
    let gone_to = workflow.nodes[last].goto.iter().flat_map(|goto| &goto.arms).map(|arm| &arm.to);
    led_to.chain(gone_to).find_map(|to| index(&to.value)).filter(|node| !is_head(node)).or_else(|| {
        let next = last + 1;
        (next < workflow.nodes.len()).then_some(next)
    })
}

/// Each head belongs to one fan-out, once.
pub(super) fn claim_heads(workflow: &Workflow, fan_outs: &mut Vec<FanOut<'_>>, found: &mut Diagnostics) {
    let mut claimed: Vec<Option<Span>> = vec![None; workflow.nodes.len()];
    for fan_out in fan_outs {
        fan_out.heads.retain(|head| {
            let Some(first) = claimed[head.node].replace(head.span) else { return true };
            claimed[head.node] = Some(first);
            found.push(
                Diagnostic::error(
                    codes::BAD_BRANCH,
                    head.span,
                    format!("`{}` is already a branch", node_name(workflow, head.node)),
                )
                .label("again here")
                .also(first, "a branch from here on")
                .help("remove one of them, or write a second node that runs the same Rust"),
            );
            false
        });
    }
}

/// The nodes of a branch that is written as a list follow one another, and the last one goes to the fan-in.
pub(super) fn follow_lists(
    workflow: &Workflow,
    fan_outs: &[FanOut<'_>],
    flows: &mut [Flow<'_>],
    found: &mut Diagnostics,
) {
    let mut listed: HashMap<usize, Span> = HashMap::new();
    for fan_out in fan_outs {
        for head in &fan_out.heads {
            let after = head.nodes.iter().skip(1).map(|node| Some(Place::Node(node.value))).chain([None]);
            for (node, next) in head.nodes.iter().zip(after) {
                let name = node_name(workflow, node.value);
                if let Some(first) = listed.insert(node.value, node.span) {
                    listed.insert(node.value, first);
                    found.push(
                        Diagnostic::error(
                            codes::BAD_BRANCH,
                            node.span,
                            format!("`{name}` is already part of a branch"),
                        )
                        .label("again here")
                        .also(first, "first here")
                        .help("write a second node that runs the same Rust"),
                    );
                    break;
                }
                let flow = &mut flows[node.value];
                if flow.arms.is_empty() && matches!(flow.rest, Rest::Listed) {
                    flow.rest = Rest::Go(To { place: next.unwrap_or(fan_out.fan_in.place), span: node.span });
                } else if let Some(Place::Node(next)) = next {
                    let message = format!(
                        "`{name}` continues with `{}` in this list, but also says what follows it",
                        node_name(workflow, next)
                    );
                    let error = Diagnostic::error(codes::CONFLICTING_WAYS, node.span, message)
                        .label("continues with the next node of this list")
                        .also(workflow.nodes[node.value].name.span, "has a `goto` or edges");
                    found.push(error.help("remove one of them"));
                }
            }
        }
    }
}

/// A plain edge has no fan-in, no parallel settings and no branches.
pub(super) fn refuse_settings(edge: &Edge, found: &mut Diagnostics) {
    if let Some(branch) = edge.to.iter().find(|branch| branch.is_list && edge.parallel.is_none()) {
        found.push(
            Diagnostic::error(codes::NOT_PARALLEL, branch.first().span, "a branch on an edge that is not parallel")
                .label("a list in `to` holds the nodes of a branch")
                .help("add `parallel: true` and a `fan_in` to the edge"),
        );
    }
    let fan_in = edge.fan_in.as_ref().map(|fan_in| ("fan_in", fan_in.span));
    let join = edge.join.as_ref().map(|join| ("join", join.span));
    let failures = edge.failures.as_ref().map(|failures| ("failures", failures.span));
    if let Some((name, span)) = fan_in.or(join).or(failures).or_else(|| settings::first_written(&edge.settings)) {
        found.push(
            Diagnostic::error(codes::NOT_PARALLEL, span, format!("`{name}` on an edge that is not parallel"))
                .label("has no meaning here")
                .help("add `parallel: true` to the edge")
                .help(format!("or remove `{name}`")),
        );
    }
}
