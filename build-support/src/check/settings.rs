//! Parallel settings: nothing is accepted and ignored.

use std::collections::HashSet;

use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::{Graph, settings},
    source::Span,
    syntax::{Node, Parallel, RetryOn, SHARED, Strategy, Work, is_for_processes},
};

/// Settings of worker processes.
const PROCESS_ONLY: &str = "only a worker process can be held to it";

/// Reports settings where nothing is parallel, that contradict each other, or that the strategy cannot honor.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    let file = &graph.workflow.parallel;
    let mut sites = Sites { graph, reported: HashSet::new(), found };
    for region in graph.regions.iter().filter(|_| !graph.dataflow) {
        for task in &region.tasks {
            let is_node = region.from == task.head;
            sites.check(&task.settings, task.span, if is_node { "this node" } else { "this branch" });
        }
    }
    for node in &graph.workflow.nodes {
        match &node.work {
            Work::Run(_) if graph.dataflow => {
                sites.check(&node.parallel.or(file), node.name.span, "this node");
                shared_in_dataflow(node, sites.found);
            }
            Work::Run(_) => of_several(node, sites.found),
            Work::Map(map) => {
                let resolved = node.parallel.or(file);
                sites.check(&resolved, node.name.span, "this node");
                let allowed = resolved.allow_failure.as_ref().is_some_and(|setting| setting.value);
                if let (Some(failures), false) = (&map.failures, allowed) {
                    sites.found.push(
                        Diagnostic::error(codes::NO_FAILURES, failures.span, "`failures` without `allow_failure`")
                            .label("would always be empty")
                            .note("a failed item fails the run")
                            .help(format!("add `allow_failure: true` to `{}`", node.name.value))
                            .help("or remove `failures`"),
                    );
                }
            }
        }
    }
}

struct Sites<'a, 'g, 'f> {
    graph: &'g Graph<'a>,
    /// A setting that several branches share is reported once.
    reported: HashSet<Span>,
    found: &'f mut Diagnostics,
}

impl Sites<'_, '_, '_> {
    /// `settings` are resolved; `place` names what they hold for.
    fn check(&mut self, settings: &Parallel, place: Span, what: &str) {
        let strategy = settings::strategy(settings);
        if strategy == Strategy::Thread {
            for (name, span) in settings.written().filter(|(name, _)| is_for_processes(name)) {
                self.unhonored(name, span, place, what);
            }
        }
        if let Some(idempotent) = settings.idempotent.as_ref().filter(|idempotent| !idempotent.value.0)
            && strategy != Strategy::Remote
        {
            let runs = if strategy == Strategy::Thread { "on threads" } else { "in worker processes of this machine" };
            self.never_lost(idempotent.span, place, &format!("{what} runs {runs}"));
        }
        self.retry_on(settings, place, what);
        if let (Some(one), Some(total)) = (&settings.timeout, &settings.timeout_total)
            && one.value > total.value
            && self.of_file(one.span) != self.of_file(total.span)
        {
            // Of the two, the one that is written here is the one to change.
            let (here, there) = if self.of_file(one.span) { (total.span, one.span) } else { (one.span, total.span) };
            if self.reported.insert(here) {
                self.found.push(
                    Diagnostic::error(codes::SETTING_CONFLICT, here, "`timeout` is longer than `timeout_total`")
                        .label("written here")
                        .also(there, "the other one holds for the whole file")
                        .help("make `timeout_total` at least as long as `timeout`"),
                );
            }
        }
    }

    /// Kinds of failure none of which can come.
    fn retry_on(&mut self, settings: &Parallel, place: Span, what: &str) {
        let Some(retry) = &settings.retry else { return };
        let threads = settings::strategy(settings) == Strategy::Thread;
        let runs_again = settings.idempotent.as_ref().is_none_or(|idempotent| idempotent.value.0);
        let no_timeout = settings.timeout.is_none() && settings.timeout_total.is_none();
        let never = |kind: &RetryOn| match kind {
            RetryOn::Crash => threads,
            RetryOn::Timeout => no_timeout,
            // Of `idempotent: false` without hosts, that has been said.
            RetryOn::Lost => runs_again,
            RetryOn::Error | RetryOn::Panic => false,
        };
        let kinds = &retry.value.retry_on;
        let Some(span) = retry
            .value
            .retry_on_span
            .filter(|_| retry.value.max_retries > 0 && !kinds.is_empty() && kinds.iter().all(never))
        else {
            return;
        };
        if !self.reported.insert(span) {
            return;
        }
        let error = Diagnostic::error(codes::NOT_HONORED, span, "`retry_on` names nothing that can happen")
            .also(place, format!("holds for {what}"));
        let error = if kinds.contains(&RetryOn::Crash) {
            error
                .note("a crash on a thread ends the program")
                .help("run it in a worker process: `parallel_strategy: process`")
        } else if kinds.contains(&RetryOn::Lost) {
            error
                .note("what was lost with its host runs again by itself, unless it is not `idempotent`; and only `remote` has hosts")
                .help("add `idempotent: false`, and `parallel_strategy: remote`")
        } else {
            error.note("nothing can time out without a `timeout`").help("add a `timeout`")
        };
        self.found.push(error.help("or remove `retry_on`, to retry all failures"));
    }

    fn unhonored(&mut self, name: &str, span: Span, place: Span, what: &str) {
        if !self.reported.insert(span) {
            return;
        }
        let error = Diagnostic::error(codes::NOT_HONORED, span, format!("`{name}` has no effect on threads"))
            .label(PROCESS_ONLY)
            .also(place, format!("{what} runs on threads"));
        self.found.push(if self.of_file(span) {
            error
                .help(format!("write `{name}` on what has `parallel_strategy: process`, not in `settings.parallel`"))
                .help("or run everything in worker processes: `strategy: process`")
        } else {
            error.help("run it in a worker process: `parallel_strategy: process`").help(format!("or remove `{name}`"))
        });
    }

    /// `idempotent: false` where no host can be lost.
    fn never_lost(&mut self, span: Span, place: Span, where_it_runs: &str) {
        if !self.reported.insert(span) {
            return;
        }
        let error = Diagnostic::error(codes::NOT_HONORED, span, "`idempotent: false` has no effect without `remote`")
            .label("only keeps it from running again when its host is lost")
            .also(place, where_it_runs)
            .note("retries, and runs that are resumed, run it again all the same");
        self.found.push(if self.of_file(span) {
            error
                .help("write it on what has `parallel_strategy: remote`, not in `settings.parallel`")
                .help("or run everything on the hosts of a pool: `strategy: remote`")
        } else {
            error.help("let it run on the hosts of a pool: `parallel_strategy: remote`").help("or remove `idempotent`")
        });
    }

    /// Whether a setting is written in `settings.parallel`.
    fn of_file(&self, span: Span) -> bool {
        self.graph.workflow.parallel.written().any(|(_, own)| own == span)
    }
}

/// Settings that only mean something for several branches or items.
fn of_several(node: &Node, found: &mut Diagnostics) {
    let shared = node.parallel.written().find(|(name, _)| SHARED.contains(name));
    let Some((name, span)) = shared else { return };
    found.push(
        Diagnostic::error(codes::NOT_PARALLEL, span, format!("`{name}` on a node that runs once"))
            .label("is for several branches or items")
            .help("write it on the parallel edge that leads here")
            .help(format!("or add `type: dynamic_parallel` to run `{}` once for each item", node.name.value)),
    );
}

/// `max_workers` and `fail_fast` belong to a dataflow file as a whole.
fn shared_in_dataflow(node: &Node, found: &mut Diagnostics) {
    let shared = node.parallel.written().find(|(name, _)| SHARED.contains(name));
    let Some((name, span)) = shared else { return };
    found.push(
        Diagnostic::error(codes::NOT_PARALLEL, span, format!("`{name}` on one node of a dataflow file"))
            .label("holds for all nodes or none")
            .help(format!("write it in `settings.parallel`: `{name}: …`")),
    );
}

/// Warns of settings for the whole file where nothing is parallel.
pub(super) fn check_use(graph: &Graph<'_>, found: &mut Diagnostics) {
    let parallel =
        !graph.regions.is_empty() || graph.workflow.nodes.iter().any(|node| matches!(node.work, Work::Map(_)));
    if let (Some((name, span)), false) = (settings::first_written(&graph.workflow.parallel), parallel) {
        found.push(
            Diagnostic::warning(
                codes::UNUSED_SETTINGS,
                span,
                format!("`{name}` has no effect: nothing is parallel here"),
            )
            .help("remove `settings.parallel`, or write `parallel: true` on an edge"),
        );
    }
}
