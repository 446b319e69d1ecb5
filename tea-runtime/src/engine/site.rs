//! Information about a region or map that is computed once per run, however often it runs.

use std::{cmp::Reverse, time::Duration};

use super::Run;
use crate::{
    plan::{Map, Region, Task},
    policy::{ParallelConfig, Strategy},
};

/// The number of short branches per thread that an executor of threads is given in advance: enough that the driver,
/// which is woken when half of them have ended, costs little in comparison.
const AHEAD: usize = 64;

/// What is known about a region or map.
pub(super) struct Site {
    /// The maximum number of units in flight.
    pub(super) limit: usize,
    /// The maximum number that run at once.
    pub(super) workers: usize,
    /// The settings of its tasks, or of its items.
    configs: Vec<&'static ParallelConfig>,
    /// Whether the first failure cancels the others.
    pub(super) fail_fast: bool,
    /// Whether some of the tasks are enough.
    pub(super) joins_early: bool,
    /// Whether its units have fan-outs of their own, for which they wait without a token.
    pub(super) waits: bool,
    /// Whether every task is allowed to fail.
    pub(super) all_may_fail: bool,
    /// Whether some have a circuit breaker.
    pub(super) has_breakers: bool,
    /// Which tasks wait for which; `None` if none does.
    pub(super) graph: Option<Graph>,
}

/// A region with tasks that need others.
pub(super) struct Graph {
    /// `followers[starts[task]..starts[task + 1]]` need the task.
    starts: Vec<usize>,
    followers: Vec<u32>,
    /// The longest path from each task to an end of the region. Tasks that are far from the end start first. It is
    /// unknown how long a task takes, but a task that needs many others probably has more to do, so each need counts as
    /// a step.
    heights: Vec<usize>,
    /// Pairs of a key and a task that writes it, ascending.
    writers: Vec<(u32, u32)>,
}

impl Site {
    pub(super) fn of_region(run: &Run, region: &Region) -> Self {
        let planned = region.tasks.iter().map(|task| task.config).enumerate();
        let configs: Vec<_> = planned.map(|(index, planned)| run.settings().of(region.id, index, planned)).collect();
        let graph = region.tasks.iter().any(|task| !task.needs.is_empty()).then(|| Graph::new(region.tasks));
        let workers = run.workers_everywhere(run.settings().max_workers(region.id, region.max_workers), &configs);
        // Units that are handed out in advance cannot make way for a task on which more depends, or for a nested
        // fan-out.
        let joins_early = region.join.is_some();
        let fail_fast = run.settings().fail_fast(region.id, region.fail_fast) && !joins_early;
        let waits = region.tasks.iter().any(|task| !task.block.is_flat());
        let ahead = if fail_fast || joins_early || waits || graph.is_some() { 1 } else { AHEAD };
        Self {
            // What has not begun need not be cancelled.
            limit: if joins_early { workers } else { limit(run, workers, ahead, &configs) },
            graph,
            joins_early,
            waits,
            ..Self::new(workers, fail_fast, configs)
        }
    }

    pub(super) fn of_map(run: &Run, map: &Map) -> Self {
        let configs = vec![run.settings().of(map.id, 0, map.config)];
        let workers = run.workers_everywhere(run.settings().max_workers(map.id, map.max_workers), &configs);
        let fail_fast = run.settings().fail_fast(map.id, map.fail_fast);
        let waits = map.workflow.is_some_and(|workflow| !workflow.root.is_flat());
        let ahead = if fail_fast { 1 } else { 2 };
        Self { limit: limit(run, workers, ahead, &configs), waits, ..Self::new(workers, fail_fast, configs) }
    }

    fn new(workers: usize, fail_fast: bool, configs: Vec<&'static ParallelConfig>) -> Self {
        Self {
            limit: workers,
            workers,
            fail_fast,
            joins_early: false,
            waits: false,
            all_may_fail: configs.iter().all(|config| config.allow_failure),
            has_breakers: configs.iter().any(|config| config.circuit_breaker.is_some()),
            configs,
            graph: None,
        }
    }

    /// How long a unit that has been told to end may take before the fan-out continues without it.
    pub(super) fn grace(&self) -> Duration {
        self.configs.iter().map(|config| config.grace).max().unwrap_or_default()
    }

    /// The settings of a task, or of the items (0).
    pub(super) fn config(&self, task: usize) -> &'static ParallelConfig {
        self.configs[task]
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

    /// The priority of a task: the greatest starts first.
    pub(super) fn priority(&self, task: usize) -> (usize, Reverse<usize>) {
        (self.heights[task], Reverse(task))
    }

    /// The tasks that write `key`, ascending.
    pub(super) fn writers(&self, key: u32) -> impl Iterator<Item = usize> {
        let from = self.writers.partition_point(|writer| writer.0 < key);
        self.writers[from..].iter().take_while(move |writer| writer.0 == key).map(|writer| writer.1 as usize)
    }
}

/// The number of units that may be in flight: as many as run at once; or more, if this is no less than the executor
/// runs, and units may wait there.
fn limit(run: &Run, workers: usize, ahead: usize, configs: &[&ParallelConfig]) -> usize {
    // A unit that waits in an executor starts even if a circuit has opened in the meantime.
    if configs.iter().any(|config| config.circuit_breaker.is_some()) {
        return workers;
    }
    let first = configs.first().map_or(Strategy::Thread, |config| run.strategy(config));
    let same = configs.iter().all(|config| run.strategy(config) == first);
    let (threads, crosses) = (same && first == Strategy::Thread, same && first != Strategy::Thread);
    match run.executor(if same { first } else { Strategy::Thread }) {
        Ok(executor) if workers >= executor.max_workers() && crosses => executor.window().max(workers),
        Ok(executor) if workers >= executor.max_workers() && threads => {
            (workers * ahead).min(executor.window() * ahead)
        }
        _ => workers,
    }
}
