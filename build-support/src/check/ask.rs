//! Questions to people.

use super::ways;
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    graph::Graph,
    source::Span,
    syntax::{Node, Output, Parallel, Rust, Work},
};

/// Reports questions whose answers go nowhere or cannot be had, and what means nothing on a node that asks.
pub(super) fn check(graph: &Graph<'_>, found: &mut Diagnostics) {
    for (index, node) in graph.workflow.nodes.iter().enumerate() {
        if let Some(question) = node.work.action().question() {
            answer(node, question, found);
            entries(graph, node, question, found);
            secrets(graph, index, found);
        }
        if graph.asks(node)
            && let Some(worker) = worker(graph, index)
        {
            in_worker(node, worker, found);
        }
    }
}

/// Warns of questions that only a terminal can answer, because nothing remembers the run until somebody does.
pub(super) fn check_use(graph: &Graph<'_>, found: &mut Diagnostics) {
    if graph.workflow.checkpoint.is_some() {
        return;
    }
    let Some(node) = graph.workflow.nodes.iter().find(|node| graph.asks(node)) else { return };
    let message = "a question in a workflow whose runs are not recorded";
    found.push(
        Diagnostic::warning(codes::UNRECORDED_QUESTION, place(node), message)
            .label("without a terminal, the run ends here and cannot be resumed")
            .help("record the runs: `settings: { checkpoint: true }`")
            .help("or answer where the program is started, by `--answer`, and switch this warning off"),
    );
}

/// Where a node asks, or calls a workflow that does.
fn place(node: &Node) -> Span {
    let action = node.work.action();
    action.call().map_or_else(|| action.question().map_or(node.span, |question| question.span), |call| call.span)
}

fn answer(node: &Node, question: &Rust, found: &mut Diagnostics) {
    let name = &node.name.value;
    match &node.output {
        Output::One(_) => {}
        Output::None => {
            let error =
                Diagnostic::error(codes::MISSING_ENTRY, question.span, format!("`{name}` asks, and has no `output`"));
            found.push(error.label("where does the answer go?").help("name the key that gets it: `output: KEY`"));
        }
        Output::Tuple(keys) => {
            let span = keys.first().map_or(question.span, |key| key.span);
            let error = Diagnostic::error(codes::WRONG_SHAPE, span, format!("`output` of `{name}` is a list"))
                .label("an answer is one value");
            found.push(error.help("name one key, and ask for another one in a node of its own"));
        }
    }
}

fn entries(graph: &Graph<'_>, node: &Node, question: &Rust, found: &mut Diagnostics) {
    // In a dataflow file, a node is a branch and may have to say where it runs.
    let settings = node.parallel.written().filter(|(name, _)| !graph.dataflow || *name != "parallel_strategy");
    let written = settings.chain(node.cache.map(|span| ("cache", span))).chain(node.fingerprint.entries());
    let Some((entry, span)) = written.min_by_key(|(_, span)| *span) else { return };
    let why = match entry {
        "cache" => "an answer holds for its own run",
        "version" | "sources" | "env" => "a question has no code",
        _ => "a person is asked once, and waited for",
    };
    let error = Diagnostic::error(codes::ENTRY_CONFLICT, span, format!("`{entry}` on a node that asks"))
        .label(why)
        .also(question.span, "the question");
    found.push(error.help(format!("remove `{entry}`")));
}

fn secrets(graph: &Graph<'_>, node: usize, found: &mut Diagnostics) {
    for (key, span) in &graph.nodes[node].reads {
        let key = graph.keys.entry(*key);
        let Some(secret) = key.secret else { continue };
        let name = &key.name.value;
        let error = Diagnostic::error(codes::ENTRY_CONFLICT, *span, format!("a question shows the secret `{name}`"));
        found.push(error.also(secret, "never shown").help("leave it out of the question"));
    }
}

/// The setting by which a worker process would run a node.
fn worker(graph: &Graph<'_>, node: usize) -> Option<Span> {
    let strategy = |settings: &Parallel| {
        let strategy = settings.strategy.as_ref().filter(|strategy| strategy.value.crosses());
        strategy.map(|strategy| strategy.span)
    };
    let workflow = graph.workflow;
    let written = &workflow.nodes[node];
    let of_items = match &written.work {
        Work::Map(_) => strategy(&written.parallel.or(&workflow.parallel)),
        Work::Run(_) => None,
    };
    let tasks = graph.block_of[node].into_iter().flat_map(|block| ways::outwards(graph, block));
    of_items
        .or_else(|| tasks.into_iter().find_map(|(region, task)| strategy(&graph.regions[region].tasks[task].settings)))
}

fn in_worker(node: &Node, worker: Span, found: &mut Diagnostics) {
    let name = &node.name.value;
    let message = match node.work.action().question() {
        Some(_) => format!("`{name}` would ask in a worker process"),
        None => format!("`{name}` would ask in a worker process, by the workflow that it calls"),
    };
    let error = Diagnostic::error(codes::ASKS_IN_WORKER, place(node), message)
        .label("nobody sees a question there")
        .also(worker, "runs it in a worker process");
    found.push(error.help("ask in a node before or after what runs in worker processes").help(
        "or run this on threads, `parallel_strategy: thread`, and only the nodes that need it in worker processes",
    ));
}
