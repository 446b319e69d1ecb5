//! Reports the nodes that run here to the parent, including those that workers of this worker run.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::outbox::Outbox;
use crate::{
    event::{Detail, Event, Listener},
    failure::Failure,
    pacing::PROGRESS,
    process::message::{FromWorker, Node, NodeEnd},
    stderr,
    timer::nanos,
};

/// Reports what the parent wants to know about the nodes of a run.
pub(crate) struct NodeListener {
    outbox: Arc<Outbox>,
    wants: Detail,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    /// When the running unit started.
    began: Option<Instant>,
    /// When progress was last reported.
    told: Option<Instant>,
}

impl NodeListener {
    pub(crate) fn new(outbox: Arc<Outbox>, wants: Detail) -> Self {
        Self { outbox, wants, times: Mutex::default() }
    }

    /// Records when a unit of the run started, or that none is running.
    pub(crate) fn set_unit(&self, began: Option<Instant>) {
        self.times().began = began;
    }

    /// Handles the start or end of a node.
    fn node(&self, event: &Event<'_>) {
        let (name, place, pid, started, end) = match *event {
            Event::NodeStarted { node, place, pid, started, .. } => (node, place, pid, started, None),
            Event::NodeFinished { node, place, pid, started, elapsed, failure, cached, .. } => {
                let failure = failure.map(|failure| Box::new(Failure::clone(failure)));
                (node, place, pid, started, Some(NodeEnd { elapsed: nanos(elapsed), failure, cached }))
            }
            _ => return,
        };
        // A node that started before the unit was abandoned at a deadline, and belongs to nothing that the parent waits
        // for.
        let since = self.times().began.and_then(|began| started.checked_duration_since(began));
        let Some(since) = since.map(nanos) else { return };
        self.outbox.send(&FromWorker::Node(Node { name: name.to_owned(), place, pid, since, end }));
    }

    fn progress(&self, node: &str, done: u64, total: u64) {
        let now = Instant::now();
        let mut times = self.times();
        let complete = total > 0 && done == total;
        if complete || times.told.is_none_or(|told| now - told >= PROGRESS) {
            times.told = Some(now);
            drop(times);
            self.outbox.send(&FromWorker::Progress { node: node.to_owned(), done, total });
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for NodeListener {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::NodeStarted { .. } | Event::NodeFinished { .. } if self.wants.nodes => self.node(event),
            Event::Progress { node, done, total, .. } if self.wants.progress => self.progress(node, done, total),
            // The parent reads the output of this process, and would label it again.
            Event::WorkerOutput { label: "", line, .. } => stderr::line(format_args!("worker: {line}")),
            Event::WorkerOutput { label, line, .. } => stderr::line(format_args!("{label}: {line}")),
            Event::Warning { message } => stderr::line(format_args!("warning: {message}")),
            _ => {}
        }
    }

    fn wants(&self) -> Detail {
        self.wants
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

    use super::*;
    use crate::{
        event::Scope,
        executor::wire,
        place::Place,
        process::{frame::FrameReader, worker::parent::Parent},
    };

    /// What is reported to the parent, in order.
    fn told(wants: Detail, tell: impl FnOnce(&NodeListener)) -> Vec<String> {
        let ((_, socket), (there, pipe)) = (UnixStream::pair().unwrap(), std::io::pipe().unwrap());
        let parent = Parent::new((socket.into(), pipe.into()));
        let listener = NodeListener::new(Arc::new(Outbox::new(Arc::new(parent))), wants);
        tell(&listener);
        drop(listener);
        let (mut frames, mut told) = (FrameReader::new(1 << 20), Vec::new());
        while frames.fill(&there).unwrap() > 0 {
            while let Some(frame) = frames.next().unwrap() {
                told.push(match wire::read(&frame.payload).unwrap().0 {
                    FromWorker::Node(Node { name, since, end: None, .. }) => format!("{name} at {since}"),
                    FromWorker::Node(Node { name, end: Some(end), .. }) => format!("{name} after {}", end.elapsed),
                    FromWorker::Progress { node, done, total } => format!("{node}: {done} of {total}"),
                    other => panic!("{other:?}"),
                });
            }
        }
        told
    }

    fn node(listener: &NodeListener, node: &str, started: Instant, elapsed: Option<u64>) {
        let (scope, place, worker, pid) = (Scope::ROOT, Place { line: 1, column: 1 }, None, 1);
        listener.on_event(&match elapsed.map(Duration::from_nanos) {
            None => Event::NodeStarted { scope, node, place, worker, pid, started },
            Some(elapsed) => {
                let (failure, cached) = (None, false);
                Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached }
            }
        });
    }

    #[test]
    fn times_count_from_the_start_of_the_unit() {
        let now = Instant::now();
        let at = |nanos| now + Duration::from_nanos(nanos);
        let told = told(Detail::ALL, |listener| {
            listener.set_unit(Some(at(100)));
            node(listener, "load", at(130), None);
            node(listener, "load", at(130), Some(7));
        });
        assert_eq!(told, ["load at 30", "load after 7"]);
    }

    /// Like a branch on threads, inside a unit of this worker, that did not end at its `timeout`.
    #[test]
    fn what_was_left_behind_is_not_told_as_part_of_the_next_unit() {
        let now = Instant::now();
        let at = |nanos| now + Duration::from_nanos(nanos);
        let told = told(Detail::ALL, |listener| {
            listener.set_unit(Some(at(0)));
            node(listener, "left behind", at(10), None);
            listener.set_unit(None);
            node(listener, "left behind", at(10), Some(10));
            listener.set_unit(Some(at(50)));
            node(listener, "left behind", at(10), Some(50));
            node(listener, "next", at(60), None);
        });
        assert_eq!(told, ["left behind at 10", "next at 10"]);
    }

    #[test]
    fn a_tight_loop_does_not_flood_the_parent() {
        let start = Instant::now();
        let told = told(Detail { progress: true, nodes: false }, |listener| {
            listener.set_unit(Some(start));
            node(listener, "count", start, None);
            for done in 1..=1_000 {
                let (scope, node, total) = (Scope::ROOT, "count", 1_000);
                listener.on_event(&Event::Progress { scope, node, done, total });
            }
        });
        let periods = start.elapsed().as_nanos() / PROGRESS.as_nanos();
        assert!(told.len() as u128 <= periods + 2, "{} in {periods} periods", told.len());
        assert_eq!((&*told[0], &*told[told.len() - 1]), ("count: 1 of 1000", "count: 1000 of 1000"));
    }
}
