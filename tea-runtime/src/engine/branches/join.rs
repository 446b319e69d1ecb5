//! Fan-outs of which some branches are enough: the others are cancelled once so many have succeeded.

use super::{Branches, Driver, TaskEnd};
use crate::{cancel::CancelReason, event::Scope, plan::Region, result::ParallelFlowResult};

/// How many branches have still to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// All of them.
    All,
    /// So many.
    Missing(u32),
}

impl Join {
    pub(super) fn of(region: &Region) -> Self {
        region.join.map_or(Self::All, Self::Missing)
    }

    /// Whether no other branch is needed.
    pub(super) fn is_enough(self) -> bool {
        self == Self::Missing(0)
    }

    /// Counts a branch that has succeeded.
    pub(super) fn count(&mut self) {
        if let Self::Missing(missing) = self {
            *missing = missing.saturating_sub(1);
        }
    }
}

impl Branches<'_> {
    /// Takes the branches from their records that have ended before, so that no other one wins this time.
    pub(super) fn restore_winners(&mut self, skipped: &[usize]) {
        if self.join != Join::All && self.recording.is_some() {
            for task in (0..self.region.tasks.len()).filter(|task| skipped.binary_search(task).is_err()) {
                self.restore(task);
            }
        }
    }

    /// Counts a branch that has succeeded, and cancels the others if no more are needed.
    pub(super) fn won(&mut self, driver: &Driver<'_>) {
        self.join.count();
        if self.join.is_enough() {
            driver.cancel().cancel_for(CancelReason::NotNeeded);
        }
    }

    /// Ends a branch that is not needed any more. `end` is how it ended, if it was started.
    pub(super) fn not_needed(&mut self, task: usize, end: Option<(Scope, ParallelFlowResult)>) {
        match end {
            Some((scope, result)) => {
                let result = ParallelFlowResult { success: false, skipped: true, error: None, ..result };
                self.end(task, scope, TaskEnd::Told(Box::new(result)), &[]);
            }
            None => self.ready.end(task, TaskEnd::skipped(&self.region.tasks[task]), &[], self.site),
        }
    }
}
