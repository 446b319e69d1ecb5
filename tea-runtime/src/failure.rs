//! Why a node, branch or item failed. A failure crosses process edges, so it is plain data.

use std::{error::Error as StdError, fmt};

use serde::{Deserialize, Serialize};

use crate::{cancel::CancelReason, place::Place, result::ParallelFlowResult};

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The node's Rust gave an error.
    Error,
    /// The node's Rust panicked.
    Panic,
    /// An attempt, or all attempts together, ran over the limit.
    Timeout,
    /// The worker was lost: a signal, or an exit without a result.
    Crash,
    /// The worker ran out of memory.
    OutOfMemory,
    /// The branch was cancelled.
    Cancelled,
    /// The circuit breaker was open.
    CircuitOpen,
    /// What was sent or received could not be encoded, decoded or carried.
    Transport,
}

impl fmt::Display for FailureKind {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::OutOfMemory => "out_of_memory",
            Self::Cancelled => "cancelled",
            Self::CircuitOpen => "circuit_open",
            Self::Transport => "transport",
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
    /// What kind.
    pub kind: FailureKind,
    /// One sentence.
    pub message: String,
    /// The messages of the causes, outermost first.
    pub causes: Vec<String>,
    /// The node that was running, where known.
    pub node: Option<String>,
    /// Where that node is written in the workflow file.
    pub place: Option<Place>,
    /// Where in the Rust source it panicked: `file:line:column`.
    pub panicked_at: Option<String>,
    /// How the worker ended, if it was lost.
    pub exit: Option<ExitStatus>,
    /// The last lines that the worker wrote, if it was lost.
    pub output: Vec<String>,
    /// Of a node that is a fan-out or a map: the branches or items that failed, in declared order. Of items at most the
    /// first 1,000.
    pub branches: Vec<ParallelFlowResult>,
    /// Of a fan-out: the branches that ended well.
    pub finished: Vec<String>,
}

impl Failure {
    /// A failure of `kind` with a message and nothing else.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            node: None,
            place: None,
            panicked_at: None,
            exit: None,
            output: Vec::new(),
            branches: Vec::new(),
            finished: Vec::new(),
        }
    }

    /// The same, at `node`, unless it is already known to be at one.
    pub(crate) fn at(mut self: Box<Self>, node: &str, place: Place) -> Box<Self> {
        if self.node.is_none() {
            self.node = Some(node.to_owned());
            self.place = Some(place);
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

/// The failure of something that was told to end.
pub(crate) fn cancelled(reason: CancelReason) -> Box<Failure> {
    let why = match reason {
        CancelReason::Requested => "cancelled",
        CancelReason::Sibling => "cancelled, since another branch failed",
        CancelReason::Timeout => "told to end at its deadline",
    };
    Box::new(Failure::new(FailureKind::Cancelled, why))
}

/// The error type of node functions: made by `?` from any error, as with `anyhow`.
///
/// It does not implement [`std::error::Error`] itself; that is what lets every error convert into it.
#[derive(Debug)]
pub struct NodeError(pub(crate) Box<dyn StdError + Send + Sync>);

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for NodeError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}
