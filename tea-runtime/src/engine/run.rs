//! One run of a plan: what all its blocks share.

use std::sync::{Arc, OnceLock};

use super::{panic, schedule, settings::Settings, site::Site};
use crate::{
    cancel::CancellationToken,
    event::{Event, Events, Scope},
    executor::{
        ParallelExecutor, ProcessExecutor, ThreadExecutor,
        thread::{OnPanic, Seat},
    },
    failure::Failure,
    plan::{self, Map, Plan, Region},
    policy::{CircuitBreaker, ParallelConfig, Strategy},
    process,
};

/// How a plan is run.
#[derive(Clone, Default)]
pub struct Options {
    /// A ceiling on how much runs at once, in each pool and each fan-out.
    pub max_workers: Option<usize>,
    /// Runs every branch on threads.
    pub all_on_threads: bool,
    /// Runs every branch and item, instead of the executors of their strategies.
    pub executor: Option<Arc<dyn ParallelExecutor>>,
    /// What the caller changed of the plan's settings.
    pub settings: Settings,
    /// Takes events.
    pub events: Events,
    /// Cancels the run.
    pub cancel: CancellationToken,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let executor = self.executor.as_ref().map(|executor| executor.name());
        let Self { max_workers, all_on_threads, .. } = self;
        f.debug_struct("Options")
            .field("max_workers", max_workers)
            .field("all_on_threads", all_on_threads)
            .field("executor", &executor)
            .finish_non_exhaustive()
    }
}

/// One run of a plan: what all its blocks share.
pub struct Run {
    pub(crate) plan: &'static Plan,
    pub(crate) events: Events,
    pub(crate) cancel: CancellationToken,
    max_workers: Option<usize>,
    all_on_threads: bool,
    settings: Settings,
    /// The caller's.
    executor: Option<Arc<dyn ParallelExecutor>>,
    threads: OnceLock<(ThreadExecutor, Arc<dyn ParallelExecutor>)>,
    processes: OnceLock<Arc<dyn ParallelExecutor>>,
    sites: Box<[OnceLock<Site>]>,
    lost: OnceLock<Lost>,
}

/// Ends a run that went wrong outside of its nodes.
pub(super) type Lost = Arc<dyn Fn(Box<Failure>) + Send + Sync>;

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}

impl Run {
    /// A run of `plan`, or the part of one that a worker runs.
    pub(crate) fn new(plan: &'static Plan, options: Options) -> Arc<Self> {
        panic::set_hook(plan.panics_abort);
        let Options { max_workers, all_on_threads, executor, settings, events, cancel } = options;
        Arc::new(Self {
            plan,
            events,
            // Its own, so that what the run leaves at it goes with the run.
            cancel: cancel.child(),
            max_workers,
            all_on_threads,
            settings,
            executor,
            threads: OnceLock::new(),
            processes: OnceLock::new(),
            sites: plan.sites.iter().map(|_| OnceLock::new()).collect(),
            lost: OnceLock::new(),
        })
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

    /// Says who is told if something goes wrong outside of nodes.
    pub(super) fn on_lost(&self, lost: Lost) {
        _ = self.lost.set(lost);
    }

    /// What the caller changed of the plan's settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Something went wrong outside of nodes, which the run cannot survive.
    pub(crate) fn lose(&self, failure: Box<Failure>) {
        match self.lost.get() {
            Some(end) => end(failure),
            // Nobody would ever hear of it.
            None => std::process::abort(),
        }
    }

    /// By which strategy branches with these settings run.
    pub(crate) fn strategy(&self, config: &ParallelConfig) -> Strategy {
        if self.all_on_threads { Strategy::Thread } else { config.strategy }
    }

    /// Whether attempts with these settings run in the pool of threads, where nothing leaves them behind for their own sake.
    pub(super) fn in_pool(&self, config: &ParallelConfig) -> bool {
        self.executor.is_none() && self.strategy(config) == Strategy::Thread && !config.is_limited()
    }

    /// The executor of a strategy, made when it is first needed.
    pub(crate) fn executor(&self, strategy: Strategy) -> Result<&Arc<dyn ParallelExecutor>, Box<Failure>> {
        match (&self.executor, strategy) {
            (Some(executor), _) => Ok(executor),
            (None, Strategy::Thread) => Ok(&self.threads().1),
            (None, Strategy::Process) => {
                process::can_have_workers()?;
                let make = || Arc::new(ProcessExecutor::new(self.pool_size(Strategy::Process))) as Arc<_>;
                Ok(self.processes.get_or_init(make))
            }
        }
    }

    /// Ends all workers, and if `all_ended` lets the next run have the threads.
    pub(crate) fn close(&self, all_ended: bool) {
        if let (true, Some((threads, _))) = (all_ended, self.threads.get()) {
            threads.give_back();
        }
        for executor in self.processes.get().into_iter().chain(&self.executor) {
            executor.close();
        }
    }

    /// The caller's ceiling on how much runs at once.
    pub(crate) fn max_workers(&self) -> Option<usize> {
        self.max_workers
    }

    /// How much of a fan-out that says `max_workers` runs at once.
    pub(super) fn workers(&self, max_workers: Option<u32>) -> usize {
        let asked = max_workers.or(self.plan.max_workers).map(|workers| workers as usize);
        let workers = asked.unwrap_or_else(crate::executor::parallelism);
        workers.min(self.max_workers.unwrap_or(usize::MAX)).max(1)
    }

    /// What is known about a region.
    pub(super) fn region(&self, region: &'static Region) -> &Site {
        self.sites[region.id as usize].get_or_init(|| Site::of_region(self, region))
    }

    /// What is known about a map.
    pub(super) fn map(&self, map: &'static Map) -> &Site {
        self.sites[map.id as usize].get_or_init(|| Site::of_map(self, map))
    }

    /// Runs `work`, with which a block goes on that waited for a fan-out: here, or where it may run the user's Rust.
    pub(super) fn go_on(&self, seat: Option<&Seat>, work: schedule::Work) {
        if let Some(seat) = seat {
            return seat.take_again(work);
        }
        let put = schedule::put(schedule::Place::Pool, work);
        if let Err(work) = put.or_else(|work| schedule::put(schedule::Place::Caller, work)) {
            self.spawn(false, work);
        }
    }

    /// Runs `work`, and what it puts down, on this thread, as on that of the run's caller.
    pub(crate) fn lend(&self, work: schedule::Work) {
        self.threads().0.enter(schedule::Place::Caller, work);
    }

    /// Runs `work` on a thread of this process: its own, if it may be left behind.
    pub(super) fn spawn(&self, isolated: bool, work: schedule::Work) {
        if isolated { self.threads().0.spawn_own(work) } else { self.threads().0.spawn(work) }
    }

    fn threads(&self) -> &(ThreadExecutor, Arc<dyn ParallelExecutor>) {
        self.threads.get_or_init(|| {
            let end = self.lost.get().cloned();
            let on_panic = end.map(|end| -> OnPanic { Box::new(move |failure| end(failure)) });
            let threads = ThreadExecutor::with(self.pool_size(Strategy::Thread), on_panic);
            (threads.clone(), Arc::new(threads))
        })
    }

    /// As many workers as the largest fan-out by `strategy` asks for.
    fn pool_size(&self, strategy: Strategy) -> usize {
        let uses = |(config, _): &(&ParallelConfig, _)| self.strategy(config) == strategy;
        let asked = self.configs().filter(uses).map(|(_, max_workers)| self.workers(max_workers));
        asked.max().unwrap_or(1)
    }

    /// The settings of all branches and maps, and how much of their fan-out runs at once.
    fn configs(&self) -> impl Iterator<Item = (&'static ParallelConfig, Option<u32>)> {
        self.plan.sites.iter().flat_map(move |site| {
            let (id, max_workers, planned) = match site {
                plan::Site::Region(region) => {
                    (region.id, region.max_workers, region.tasks.iter().map(|task| task.config).collect())
                }
                plan::Site::Map(map) => (map.id, map.max_workers, vec![map.config]),
            };
            let resolved = planned.into_iter().enumerate();
            resolved.map(move |(index, planned)| (self.settings.of(id, index, planned), max_workers))
        })
    }

    /// Tells what became of a circuit, if anything did.
    pub(super) fn tell_circuit(&self, scope: Scope, name: &'static str, breaker: Option<&CircuitBreaker>) {
        if self.events.is_active()
            && let Some(state) = breaker.and_then(CircuitBreaker::news)
        {
            self.events.emit(|| Event::CircuitChanged { scope, name, state });
        }
    }

    /// How long what is told to end may take before the run ends without it.
    pub(super) fn grace(&self) -> std::time::Duration {
        self.configs().map(|(config, _)| config.grace).max().unwrap_or(ParallelConfig::DEFAULT.grace)
    }
}
