//! Where attempts run. An executor runs one attempt at a branch, or at a batch of items, and tells how it ended.
//!
//! It keeps the attempt's own limits (`timeout`, `memory_limit`, cancellation). It does not decide what runs when, retry,
//! or join: that is the engine's, the same for every strategy.

use std::{sync::Arc, time::Duration};

use crate::{
    cancel::CancellationToken,
    failure::Failure,
    plan::{Map, Region},
    policy::ParallelConfig,
    state::View,
};

/// A strategy for running branches: on threads, or in worker processes.
pub trait ParallelExecutor: Send + Sync {
    /// The strategy's name in workflow files.
    fn name(&self) -> &'static str;

    /// How many attempts it runs at once.
    fn max_workers(&self) -> usize;

    /// Starts `job`, now or as soon as a worker is free, and returns at once. The job's `done` is called exactly
    /// once, on any thread, also if the job is cancelled before it starts.
    fn submit(&self, job: Job);
}

/// One attempt, handed to an executor.
pub struct Job {
    /// The branch's name (an item's: `name[index]`).
    pub name: Arc<str>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Its settings.
    pub config: &'static ParallelConfig,
    /// Cancels this attempt.
    pub cancel: CancellationToken,
    /// What is run.
    pub work: JobWork,
}

/// What an attempt runs.
pub enum JobWork {
    /// A branch.
    Branch {
        /// Its region.
        region: &'static Region,
        /// Its index there.
        task: usize,
        /// What it was sent: a view over its block's keys.
        view: View,
        /// Takes its end.
        done: Box<dyn FnOnce(Attempt<BranchEnd>) + Send>,
    },
    /// Items of a map, run in order. Each item's end is told as soon as it is known, each exactly once.
    Items {
        /// Their map.
        map: &'static Map,
        /// What the body reads.
        view: Arc<View>,
        /// The items.
        items: Box<dyn crate::engine::map::Batch>,
        /// Takes each item's end.
        sink: Arc<dyn crate::engine::map::ItemSink>,
    },
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Attempt<T> {
    /// What it gave.
    pub outcome: Result<T, Box<Failure>>,
    /// The process that ran it.
    pub pid: u32,
    /// The worker that ran it; `None` under `thread`.
    pub worker: Option<u32>,
    /// From its start on a thread or worker to its end; waiting for one does not count.
    pub elapsed: Duration,
}

/// The end of a branch that did not fail.
#[derive(Debug)]
pub struct BranchEnd {
    /// What it wrote.
    pub view: View,
    /// The tasks that it goes on to, besides the fan-in: empty, one, or several after a fork.
    pub goes_to: Vec<u32>,
}
