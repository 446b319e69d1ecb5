//! Why a node, branch or item failed. Failures are sent between processes, so they are plain data.

use std::{error::Error as StdError, fmt};

use serde::{Deserialize, Serialize};

pub use crate::open_question::OpenQuestion;
use crate::{cancel::CancelReason, place::Place, result::ParallelFlowResult};

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The Rust of the node returned an error.
    Error,
    /// The Rust of the node panicked.
    Panic,
    /// An attempt, or all attempts together, exceeded the time limit.
    Timeout,
    /// The worker was lost: a signal ended it, or it exited without a result.
    Crash,
    /// The worker ran out of memory.
    OutOfMemory,
    /// Its host was lost, and it may have run there although it must not run twice (`idempotent: false`).
    Lost,
    /// The branch was cancelled.
    Cancelled,
    /// The circuit breaker was open.
    CircuitOpen,
    /// A value could not be encoded, decoded or transferred.
    Transport,
    /// It did not fail, but asks a person who has not answered yet.
    Waiting,
}

impl FailureKind {
    /// Whether the attempt was ended from outside, so that what it had done by then is as good as before.
    pub(crate) fn is_loss(self) -> bool {
        matches!(self, Self::Crash | Self::OutOfMemory | Self::Lost | Self::Timeout)
    }

    /// Whether that is no failure: it was told to end, or is to go on when somebody has answered.
    pub(crate) fn is_unfinished(self) -> bool {
        matches!(self, Self::Cancelled | Self::Waiting)
    }
}

impl fmt::Display for FailureKind {
    /// Its name in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::OutOfMemory => "out_of_memory",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::CircuitOpen => "circuit_open",
            Self::Transport => "transport",
            Self::Waiting => "waiting",
        })
    }
}

/// How a worker process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Why a node, branch or item failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// A message of one sentence.
    pub message: String,
    /// Whether the error was marked as one that no retry can help, by [`permanent`](crate::permanent).
    #[serde(default)]
    pub permanent: bool,
    /// The messages of the causes, outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// The node that was running, if known.
    pub node: Option<String>,
    /// The position of that node in the workflow file.
    pub place: Option<Place>,
    /// Whether it is told beside those of its branches, because it says more than that they failed.
    #[serde(default)]
    pub told: bool,
    /// The workflow file that it is in, if that is not the file of the run's workflow but of one that it calls.
    #[serde(default)]
    pub file: Option<String>,
    /// The position of the panic in the Rust source: `file:line:column`.
    pub panicked_at: Option<String>,
    /// How the worker ended, if it was lost.
    pub exit: Option<ExitStatus>,
    /// The last lines that the worker printed, if it was lost.
    #[serde(default)]
    pub output: Vec<String>,
    /// What it waits for, if it waits for an answer.
    #[serde(default)]
    pub question: Option<Box<OpenQuestion>>,
    /// For a fan-out or a map: the branches or items that failed, in declared order, with at most the first 1,000
    /// items.
    #[serde(default)]
    pub branches: Vec<ParallelFlowResult>,
    /// For a map: how many more items failed than `branches` holds.
    #[serde(default)]
    pub further: u64,
    /// Of a whole run: what failed in its `finally`.
    #[serde(default)]
    pub also: Vec<Self>,
    /// For a fan-out: the branches that succeeded.
    #[serde(default)]
    pub finished: Vec<String>,
}

impl Failure {
    /// A failure of the given kind with a message and nothing else.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            permanent: false,
            causes: Vec::new(),
            node: None,
            place: None,
            told: false,
            file: None,
            panicked_at: None,
            exit: None,
            output: Vec::new(),
            question: None,
            branches: Vec::new(),
            further: 0,
            also: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// The message, then those of the causes: `outer: inner`.
    pub(crate) fn with_causes(&self) -> String {
        self.causes.iter().fold(self.message.clone(), |text, cause| text + ": " + cause)
    }

    /// The same failure, at `node` unless its node is already known.
    pub(crate) fn at(mut self: Box<Self>, node: &str, place: Place) -> Box<Self> {
        if self.node.is_none() {
            self.node = Some(node.to_owned());
            self.place = Some(place);
        }
        self
    }

    /// The same failure, as that of a workflow in this file. If a node called it, its name precedes those of the nodes and
    /// branches.
    pub(crate) fn in_call(mut self: Box<Self>, node: Option<&str>, file: &str) -> Box<Self> {
        self.file.get_or_insert_with(|| file.to_owned());
        if let (Some(caller), Some(node)) = (node, &self.node) {
            self.node = Some(format!("{caller}/{node}"));
        }
        for result in &mut self.branches {
            if let Some(caller) = node {
                result.branch = format!("{caller}/{}", result.branch).into();
            }
            result.error = result.error.take().map(|failure| failure.in_call(None, file));
        }
        self
    }

    pub(crate) fn still_shared(type_name: &str) -> Box<Self> {
        Box::new(Self::new(
            FailureKind::Error,
            format!(
                "a branch that was left behind at its timeout still holds a `{type_name}`; \
                 derive `Clone` for it, or use `parallel_strategy: process`"
            ),
        ))
    }
}

/// The failure of something that has been told to end.
pub(crate) fn cancelled(reason: CancelReason) -> Box<Failure> {
    let why = match reason {
        CancelReason::Requested => "cancelled",
        CancelReason::Sibling => "cancelled, since another branch failed",
        CancelReason::Timeout => "told to end at its deadline",
        CancelReason::NotNeeded => "cancelled, since enough other branches had succeeded",
    };
    Box::new(Failure::new(FailureKind::Cancelled, why))
}

/// The error type of node functions. `?` converts any error to it, as with `anyhow`.
///
/// It does not implement [`std::error::Error`] itself, which is what allows the conversion from every error.
#[derive(Debug)]
pub struct NodeError(pub(crate) Box<dyn StdError + Send + Sync>);

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
