//! One run of a plan: what all its blocks share.

use std::sync::{Arc, OnceLock};

use super::{panic, schedule};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::{self, ParallelExecutor},
    failure::Failure,
    plan::Plan,
    policy::{ParallelConfig, Strategy},
};

/// How a plan is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A ceiling on how much runs at once, in each pool and each fan-out.
    pub max_workers: Option<usize>,
    /// Runs every branch by this strategy.
    pub strategy: Option<Strategy>,
    /// Takes events.
    pub events: Events,
    /// Cancels the run.
    pub cancel: CancellationToken,
}

/// One run of a plan: what all its blocks share.
pub struct Run {
    pub(crate) plan: &'static Plan,
    pub(crate) events: Events,
    pub(crate) cancel: CancellationToken,
    max_workers: Option<usize>,
    strategy: Option<Strategy>,
    threads: Executor,
    processes: Executor,
}

type Executor = OnceLock<Result<Arc<dyn ParallelExecutor>, Box<Failure>>>;

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}

impl Run {
    /// A run of `plan`, or the part of one that a worker runs.
    pub(crate) fn new(plan: &'static Plan, options: Options) -> Arc<Self> {
        panic::set_hook();
        let Options { max_workers, strategy, events, cancel } = options;
        let (threads, processes) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { plan, events, cancel, max_workers, strategy, threads, processes })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &'static Plan {
        self.plan
    }

    /// Where to emit events.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// By which strategy branches with these settings run.
    pub(crate) fn strategy(&self, config: &ParallelConfig) -> Strategy {
        self.strategy.unwrap_or(config.strategy)
    }

    /// The executor of a strategy, made when it is first needed.
    pub(crate) fn executor(&self, strategy: Strategy) -> Result<&Arc<dyn ParallelExecutor>, Box<Failure>> {
        let slot = match strategy {
            Strategy::Thread => &self.threads,
            Strategy::Process => &self.processes,
        };
        slot.get_or_init(|| executor::create(strategy, self.workers()).map(Arc::from)).as_ref().map_err(Clone::clone)
    }

    fn workers(&self) -> usize {
        self.max_workers.unwrap_or(1)
    }

    /// Runs `work` on a thread of this process.
    pub(crate) fn spawn(&self, _isolated: bool, _work: schedule::Work) {
        todo!()
    }
}
