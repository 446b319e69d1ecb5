//! What became of the tasks of a fan-out.

use std::time::Duration;

use crate::{plan::Task, result::ParallelFlowResult};

/// What became of a task.
pub(super) enum End {
    /// Nothing yet.
    Open,
    /// It ended well on a thread, at the first attempt, after so long. Most do, and then there is no more to say.
    Plain(Duration),
    /// Anything else.
    Told(Box<ParallelFlowResult>),
}

/// A task that has ended.
pub(super) struct Ended {
    pub(super) task: usize,
    pub(super) end: End,
    /// The tasks that it goes on to.
    pub(super) goes_to: Vec<u32>,
}

impl End {
    pub(super) fn skipped(task: &Task) -> Self {
        Self::Told(Box::new(ParallelFlowResult { skipped: true, ..ParallelFlowResult::new(task.name) }))
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    pub(super) fn is_success(&self) -> bool {
        match self {
            Self::Open => false,
            Self::Plain(_) => true,
            Self::Told(result) => result.success,
        }
    }

    /// What there is to say, unless it ended well on a thread, at the first attempt.
    pub(super) fn told(&self) -> Option<&ParallelFlowResult> {
        match self {
            Self::Told(result) => Some(result),
            _ => None,
        }
    }

    /// Why it counts as a failure, if it does.
    pub(super) fn failed(&self) -> Option<&ParallelFlowResult> {
        self.told().filter(|result| !result.success && !result.skipped)
    }

    pub(super) fn into_result(self, task: &Task) -> ParallelFlowResult {
        match self {
            Self::Open => ParallelFlowResult::new(task.name),
            Self::Plain(elapsed) => {
                ParallelFlowResult { success: true, attempts: 1, elapsed, ..ParallelFlowResult::new(task.name) }
            }
            Self::Told(result) => *result,
        }
    }
}
