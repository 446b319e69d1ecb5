//! What runs in parallel: fan-outs and their tasks, and `dynamic_parallel` nodes.

use super::{Action, Block, Code, CodeId, KeyId, Policy, TaskRead, TaskWrite};
use crate::source::Span;

/// A fan-out: tasks that run in parallel.
#[derive(Debug)]
pub struct Region {
    /// Its number in the plan.
    pub id: u32,
    /// The edge that opens it (of a dataflow file: the `nodes` list).
    pub span: Span,
    /// The tasks: the branches in declared order, then what several of them lead to.
    pub tasks: Vec<Task>,
    /// Dataflow file: a task starts when its needs are done, whatever they ended with, and there are no
    /// `Target::Task` jumps.
    pub dataflow: bool,
    /// So many tasks have to succeed, and the others are cancelled then; all, if not given.
    pub join: Option<u32>,
    /// How many tasks run at once.
    pub max_workers: Option<u32>,
    /// Cancel the others at the first failure.
    pub fail_fast: bool,
    /// Where these two are written.
    pub written: Vec<Origin>,
}

impl Region {
    /// The one branch of a fan-out that is a node with settings of its own.
    #[must_use]
    pub fn attempt(&self) -> Option<&Task> {
        match &self.tasks[..] {
            [task] if task.span == self.span => Some(task),
            _ => None,
        }
    }
}

/// One branch of a fan-out, or a part that several branches lead to.
#[derive(Debug)]
pub struct Task {
    /// Name of its first node; the branch's name in results.
    pub name: String,
    /// The word that names it as a branch (in `to`), or its node's name.
    pub span: Span,
    /// Starts only if this holds; evaluated where the region starts.
    pub when: Option<Code>,
    /// The identity of the condition.
    pub when_code: CodeId,
    /// Tasks that must be done first, ascending. Empty for branches.
    pub needs: Vec<u32>,
    /// What it runs.
    pub block: Block,
    /// The identity of all code in it.
    pub code: CodeId,
    /// The keys that it is sent.
    pub reads: Vec<TaskRead>,
    /// The keys that it may write and that outlive it.
    pub writes: Vec<TaskWrite>,
    /// What keys that it writes are if it fails.
    pub fallback: Vec<(KeyId, Code)>,
    /// How it runs.
    pub policy: Policy,
    /// Where its settings are written; `None` if they are those of the tasks that it needs.
    pub written: Option<Vec<Origin>>,
}

/// Where a parallel setting is written.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Its name, as on an edge or node.
    pub setting: &'static str,
    /// Where.
    pub span: Span,
    /// At which level.
    pub level: Level,
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

/// A `dynamic_parallel` node.
#[derive(Debug)]
pub struct Map {
    /// Its number in the plan.
    pub id: u32,
    /// What the body sees of an item: one variable, or several, of whose values each combination is an item.
    pub variables: Vec<Variable>,
    /// The index's name in `body`.
    pub index_var: Option<String>,
    /// What is run for each item; what it reads are keys only, not the item and index.
    pub body: Action,
    /// Where the results go, if anywhere.
    pub output: Option<MapOutput>,
    /// Where the failures go.
    pub failures: Option<KeyId>,
    /// The results of its items are recorded, each for itself.
    pub recorded: bool,
    /// They are kept for later runs, because of this `cache`.
    pub cached: Option<Span>,
    /// How it runs.
    pub policy: Policy,
    /// How many items run at once.
    pub max_workers: Option<u32>,
    /// Cancel the rest at the first failure.
    pub fail_fast: bool,
    /// Where its settings are written.
    pub written: Vec<Origin>,
}

impl Map {
    /// The Rust that gives the items.
    pub fn items(&self) -> impl Iterator<Item = &Code> {
        self.variables.iter().map(|variable| &variable.items)
    }

    /// The key whose elements the items are, in place and known by their index.
    #[must_use]
    pub fn items_key(&self) -> Option<KeyId> {
        match &self.variables[..] {
            [one] => one.key,
            _ => None,
        }
    }

    /// The names of the variables and of the index in the body.
    #[must_use]
    pub fn own_names(&self) -> Vec<&str> {
        self.variables.iter().map(|variable| variable.name.as_str()).chain(self.index_var.as_deref()).collect()
    }
}

/// A variable in the body of a map.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What gives its values.
    pub items: Code,
    /// If that is just a key (`key`, `&key`, `key.iter()`): values are read in place, without a copy.
    pub key: Option<KeyId>,
}

/// Where a map's results go.
#[derive(Debug, Clone, Copy)]
pub struct MapOutput {
    /// The key.
    pub key: KeyId,
    /// It has `reduce` and takes the results one by one in item order; else it is a `Vec` of them.
    pub reduce: bool,
}
