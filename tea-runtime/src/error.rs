//! The error of a run.

use std::{
    error::Error as StdError,
    fmt::{self, Write as _},
};

use crate::{
    failure::{Failure, FailureKind, OpenQuestion},
    plan::Plan,
    result::ParallelFlowResult,
    state::View,
};

/// Why a run produced no output. `{:?}` prints one line, which is what `unwrap` shows; `{:#?}` prints everything that
/// is known.
pub struct Error(Box<Facts>);

#[derive(Debug)]
struct Facts {
    workflow: &'static str,
    failure: Option<Box<Failure>>,
    message: String,
    finished: Vec<String>,
    cause: Option<Box<Cause>>,
    /// The keys that were set when the run ended.
    view: Option<View>,
    /// The name of the run in its store, if it is recorded.
    run: Option<String>,
    /// Whether the run stopped where it was told to.
    stopped: bool,
}

/// A cause of which only the message is known, because it may come from another process.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Self>>,
}

/// A branch, item or node that failed.
#[derive(Debug, Clone)]
pub struct BranchFailure<'a> {
    /// The path to it: the names of the enclosing branches and items, outermost first. Empty for a node outside of any.
    pub branch: Vec<&'a str>,
    /// Why it failed.
    pub failure: &'a Failure,
    /// Its result as a branch or item; `None` for a node outside of any.
    pub result: Option<&'a ParallelFlowResult>,
}

impl Error {
    pub(crate) fn failed(plan: &Plan, failure: Box<Failure>, nodes: Vec<&'static str>) -> Self {
        let finished = nodes.into_iter().map(str::to_owned).chain(failure.finished.iter().cloned()).collect();
        let mut leaves = Vec::new();
        collect(&failure, None, &mut Vec::new(), &mut leaves);
        let message = message(plan.name, &failure, &leaves);
        let cause = leaves.first().and_then(|first| cause(&first.failure.causes));
        drop(leaves);
        Self(Box::new(Facts {
            workflow: plan.name,
            failure: Some(failure),
            message,
            finished,
            cause,
            view: None,
            run: None,
            stopped: false,
        }))
    }

    /// The run stopped after a node, as it was told to.
    pub(crate) fn stopped(plan: &Plan, nodes: Vec<&'static str>) -> Self {
        let message = format!("stopped after `{}`, as was asked", nodes.last().copied().unwrap_or_default());
        let mut error = Self::failed(plan, Box::new(Failure::new(FailureKind::Cancelled, message.clone())), nodes);
        (error.0.stopped, error.0.message) = (true, format!("workflow `{}` {message}", plan.name));
        error
    }

    /// With what was set when the run ended.
    pub(crate) fn with_view(mut self, view: View) -> Self {
        self.0.view = Some(view);
        self
    }

    /// With the name of the run in its store.
    pub(crate) fn with_run(mut self, run: &str) -> Self {
        self.0.run = Some(run.to_owned());
        self
    }

    /// The name of the run in its store, by which it can go on; `None` if it was not recorded.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.0.run.as_deref()
    }

    /// What was set when the run ended, outside of branches: `error.state()?.find(words::key::LINES)` is a reference to the
    /// value of the key `lines`, if it is set. `None` if the run did not start. What a `reduce` was given when it failed is not
    /// there, nor what a failed branch was extending without a copy.
    #[must_use]
    pub fn state(&self) -> Option<&View> {
        self.0.view.as_ref()
    }

    pub(crate) fn missing_input(plan: &Plan, key: &str) -> Self {
        Self::input(plan, format!("the input `{key}` is missing"))
    }

    /// Invalid inputs or settings.
    pub(crate) fn input(plan: &Plan, message: String) -> Self {
        Self(Box::new(Facts {
            workflow: plan.name,
            failure: None,
            message,
            finished: Vec::new(),
            cause: None,
            view: None,
            run: None,
            stopped: false,
        }))
    }

    /// The name of the workflow.
    #[must_use]
    pub fn workflow(&self) -> &str {
        self.0.workflow
    }

    /// Why the run failed: the failure of the node at which it ended. `None` if it did not start, because its inputs or
    /// settings are invalid.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_deref()
    }

    /// Every node, branch and item that failed, in declared order, with at most the first 1,000 items of a map.
    #[must_use]
    pub fn failures(&self) -> Vec<BranchFailure<'_>> {
        let mut failures = self.told();
        failures.retain(|failed| failed.failure.branches.is_empty());
        failures
    }

    /// The same with fan-outs about which there is more to say than that their branches failed.
    pub(crate) fn told(&self) -> Vec<BranchFailure<'_>> {
        let mut failures = Vec::new();
        if let Some(failure) = &self.0.failure {
            collect(failure, None, &mut Vec::new(), &mut failures);
        }
        failures
    }

    /// What was done before the failure: the nodes outside of branches that ended, in the order of the workflow, then
    /// the branches of the failed fan-out that succeeded.
    #[must_use]
    pub fn finished(&self) -> &[String] {
        &self.0.finished
    }

    /// Whether the run ended because it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.failure().is_some_and(|failure| failure.kind == FailureKind::Cancelled)
    }

    /// Whether the run waits for answers to [`questions`](Self::questions), and nothing failed. If it is recorded, it goes on
    /// when it is [resumed](crate::Builder::resume) with them.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.failure().is_some_and(|failure| failure.kind == FailureKind::Waiting && failure.also.is_empty())
    }

    /// The questions that nobody has answered, in declared order.
    #[must_use]
    pub fn questions(&self) -> Vec<&OpenQuestion> {
        self.failure().map(questions).unwrap_or_default()
    }

    /// Whether the run stopped after the node that [`until_node`](crate::Builder::until_node) names. It was not
    /// cancelled by anyone else, and nothing failed.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped
    }

    /// Whether the run did not start because its inputs or settings are invalid.
    #[must_use]
    pub fn is_input(&self) -> bool {
        self.0.failure.is_none()
    }
}

/// The questions that nobody has answered, of a failure and those that it consists of.
pub(crate) fn questions(failure: &Failure) -> Vec<&OpenQuestion> {
    let mut failures = Vec::new();
    collect(failure, None, &mut Vec::new(), &mut failures);
    failures.iter().filter_map(|of| of.failure.question.as_deref()).collect()
}

/// Collects the failures that do not consist of others.
fn collect<'a>(
    failure: &'a Failure,
    result: Option<&'a ParallelFlowResult>,
    path: &mut Vec<&'a str>,
    into: &mut Vec<BranchFailure<'a>>,
) {
    if failure.branches.is_empty() || failure.told {
        into.push(BranchFailure { branch: path.clone(), failure, result });
    }
    for other in &failure.also {
        collect(other, None, path, into);
    }
    for branch in &failure.branches {
        path.push(&branch.branch);
        if let Some(failure) = &branch.error {
            collect(failure, Some(branch), path, into);
        }
        path.pop();
    }
}

fn message(workflow: &str, failure: &Failure, leaves: &[BranchFailure<'_>]) -> String {
    let first = leaves.iter().find(|leaf| !leaf.failure.kind.is_unfinished());
    let first =
        first.or_else(|| leaves.iter().find(|leaf| leaf.failure.kind != FailureKind::Cancelled)).or(leaves.first());
    let Some(first) = first else { return format!("workflow `{workflow}` failed: {}", failure.message) };
    let failed = if failure.kind == FailureKind::Waiting { "is not done" } else { "failed" };
    let mut message = format!("workflow `{workflow}` {failed}: {first}");
    let more = leaves.len() as u64 - 1 + untold(failure);
    if more > 0 {
        _ = write!(message, " (and {more} more)");
    }
    message
}

/// How many items failed that are not among the failures that are told.
fn untold(failure: &Failure) -> u64 {
    let within = failure.branches.iter().filter_map(|branch| branch.error.as_deref());
    failure.further + within.map(untold).sum::<u64>()
}

fn cause(causes: &[String]) -> Option<Box<Cause>> {
    let (message, causes) = causes.split_first()?;
    Some(Box::new(Cause { message: message.clone(), cause: cause(causes) }))
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return self.0.fmt(f);
        }
        f.write_str(&self.0.message)?;
        let causes = std::iter::successors(self.source(), |&cause| cause.source());
        causes.take(4).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_ref().map(|cause| &**cause as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

impl fmt::Display for BranchFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.branch.is_empty() {
            write!(f, "branch `{}`: ", self.branch.join("/"))?;
        }
        if let Some(node) = self.failure.node.as_deref().filter(|node| self.branch.last() != Some(node)) {
            write!(f, "node `{node}`: ")?;
        }
        f.write_str(&self.failure.message)
    }
}
