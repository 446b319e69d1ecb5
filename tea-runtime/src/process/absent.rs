//! What stands for the process strategy where there is none, as on Windows: it needs Unix sockets, process groups and
//! signals. Workflows run on threads there, and a branch that is to run in a process fails.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    executor::{ParallelExecutor, ThreadExecutor, Unit, UnknownStrategy, parallelism},
    failure::{Failure, FailureKind},
};

/// Lets this program serve as its own worker; here it does nothing.
pub fn init() {}

/// The worker's entry in a test program; here it does nothing.
pub fn test_entry() {}

/// A test that serves as a worker's entry in a test program.
pub struct TestEntry(pub &'static str);
inventory::collect!(TestEntry);

/// No process is a worker.
pub(crate) fn refuse_unserved_worker() {}

/// Would run units in worker processes; here it refuses them.
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

/// The executor of worker processes for a run: there is none.
///
/// # Errors
/// Always.
pub(crate) fn for_run(_: usize) -> Result<Arc<dyn ParallelExecutor>, Box<Failure>> {
    Err(no_workers())
}

/// The executor of the strategy with this name, with as many workers as the machine runs at once.
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
