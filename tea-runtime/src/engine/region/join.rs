//! The end of a fan-out: its parent gets what the tasks wrote, in task order, and their results; or their failures.

use std::sync::PoisonError;

use super::{RegionRun, TaskEnd};
use crate::{
    engine::panic::guard,
    event::Event,
    failure::{Failure, FailureKind},
    plan::Task,
    result::ParallelFlowResult,
    state::{Value, View},
};

impl RegionRun {
    /// Joins all ends into the parent, and lets it go on.
    pub(super) fn join(&self) {
        let Some(mut frame) = self.ready().take_parent() else { return };
        let ends = self.ends.take();
        for end in ends.iter().filter(|end| end.result.skipped) {
            let scope = self.run.events.scope();
            self.run.events.emit(|| Event::BranchFinished { scope, result: &end.result });
        }
        let base = {
            let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut base.view, View::new(self.run.plan, &[]))
        };
        let outcome = match self.failure(&ends) {
            Some(failure) => {
                // The values of other branches are dropped here: their `Drop` is the user's.
                drop(guard(|| drop((base, ends))));
                Err(failure)
            }
            None => guard(|| self.merged(base, ends)).flatten().map(|view| frame.walk.view = view),
        };
        frame.resume_here(outcome);
    }

    fn merged(&self, mut view: View, ends: Vec<TaskEnd>) -> Result<View, Box<Failure>> {
        let mut results = Vec::with_capacity(ends.len());
        for (task, end) in self.region.tasks.iter().zip(ends) {
            for (key, value) in end.view.into_iter().flat_map(View::into_written) {
                merge(task, key, value, &mut view)?;
            }
            results.push(end.result);
        }
        view.set_parallel_results(results);
        Ok(view)
    }

    /// The failure of the whole fan-out, if a task failed that may not.
    fn failure(&self, ends: &[TaskEnd]) -> Option<Box<Failure>> {
        let fails = |(index, end): &(usize, &TaskEnd)| {
            let result = &end.result;
            let failed = !result.success && !result.skipped && !self.config(*index).allow_failure;
            // What `fail_fast` or a cancellation kept from starting is no news.
            let never_started = result.attempts == 0 && kind(result) == FailureKind::Cancelled;
            failed.then_some(never_started)
        };
        let tasks = || ends.iter().enumerate();
        let any_started = tasks().any(|pair| fails(&pair) == Some(false));
        let failed = tasks().filter(|pair| fails(pair).is_some_and(|never_started| !never_started || !any_started));
        let branches: Vec<ParallelFlowResult> = failed.map(|(_, end)| end.result.clone()).collect();
        let mut failure = summary(branches, self.region.tasks.len(), "branches")?;
        let finished = ends.iter().filter(|end| end.result.success);
        failure.finished = finished.map(|end| end.result.branch.to_string()).collect();
        Some(failure)
    }
}

/// Puts what `task` wrote to `key` into `view`.
pub(super) fn merge(task: &Task, key: u32, value: Value, view: &mut View) -> Result<(), Box<Failure>> {
    match task.writes.iter().find(|write| write.key == key) {
        Some(write) if write.combine => view.write(key, value),
        Some(_) => {
            view.replace(key, value);
            Ok(())
        }
        // The branch's own affair.
        None => Ok(()),
    }
}

/// The failure of a fan-out or map some of whose branches or items failed.
pub(in crate::engine) fn summary(branches: Vec<ParallelFlowResult>, total: usize, what: &str) -> Option<Box<Failure>> {
    // One that was cancelled is the consequence of another.
    let first = branches.iter().find(|branch| kind(branch) != FailureKind::Cancelled).or(branches.first())?;
    let message = match branches.len() {
        1 => format!("`{}` failed", first.branch),
        failed => format!("{failed} of {total} {what} failed, `{}` first", first.branch),
    };
    let first = first.error.as_deref();
    let kind = first.map_or(FailureKind::Error, |error| error.kind);
    let causes = first.map(|error| error.message.clone()).into_iter().collect();
    Some(Box::new(Failure { causes, branches, ..Failure::new(kind, message) }))
}

fn kind(result: &ParallelFlowResult) -> FailureKind {
    result.error.as_ref().map_or(FailureKind::Error, |error| error.kind)
}
