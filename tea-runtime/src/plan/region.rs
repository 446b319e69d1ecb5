//! Fan-outs and their branches.

use super::{Block, Body, CodeId, Condition, KeySpec, Place};
use crate::policy::ParallelConfig;

/// A fan-out.
#[derive(Debug)]
pub struct Region {
    /// The index in [`Plan::sites`](super::Plan::sites).
    pub id: u32,
    /// The edge that starts it.
    pub place: Place,
    /// The keys of the workflow that it is in.
    pub keys: &'static [KeySpec],
    /// What runs in parallel.
    pub tasks: &'static [Task],
    /// Whether this is the region of a dataflow file: tasks start when their needs are done, wherever those continue.
    pub dataflow: bool,
    /// The number of tasks that have to succeed: then the others are cancelled. `None` if all have to.
    pub join: Option<u32>,
    /// The maximum number of tasks that run at once.
    pub max_workers: Option<u32>,
    /// Whether the first failure cancels the others.
    pub fail_fast: bool,
    /// Where these two are written.
    pub written: &'static [Origin],
}

impl Region {
    /// The one branch of a fan-out that is a node with settings of its own.
    pub(crate) fn attempt(&self) -> Option<&'static Task> {
        match self.tasks {
            [task] if task.place == self.place => Some(task),
            _ => None,
        }
    }

    /// The identities of the conditions of its branches.
    pub(crate) fn when_code(&self) -> Vec<CodeId> {
        self.tasks.iter().filter(|task| task.when.is_some()).map(|task| task.when_code).collect()
    }
}

/// A branch of a fan-out.
#[derive(Debug)]
pub struct Task {
    /// The branch's name.
    pub name: &'static str,
    /// The position of its name in the workflow file.
    pub place: Place,
    /// The condition for starting it.
    pub when: Option<Condition>,
    /// The text of the condition, for graphs; empty if there is none.
    pub when_text: &'static str,
    /// What the condition reads, like [`Step::reads`](super::Step::reads).
    pub when_reads: &'static [u32],
    /// The identity of the condition.
    pub when_code: CodeId,
    /// The tasks to wait for, ascending.
    pub needs: &'static [u32],
    /// The block that it runs.
    pub block: &'static Block,
    /// The identity of all code in the block.
    pub code: CodeId,
    /// The keys that it is sent.
    pub reads: &'static [TaskRead],
    /// The keys that it may write.
    pub writes: &'static [TaskWrite],
    /// What it writes if it fails and that is allowed, by key.
    pub fallback: &'static [Fallback],
    /// Its settings.
    pub config: &'static ParallelConfig,
    /// Where they are written; `None` if they are those of the tasks that it needs.
    pub written: Option<&'static [Origin]>,
}

/// Where a parallel setting is written.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its name, as on an edge or node.
    pub setting: &'static str,
    /// At which level.
    pub level: Level,
    /// The path of the file, as it is shown in messages.
    pub file: &'static str,
    /// Where in the file.
    pub place: Place,
}

/// The places where parallel settings can be written; the nearest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The edge or node itself.
    Own,
    /// `settings.parallel` of a workflow that is called.
    Called,
    /// `settings.parallel` of the program's workflow.
    File,
}

/// A key that a task is sent.
#[derive(Debug, Clone, Copy)]
pub struct TaskRead {
    /// The key.
    pub key: u32,
    /// The number of the region's writers of the key, in task order, whose writes the value includes.
    pub after: u32,
}

/// A key that a task writes.
#[derive(Debug, Clone, Copy)]
pub struct TaskWrite {
    /// The key.
    pub key: u32,
    /// Whether the value is combined with the existing one instead of replacing it.
    pub combine: bool,
}

/// What a task writes to a key if it fails.
pub struct Fallback {
    /// The key.
    pub key: u32,
    /// Writes the value.
    pub value: &'static dyn Body,
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback").field("key", &self.key).finish_non_exhaustive()
    }
}
