//! Syntax → graph: names resolved, what follows every node, and what runs in parallel with what.
//!
//! The result is a set of flat tables. A [`Block`] is what runs one step after the other: the whole workflow is one,
//! and so is every task of a [`Region`], which is a fan-out up to its fan-in. Blocks and regions come before
//! what is nested in them.
//!
//! # What follows a node
//! 1. `goto`, or else plain `edges`: conditions are tried in written order, then the one without a condition is
//!    taken. There must be one. (Inside a fan-out several plain edges without a condition are a fork: all are taken.)
//! 2. Parallel edges: the fan-out, then its `fan_in`. There may be plain edges with `when` too; the fan-out
//!    starts if none of them holds.
//! 3. With neither: the next node in the list; after the last one, the end.
//!
//! # Fan-outs and the listing
//! A branch is everything that is reachable from its head before the fan-in. In a branch the listing is followed
//! too, but never onto the head of a branch and never out of the fan-out: there the branch is complete and goes to
//! its fan-in. So the branches of a fan-out can be written one after the other, each as a run of nodes:
//!
//! ```yaml
//! nodes: [load, count, count_more, gc, merge]   # count → count_more → merge, gc → merge
//! edges: [{ from: load, to: [count, gc], parallel: true, fan_in: merge }]
//! ```
//!
//! A written way out of a fan-out other than its fan-in is an error, and so is a way into one other than its edges,
//! also by the listing. A node belongs to one fan-out only.
//!
//! Branches may meet: a node that several branches lead to becomes a task of its own, which needs them. So do the
//! targets of a fork.

pub mod access;
mod blocks;
pub(crate) mod copying;
pub(crate) mod crossing;
mod dataflow;
mod dominators;
mod fan_out;
mod flow;
mod reaching;
mod regions;
pub(crate) mod resolve;
pub(crate) mod settings;
mod tasks;
mod unreached;

use crate::{
    diagnostic::Diagnostics,
    source::{Span, Spanned},
    syntax::{self, Parallel, Rust, Workflow},
};

pub use access::{TaskRead, TaskWrite};
pub use resolve::{Keys, Uses};
pub use settings::Policy;

/// Index of a key in `Plan::keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

/// Where a jump leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The step of this index in the same block.
    Step(u32),
    /// The end of the block: the end of the run, or of the branch (it goes to the fan-in, or nowhere).
    End,
    /// From a task's block on to a task that needs it, by its index in the region. A task that others need
    /// starts when all its needs are done and at least one of them ended by going to it.
    Task(u32),
}

/// A workflow that nodes call, as far as its callers must know it.
#[derive(Debug)]
pub struct Called {
    /// The workflow.
    pub workflow: Workflow,
    /// By key: whether it is set wherever the workflow ends.
    pub always_set: Vec<bool>,
    /// Whether it asks a person, itself or in a workflow that it calls.
    pub asks: bool,
}

impl Called {
    /// The key of this name, with its number.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<(usize, &syntax::Key)> {
        self.workflow.keys.iter().enumerate().find(|(_, key)| key.name.value == name)
    }
}

/// A workflow with everything resolved. Nodes are named by their index in [`Workflow::nodes`], and `__start__` by
/// the number of nodes.
#[derive(Debug)]
pub struct Graph<'a> {
    /// The file as written.
    pub workflow: &'a Workflow,
    /// The workflows that nodes call, by their numbers.
    pub called: &'a [Called],
    /// The state's keys by name.
    pub keys: Keys<'a>,
    /// What each node reads and writes.
    pub nodes: Vec<NodeAccess>,
    /// The blocks; the first is the whole workflow.
    pub blocks: Vec<Block<'a>>,
    /// The fan-outs.
    pub regions: Vec<Region<'a>>,
    /// Whether a dataflow file.
    pub dataflow: bool,
    /// The block that runs each node, if it is ever reached.
    pub block_of: Vec<Option<usize>>,
    /// The regions whose shape is in doubt after an error.
    pub doubtful: Vec<bool>,
}

/// What a node reads and writes.
#[derive(Debug, Default)]
pub struct NodeAccess {
    /// Keys that its Rust names, each with its first place.
    pub reads: Vec<(KeyId, Span)>,
    /// Keys that it writes.
    pub writes: Vec<NodeWrite>,
}

/// A key that a node writes.
#[derive(Debug, Clone, Copy)]
pub struct NodeWrite {
    /// The key.
    pub key: KeyId,
    /// Where it is named.
    pub span: Span,
    /// Written whenever the node succeeds. (A map over nothing writes no reduced key.)
    pub always: bool,
}

/// Steps that run one after the other.
#[derive(Debug)]
pub struct Block<'a> {
    /// The region and task that it belongs to; `None` for the whole workflow.
    pub task: Option<(usize, usize)>,
    /// Where it starts.
    pub entry: Next<'a>,
    /// What it runs.
    pub steps: Vec<Step<'a>>,
}

/// A step of a block.
#[derive(Debug)]
pub struct Step<'a> {
    /// The node; of a fan-out, the one that it starts from.
    pub node: usize,
    /// The region, if the step is a fan-out.
    pub region: Option<usize>,
    /// What follows.
    pub next: Next<'a>,
}

/// What follows a step.
#[derive(Debug)]
pub enum Next<'a> {
    /// The first arm whose condition holds; the last one, and no other, has none.
    Choose(Vec<(Option<&'a Rust>, Target)>),
    /// All of these tasks.
    Fork(Vec<u32>),
}

impl<'a> Next<'a> {
    /// That target.
    #[must_use]
    pub fn go(target: Target) -> Self {
        Self::Choose(vec![(None, target)])
    }

    /// The conditions, in order.
    pub fn conditions(&self) -> impl Iterator<Item = &'a Rust> + '_ {
        let arms = match self {
            Self::Choose(arms) => arms.as_slice(),
            Self::Fork(_) => &[],
        };
        arms.iter().filter_map(|(when, _)| *when)
    }
}

/// A fan-out: tasks that run in parallel.
#[derive(Debug)]
pub struct Region<'a> {
    /// The node that it starts from.
    pub from: usize,
    /// The edge that opens it; of a dataflow file, its name.
    pub span: Span,
    /// The node that it leads to; `None` for the end of the workflow.
    pub fan_in: Option<usize>,
    /// The block that it is a step of.
    pub block: usize,
    /// In topological order, branches first.
    pub tasks: Vec<Task<'a>>,
    /// `join`: so many of the tasks have to succeed, and the others are cancelled then.
    pub join: Option<Spanned<u32>>,
    /// `max_workers` and `fail_fast` for all of it.
    pub settings: Parallel,
}

/// A branch, or a part that several branches lead to.
#[derive(Debug)]
pub struct Task<'a> {
    /// Its first node.
    pub head: usize,
    /// The word that names it.
    pub span: Span,
    /// `when` of its edge.
    pub when: Option<&'a Rust>,
    /// Tasks to wait for, ascending.
    pub needs: Vec<u32>,
    /// Its block.
    pub block: usize,
    /// Settings, resolved.
    pub settings: Parallel,
    /// What keys are if it fails.
    pub fallback: Vec<&'a (Spanned<String>, Rust)>,
    /// Whether they are those of the tasks that it waits for.
    pub inherits: bool,
}

impl Task<'_> {
    /// Whether it may fail without failing the run.
    #[must_use]
    pub fn allow_failure(&self) -> bool {
        self.settings.allow_failure.as_ref().is_some_and(|setting| setting.value)
    }
}

impl<'a> Graph<'a> {
    /// What a key is if a task fails, as far as the file says so.
    #[must_use]
    pub fn fallback(&self, task: &Task<'a>, key: KeyId) -> Option<&'a Rust> {
        let name = self.keys.name(key);
        task.fallback.iter().find(|(of, _)| of.value == name).map(|(_, value)| value)
    }

    /// Whether a key that a task certainly writes is set also if the task fails.
    #[must_use]
    pub fn sets_in_any_case(&self, task: &Task<'a>, key: KeyId) -> bool {
        !task.allow_failure() || self.fallback(task, key).is_some()
    }
}

impl Graph<'_> {
    /// The key that a map's results go to.
    #[must_use]
    pub fn map_output(&self, node: usize) -> Option<KeyId> {
        let name = self.workflow.nodes[node].output.keys().first()?;
        self.nodes[node].writes.iter().find(|write| write.span == name.span).map(|write| write.key)
    }

    /// Whether a node asks a person, itself or in the workflow that it calls.
    #[must_use]
    pub fn asks(&self, node: &syntax::Node) -> bool {
        let action = node.work.action();
        let called = action.call().and_then(|call| self.called.get(call.number?));
        action.question().is_some() || called.is_some_and(|called| called.asks)
    }

    /// Whether a key gets the answer to a question.
    #[must_use]
    pub fn is_answer(&self, key: KeyId) -> bool {
        let writes = |access: &NodeAccess| access.writes.iter().any(|write| write.key == key);
        let mut nodes = self.workflow.nodes.iter().zip(&self.nodes);
        nodes.any(|(node, access)| node.work.action().question().is_some() && writes(access))
    }

    /// A node's name.
    #[must_use]
    pub fn name(&self, node: usize) -> &str {
        resolve::node_name(self.workflow, node)
    }
}

/// Builds the graph. Errors go to `found`; what they concern is mended as well as it can be, so that the checks can
/// still look at the rest.
#[must_use]
pub fn build<'a>(workflow: &'a Workflow, called: &'a [Called], found: &mut Diagnostics) -> Graph<'a> {
    let keys = Keys::new(workflow);
    let nodes = workflow.nodes.iter().map(|node| resolve::accesses(node, &keys, found)).collect();
    let shape = if dataflow::is_dataflow(workflow) {
        dataflow::shape(workflow, found)
    } else {
        blocks::shape(workflow, flow::flows(workflow, found), found)
    };
    Graph {
        workflow,
        called,
        keys,
        nodes,
        blocks: shape.blocks,
        regions: shape.regions,
        dataflow: shape.dataflow,
        block_of: shape.block_of,
        doubtful: shape.doubtful,
    }
}
