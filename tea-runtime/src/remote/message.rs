//! The messages between a program and its agents. Values may follow a message.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    event::Scope,
    executor::{
        breakers::{BreakerAnswer, BreakerAt, BreakerCall},
        message::{NodeFinished, Note},
        outcome::Ran,
        wire::{UnitHead, ValueHead},
    },
    failure::{ExitStatus, Failure},
    plan::Place,
    process::{message::Run, remains::PipeId},
    timer::nanos,
    usage::Usage,
};

use super::lease::Terms;

/// The version of the protocol, incremented with every change of a message or of the frames.
pub(crate) const PROTOCOL: u32 = 5;

/// The kind of frames that contain a number, followed by bytes that an agent keeps under it for several units.
pub(crate) const KEPT: u8 = 18;

/// A message to an agent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToAgent<'a> {
    /// Say which build this is.
    Identify,
    /// How to work.
    Setup(Setup),
    /// A run, before its first unit.
    Run(Run),
    /// A run has ended, and no more of its units will come.
    RunEnded { run: u64 },
    /// Nothing that comes reads what is kept under these numbers.
    Forget { kept: Vec<u64> },
    /// Run a unit.
    #[serde(borrow)]
    Unit(Unit<'a>),
    /// A unit is cancelled. It may have ended already.
    Cancel { unit: u64, sibling: bool },
    /// A unit would rather run elsewhere. If it has not begun, it ends as refused and cancelled.
    Recall { unit: u64 },
    /// The answer to [`FromAgent::Breaker`] number `ask`.
    Breaker { ask: u64, answer: BreakerAnswer },
    /// The lease is granted that was asked for with [`FromAgent::Lease`].
    Lease { asked: Duration },
    /// Answer at once. Bytes that follow mean nothing.
    Ping,
    /// There will be no more units. The agent ends its workers and itself.
    Goodbye,
}

/// What an agent needs to know before it runs anything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The number of units that run at once; as many as the host has processors if it is not given.
    pub(crate) slots: Option<u32>,
    /// The most that may run at once, whatever the host has.
    pub(crate) most: Option<u32>,
    /// The program's current directory, which must be there.
    pub(crate) folder: Vec<u8>,
    /// For how long it may run what it is given, without being heard of.
    pub(crate) terms: Terms,
    /// A file there, which must be there on the host as well.
    pub(crate) probe: Option<Probe>,
    /// Further variables in the environment of workers.
    pub(crate) env: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A file with a text that nobody else knows: who sees it sees the same directory, and not one of the same name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A unit to run. It is followed by the pieces that are its own of what it reads, and then by its items.
#[expect(clippy::struct_field_names, reason = "its number, as in all other messages")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unit<'a> {
    pub(crate) unit: u64,
    pub(crate) run: u64,
    #[serde(borrow)]
    pub(crate) head: UnitHead<'a>,
    /// The values that it reads.
    #[serde(borrow)]
    pub(crate) view: Cow<'a, [ValueHead]>,
    /// The pieces of which these values consist, one after the other.
    pub(crate) pieces: Vec<PieceHead>,
    /// The program's current directory, in which it runs, if that has changed since the previous unit.
    #[serde(borrow)]
    pub(crate) folder: Option<Cow<'a, [u8]>>,
    /// The nanoseconds that are left for all of its attempts, if it has a deadline.
    pub(crate) left: Option<u64>,
}

/// A piece of what a unit reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PieceHead {
    /// So many bytes of its own, which follow it.
    Own(u64),
    /// Bytes that came before, in a frame of the kind [`KEPT`], with this number.
    Kept(u64),
}

/// A message from an agent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromAgent {
    /// The first message.
    Hello(Hello),
    /// The answer to [`ToAgent::Identify`]: hashes of the program's file and of its workflows.
    Build { file: [u8; 32], workflows: [u8; 32] },
    /// The answer to [`Setup`]: it runs this many units at once, and has so many bytes of memory for them, as far as it knows.
    Ready { slots: u32, memory: Option<u64> },
    /// The answer to [`Setup`]: it cannot run anything, for this reason.
    Unable { why: String },
    /// It asks for its lease, at this moment by its own clock.
    Lease { asked: Duration },
    /// The answer to [`ToAgent::Ping`].
    Pong,
    /// Something happened in a run, or on the way of this unit.
    News { run: u64, unit: Option<u64>, news: News },
    /// A unit ended.
    Done(Done),
    /// A question or report to a circuit breaker of a run.
    Breaker { ask: u64, run: u64, at: BreakerAt, call: BreakerCall },
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    /// [`identity::fingerprint`](crate::process::identity::fingerprint), which is the same only for the same file.
    pub(crate) fingerprint: u64,
    pub(crate) pid: u32,
    /// Its standard error, which its workers hold too.
    pub(crate) stderr: Option<PipeId>,
}

/// The end of a unit. It is followed by the messages of its workers about the ends of its parts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) unit: u64,
    /// Each piece of what follows: the part from which its messages count, and its size in bytes.
    pub(crate) received: Vec<(u64, u64)>,
    /// The parts that failed, ascending.
    pub(crate) failures: Vec<(u64, Box<Failure>)>,
    /// Its executor cannot run anything.
    pub(crate) refused: bool,
    pub(crate) pid: u32,
    pub(crate) worker: Option<u32>,
    pub(crate) elapsed: u64,
    pub(crate) received_bytes: u64,
    pub(crate) usage: Usage,
}

impl Done {
    /// Where the unit ran and what it took; `worker` is its worker's number in this process.
    pub(crate) fn ran(&self, worker: Option<u32>, host: &'static str) -> Ran {
        let elapsed = Duration::from_nanos(self.elapsed);
        Ran { pid: self.pid, worker, host: Some(host), elapsed, received: self.received_bytes, usage: self.usage }
    }
}

/// A [`Note`] as it is sent: with the time since something, since the clocks of two hosts differ.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum News {
    AttemptStarted { name: String, attempt: u32, worker: u32, pid: u32, ago: u64, sent: u64 },
    NodeStarted { node: String, place: Place, worker: u32, pid: u32, ago: u64 },
    NodeFinished(Box<NodeNews>),
    Progress { node: String, done: u64, total: u64 },
    WorkerStarted { worker: u32, pid: u32, elapsed: u64 },
    WorkerEnded { worker: u32, pid: u32 },
    WorkerLost { worker: u32, pid: u32, exit: Option<ExitStatus>, running: String },
    Output { worker: u32, pid: u32, label: String, line: String },
    Warning { message: String },
}

/// A node ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeNews {
    node: String,
    place: Place,
    worker: u32,
    pid: u32,
    ago: u64,
    elapsed: u64,
    failure: Option<Box<Failure>>,
    cached: bool,
}

impl News {
    /// A note as it is sent, and the scope to which it belongs, if it belongs to one.
    pub(crate) fn of(note: Note) -> (Option<Scope>, Self) {
        let ago = |started: Instant| nanos(started.elapsed());
        match note {
            Note::AttemptStarted { scope, name, attempt, worker, host: _, pid, started, sent } => {
                (Some(scope), Self::AttemptStarted { name, attempt, worker, pid, ago: ago(started), sent })
            }
            Note::NodeStarted { scope, node, place, worker, pid, started } => {
                (Some(scope), Self::NodeStarted { node, place, worker, pid, ago: ago(started) })
            }
            Note::NodeFinished(finished) => {
                let NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached } = *finished;
                let (ago, elapsed) = (ago(started), nanos(elapsed));
                let news = NodeNews { node, place, worker, pid, ago, elapsed, failure, cached };
                (Some(scope), Self::NodeFinished(Box::new(news)))
            }
            Note::Progress { scope, node, done, total } => (Some(scope), Self::Progress { node, done, total }),
            Note::WorkerStarted { worker, host: _, pid, elapsed } => {
                (None, Self::WorkerStarted { worker, pid, elapsed: nanos(elapsed) })
            }
            Note::WorkerEnded { worker, host: _, pid } => (None, Self::WorkerEnded { worker, pid }),
            Note::WorkerLost { worker, host: _, pid, exit, running } => {
                (None, Self::WorkerLost { worker, pid, exit, running })
            }
            Note::Output { worker, host: _, pid, label, line } => (None, Self::Output { worker, pid, label, line }),
            Note::Warning { message } => (None, Self::Warning { message }),
        }
    }

    /// The worker that it is about, by its number on its host.
    pub(crate) fn worker(&self) -> Option<u32> {
        match self {
            Self::AttemptStarted { worker, .. }
            | Self::NodeStarted { worker, .. }
            | Self::WorkerStarted { worker, .. }
            | Self::WorkerEnded { worker, .. }
            | Self::WorkerLost { worker, .. }
            | Self::Output { worker, .. } => Some(*worker),
            Self::NodeFinished(finished) => Some(finished.worker),
            Self::Progress { .. } | Self::Warning { .. } => None,
        }
    }

    /// The note here, for something in this scope. `worker` is the worker's number in this process.
    pub(crate) fn note(self, scope: Scope, worker: u32, name: &'static str) -> Note {
        let host = Some(name);
        let started = |ago: u64| {
            let now = Instant::now();
            now.checked_sub(Duration::from_nanos(ago)).unwrap_or(now)
        };
        match self {
            Self::AttemptStarted { name, attempt, pid, ago, sent, .. } => {
                Note::AttemptStarted { scope, name, attempt, worker, host, pid, started: started(ago), sent }
            }
            Self::NodeStarted { node, place, pid, ago, .. } => {
                Note::NodeStarted { scope, node, place, worker, pid, started: started(ago) }
            }
            Self::NodeFinished(finished) => {
                let NodeNews { node, place, pid, ago, elapsed, failure, cached, .. } = *finished;
                let (started, elapsed) = (started(ago), Duration::from_nanos(elapsed));
                let finished = NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached };
                Note::NodeFinished(Box::new(finished))
            }
            Self::Progress { node, done, total } => Note::Progress { scope, node, done, total },
            Self::WorkerStarted { pid, elapsed, .. } => {
                Note::WorkerStarted { worker, host, pid, elapsed: Duration::from_nanos(elapsed) }
            }
            Self::WorkerEnded { pid, .. } => Note::WorkerEnded { worker, host, pid },
            Self::WorkerLost { pid, exit, running, .. } => Note::WorkerLost { worker, host, pid, exit, running },
            Self::Output { pid, label, line, .. } => Note::Output { worker, host, pid, label, line },
            Self::Warning { message } => Note::Warning { message: format!("host `{name}`: {message}") },
        }
    }
}
