//! A run of a plan: what all its blocks share.

use std::{
    any::Any,
    sync::{Arc, OnceLock},
};

use super::{cache::Cache, records::Records, settings::Settings, site::Site};
use crate::{
    cancel::CancellationToken,
    context::{Context, Running},
    event::Events,
    executor::{ParallelExecutor, ThreadExecutor, breakers::Breakers, parallelism, run_info::RunInfo, tokens::Tokens},
    failure::{Failure, FailureKind},
    panic,
    plan::{self, Map, Plan, Region},
    policy::{ParallelConfig, Strategy},
    question::{Answers, Questions},
    state::View,
};

/// Creates an executor for this number of worker processes.
pub(crate) type MakeProcesses = fn(usize) -> Result<Arc<dyn ParallelExecutor>, Box<Failure>>;

/// Checks something before anything runs.
type Check = fn() -> Result<(), Box<Failure>>;

/// How a plan is run.
#[derive(Clone, Default)]
pub struct Options {
    /// The limit of how much runs at once, in all threads and worker processes together.
    pub max_workers: Option<usize>,
    /// Runs every branch on threads.
    pub all_on_threads: bool,
    /// An executor that runs every branch and item, instead of those of their strategies.
    pub executor: Option<Arc<dyn ParallelExecutor>>,
    /// The caller's changes of the plan's settings.
    pub settings: Settings,
    /// Receives events.
    pub events: Events,
    /// Cancels the run.
    pub cancel: CancellationToken,
    /// The node outside of branches after which the run stops.
    pub until: Option<String>,
}

/// What the modules above the engine provide for a run.
#[derive(Clone, Default)]
pub(crate) struct Means {
    /// Creates the executor of the process strategy.
    pub(crate) processes: Option<MakeProcesses>,
    /// The executor of the remote strategy, if the run has a pool of hosts.
    pub(crate) remote: Option<Arc<dyn ParallelExecutor>>,
    /// Checks whether there may be worker processes, before anything runs.
    pub(crate) may_have_processes: Option<Check>,
    /// The tokens and circuit breakers of the run in another process, if this is a part of it.
    pub(crate) part_of: Option<(Arc<Tokens>, Arc<Breakers>)>,
    /// The tokens of the run in whose node this one runs.
    pub(crate) tokens: Option<Arc<Tokens>>,
    /// The ID of the run, if it has one.
    pub(crate) id: Option<u128>,
    /// The records of the run, if it has any.
    pub(crate) records: Option<Arc<Records>>,
    /// The cache, if the run uses one.
    pub(crate) cache: Option<Arc<Cache>>,
    /// The answers to its questions.
    pub(crate) answers: Answers,
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

/// A plan with the settings of a run.
pub(crate) struct Resolved {
    pub(super) plan: &'static Plan,
    max_workers: Option<usize>,
    all_on_threads: bool,
    has_pool: bool,
    settings: Settings,
}

/// A run of a plan: what all its blocks share.
pub(crate) struct Run {
    resolved: Resolved,
    pub(super) info: Arc<RunInfo>,
    pub(super) cancel: CancellationToken,
    /// The caller's.
    executor: Option<Arc<dyn ParallelExecutor>>,
    threads: OnceLock<Arc<dyn ParallelExecutor>>,
    processes: OnceLock<Arc<dyn ParallelExecutor>>,
    make_processes: Option<MakeProcesses>,
    remote: Option<Arc<dyn ParallelExecutor>>,
    sites: Box<[OnceLock<Site>]>,
    records: Option<Arc<Records>>,
    cache: Option<Arc<Cache>>,
    questions: Questions,
    until: Option<String>,
    /// If the run has stopped after that node: the nodes outside of branches that were done.
    pub(super) stopped: OnceLock<Vec<&'static str>>,
}

impl Running for Run {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Run {
    /// Creates a run of `plan`, or the part of one that a worker runs.
    pub(super) fn new(plan: &'static Plan, options: Options, means: Means) -> Arc<Self> {
        panic::set_hook(plan.panics_abort);
        let Options { max_workers, all_on_threads, executor, settings, events, cancel, until } = options;
        let Means { processes, remote, part_of, tokens, id, records, cache, answers, .. } = means;
        let id = id.or_else(|| Some(records.as_ref()?.run_id())).unwrap_or_else(|| fastrand::u128(..));
        let resolved = Resolved { plan, max_workers, all_on_threads, has_pool: remote.is_some(), settings };
        let new = || Tokens::new(resolved.pool_size(None), None);
        let own = || (tokens.unwrap_or_else(new), Arc::new(resolved.breakers()));
        let (tokens, breakers) = part_of.unwrap_or_else(own);
        let mut settings = resolved.settings.to_send();
        settings.extend(cache.iter().flat_map(|cache| cache.to_send()));
        let info = RunInfo::new(id, plan, events, tokens, breakers, settings);
        Arc::new(Self {
            resolved,
            info,
            // The run's own token, so that what the run registers with it is dropped with the run.
            cancel: cancel.child(),
            executor,
            threads: OnceLock::new(),
            processes: OnceLock::new(),
            make_processes: processes,
            remote,
            sites: plan.sites.iter().map(|_| OnceLock::new()).collect(),
            records,
            cache,
            questions: Questions::new(plan, answers),
            until,
            stopped: OnceLock::new(),
        })
    }

    /// The run that some code is a part of.
    pub(crate) fn of(context: &Context) -> Option<&Self> {
        context.run.as_deref()?.as_any().downcast_ref()
    }

    /// Its tokens.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.info.tokens
    }

    /// Its questions.
    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// The executor of a strategy, which is created when it is first needed.
    ///
    /// # Errors
    /// If this process cannot have worker processes.
    pub(super) fn executor(&self, strategy: Strategy) -> Result<&Arc<dyn ParallelExecutor>, Box<Failure>> {
        match (&self.executor, strategy) {
            (Some(executor), _) => Ok(executor),
            (None, Strategy::Thread) => {
                Ok(self.threads.get_or_init(|| Arc::new(ThreadExecutor::new(self.pool_size(Some(Strategy::Thread))))))
            }
            (None, Strategy::Remote) => {
                let no_pool = || Failure::new(FailureKind::Error, "this run has no pool of hosts");
                self.remote.as_ref().ok_or_else(|| Box::new(no_pool()))
            }
            (None, Strategy::Process) => {
                if let Some(processes) = self.processes.get() {
                    return Ok(processes);
                }
                let no_processes = || Failure::new(FailureKind::Error, "this program has no worker processes");
                let make = self.make_processes.ok_or_else(|| Box::new(no_processes()))?;
                let executor = make(self.pool_size(Some(Strategy::Process)))?;
                Ok(self.processes.get_or_init(|| executor))
            }
        }
    }

    /// How much of a fan-out with this `max_workers` and these settings runs at once, here and on the hosts of a pool.
    pub(super) fn workers_everywhere(&self, max_workers: Option<u32>, configs: &[&ParallelConfig]) -> usize {
        let away = configs.iter().any(|config| self.strategy(config) == Strategy::Remote);
        let pool = self.remote.as_ref().filter(|_| away).map_or(0, |pool| pool.max_workers());
        self.workers_of(max_workers, || parallelism().max(pool))
    }

    /// Whether it may need worker processes that it has to start by itself.
    pub(super) fn needs_processes(&self) -> bool {
        let mut sites = self.plan.sites.iter();
        let leaves = |config: &ParallelConfig| self.strategy(config) != Strategy::Thread;
        self.executor.is_none() && sites.any(|site| self.configs(site).any(leaves))
    }

    /// Closes the executors that were created for the run, and reports the notes that they left.
    pub(super) fn close(&self) {
        for executor in self.threads.get().into_iter().chain(self.processes.get()).chain(&self.remote) {
            executor.close();
        }
        self.info.tell_notes();
    }

    /// The records of the run, if it has any.
    pub(super) fn records(&self) -> Option<&Arc<Records>> {
        self.records.as_ref()
    }

    /// The cache, if the run uses one.
    pub(super) fn cache(&self) -> Option<&Arc<Cache>> {
        self.cache.as_ref()
    }

    /// The node outside of branches after which the run stops.
    pub(super) fn until(&self) -> Option<&str> {
        self.until.as_deref()
    }

    /// A view without keys, in place of one that is lost.
    pub(super) fn empty_view(&self) -> View {
        View::new(self.plan.keys, &[])
    }

    /// The information about a region.
    pub(super) fn region(&self, region: &'static Region) -> &Site {
        self.sites[region.id as usize].get_or_init(|| Site::of_region(self, region))
    }

    /// The information about a map.
    pub(super) fn map(&self, map: &'static Map) -> &Site {
        self.sites[map.id as usize].get_or_init(|| Site::of_map(self, map))
    }
}

impl std::ops::Deref for Run {
    type Target = Resolved;

    fn deref(&self) -> &Resolved {
        &self.resolved
    }
}

impl Resolved {
    /// The caller's changes of the plan's settings.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The strategy of branches with these settings.
    pub(super) fn strategy(&self, config: &ParallelConfig) -> Strategy {
        match config.strategy {
            _ if self.all_on_threads => Strategy::Thread,
            // This machine is the pool.
            Strategy::Remote if !self.has_pool => Strategy::Process,
            strategy => strategy,
        }
    }

    /// How much of a fan-out with this `max_workers` runs at once on this machine.
    pub(super) fn workers(&self, max_workers: Option<u32>) -> usize {
        self.workers_of(max_workers, parallelism)
    }

    /// How much of a fan-out with this `max_workers` runs at once, or as much as runs `anyway` where nothing else is said.
    fn workers_of(&self, max_workers: Option<u32>, anyway: impl FnOnce() -> usize) -> usize {
        let asked = max_workers.or(self.plan.max_workers).map(|workers| workers as usize);
        let workers = asked.unwrap_or_else(anyway);
        workers.min(self.max_workers.unwrap_or(usize::MAX)).max(1)
    }

    /// The number of workers that the largest fan-out with `strategy`, or with any strategy, requires.
    fn pool_size(&self, strategy: Option<Strategy>) -> usize {
        let uses = |config: &ParallelConfig| strategy.is_none_or(|strategy| self.strategy(config) == strategy);
        let sites = self.plan.sites.iter();
        let asked = sites.filter(|site| self.configs(site).any(uses)).map(|site| {
            let (id, _) = site.configs();
            self.workers(self.settings.max_workers(id, site.max_workers()))
        });
        asked.max().unwrap_or(1)
    }

    /// The settings of a site's branches, or of a map's items.
    fn configs(&self, site: &plan::Site) -> impl Iterator<Item = &'static ParallelConfig> + use<'_> {
        let (id, planned) = site.configs();
        planned.into_iter().enumerate().map(move |(index, planned)| self.settings.of(id, index, planned))
    }

    fn breakers(&self) -> Breakers {
        let site = |site: &plan::Site| self.configs(site).map(|config| config.circuit_breaker.clone()).collect();
        Breakers::new(self.plan.sites.iter().map(site))
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("plan", &self.plan.name).finish_non_exhaustive()
    }
}
