//! What the nodes that run here do, on its way to the parent; so too those that workers of this worker run.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::outbox::Outbox;
use crate::{
    engine::timer::nanos,
    event::{Detail, Event, Listener},
    failure::Failure,
    process::{
        message::{FromWorker, Node, NodeEnd},
        pool,
    },
};

/// Progress is told no more often than this: whoever watches sees no more, and a tight loop must not flood the parent.
const PERIOD: Duration = Duration::from_millis(50);

/// To wake the parent costs more than a short node does: those that follow so soon are left where it finds them when
/// something else comes, or nothing does for a while.
const SOON: Duration = Duration::from_millis(5);

/// Tells the parent what it wants to hear.
pub(crate) struct Teller {
    outbox: Arc<Outbox>,
    wants: Detail,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    /// When the attempt at a branch began that runs now.
    began: Option<Instant>,
    /// When a node was last sent.
    sent: Option<Instant>,
    /// When progress was told last.
    told: Option<Instant>,
}

impl Teller {
    pub(crate) fn new(outbox: Arc<Outbox>, wants: Detail) -> Self {
        Self { outbox, wants, times: Mutex::default() }
    }

    /// An attempt at a branch begins now, or none runs any more.
    pub(crate) fn turn(&self, began: Option<Instant>) {
        self.times().began = began;
    }

    /// A node starts, or ended.
    fn node(&self, event: &Event<'_>) {
        let (name, place, pid, started, end) = match *event {
            Event::NodeStarted { node, place, pid, started, .. } => (node, place, pid, started, None),
            Event::NodeFinished { node, place, pid, started, elapsed, failure, .. } => {
                let failure = failure.map(|failure| Box::new(Failure::clone(failure)));
                (node, place, pid, started, Some(NodeEnd { elapsed: nanos(elapsed), failure }))
            }
            _ => return,
        };
        // One that began before was left behind at a deadline, and belongs to nothing that the parent waits for.
        let mut times = self.times();
        let since = times.began.and_then(|began| started.checked_duration_since(began));
        let Some(since) = since.map(nanos) else { return };
        let now = Instant::now();
        let soon = times.sent.is_some_and(|sent| now - sent < SOON);
        if !soon {
            times.sent = Some(now);
        }
        drop(times);
        let message = FromWorker::Node(Node { name: name.to_owned(), place, pid, since, end });
        if soon { self.outbox.leave(&message, &[]) } else { self.outbox.send(&message, &[], &[]) }
    }

    fn progress(&self, node: &str, done: u64, total: u64) {
        let now = Instant::now();
        let mut times = self.times();
        let complete = total > 0 && done == total;
        if complete || times.told.is_none_or(|told| now - told >= PERIOD) {
            times.told = Some(now);
            drop(times);
            self.outbox.send(&FromWorker::Progress { node: node.to_owned(), done, total }, &[], &[]);
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Teller {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::NodeStarted { .. } | Event::NodeFinished { .. } if self.wants.nodes => self.node(event),
            Event::Progress { node, done, total, .. } if self.wants.progress => self.progress(node, done, total),
            // The parent reads what this process writes, and labels it once more.
            Event::WorkerOutput { label, line, .. } => pool::print_line(label, line),
            Event::Warning { message } => pool::print_warning(message),
            _ => {}
        }
    }

    fn wants(&self) -> Detail {
        self.wants
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{
        event::Scope,
        plan::Place,
        process::{frame::FrameReader, message},
    };

    /// What the parent is told, in order.
    fn told(wants: Detail, tell: impl FnOnce(&Teller)) -> Vec<String> {
        let (there, here) = io::pipe().unwrap();
        // All comes through the same.
        let [lane, socket, pipe] = [(); 3].map(|()| here.try_clone().unwrap().into());
        drop(here);
        let teller = Teller::new(Arc::new(Outbox::new(lane, Arc::new(socket), pipe)), wants);
        tell(&teller);
        drop(teller);
        let (mut frames, mut told) = (FrameReader::new(1 << 20), Vec::new());
        // Behind the hello.
        frames.set_number(1);
        while frames.fill(&there).unwrap() > 0 {
            while let Some(frame) = frames.next().unwrap() {
                told.push(match message::decode(frame.payload).unwrap().0 {
                    FromWorker::Node(Node { name, since, end: None, .. }) => format!("{name} at {since}"),
                    FromWorker::Node(Node { name, end: Some(end), .. }) => format!("{name} after {}", end.elapsed),
                    FromWorker::Progress { node, done, total } => format!("{node}: {done} of {total}"),
                    other => panic!("{other:?}"),
                });
            }
        }
        told
    }

    fn node(teller: &Teller, node: &str, started: Instant, elapsed: Option<u64>) {
        let (scope, place, worker, pid) = (Scope::ROOT, Place { line: 1, column: 1 }, None, 1);
        teller.on_event(&match elapsed.map(Duration::from_nanos) {
            None => Event::NodeStarted { scope, node, place, worker, pid, started },
            Some(elapsed) => Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure: None },
        });
    }

    #[test]
    fn times_count_from_the_attempt() {
        let now = Instant::now();
        let at = |nanos| now + Duration::from_nanos(nanos);
        let told = told(Detail::ALL, |teller| {
            teller.turn(Some(at(100)));
            node(teller, "load", at(130), None);
            node(teller, "load", at(130), Some(7));
        });
        assert_eq!(told, ["load at 30", "load after 7"]);
    }

    /// Such as a branch on threads, within one that a worker ran, that did not end at its `timeout`.
    #[test]
    fn what_was_left_behind_is_not_told_as_part_of_the_next_attempt() {
        let now = Instant::now();
        let at = |nanos| now + Duration::from_nanos(nanos);
        let told = told(Detail::ALL, |teller| {
            teller.turn(Some(at(0)));
            node(teller, "left behind", at(10), None);
            teller.turn(None);
            node(teller, "left behind", at(10), Some(10));
            teller.turn(Some(at(50)));
            node(teller, "left behind", at(10), Some(50));
            node(teller, "next", at(60), None);
        });
        assert_eq!(told, ["left behind at 10", "next at 10"]);
    }

    #[test]
    fn a_tight_loop_does_not_flood_the_parent() {
        let start = Instant::now();
        let told = told(Detail { progress: true, nodes: false }, |teller| {
            teller.turn(Some(start));
            node(teller, "count", start, None);
            for done in 1..=1_000 {
                let (scope, node, total) = (Scope::ROOT, "count", 1_000);
                teller.on_event(&Event::Progress { scope, node, done, total });
            }
        });
        let periods = start.elapsed().as_nanos() / PERIOD.as_nanos();
        assert!(told.len() as u128 <= periods + 2, "{} in {periods} periods", told.len());
        assert_eq!((&*told[0], &*told[told.len() - 1]), ("count: 1 of 1000", "count: 1000 of 1000"));
    }
}
