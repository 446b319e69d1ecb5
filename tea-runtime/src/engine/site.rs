//! What is worked out once a run about a region or map, however often it runs.

use std::cmp::Reverse;

use super::Run;
use crate::{
    plan::{Map, Region, Task},
    policy::{CircuitBreaker, ParallelConfig, Strategy},
};

/// What is known about a region or map.
pub(super) struct Site {
    /// How many attempts are in flight at most.
    pub(super) limit: usize,
    /// The settings of its tasks, or of its items.
    configs: Vec<&'static ParallelConfig>,
    /// The first failure cancels the others.
    pub(super) fail_fast: bool,
    /// The circuit breakers of its tasks, or of its items; empty where none has one.
    breakers: Vec<Option<CircuitBreaker>>,
    /// Every task may fail.
    pub(super) all_may_fail: bool,
    /// Which tasks wait for which; `None` where none does.
    pub(super) graph: Option<Graph>,
    /// All tasks run in the pool of threads.
    pub(super) in_pool: bool,
}

/// A region whose tasks need others.
pub(super) struct Graph {
    /// `followers[starts[task]..starts[task + 1]]` need the task.
    starts: Vec<usize>,
    followers: Vec<u32>,
    /// The longest way from each task to an end of the region: what is far from the end starts first. Nobody knows how
    /// long a task takes, but one that gathers from many has more to do: each of its needs counts as much as a step.
    heights: Vec<usize>,
    /// Who writes what: pairs of key and task, ascending.
    writers: Vec<(u32, u32)>,
}

impl Site {
    pub(super) fn of_region(run: &Run, region: &Region) -> Self {
        let planned = region.tasks.iter().map(|task| task.config).enumerate();
        let configs: Vec<_> = planned.map(|(index, planned)| run.settings().of(region.id, index, planned)).collect();
        let graph = region.tasks.iter().any(|task| !task.needs.is_empty()).then(|| Graph::new(region.tasks));
        Self {
            in_pool: configs.iter().all(|config| run.in_pool(config)),
            limit: limit(run, region.max_workers, &configs),
            fail_fast: run.settings().fail_fast(region.fail_fast),
            breakers: breakers(&configs),
            all_may_fail: configs.iter().all(|config| config.allow_failure),
            configs,
            graph,
        }
    }

    pub(super) fn of_map(run: &Run, map: &Map) -> Self {
        let config = run.settings().of(map.id, 0, map.config);
        Self {
            limit: limit(run, map.max_workers, &[config]),
            fail_fast: run.settings().fail_fast(map.fail_fast),
            breakers: breakers(&[config]),
            all_may_fail: config.allow_failure,
            configs: vec![config],
            graph: None,
            in_pool: false,
        }
    }

    /// The settings of a task, or those of the items (0).
    pub(super) fn config(&self, task: usize) -> &'static ParallelConfig {
        self.configs[task]
    }

    /// The circuit breaker of a task, or that of the items (0).
    pub(super) fn breaker(&self, task: usize) -> Option<&CircuitBreaker> {
        self.breakers.get(task)?.as_ref()
    }
}

impl Graph {
    fn new(tasks: &[Task]) -> Self {
        let mut edges: Vec<(u32, u32)> = Vec::new();
        let mut writers: Vec<(u32, u32)> = Vec::new();
        for (index, task) in (0..).zip(tasks) {
            edges.extend(task.needs.iter().map(|&need| (need, index)));
            writers.extend(task.writes.iter().map(|write| (write.key, index)));
        }
        edges.sort_unstable();
        writers.sort_unstable();
        let starts = (0..).take(tasks.len() + 1).map(|task| edges.partition_point(|edge| edge.0 < task)).collect();
        let weights: Vec<usize> = tasks.iter().map(|task| 1 + task.needs.len()).collect();
        let mut heights = weights.clone();
        for (task, follower) in edges.iter().rev().map(|&(task, follower)| (task as usize, follower as usize)) {
            heights[task] = heights[task].max(weights[task] + heights[follower]);
        }
        Self { starts, followers: edges.into_iter().map(|edge| edge.1).collect(), heights, writers }
    }

    /// The tasks that need `task`.
    pub(super) fn followers(&self, task: usize) -> &[u32] {
        &self.followers[self.starts[task]..self.starts[task + 1]]
    }

    /// What starts first is greatest.
    pub(super) fn priority(&self, task: usize) -> (usize, Reverse<usize>) {
        (self.heights[task], Reverse(task))
    }

    /// The tasks that write `key`, ascending.
    pub(super) fn writers(&self, key: u32) -> impl Iterator<Item = usize> {
        let from = self.writers.partition_point(|writer| writer.0 < key);
        self.writers[from..].iter().take_while(move |writer| writer.0 == key).map(|writer| writer.1 as usize)
    }
}

/// As many as `max_workers` says; where the pool is no larger than that, as many as it takes with profit.
fn limit(run: &Run, max_workers: Option<u32>, configs: &[&ParallelConfig]) -> usize {
    let workers = run.workers(max_workers);
    // What waits in a worker begins though a circuit has opened meanwhile.
    let begins_at_once =
        |config: &&ParallelConfig| run.strategy(config) == Strategy::Thread || config.circuit_breaker.is_some();
    if configs.iter().any(begins_at_once) {
        return workers;
    }
    match run.executor(Strategy::Process) {
        Ok(executor) if workers >= executor.max_workers() => executor.window(),
        _ => workers,
    }
}

fn breakers(configs: &[&ParallelConfig]) -> Vec<Option<CircuitBreaker>> {
    if configs.iter().all(|config| config.circuit_breaker.is_none()) {
        return Vec::new();
    }
    configs.iter().map(|config| config.circuit_breaker.clone().map(CircuitBreaker::new)).collect()
}
