//! The end of a fan-out: its parent gets what the tasks wrote, in task order, and their results; or their failures.

use super::{Base, RegionRun, ends::End};
use crate::{
    engine::panic::guard,
    failure::{Failure, FailureKind},
    plan::Task,
    result::ParallelFlowResult,
    state::{Value, View},
};

impl RegionRun {
    /// Joins all ends into the parent, and lets it go on.
    pub(super) fn join(&self) {
        let Some((mut frame, ends)) = self.ready().take() else { return };
        for result in ends.iter().filter_map(End::told).filter(|result| result.skipped) {
            self.tell_end(self.run.events.scope(), result);
        }
        let base = std::mem::replace(&mut *self.base(), Base::new(View::new(self.run.plan, &[])));
        let outcome = match self.failure(&ends) {
            Some(failure) => {
                // The values of other branches are dropped here: their `Drop` is the user's.
                drop(guard(|| drop(base)));
                Err(failure)
            }
            None => guard(|| self.merged(base)).flatten().map(|mut view| {
                let tasks = self.region.tasks;
                let results = move || ends.into_iter().zip(tasks).map(|(end, task)| end.into_result(task)).collect();
                view.set_parallel_results(results);
                frame.walk.view = view;
            }),
        };
        frame.resume_here(outcome);
    }

    fn merged(&self, base: Base) -> Result<View, Box<Failure>> {
        let Base { mut view, written, .. } = base;
        for ((task, key), value) in written {
            merge(&self.region.tasks[task], key, value, &mut view)?;
        }
        Ok(view)
    }

    /// The failure of the whole fan-out, if a task failed that may not.
    fn failure(&self, ends: &[End]) -> Option<Box<Failure>> {
        // What `fail_fast` or a cancellation kept from starting is no news.
        let started = |result: &&ParallelFlowResult| result.attempts > 0 || kind(result) != FailureKind::Cancelled;
        let failed = ends.iter().enumerate().filter(|(index, _)| !self.config(*index).allow_failure);
        let failed: Vec<_> = failed.filter_map(|(_, end)| end.failed()).collect();
        let any_started = failed.iter().any(started);
        let news = failed.into_iter().filter(|result| !any_started || started(result));
        let mut failure = summary(news.cloned().collect(), self.region.tasks.len(), "branches")?;
        let finished = self.region.tasks.iter().zip(ends).filter(|(_, end)| end.is_success());
        failure.finished = finished.map(|(task, _)| task.name.to_owned()).collect();
        Some(failure)
    }
}

/// Puts what `task` wrote to `key` into `view`.
pub(super) fn merge(task: &Task, key: u32, value: Value, view: &mut View) -> Result<(), Box<Failure>> {
    match task.writes.iter().find(|write| write.key == key) {
        Some(write) if write.combine => view.write(key, value),
        _ => {
            view.replace(key, value);
            Ok(())
        }
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
