//! Blocks: steps that run one after the other, with jumps.

use super::{Ask, Body, Call, CodeId, Map, Place, Region};
use crate::{context::Context, failure::NodeError, state::View};

/// Steps that run one after the other, with jumps.
#[derive(Debug)]
pub struct Block {
    /// The first step.
    pub entry: Next,
    /// The steps.
    pub steps: &'static [Step],
    /// The working set of keys, ascending.
    pub keys: &'static [u32],
}

impl Block {
    /// Whether none of its steps is a fan-out, a map or a question, so that it runs on one thread from start to end without
    /// waiting for anything.
    pub(crate) fn is_flat(&self) -> bool {
        self.steps.iter().all(|step| match step.work {
            Work::Run(_) => true,
            Work::Call(call) => call.workflow.root.is_flat(),
            Work::Map(_) | Work::FanOut(_) | Work::Ask(_) => false,
        })
    }

    /// Whether its steps are recorded one by one where it is a branch: some of them run other blocks.
    pub(crate) fn is_by_steps(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step.work, Work::Run(_)))
    }

    /// Whether it has nodes with `cache`, at any depth.
    pub(super) fn has_cache(&self) -> bool {
        self.steps.iter().any(|step| match step.work {
            Work::FanOut(region) => region.tasks.iter().any(|task| task.block.has_cache()),
            Work::Call(call) => step.cached || call.workflow.root.has_cache(),
            Work::Map(map) => step.cached || map.workflow.is_some_and(|workflow| workflow.root.has_cache()),
            Work::Run(_) | Work::Ask(_) => step.cached,
        })
    }

    /// Whether it asks a person, at any depth.
    pub(super) fn asks(&self) -> bool {
        self.steps.iter().any(|step| match step.work {
            Work::Ask(_) => true,
            Work::Run(_) => false,
            Work::FanOut(region) => region.tasks.iter().any(|task| task.block.asks()),
            Work::Call(call) => call.workflow.root.asks(),
            Work::Map(map) => map.workflow.is_some_and(|workflow| workflow.root.asks()),
        })
    }
}

/// `parallel_results`, in lists of the keys that some Rust reads.
pub const RESULTS: u32 = u32::MAX;

/// Something to run, and what follows.
#[derive(Debug)]
pub struct Step {
    /// The node's name.
    pub name: &'static str,
    /// The position of the node in the workflow file.
    pub place: Place,
    /// What to run.
    pub work: Work,
    /// What follows.
    pub next: Next,
    /// The number of visits after which the run fails.
    pub max_visits: u64,
    /// What its Rust reads: keys, ascending, and [`RESULTS`]. Empty for a fan-out.
    pub reads: &'static [u32],
    /// The keys that it may write, ascending. Empty for a fan-out.
    pub writes: &'static [u32],
    /// `resume: rerun`: whether it runs again when a run is resumed, even if its record says that it is done.
    pub rerun: bool,
    /// The identity of its code; unknown for a fan-out.
    pub code: CodeId,
    /// `cache`: whether results are reused across runs.
    pub cached: bool,
    /// Whether the identity of its code is a `version`, which other nodes may have, too.
    pub pinned: bool,
}

/// What a step runs.
#[derive(Clone, Copy)]
pub enum Work {
    /// The Rust of a node.
    Run(&'static dyn Body),
    /// A question.
    Ask(&'static Ask),
    /// Another workflow.
    Call(&'static Call),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
    /// A fan-out.
    FanOut(&'static Region),
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(_) => f.write_str("Run"),
            Self::Ask(_) => f.write_str("Ask"),
            Self::Call(call) => f.debug_tuple("Call").field(&call.workflow.name).finish(),
            Self::Map(map) => f.debug_tuple("Map").field(&map.id).finish(),
            Self::FanOut(region) => f.debug_tuple("FanOut").field(&region.id).finish(),
        }
    }
}

/// A condition of a jump or branch.
pub type Condition = fn(&View, &Context) -> Result<bool, NodeError>;

/// What follows a step.
#[derive(Debug, Clone, Copy)]
pub enum Next {
    /// That target.
    Go(Target),
    /// The first arm whose condition is true; the last one has no condition.
    Choose(&'static [Arm]),
    /// All of these tasks.
    Fork(&'static [u32]),
}

/// The target of a jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A step of the same block.
    Step(u32),
    /// The end of the block.
    End,
    /// A task of the same region.
    Task(u32),
}

/// A conditional jump.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// The condition for taking it; `None` if it is always taken.
    pub when: Option<Condition>,
    /// The target.
    pub to: Target,
    /// The text of the condition, for graphs; empty if there is none.
    pub text: &'static str,
    /// What the condition reads, like [`Step::reads`].
    pub reads: &'static [u32],
    /// The identity of the condition.
    pub code: CodeId,
}
