//! The messages in a completion queue.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{outcome::Outcome, unit::UnitId};
use crate::{
    context::CallPath,
    event::{Event, Events, Scope},
    failure::{ExitStatus, Failure},
    map::{Batch, Source},
    place::Place,
    stderr,
    store::RawRecord,
};

/// A message from an executor to the driver of a fan-out.
#[derive(Debug)]
pub(crate) enum Message {
    /// A unit ended.
    Done(Completion),
    /// Something happened on the way to the end of a unit.
    Note(Note),
    /// A worker has recorded something that it has done for a unit.
    Recorded(UnitId, RawRecord),
    /// Items of a map that were requested.
    Pulled(Pulled),
}

/// The result of a request for items of a map.
pub(crate) struct Pulled {
    /// The source of the next items; `None` if there are no more.
    pub(crate) source: Option<Box<dyn Source>>,
    pub(crate) batch: Option<Box<dyn Batch>>,
    /// Why there are no more, if the reason is a failure.
    pub(crate) failure: Option<Box<Failure>>,
}

impl fmt::Debug for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.batch.as_ref().map_or(0, |batch| batch.len());
        f.debug_struct("Pulled").field("items", &items).field("failure", &self.failure).finish_non_exhaustive()
    }
}

/// The end of a unit.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) id: UnitId,
    pub(crate) outcome: Outcome,
}

/// An [`Event`] from a thread that may not run listeners, which are user code. The driver reports it.
#[derive(Debug)]
pub(crate) enum Note {
    AttemptStarted {
        scope: Scope,
        name: String,
        attempt: u32,
        worker: u32,
        host: Host,
        pid: u32,
        started: Instant,
        sent: u64,
    },
    NodeStarted {
        scope: Scope,
        node: String,
        place: Place,
        worker: u32,
        pid: u32,
        started: Instant,
    },
    NodeFinished(Box<NodeFinished>),
    Progress {
        scope: Scope,
        node: String,
        done: u64,
        total: u64,
    },
    WorkerStarted {
        worker: u32,
        host: Host,
        pid: u32,
        elapsed: Duration,
    },
    WorkerEnded {
        worker: u32,
        host: Host,
        pid: u32,
    },
    WorkerLost {
        worker: u32,
        host: Host,
        pid: u32,
        exit: Option<ExitStatus>,
        running: String,
    },
    Output {
        worker: u32,
        host: Host,
        pid: u32,
        label: String,
        line: String,
    },
    Warning {
        message: String,
    },
}

/// The name of a host of a pool; `None` on this machine.
pub(crate) type Host = Option<&'static str>;

/// A node in a worker ended.
#[derive(Debug)]
pub(crate) struct NodeFinished {
    pub(crate) scope: Scope,
    pub(crate) node: String,
    pub(crate) place: Place,
    pub(crate) worker: u32,
    pub(crate) pid: u32,
    pub(crate) started: Instant,
    pub(crate) elapsed: Duration,
    pub(crate) failure: Option<Box<Failure>>,
    pub(crate) cached: bool,
}

impl Note {
    /// Notifies the listeners. If there are none, important notes are printed to standard error. Workers do not know the
    /// path to their units, so it comes from here.
    pub(crate) fn tell(&self, events: &Events, path: &CallPath) {
        if !events.is_active() {
            match self {
                Self::Output { label, line, .. } => {
                    let label = if label.is_empty() { "worker" } else { label };
                    stderr::line(format_args!("{label}: {line}"));
                }
                Self::Warning { message } => stderr::line(format_args!("warning: {message}")),
                _ => {}
            }
            return;
        }
        let node = match self {
            Self::NodeStarted { node, .. } | Self::Progress { node, .. } => node,
            Self::NodeFinished(finished) => &finished.node,
            _ => "",
        };
        let node = path.shown(node);
        events.emit(|| self.event(&node));
    }

    fn event<'a>(&'a self, node: &'a str) -> Event<'a> {
        match self {
            &Self::AttemptStarted { scope, ref name, attempt, worker, host, pid, started, sent } => {
                Event::AttemptStarted { scope, name, attempt, worker: Some(worker), host, pid, started, sent }
            }
            &Self::NodeStarted { scope, node: _, place, worker, pid, started } => {
                Event::NodeStarted { scope, node, place, worker: Some(worker), pid, started }
            }
            Self::NodeFinished(finished) => {
                let &NodeFinished { scope, node: _, place, worker, pid, started, elapsed, ref failure, cached } =
                    &**finished;
                let (worker, failure) = (Some(worker), failure.as_deref());
                Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached }
            }
            &Self::Progress { scope, node: _, done, total } => Event::Progress { scope, node, done, total },
            &Self::WorkerStarted { worker, host, pid, elapsed } => Event::WorkerStarted { worker, host, pid, elapsed },
            &Self::WorkerEnded { worker, host, pid } => Event::WorkerEnded { worker, host, pid },
            &Self::WorkerLost { worker, host, pid, exit, ref running } => {
                Event::WorkerLost { worker, host, pid, exit, running }
            }
            &Self::Output { worker, host, pid, ref label, ref line } => {
                Event::WorkerOutput { worker, host, pid, label, line }
            }
            Self::Warning { message } => Event::Warning { message },
        }
    }
}
