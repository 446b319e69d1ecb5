//! Replaces the process strategy on systems that do not support it, such as Windows: it needs Unix sockets, process
//! groups and signals. Workflows run on threads there, and branches with `parallel_strategy: process` fail.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    executor::{ParallelExecutor, ThreadExecutor, Unit, UnknownStrategy, parallelism},
    failure::{Failure, FailureKind},
};

/// Lets this program serve as its own worker. Does nothing on this system.
pub fn init() {}

/// The same, for the command line.
#[cfg(feature = "cli")]
pub(crate) fn enter() {}

/// The entry point of a worker in a test program. Does nothing on this system.
pub fn test_entry() {}

/// A test that serves as the entry point of workers in a test program.
pub struct TestEntry(pub &'static str, pub fn() -> &'static str);
inventory::collect!(TestEntry);

/// Refuses a run that may need worker processes only where it needs them: until then it runs on threads.
#[expect(clippy::unnecessary_wraps, reason = "it is as where there are worker processes")]
pub(crate) fn may_have_workers() -> Result<(), Box<Failure>> {
    Ok(())
}

/// No process is a worker.
pub(crate) fn refuse_unserved_worker() {}

/// Would run units in worker processes. Refuses them on this system.
#[derive(Debug)]
pub struct ProcessExecutor {
    max_workers: usize,
}

impl ProcessExecutor {
    /// An executor that refuses all units.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        Self { max_workers: max_workers.max(1) }
    }

    /// The same.
    #[must_use]
    pub fn with(max_workers: usize, _: Option<PathBuf>, _: Duration) -> Self {
        Self::new(max_workers)
    }
}

impl ParallelExecutor for ProcessExecutor {
    fn name(&self) -> &'static str {
        "process"
    }

    fn max_workers(&self) -> usize {
        self.max_workers
    }

    fn submit(&self, unit: Unit) {
        unit.refuse(&no_workers());
    }
}

/// The executor of worker processes for a run, which does not exist on this system.
///
/// # Errors
/// Always.
pub(crate) fn for_run(_: usize) -> Result<Arc<dyn ParallelExecutor>, Box<Failure>> {
    Err(no_workers())
}

/// The executor of the strategy with this name, with as many workers as the machine's parallelism.
///
/// # Errors
/// If there is no such strategy.
pub fn get_executor(strategy: &str) -> Result<Box<dyn ParallelExecutor>, UnknownStrategy> {
    match strategy {
        "thread" => Ok(Box::new(ThreadExecutor::new(parallelism()))),
        "process" => Ok(Box::new(ProcessExecutor::new(parallelism()))),
        _ => Err(UnknownStrategy(strategy.to_owned())),
    }
}

fn no_workers() -> Box<Failure> {
    let message = "there are no worker processes on this system: run it with `--parallel-strategy thread`, or write \
                   `thread` in the workflow";
    Box::new(Failure::new(FailureKind::Error, message))
}

/// Paths of the rest of the crate.
pub(crate) mod executor {
    pub(crate) use super::for_run;
}
