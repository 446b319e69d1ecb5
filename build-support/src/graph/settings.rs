//! Parallel settings: the nearest wins, key by key.

use std::time::Duration;

use super::Task;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::{Span, Spanned},
    syntax::{CircuitBreaker, Edge, Parallel, Retry, Strategy, Workflow},
};

/// Does something for each setting, with its name in the language: `$each!(field, "name")`.
macro_rules! for_each_setting {
    ($each:ident) => {
        $each!(strategy, "parallel_strategy");
        $each!(max_workers, "max_workers");
        $each!(timeout, "timeout");
        $each!(timeout_total, "timeout_total");
        $each!(grace, "grace");
        $each!(fail_fast, "fail_fast");
        $each!(allow_failure, "allow_failure");
        $each!(memory_limit, "memory_limit");
        $each!(max_payload, "max_payload");
        $each!(max_tasks_per_worker, "max_tasks_per_worker");
        $each!(retry, "retry");
        $each!(circuit_breaker, "circuit_breaker");
    };
}

/// `near` completed from `far`.
pub(crate) fn resolve(near: &Parallel, far: &Parallel) -> Parallel {
    let mut settings = near.clone();
    macro_rules! complete {
        ($field:ident, $name:literal) => {
            if settings.$field.is_none() {
                settings.$field.clone_from(&far.$field);
            }
        };
    }
    for_each_setting!(complete);
    settings
}

/// The settings that are written, with their names.
pub(crate) fn all_written(settings: &Parallel) -> impl Iterator<Item = (&'static str, Span)> {
    let mut written = Vec::new();
    macro_rules! look {
        ($field:ident, $name:literal) => {
            written.extend(settings.$field.as_ref().map(|setting| ($name, setting.span)));
        };
    }
    for_each_setting!(look);
    written.into_iter()
}

/// The one of them that stands first.
pub(crate) fn first_written(settings: &Parallel) -> Option<(&'static str, Span)> {
    all_written(settings).min_by_key(|(_, span)| *span)
}

/// `max_workers` and `fail_fast`, which belong to a fan-out as a whole. Written on one edge they hold for all.
pub(super) fn shared(workflow: &Workflow, edges: &[&Edge], found: &mut Diagnostics) -> Parallel {
    let mut shared = Parallel::default();
    for edge in edges {
        agree("max_workers", &mut shared.max_workers, edge.settings.max_workers.as_ref(), found);
        agree("fail_fast", &mut shared.fail_fast, edge.settings.fail_fast.as_ref(), found);
    }
    resolve(&shared, &workflow.parallel)
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

/// How a task or an item runs: settings resolved, the nearest wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Where it runs.
    pub strategy: Strategy,
    /// Limit of one attempt.
    pub timeout: Option<Duration>,
    /// Limit of all attempts together.
    pub timeout_total: Option<Duration>,
    /// From asking to killing.
    pub grace: Option<Duration>,
    /// A failure does not fail the run.
    pub allow_failure: bool,
    /// Bytes.
    pub memory_limit: Option<u64>,
    /// Bytes.
    pub max_payload: Option<u64>,
    /// A worker is replaced after so many.
    pub max_tasks_per_worker: Option<u32>,
    /// What is tried again.
    pub retry: Option<Retry>,
    /// When to stop trying.
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// What a task or item does with its settings.
pub(crate) fn policy(settings: &Parallel) -> Policy {
    fn value<T: Clone>(setting: Option<&Spanned<T>>) -> Option<T> {
        setting.map(|setting| setting.value.clone())
    }
    Policy {
        strategy: strategy(settings),
        timeout: value(settings.timeout.as_ref()),
        timeout_total: value(settings.timeout_total.as_ref()),
        grace: value(settings.grace.as_ref()),
        allow_failure: value(settings.allow_failure.as_ref()).unwrap_or(false),
        memory_limit: value(settings.memory_limit.as_ref()),
        max_payload: value(settings.max_payload.as_ref()),
        max_tasks_per_worker: value(settings.max_tasks_per_worker.as_ref()),
        retry: value(settings.retry.as_ref()),
        circuit_breaker: value(settings.circuit_breaker.as_ref()),
    }
}

/// Where it runs; on threads if nothing is written anywhere.
pub(crate) fn strategy(settings: &Parallel) -> Strategy {
    settings.strategy.as_ref().map_or(Strategy::Thread, |strategy| strategy.value)
}
