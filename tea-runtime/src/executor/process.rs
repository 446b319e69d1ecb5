//! Branches in worker processes. The work is done in [`process`](crate::process).

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{Job, ParallelExecutor};
use crate::process::pool::{Options, Pool};

/// Runs branches in worker processes, which are this same program.
///
/// Workers are started when they are first needed, kept for the next branch, and ended with the executor.
pub struct ProcessExecutor {
    pool: Arc<Pool>,
}

impl ProcessExecutor {
    /// An executor with at most `max_workers` workers at once.
    #[must_use]
    pub fn new(max_workers: usize) -> Self {
        Self::with(max_workers, None, Duration::from_secs(30))
    }

    /// The same, where workers are started from `program`, which must be a build of this very program, and must be
    /// ready within `handshake`.
    #[must_use]
    pub fn with(max_workers: usize, program: Option<PathBuf>, handshake: Duration) -> Self {
        Self { pool: Pool::new(Options { max_workers: max_workers.max(1), program, handshake }) }
    }
}

impl std::fmt::Debug for ProcessExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProcessExecutor").field("max_workers", &self.max_workers()).finish_non_exhaustive()
    }
}

impl ParallelExecutor for ProcessExecutor {
    fn name(&self) -> &'static str {
        "process"
    }

    fn max_workers(&self) -> usize {
        self.pool.max_workers()
    }

    fn window(&self) -> usize {
        self.pool.window()
    }

    fn submit(&self, job: Job) {
        self.pool.submit(job);
    }

    fn close(&self) {
        self.pool.close();
    }
}

impl Drop for ProcessExecutor {
    /// Ends all workers; those that run something at once.
    fn drop(&mut self) {
        self.pool.close();
    }
}
