//! What a branch writes that fails where that is allowed.

use super::{BranchWork, Branches, Driver, TaskEnd};
use crate::{event::Scope, failure::Failure, panic::guard, position::Position, result::ParallelFlowResult};

impl Branches<'_> {
    /// Handles the failure of a branch.
    pub(super) fn failed(&mut self, driver: &Driver<'_>, task: usize, scope: Scope, result: ParallelFlowResult) {
        if self.join.is_enough() && result.is_cancelled() {
            return self.not_needed(task, Some((scope, result)));
        }
        // What waits for an answer has not failed, and is not done.
        let may_fail = self.site.config(task).allow_failure || self.region.join.is_some();
        if may_fail && !result.is_waiting() {
            let written = match self.fallback(task) {
                Ok(written) => written,
                Err(failure) => {
                    let of = &self.region.tasks[task];
                    self.fails(driver, failure.at(of.name, of.place));
                    None
                }
            };
            // What was only told to end has not failed.
            if !result.is_cancelled() {
                self.record(driver, task, written.as_deref(), &[], &result);
            } else if let (Some(recording), Some(_)) = (&mut self.recording, &written) {
                recording.forgets(task);
            }
            if let Some(mut written) = written {
                self.base.keep(task, written.view.take_written());
            }
        }
        self.end(task, scope, TaskEnd::Told(Box::new(result)), &[]);
    }

    /// A branch that has written what it writes if it fails, if there is such a thing.
    fn fallback(&mut self, task: usize) -> Result<Option<Box<BranchWork>>, Box<Failure>> {
        let fallback = self.region.tasks[task].fallback;
        if fallback.is_empty() {
            return Ok(None);
        }
        let mut view = self.base.view(task, self.run)?;
        for own in fallback {
            guard(|| own.value.run(&mut view, self.context)).flatten()?;
        }
        Ok(Some(Box::new(BranchWork::new(self.run, &self.shared, task, view, (Position::ROOT, None), None))))
    }
}
