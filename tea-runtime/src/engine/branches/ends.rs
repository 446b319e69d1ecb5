//! What became of the tasks of a fan-out, and what that means for the fan-out.

use std::time::Duration;

use crate::{
    failure::{Failure, FailureKind},
    plan::{Region, Task},
    result::ParallelFlowResult,
    words::counted,
};

/// What became of a task.
pub(super) enum TaskEnd {
    /// Nothing yet.
    Open,
    /// It ended well on a thread, at the first attempt, after so long. Most do, and then there is no more to say.
    Plain(Duration),
    /// Anything else.
    Told(Box<ParallelFlowResult>),
}

impl TaskEnd {
    pub(super) fn skipped(task: &Task) -> Self {
        Self::Told(Box::new(ParallelFlowResult { skipped: true, ..ParallelFlowResult::new(task.name) }))
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    fn is_success(&self) -> bool {
        match self {
            Self::Open => false,
            Self::Plain(_) => true,
            Self::Told(result) => result.success,
        }
    }

    fn told(&self) -> Option<&ParallelFlowResult> {
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

/// What became of all tasks.
pub(super) struct Ends {
    pub(super) tasks: &'static [Task],
    pub(super) ends: Vec<TaskEnd>,
}

impl Ends {
    /// The results of tasks that were not started.
    pub(super) fn skipped(&self) -> impl Iterator<Item = &ParallelFlowResult> {
        self.ends.iter().filter_map(TaskEnd::told).filter(|result| result.skipped && result.attempts == 0)
    }

    /// The failure of a fan-out of which fewer tasks have succeeded than its `join` asks for.
    pub(super) fn too_few(&self, region: &Region, join: u32) -> Box<Failure> {
        let failed = self.failure(|_| false);
        // What was told to end from outside has not failed by itself.
        if let Some(cancelled) = failed.as_ref().filter(|failure| failure.kind == FailureKind::Cancelled) {
            return cancelled.clone();
        }
        let succeeded = self.ends.iter().filter(|end| end.is_success()).count();
        let waiting = self.ends.iter().filter_map(TaskEnd::failed).filter(|result| result.is_waiting()).cloned();
        let waiting: Vec<_> = waiting.collect();
        if succeeded + waiting.len() >= join as usize
            && let Some(waits) = summary(waiting, 0, self.tasks.len(), "branches")
        {
            return waits;
        }
        let (total, ran) = (self.tasks.len(), self.ends.len() - self.skipped().count());
        let skipped = if ran < total { format!(" ({} skipped)", total - ran) } else { String::new() };
        let branches = counted(total as u64, "branch", "branches");
        let message = format!("{succeeded} of {branches} succeeded{skipped}, and `join` asks for {join}");
        let own = Failure { place: Some(region.place), told: true, ..Failure::new(FailureKind::Error, message) };
        Box::new(match failed {
            Some(failed) => Failure { kind: failed.kind, branches: failed.branches, finished: failed.finished, ..own },
            None => own,
        })
    }

    /// The failure of the whole fan-out, if a task failed that is not `allowed` to.
    pub(super) fn failure(&self, allowed: impl Fn(usize) -> bool) -> Option<Box<Failure>> {
        // What `fail_fast` or a cancellation kept from starting is no news.
        let started = |result: &&ParallelFlowResult| result.attempts > 0 || kind(result) != FailureKind::Cancelled;
        let failed = self.ends.iter().enumerate().filter_map(|(index, end)| Some((index, end.failed()?)));
        let failed: Vec<_> =
            failed.filter_map(|(index, result)| (!allowed(index) || result.is_waiting()).then_some(result)).collect();
        let any_started = failed.iter().any(started);
        let news = failed.into_iter().filter(|result| !any_started || started(result));
        let mut failure = summary(news.cloned().collect(), 0, self.tasks.len(), "branches")?;
        let finished = self.tasks.iter().zip(&self.ends).filter(|(_, end)| end.is_success());
        failure.finished = finished.map(|(task, _)| task.name.to_owned()).collect();
        Some(failure)
    }

    /// The results of all tasks, in their order.
    pub(super) fn into_results(self) -> Vec<ParallelFlowResult> {
        self.ends.into_iter().zip(self.tasks).map(|(end, task)| end.into_result(task)).collect()
    }
}

/// The failure of a fan-out or map some of whose branches or items failed.
/// `branches` tells of them, but of `further` ones.
pub(in crate::engine) fn summary(
    branches: Vec<ParallelFlowResult>,
    further: usize,
    total: usize,
    what: &str,
) -> Option<Box<Failure>> {
    // One that was cancelled is the consequence of another, and one that waits says nothing of those that failed.
    let found = |is: &dyn Fn(FailureKind) -> bool| branches.iter().find(|branch| is(kind(branch)));
    let failed = found(&|kind| !kind.is_unfinished());
    let first = failed.or_else(|| found(&|kind| kind == FailureKind::Waiting)).or(branches.first())?;
    let message = match branches.len() + further {
        1 if first.is_waiting() => format!("`{}` waits for an answer", first.branch),
        waiting if first.is_waiting() => format!("{waiting} of {total} {what} wait for answers"),
        1 => format!("`{}` failed", first.branch),
        failed => format!("{failed} of {total} {what} failed, `{}` first", first.branch),
    };
    let first = first.error.as_deref();
    let kind = first.map_or(FailureKind::Error, |error| error.kind);
    let causes = first.map(|error| error.message.clone()).into_iter().collect();
    let further = further as u64;
    Some(Box::new(Failure { causes, branches, further, ..Failure::new(kind, message) }))
}

/// The failure of a node with settings of its own, in place of that of a fan-out whose one branch failed.
pub(super) fn of_attempt(failure: Box<Failure>) -> Box<Failure> {
    match failure.branches.first().and_then(|result| result.error.clone()) {
        Some(own) => Box::new(Failure { branches: failure.branches, ..*own }),
        None => failure,
    }
}

fn kind(result: &ParallelFlowResult) -> FailureKind {
    result.error.as_ref().map_or(FailureKind::Error, |error| error.kind)
}
