//! What became of branches and items.

use std::{borrow::Cow, sync::LazyLock, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    failure::{ExitStatus, Failure, FailureKind},
    place::Place,
};

/// What became of one branch of a fan-out; `parallel_results` in the fan-in holds one a branch, in declared order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParallelFlowResult {
    /// The branch's name: that of its first node. In an [`Error`](crate::Error), an item of a map is `map[index]`.
    pub branch: Cow<'static, str>,
    /// Whether it ended well.
    pub success: bool,
    /// Whether it did not start, since its `when` did not hold or nothing led to it. It is then no success and no failure.
    pub skipped: bool,
    /// Why it failed, if it did.
    pub error: Option<Box<Failure>>,
    /// How often it was started.
    pub attempts: u32,
    /// Why earlier attempts failed, oldest first; at most the last 16.
    pub attempt_errors: Vec<Failure>,
    /// From the first start to the end, waits between attempts included.
    pub elapsed: Duration,
    /// The state of its circuit breaker at the end, if it has one.
    pub circuit: Option<CircuitState>,
    /// The process that ran the last attempt.
    pub pid: u32,
    /// The worker that ran the last attempt, from 0; `None` under `thread`.
    pub worker: Option<u32>,
}

impl ParallelFlowResult {
    /// The result of something that was not started.
    pub(crate) fn new(branch: impl Into<Cow<'static, str>>) -> Self {
        Self {
            branch: branch.into(),
            success: false,
            skipped: false,
            error: None,
            attempts: 0,
            attempt_errors: Vec::new(),
            elapsed: Duration::ZERO,
            circuit: None,
            pid: pid(),
            worker: None,
        }
    }
}

/// This process. Asking the system costs as much as starting a branch.
pub(crate) fn pid() -> u32 {
    static PID: LazyLock<u32> = LazyLock::new(std::process::id);
    *PID
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Calls fail at once.
    Open,
    /// A few trial calls go through.
    HalfOpen,
}

impl CircuitState {
    /// As people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// An item of a `dynamic_parallel` node that failed, and was allowed to: the whole failure, as a failed run has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ItemFailure {
    /// The item's index.
    pub index: usize,
    /// What kind of failure.
    pub kind: FailureKind,
    /// One sentence.
    pub message: String,
    /// The messages of the causes, outermost first.
    pub causes: Vec<String>,
    /// Where the node is written in the workflow file.
    pub place: Option<Place>,
    /// Where in the Rust source it panicked: `file:line:column`.
    pub panicked_at: Option<String>,
    /// How the worker ended, if it was lost.
    pub exit: Option<ExitStatus>,
    /// The last lines that the worker wrote, if it was lost.
    pub output: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why earlier attempts failed, oldest first; at most the last 16.
    pub attempt_errors: Vec<Failure>,
    /// From the first start to the end, waits between attempts included.
    pub elapsed: Duration,
    /// The process of the last attempt.
    pub pid: u32,
    /// The worker of the last attempt, from 0; `None` under `thread`.
    pub worker: Option<u32>,
}

impl ItemFailure {
    /// What became of an item that failed.
    pub(crate) fn of(index: usize, result: ParallelFlowResult) -> Self {
        let ParallelFlowResult { error, attempts, attempt_errors, elapsed, pid, worker, .. } = result;
        let failure = error.map_or_else(|| Failure::new(FailureKind::Error, ""), |failure| *failure);
        let Failure { kind, message, causes, place, panicked_at, exit, output, .. } = failure;
        Self {
            index,
            kind,
            message,
            causes,
            place,
            panicked_at,
            exit,
            output,
            attempts,
            attempt_errors,
            elapsed,
            pid,
            worker,
        }
    }
}
