//! The results of branches and items.

mod item_failure;
mod run_outcome;

use std::{borrow::Cow, sync::LazyLock, time::Duration};

use serde::{Deserialize, Serialize};

pub(crate) use self::item_failure::EXACT;
pub use self::{item_failure::ItemFailure, run_outcome::RunOutcome};
use crate::failure::{Failure, FailureKind};

/// The result of one branch of a fan-out. In the fan-in, `parallel_results` contains one for each branch, in declared
/// order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ParallelFlowResult {
    /// The name of the branch, which is that of its first node. In an [`Error`](crate::Error), an item of a map is
    /// `map[index]`.
    pub branch: Cow<'static, str>,
    /// By what people recognize an item that failed: what its `Display` shows, or its path.
    pub label: Option<String>,
    /// Whether it succeeded.
    pub success: bool,
    /// Whether it did not run, because its `when` was false or nothing led to it, or was cancelled, because enough others
    /// had succeeded (`join`). It then neither succeeded nor failed.
    pub skipped: bool,
    /// Whether a record told how it ended: it ran before the run went on.
    pub restored: bool,
    /// Why it failed, if it did.
    pub error: Option<Box<Failure>>,
    /// The number of attempts.
    pub attempts: u32,
    /// Why earlier attempts failed, oldest first; at most the last 16.
    pub attempt_errors: Vec<Failure>,
    /// The time from the first start to the end, including waits between attempts.
    pub elapsed: Duration,
    /// The state of its circuit breaker at the end, if it has one.
    pub circuit: Option<CircuitState>,
    /// The process that ran the last attempt.
    pub pid: u32,
    /// The worker that ran the last attempt, from 0; `None` under `thread`.
    pub worker: Option<u32>,
    /// The host of the pool that ran the last attempt; `None` on this machine.
    pub host: Option<String>,
    /// The processor time of the last attempt, of the user and of the system. Under `process`, that of all threads of the
    /// worker, of programs that it started and waited for, and of its own workers; under `thread`, that of the thread,
    /// while the run has listeners. `None` if it is not known.
    pub cpu: Option<Duration>,
    /// The most memory in bytes that the worker had resident during the last attempt. `None` under `thread`, where memory
    /// belongs to all branches; for attempts of less than a millisecond; if the worker was lost; and where the system does
    /// not tell. Where the system does not let a worker reset the mark, it is the most since the worker started.
    pub peak_memory: Option<u64>,
}

impl ParallelFlowResult {
    /// Whether it did not fail, but was told to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind == FailureKind::Cancelled)
    }

    /// Whether it failed, and was not only told to end or waits for an answer.
    pub(crate) fn is_failure(&self) -> bool {
        self.error.as_ref().is_some_and(|error| !error.kind.is_unfinished())
    }

    /// Whether it did not fail, but waits for an answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind == FailureKind::Waiting)
    }

    /// What does not differ from run to run.
    pub(crate) fn lasting(&self) -> Self {
        let (cpu, peak_memory) = (None, None);
        Self {
            restored: false,
            elapsed: Duration::ZERO,
            pid: 0,
            worker: None,
            host: None,
            cpu,
            peak_memory,
            ..self.clone()
        }
    }

    /// The result of a branch or item that was not started.
    pub(crate) fn new(branch: impl Into<Cow<'static, str>>) -> Self {
        Self {
            branch: branch.into(),
            label: None,
            success: false,
            skipped: false,
            restored: false,
            error: None,
            attempts: 0,
            attempt_errors: Vec::new(),
            elapsed: Duration::ZERO,
            circuit: None,
            pid: pid(),
            worker: None,
            host: None,
            cpu: None,
            peak_memory: None,
        }
    }
}

/// The ID of this process, cached because the system call costs as much as starting a branch.
pub(crate) fn pid() -> u32 {
    static PID: LazyLock<u32> = LazyLock::new(std::process::id);
    *PID
}

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Calls are made.
    Closed,
    /// Calls fail at once.
    Open,
    /// A few trial calls are made.
    HalfOpen,
}

impl CircuitState {
    /// Its name in text.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}
