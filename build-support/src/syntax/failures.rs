//! `failures` on parallel edges. What failed is gathered by a node between the branches and their `fan_in`, which has the results
//! of the branches as every fan-in has.

use super::{
    Action, Arm, Edge, Fingerprint, Goto, Node, Output, Parallel, Rust, Work, Workflow,
    naming::{self, Role},
};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{Span, Spanned},
};

impl Workflow {
    /// Adds the nodes that gather what fails in fan-outs with `failures`, once.
    pub(crate) fn gather_failures(&mut self, found: &mut Diagnostics) {
        // There, edges are errors.
        if self.nodes.iter().any(|node| node.needs.is_some()) {
            return;
        }
        let first_of_each = (0..self.edges.len()).filter(|at| {
            let from = |edge: &Edge| edge.failures.is_some() && edge.from.value == self.edges[*at].from.value;
            from(&self.edges[*at]) && !self.edges[..*at].iter().any(from)
        });
        for first in first_of_each.collect::<Vec<_>>() {
            self.gather(first, found);
        }
    }

    fn gather(&mut self, first: usize, found: &mut Diagnostics) {
        let from = self.edges[first].from.value.clone();
        let of_fan_out = |edge: &&Edge| edge.parallel.is_some() && edge.from.value == from;
        let edges: Vec<&Edge> = self.edges.iter().filter(of_fan_out).collect();
        let Some(key) = self.edges[first].failures.clone() else { return };
        // An edge that is not parallel is reported with the others, and so is a fan-out without `fan_in`.
        let Some(fan_in) = edges.iter().find_map(|edge| edge.fan_in.clone()) else { return };
        refuse_others(&key, &edges, found);
        let allows = |settings: &Parallel| settings.allow_failure.as_ref().map(|allowed| allowed.value);
        let allowed =
            |edge: &&Edge| edge.join.is_some() || allows(&edge.settings).or(allows(&self.parallel)).unwrap_or_default();
        if !edges.iter().any(allowed) {
            found.push(
                Diagnostic::error(codes::NO_FAILURES, key.span, "`failures` without `allow_failure`")
                    .label("would always be empty")
                    .note("a failed branch fails the run")
                    .help("add `allow_failure: true` to the edge")
                    .help("or remove `failures`"),
            );
        }
        let name = self.unused_name(from.trim_matches('_'));
        self.nodes.push(gathers(&name, &key, fan_in.clone()));
        self.gathering += 1;
        let edges = self.edges.iter_mut().filter(|edge| edge.parallel.is_some() && edge.from.value == from);
        for to in edges.filter_map(|edge| edge.fan_in.as_mut()).filter(|to| to.value == fan_in.value) {
            to.value.clone_from(&name);
        }
    }

    /// A name that no node has.
    fn unused_name(&self, from: &str) -> String {
        let mut name = format!("failures-of-{from}");
        let known: Vec<String> =
            self.nodes.iter().map(|node| naming::rust_name(&node.name.value, Role::Node)).collect();
        while known.contains(&naming::rust_name(&name, Role::Node)) {
            name.push('_');
        }
        name
    }
}

/// One key gets all that failed.
fn refuse_others(key: &Spanned<String>, edges: &[&Edge], found: &mut Diagnostics) {
    let others = edges.iter().filter_map(|edge| edge.failures.as_ref());
    for other in others.filter(|other| other.value != key.value) {
        let message = "the edges of one fan-out disagree about `failures`";
        let error = Diagnostic::error(codes::DISAGREEING_EDGES, other.span, message)
            .label("another key here")
            .also(key.span, "one key here");
        found.push(
            error
                .note("`failures` belongs to the fan-out as a whole")
                .help("write it on one of the edges, or the same on all"),
        );
    }
}

/// A node that puts what failed in its fan-out into a key.
fn gathers(name: &str, key: &Spanned<String>, fan_in: Spanned<String>) -> Node {
    let rust = Rust {
        text: "__tea::failed(parallel_results)".to_owned(),
        span: key.span,
        map: vec![(0, key.span.start)],
        names: vec![Spanned::new("parallel_results".to_owned(), key.span)],
        assigned: Vec::new(),
    };
    let span: Span = fan_in.span;
    Node {
        name: Spanned::new(name.to_owned(), key.span),
        work: Work::Run(Action::Rust(rust)),
        output: Output::One(key.clone()),
        goto: Some(Goto { arms: vec![Arm { condition: None, to: fan_in }], span }),
        needs: None,
        max_visits: None,
        rerun: None,
        cache: None,
        fingerprint: Fingerprint::default(),
        parallel: Parallel::default(),
        fallback: Vec::new(),
        span: key.span,
    }
}
