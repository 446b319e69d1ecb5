//! Where attempts run. An executor runs one attempt at a branch, or at a batch of items, and tells how it ended.
//!
//! It keeps the attempt's own limits (`timeout`, `memory_limit`, cancellation). It does not decide what runs when, retry,
//! or join: that is the engine's, the same for every strategy.

mod process;
pub mod thread;

pub use self::{process::ProcessExecutor, thread::ThreadExecutor};

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use crate::{
    cancel::CancellationToken,
    context::Context,
    engine::{Run, map::Batch, timer},
    event::Scope,
    failure::{Failure, FailureKind},
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

    /// How many jobs it takes at once with profit: more than [`max_workers`](Self::max_workers) where a queue hides the
    /// time that a job travels.
    fn window(&self) -> usize {
        self.max_workers()
    }

    /// Starts `job`, now or as soon as a worker is free, and returns at once. The job's `done` is called exactly
    /// once, on any thread, also if the job is cancelled before it starts.
    fn submit(&self, job: Job);

    /// The same, from the end of another job: it may run on this thread, as soon as that has returned.
    fn submit_next(&self, job: Job) {
        self.submit(job);
    }

    /// Ends its workers. Called once, when the run is over, from a thread that may wait.
    fn close(&self) {}
}

/// Takes the end of an attempt.
pub type Done<T> = Box<dyn FnOnce(Attempt<T>) + Send>;

/// One attempt, handed to an executor.
pub struct Job {
    /// The run that it is part of.
    pub run: Arc<Run>,
    /// The branch or map, in events.
    pub scope: Scope,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Its settings.
    pub config: &'static ParallelConfig,
    /// Until when all attempts together must have ended, in this process's time; known from the second attempt on.
    pub deadline: Option<Instant>,
    /// Runs where it takes nobody's place, since it may be left behind (`fail_fast`, or within a limited branch).
    pub isolated: bool,
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
        done: Done<BranchOutcome>,
    },
    /// Items of a map, run in order.
    Items {
        /// Their map.
        map: &'static Map,
        /// What the body reads. It is dropped before `done` is called: then the node after the map owns the values.
        view: Arc<View>,
        /// The items.
        batch: Box<dyn Batch>,
        /// Takes their end.
        done: Done<ItemsEnd>,
    },
}

impl Job {
    /// The branch's name, or the map's.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.work {
            JobWork::Branch { region, task, .. } => region.tasks[*task].name,
            JobWork::Items { map, .. } => map.name,
        }
    }

    /// What it is called in events: the branch's name, or `map[3]` or `map[3..7]`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.work {
            JobWork::Branch { .. } => self.name().to_owned(),
            JobWork::Items { batch, .. } if batch.len() == 1 => format!("{}[{}]", self.name(), batch.start()),
            JobWork::Items { batch, .. } => {
                format!("{}[{}..{}]", self.name(), batch.start(), batch.start() + batch.len())
            }
        }
    }

    /// What the node's Rust gets as `ctx`, and what is run.
    pub(crate) fn into_context(self) -> (Context, JobWork) {
        let name = self.name();
        (Context::new(self.run, name, self.scope, self.attempt, self.cancel), self.work)
    }

    /// How long the attempt may run if it starts now.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        if self.config.timeout.is_none() && self.config.timeout_total.is_none() {
            return None;
        }
        let one = self.config.timeout.map(|allowed| Limit { after: allowed, setting: "timeout", allowed });
        let all = self.config.timeout_total.map(|allowed| {
            let left = |deadline: Instant| deadline.saturating_duration_since(timer::now());
            Limit { after: self.deadline.map_or(allowed, left), setting: "timeout_total", allowed }
        });
        one.into_iter().chain(all).min_by_key(|limit| limit.after)
    }
}

/// How long an attempt may run, and by which setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// From its start to its deadline.
    pub after: Duration,
    /// `timeout` or `timeout_total`.
    setting: &'static str,
    /// What that is set to.
    allowed: Duration,
}

impl Limit {
    /// The failure of an attempt that ran over it.
    #[must_use]
    pub fn failure(&self) -> Box<Failure> {
        let Self { setting, allowed, .. } = self;
        Box::new(Failure::new(FailureKind::Timeout, format!("ran over its `{setting}` of {allowed:?}")))
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub struct Attempt<T> {
    /// What it gave.
    pub outcome: T,
    /// The process that ran it.
    pub pid: u32,
    /// The worker that ran it; `None` under `thread`.
    pub worker: Option<u32>,
    /// From its start on a thread or worker to its end; waiting for one does not count.
    pub elapsed: Duration,
}

/// How an attempt at a branch ended.
pub type BranchOutcome = Result<BranchEnd, Box<Failure>>;

/// The end of a branch that did not fail.
#[derive(Debug)]
pub struct BranchEnd {
    /// What it wrote.
    pub view: View,
    /// The tasks that it goes on to, besides the fan-in: empty, one, or several after a fork.
    pub goes_to: Vec<u32>,
}

/// The end of a batch.
pub struct ItemsEnd {
    /// The items with the results of those that did not fail; `None` if it was left behind, and all failed.
    pub batch: Option<Box<dyn Batch>>,
    /// The items that failed, by their position in the batch, ascending.
    pub failures: Vec<(usize, Box<Failure>)>,
}

/// The executor of the strategy with this name, with as many workers as the machine runs at once.
///
/// # Errors
/// If there is no such strategy, or it cannot work here.
pub fn get_executor(strategy: &str) -> Result<Box<dyn ParallelExecutor>, UnknownStrategy> {
    let workers = parallelism();
    match strategy {
        "thread" => Ok(Box::new(ThreadExecutor::new(workers))),
        "process" => Ok(Box::new(ProcessExecutor::new(workers))),
        _ => Err(UnknownStrategy(strategy.to_owned())),
    }
}

/// The error of [`get_executor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStrategy(String);

impl std::fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no strategy `{}`: it is `thread` or `process`", self.0)
    }
}

impl std::error::Error for UnknownStrategy {}

/// How many threads this process should use: all of the machine's, or a worker's share of them. Asked once: to find the
/// machine's takes longer than a small run.
pub(crate) fn parallelism() -> usize {
    static PARALLELISM: LazyLock<usize> = LazyLock::new(|| {
        let share = std::env::var("RAYON_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
        let all = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        share.filter(|threads| *threads > 0).unwrap_or_else(all)
    });
    *PARALLELISM
}
