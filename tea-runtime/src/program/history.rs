//! What happened in a run, for its summary and its failure report.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    event::{Detail, Event, Listener, Scope},
    result::ParallelFlowResult,
};

/// The listener that keeps the history.
#[derive(Debug, Default)]
pub(super) struct Historian(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    history: History,
    /// What is in `history.done`.
    done: HashSet<String>,
}

/// What happened so far.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// Nodes, maps and branches that ended well, in the order in which they first did, each once.
    pub(super) done: Vec<String>,
    /// Runs of branches that ended well.
    pub(super) branches_done: u64,
    /// Results of branches that failed, whether the run may go on without them or not; at most [`MOST_FAILED`].
    pub(super) failed: Vec<ParallelFlowResult>,
    /// Runs of branches that failed.
    pub(super) branches_failed: u64,
    /// Items of maps that ended well.
    pub(super) items_done: u64,
    /// Items of maps that failed.
    pub(super) items_failed: u64,
    /// Attempts after the first.
    pub(super) retries: u64,
    /// Worker processes started.
    pub(super) workers_started: u64,
    /// Worker processes that ended before they were done.
    pub(super) workers_lost: u64,
}

/// A loop may fail branches without end; only so many are kept whole.
const MOST_FAILED: usize = 1000;

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
            Event::NodeFinished { scope: Scope::ROOT, node, failure: None, .. } => self.lock().done(node),
            Event::BranchFinished { result, .. } => self.lock().branch(result),
            Event::MapFinished { done, failed, .. } => {
                let history = &mut self.lock().history;
                history.items_done += done - failed;
                history.items_failed += failed;
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
    fn branch(&mut self, result: &ParallelFlowResult) {
        if result.success {
            self.history.branches_done += 1;
            self.done(&result.branch);
        } else if !result.skipped {
            self.history.branches_failed += 1;
            if self.history.failed.len() < MOST_FAILED {
                self.history.failed.push(result.clone());
            }
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
    /// The counts in words, those that are not 0: `3 branches, 120 items (3 failed), 1 retry`.
    pub(super) fn counts(&self) -> String {
        let mut parts = Vec::new();
        let with_failed = |done: u64, failed: u64, one: &str, many: &str| {
            let all = counted(done + failed, one, many);
            if failed == 0 { all } else { format!("{all} ({failed} failed)") }
        };
        if self.branches_done + self.branches_failed > 0 {
            parts.push(with_failed(self.branches_done, self.branches_failed, "branch", "branches"));
        }
        if self.items_done + self.items_failed > 0 {
            parts.push(with_failed(self.items_done, self.items_failed, "item", "items"));
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

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
