//! The process strategy, as the engine sees it.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::{
    identity,
    pool::{Options, Pool, cannot_start},
};
use crate::{
    executor::{ParallelExecutor, ThreadExecutor, Unit, UnknownStrategy, parallelism},
    failure::Failure,
    pacing::process::HANDSHAKE,
};

/// Runs units in worker processes, which are this same program.
///
/// Workers are started when they are first needed, kept for the next unit, and ended with the executor. It may serve
/// several runs, one after the other and at once.
pub struct ProcessExecutor {
    pool: io::Result<Arc<Pool>>,
    max_workers: usize,
}

impl ProcessExecutor {
    /// An executor with at most `max_workers` workers at the same time.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        Self::with(max_workers, None, HANDSHAKE)
    }

    /// The same, with workers that are started from `program`, which must be the same build as this program, and that
    /// must be ready within `handshake`.
    #[must_use]
    pub fn with(max_workers: usize, program: Option<PathBuf>, handshake: Duration) -> Self {
        let max_workers = max_workers.max(1);
        Self { pool: Pool::new(Options { max_workers, program, handshake, env: Vec::new() }), max_workers }
    }
}

#[cfg(test)]
impl ProcessExecutor {
    pub(super) fn pool(&self) -> &Pool {
        self.pool.as_ref().expect("there is one")
    }
}

impl std::fmt::Debug for ProcessExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessExecutor").field("max_workers", &self.max_workers).finish_non_exhaustive()
    }
}

impl ParallelExecutor for ProcessExecutor {
    fn name(&self) -> &'static str {
        "process"
    }

    fn max_workers(&self) -> usize {
        self.max_workers
    }

    fn window(&self) -> usize {
        self.pool.as_ref().map_or(self.max_workers, |pool| pool.window())
    }

    fn crosses(&self) -> bool {
        true
    }

    fn submit(&self, unit: Unit) {
        self.submit_all(vec![unit]);
    }

    fn submit_all(&self, units: Vec<Unit>) {
        match &self.pool {
            Ok(pool) => pool.submit(units),
            Err(error) => {
                let failure = cannot_start(error);
                for unit in units {
                    unit.refuse(&failure);
                }
            }
        }
    }

    fn close(&self) {
        self.pool.iter().for_each(|pool| pool.close());
    }
}

impl Drop for ProcessExecutor {
    /// Ends all workers. Those that are running something are killed.
    fn drop(&mut self) {
        self.close();
    }
}

/// The executor of worker processes for a run.
///
/// # Errors
/// If this process may not have workers.
pub(crate) fn for_run(max_workers: usize) -> Result<Arc<dyn ParallelExecutor>, Box<Failure>> {
    identity::can_have_workers(false)?;
    Ok(Arc::new(ProcessExecutor::new(max_workers)))
}

/// The executor of the strategy with this name, with as many workers as the machine can run at the same time.
///
/// # Errors
/// If there is no such strategy.
pub fn get_executor(strategy: &str) -> Result<Box<dyn ParallelExecutor>, UnknownStrategy> {
    let workers = parallelism();
    match strategy {
        "thread" => Ok(Box::new(ThreadExecutor::new(workers))),
        "process" => Ok(Box::new(ProcessExecutor::new(workers))),
        _ => Err(UnknownStrategy(strategy.to_owned())),
    }
}
