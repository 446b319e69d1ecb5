//! Parallel settings: the nearest wins, key by key.

use std::time::Duration;

use super::Task;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{Span, Spanned},
    syntax::{CircuitBreaker, Edge, Idempotent, Parallel, Retry, Rust, Strategy, Workflow, parallel_settings},
};

/// The setting that is written first.
pub(crate) fn first_written(settings: &Parallel) -> Option<(&'static str, Span)> {
    settings.written().min_by_key(|(_, span)| *span)
}

/// Settings as text: the same for settings that mean the same.
pub(crate) fn described(settings: &Parallel) -> String {
    let shared = (settings.max_workers.as_ref(), settings.fail_fast.as_ref());
    let shared = (shared.0.map(|setting| setting.value), shared.1.map(|setting| setting.value));
    let retry_on = settings.retry.as_ref().map(|retry| retry.value.retry_on.clone());
    let mut policy = policy(settings);
    if let Some(retry) = &mut policy.retry {
        retry.retry_on_span = None;
    }
    format!("{policy:?} {shared:?} {retry_on:?}")
}

/// A default that is written out counts as not written.
trait Value: Clone {
    /// Whether it is what holds if nothing is written.
    fn is_default(&self) -> bool {
        false
    }
}

impl Value for Duration {}
impl Value for u32 {}
impl Value for u64 {}
impl Value for Retry {}
impl Value for CircuitBreaker {}
impl Value for Idempotent {
    fn is_default(&self) -> bool {
        self.0
    }
}
impl Value for bool {
    fn is_default(&self) -> bool {
        !self
    }
}

fn value<T: Value>(setting: Option<&Spanned<T>>) -> Option<T> {
    setting.map(|setting| setting.value.clone()).filter(|value| !value.is_default())
}

macro_rules! define {
    (
        each { $($each:ident: $type:ty, $read:ident, $shape:expr, $form:ident, $on:ident, $about:literal;)* }
        all { $($all:ident: $all_type:ty, $all_read:ident, $all_shape:expr, $all_form:ident, $all_on:ident, $all_about:literal;)* }
    ) => {
        /// How a task or an item runs: settings resolved, the nearest wins; `None` is what holds if nothing is written.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Policy {
            /// Where it runs.
            pub strategy: Strategy,
            $(#[doc = $about] pub $each: Option<$type>,)*
        }

        /// What a task or item does with its settings.
        pub(crate) fn policy(settings: &Parallel) -> Policy {
            Policy { strategy: strategy(settings), $($each: value(settings.$each.as_ref()),)* }
        }

        /// What belongs to a fan-out as a whole. Written on one edge it holds for all.
        pub(super) fn shared(workflow: &Workflow, edges: &[&Edge], found: &mut Diagnostics) -> Parallel {
            let mut shared = Parallel::default();
            for edge in edges {
                $(agree(stringify!($all), &mut shared.$all, edge.settings.$all.as_ref(), found);)*
            }
            shared.or(&workflow.parallel)
        }
    };
}
parallel_settings!(define);

/// `join`, which belongs to a fan-out as a whole, too.
pub(super) fn join(edges: &[&Edge], found: &mut Diagnostics) -> Option<Spanned<u32>> {
    let mut join = None;
    for edge in edges {
        agree("join", &mut join, edge.join.as_ref(), found);
    }
    join
}

fn agree<T: Clone + PartialEq>(
    name: &str,
    first: &mut Option<Spanned<T>>,
    other: Option<&Spanned<T>>,
    found: &mut Diagnostics,
) {
    let Some(other) = other else { return };
    match first {
        None => *first = Some(other.clone()),
        Some(first) if first.value != other.value => found.push(
            Diagnostic::error(
                codes::DISAGREEING_EDGES,
                other.span,
                format!("the edges of one fan-out disagree about `{name}`"),
            )
            .label("another value here")
            .also(first.span, "one value here")
            .note(format!("`{name}` belongs to the fan-out as a whole"))
            .help("write it on one of the edges, or the same on all"),
        ),
        Some(_) => {}
    }
}

/// The settings of what several branches lead to: theirs, which must agree.
pub(super) fn inherit(name: &Spanned<String>, needs: &[u32], tasks: &[Task<'_>], found: &mut Diagnostics) -> Parallel {
    let mut needs = needs.iter().map(|need| &tasks[*need as usize]);
    let Some(first) = needs.next() else { return Parallel::default() };
    let own = policy(&first.settings);
    if let Some(other) = needs.find(|other| policy(&other.settings) != own) {
        found.push(
            Diagnostic::error(
                codes::DISAGREEING_EDGES,
                name.span,
                format!("it is not clear with which settings `{}` runs", name.value),
            )
            .label("branches with different settings lead here")
            .also(first.span, "one of them")
            .also(other.span, "another one")
            .help("give their edges the same settings")
            .help("or let the branches end at a fan-in before it"),
        );
    }
    first.settings.clone()
}

/// What keys are if that fails: what the branches that lead to it say, which must agree.
pub(super) fn inherited_fallback<'a>(
    needs: &[u32],
    tasks: &[Task<'a>],
    found: &mut Diagnostics,
) -> Vec<&'a (Spanned<String>, Rust)> {
    let mut all: Vec<&(Spanned<String>, Rust)> = Vec::new();
    for own in needs.iter().flat_map(|need| &tasks[*need as usize].fallback) {
        let known = all.iter().find(|known| known.0.value == own.0.value && known.1.text != own.1.text);
        if let Some(known) = known {
            found.push(
                Diagnostic::error(
                    codes::DISAGREEING_EDGES,
                    own.1.span,
                    format!("branches that meet disagree about `{}` after a failure", own.0.value),
                )
                .label("another value here")
                .also(known.1.span, "one value here")
                .note("what branches lead to has their settings, and what it writes may be this key")
                .help("write the same value on both edges"),
            );
        }
        all.push(own);
    }
    all
}

/// Where it runs; on threads if nothing is written anywhere.
pub(crate) fn strategy(settings: &Parallel) -> Strategy {
    settings.strategy.as_ref().map_or(Strategy::Thread, |strategy| strategy.value)
}
