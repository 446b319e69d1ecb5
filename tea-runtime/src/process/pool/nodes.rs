//! Passing on what a worker says of the nodes that it runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::link::Link;
use crate::{
    engine::Run,
    event::{Event, Scope},
    process::message::{Node, NodeEnd},
};

/// Passes on that a node starts, or ended.
pub(super) fn tell(link: &Link, node: &Node) {
    let Some((run, scope, began)) = running(link) else { return };
    let Node { name, place, pid, since, end } = node;
    let (node, place, worker, pid) = (name.as_str(), *place, Some(link.number()), *pid);
    // The worker took the attempt up a little later, and counts from there: whoever draws it knows when it has ended.
    let started = began.checked_add(Duration::from_nanos(*since)).unwrap_or(began);
    run.events().emit(|| match end {
        None => Event::NodeStarted { scope, node, place, worker, pid, started },
        Some(NodeEnd { elapsed, failure }) => {
            let (elapsed, failure) = (Duration::from_nanos(*elapsed), failure.as_deref());
            Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure }
        }
    });
}

/// Passes on how far a node is.
pub(super) fn progress(link: &Link, node: &str, done: u64, total: u64) {
    let Some((run, scope, _)) = running(link) else { return };
    run.events().emit(|| Event::Progress { scope, node, done, total });
}

/// The run and the scope of what the worker runs, and when that began; `None` if nobody waits for it, or listens.
fn running(link: &Link) -> Option<(Arc<Run>, Scope, Instant)> {
    let flights = link.flights();
    let flight = flights.queue.front()?;
    let job = &flight.errand.as_ref()?.job;
    Some((Arc::clone(&job.run), job.scope, flight.began_by_clock?))
}
