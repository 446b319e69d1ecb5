//! What happened in a run, for its summary and its failure report.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    event::{Detail, Event, Listener, Scope},
    result::ParallelFlowResult,
    words::{counted, of_all_items},
};

/// The listener that records the history.
#[derive(Debug, Default)]
pub(super) struct Historian(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    history: History,
    /// The names in `history.done`.
    done: HashSet<String>,
    /// The maps that run: their names, and how many of their items failed with each kind of failure.
    running: HashMap<Scope, (String, Kinds)>,
    /// The branches that run, by their names in calls.
    branches: HashMap<Scope, String>,
}

/// How many failures there were of each kind.
pub(super) type Kinds = BTreeMap<String, u64>;

/// What became of the items of a map, in all of its runs.
#[derive(Debug, Clone, Default)]
pub(super) struct MapHistory {
    /// Items that ended, failed ones included.
    pub(super) done: u64,
    /// Items that failed.
    pub(super) failed: u64,
    /// Those by the kind of failure.
    pub(super) kinds: Kinds,
}

/// What happened so far.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// Nodes, maps and branches that succeeded, once each, in the order in which they first did.
    pub(super) done: Vec<String>,
    /// The number of branch runs that succeeded.
    pub(super) branches_done: u64,
    /// How many runs of each branch failed with each kind of failure, whether that is allowed or not. Branches of all items of a map
    /// count together.
    pub(super) failed: BTreeMap<(String, String), u64>,
    /// The number of branch runs that failed.
    pub(super) branches_failed: u64,
    /// The number of branch runs that were told to end, or wait for an answer.
    pub(super) branches_unfinished: u64,
    /// The number of items that were.
    pub(super) items_unfinished: u64,
    /// The number of items that succeeded.
    pub(super) items_done: u64,
    /// The number of items that failed.
    pub(super) items_failed: u64,
    /// The number of items of both kinds that did not run again because the run was resumed.
    pub(super) items_restored: u64,
    /// The number of nodes, and of items, whose results were taken from the cache.
    pub(super) nodes_cached: u64,
    pub(super) items_cached: u64,
    /// The maps that have failed items, by their names, without the items in which they ran.
    pub(super) maps: BTreeMap<String, MapHistory>,
    /// The number of retries.
    pub(super) retries: u64,
    /// The number of worker processes that were started.
    pub(super) workers_started: u64,
    /// The number of worker processes that were lost.
    pub(super) workers_lost: u64,
}

impl Historian {
    /// What happened so far.
    pub(super) fn history(&self) -> History {
        self.lock().history.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Historian {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::NodeFinished { scope, node, failure: None, cached, .. } => {
                let mut known = self.lock();
                known.history.nodes_cached += u64::from(cached);
                if scope == Scope::ROOT {
                    known.done(node);
                }
            }
            Event::BranchStarted { scope, name, .. } => _ = self.lock().branches.insert(scope, name.to_owned()),
            Event::BranchFinished { scope, result } => self.lock().branch(scope, result),
            Event::MapStarted { scope, name, .. } => {
                self.lock().running.insert(scope, (of_all_items(name), Kinds::new()));
            }
            Event::ItemFailed { scope, result, .. } => {
                if let (Some((_, kinds)), Some(failure)) = (self.lock().running.get_mut(&scope), &result.error) {
                    *kinds.entry(failure.kind.to_string()).or_default() += 1;
                }
            }
            Event::MapFinished { scope, done, failed, unfinished, restored, cached, .. } => {
                let mut known = self.lock();
                known.map(scope, done - unfinished, failed);
                known.history.items_unfinished += unfinished;
                known.history.items_cached += cached;
                known.history.items_restored += restored;
            }
            Event::RetryScheduled { .. } => self.lock().history.retries += 1,
            Event::WorkerStarted { .. } => self.lock().history.workers_started += 1,
            Event::WorkerLost { .. } => self.lock().history.workers_lost += 1,
            _ => {}
        }
    }

    fn wants(&self) -> Detail {
        Detail::NONE
    }
}

impl Known {
    fn map(&mut self, scope: Scope, done: u64, failed: u64) {
        self.history.items_done += done - failed;
        self.history.items_failed += failed;
        let Some((name, kinds)) = self.running.remove(&scope) else { return };
        if failed > 0 {
            let map = self.history.maps.entry(name).or_default();
            map.done += done;
            map.failed += failed;
            for (kind, count) in kinds {
                *map.kinds.entry(kind).or_default() += count;
            }
        }
    }

    fn branch(&mut self, scope: Scope, result: &ParallelFlowResult) {
        let name = self.branches.remove(&scope).unwrap_or_else(|| result.branch.clone().into_owned());
        if result.success {
            self.history.branches_done += 1;
            // What is a part of an item is not done before the item is.
            if !name.contains('[') {
                self.done(&name);
            }
        } else if let Some(failure) = result.error.as_ref().filter(|_| result.is_failure()) {
            self.history.branches_failed += 1;
            *self.history.failed.entry((of_all_items(&name), failure.kind.to_string())).or_default() += 1;
        } else if !result.skipped {
            self.history.branches_unfinished += 1;
        }
    }

    fn done(&mut self, name: &str) {
        if !self.done.contains(name) {
            self.done.insert(name.to_owned());
            self.history.done.push(name.to_owned());
        }
    }
}

impl History {
    /// Whether anything failed, even if that is allowed.
    pub(super) fn has_failures(&self) -> bool {
        self.branches_failed + self.items_failed > 0
    }

    /// Describes the allowed failures of a run that succeeded.
    pub(super) fn allowed(&self) -> Vec<String> {
        let branch = |((name, kind), count): (&(String, String), &u64)| {
            let times = if *count == 1 { String::new() } else { format!(" {count} times") };
            format!("branch `{name}` failed{times} ({kind}), which the workflow allows")
        };
        let map = |(name, MapHistory { done, failed, kinds }): (&String, &MapHistory)| {
            let kinds: Vec<String> = match kinds.len() {
                1 => kinds.keys().cloned().collect(),
                _ => kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect(),
            };
            let (items, kinds) = (counted(*done, "item", "items"), kinds.join(", "));
            format!("{failed} of {items} of `{name}` failed ({kinds}), which the workflow allows")
        };
        self.failed.iter().map(branch).chain(self.maps.iter().map(map)).collect()
    }

    /// What was done: `finished` from the error of the run, including maps, then everything else that succeeded.
    pub(super) fn done(&self, finished: &[String]) -> Vec<String> {
        let known: HashSet<&String> = finished.iter().collect();
        finished.iter().chain(self.done.iter().filter(|name| !known.contains(name))).cloned().collect()
    }

    /// The number of failures. The error of a run contains only `told` of them, because it is limited for items of
    /// maps.
    pub(super) fn failures(&self, told: usize) -> u64 {
        (told as u64).max(self.maps.values().map(|map| map.failed).max().unwrap_or(0))
    }

    /// The counts that are not 0, in words: `3 branches, 120 items (3 failed, 50 restored), 1 retry`.
    pub(super) fn counts(&self) -> String {
        let mut parts = Vec::new();
        let with_failed = |[done, failed, unfinished, restored, cached]: [u64; 5], one: &str, many: &str| {
            let all = counted(done + failed + unfinished, one, many);
            let some =
                [(failed, "failed"), (unfinished, "not done"), (restored, "restored"), (cached, "from the cache")];
            let some = some.into_iter().filter(|(count, _)| *count > 0);
            let some: Vec<_> = some.map(|(count, what)| format!("{count} {what}")).collect();
            if some.is_empty() { all } else { format!("{all} ({})", some.join(", ")) }
        };
        let branches = [self.branches_done, self.branches_failed, self.branches_unfinished, 0, 0];
        let known = [self.items_restored, self.items_cached];
        let items = [self.items_done, self.items_failed, self.items_unfinished, known[0], known[1]];
        for (counts, one, many) in [(branches, "branch", "branches"), (items, "item", "items")] {
            if counts[..3].iter().sum::<u64>() > 0 {
                parts.push(with_failed(counts, one, many));
            }
        }
        if self.nodes_cached > 0 {
            parts.push(format!("{} from the cache", counted(self.nodes_cached, "node", "nodes")));
        }
        if self.retries > 0 {
            parts.push(counted(self.retries, "retry", "retries"));
        }
        if self.workers_lost > 0 {
            parts.push(format!("{} lost", counted(self.workers_lost, "worker", "workers")));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn what_was_only_told_to_end_has_not_failed() {
        let historian = Historian::default();
        let scope = Scope::ROOT;
        let result = |kind| ParallelFlowResult {
            error: Some(Box::new(crate::failure::Failure::new(kind, "no"))),
            ..ParallelFlowResult::new("parse")
        };
        for (name, kind) in [
            ("each[3]/parse", FailureKind::Crash),
            ("each[4]/parse", FailureKind::Crash),
            ("each[5]/parse", FailureKind::Cancelled),
            ("approve", FailureKind::Waiting),
        ] {
            let (place, strategy) = (crate::place::Place { line: 1, column: 1 }, crate::policy::Strategy::Thread);
            historian.on_event(&Event::BranchStarted { scope, parent: scope, name, place, strategy });
            historian.on_event(&Event::BranchFinished { scope, result: &result(kind) });
        }
        let (place, strategy) = (crate::place::Place { line: 1, column: 1 }, crate::policy::Strategy::Thread);
        historian.on_event(&Event::MapStarted { scope, parent: scope, name: "each", place, total: None, strategy });
        let (elapsed, restored, cached) = (std::time::Duration::ZERO, 0, 0);
        historian.on_event(&Event::MapFinished { scope, elapsed, done: 6, failed: 1, unfinished: 2, restored, cached });
        let history = historian.history();
        assert_eq!(history.counts(), "4 branches (2 failed, 2 not done), 6 items (1 failed, 2 not done)");
        assert_eq!(history.allowed()[0], "branch `each/parse` failed 2 times (crash), which the workflow allows");
    }
}
