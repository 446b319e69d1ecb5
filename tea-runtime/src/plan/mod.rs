//! The plan of a workflow: the tables in the generated code. The runtime knows plans, but not YAML.
//!
//! Everything here is plain `'static` data, so it costs the compiler next to nothing. Each part has the meaning of its
//! counterpart in `tea_build::plan`.

mod block;
mod body;
mod call;
mod code;
#[cfg(test)]
pub(crate) mod kit;
mod map;
mod region;

use std::time::Duration;

pub use self::{
    block::{Arm, Block, Condition, Next, RESULTS, Step, Target, Work},
    body::{Ask, Body, Output, Run},
    call::{Call, Inputs, Passed, Subworkflow},
    code::{CodeId, Identities, Outside, Part},
    map::Map,
    region::{Fallback, Level, Origin, Region, Task, TaskRead, TaskWrite},
};
use crate::{
    failure::Failure,
    policy::{ParallelConfig, Strategy},
    state::{Value, View},
};
pub use crate::{map::MapSpec, place::Place, state::KeySpec};

/// A whole workflow.
#[derive(Debug)]
pub struct Plan {
    /// The name of the workflow.
    pub name: &'static str,
    /// `description`; may be empty.
    pub description: &'static str,
    /// The path of the workflow file, as it is shown in messages.
    pub file: &'static str,
    /// The module and the position of the macro call that generated the plan. This identifies the plan within a
    /// program, even if a library and a program have the same crate name, or several functions of a module contain
    /// workflows.
    pub module: &'static str,
    /// The package that contains the module, if it is built by Cargo.
    pub package: Option<&'static str>,
    /// The version of that package.
    pub version: Option<&'static str>,
    /// Whether a panic ends the process, according to how the crate that contains the module is built.
    pub panics_abort: bool,
    /// The keys of the state.
    pub keys: &'static [KeySpec],
    /// The whole workflow.
    pub root: &'static Block,
    /// What runs when the run ends, one node each, in this order.
    pub finally: &'static [&'static Block],
    /// Every region and map, by ID.
    pub sites: &'static [Site],
    /// The workflows that nodes call, by their numbers.
    pub workflows: &'static [&'static Subworkflow],
    /// `settings.parallel.max_workers`.
    pub max_workers: Option<u32>,
    /// `settings.checkpoint`, if runs are recorded. Every key that [is recorded](KeySpec::is_recorded) then has a codec
    /// in its kind, and so do the results of every map whose output is recorded.
    pub checkpoint: Option<Checkpoint>,
    /// The identities of the code, if they are known. Otherwise records are only valid for the executable that made them.
    pub identities: Option<&'static Identities>,
}

impl Plan {
    /// Whether a node of `finally` may read the key of this name.
    pub(crate) fn is_read_at_end(&self, name: &str) -> bool {
        self.finally
            .iter()
            .flat_map(|block| block.keys)
            .filter_map(|key| self.keys.get(*key as usize))
            .any(|key| key.name == name)
    }

    /// Whether it has nodes with `cache`.
    #[must_use]
    pub fn has_cache(&self) -> bool {
        self.root.has_cache()
    }

    /// Whether it has nodes that ask.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.root.asks()
    }

    /// Whether it has branches or items with `parallel_strategy: remote`.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        let remote = |config: &ParallelConfig| config.strategy == Strategy::Remote;
        self.sites.iter().any(|site| site.configs().1.into_iter().any(remote))
    }

    /// A name that identifies the workflow's runs, even after the workflow and the code around it have been edited: the
    /// names of the package and of the workflow.
    #[must_use]
    pub fn stable_name(&self) -> String {
        match self.package {
            Some(package) => format!("{package}/{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// How runs are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The maximum time until a record would survive a power failure.
    pub sync: Duration,
    /// The number of finished runs that are kept.
    pub keep: u32,
    /// The maximum size of all records together, in bytes.
    pub max_size: u64,
}

impl Checkpoint {
    /// The defaults of the workflow file.
    pub const DEFAULT: Self = Self { sync: Duration::from_millis(100), keep: 5, max_size: 20 << 30 };
}

/// A region or a map, by its ID.
#[derive(Debug, Clone, Copy)]
pub enum Site {
    /// A fan-out.
    Region(&'static Region),
    /// A `dynamic_parallel` node.
    Map(&'static Map),
}

impl Site {
    /// `max_workers` of the fan-out or map.
    pub(crate) fn max_workers(&self) -> Option<u32> {
        match self {
            Self::Region(region) => region.max_workers,
            Self::Map(map) => map.max_workers,
        }
    }

    /// Its ID, and the settings of its tasks, or of its items, in the plan.
    pub(crate) fn configs(&self) -> (u32, Vec<&'static ParallelConfig>) {
        match self {
            Self::Region(region) => (region.id, region.tasks.iter().map(|task| task.config).collect()),
            Self::Map(map) => (map.id, vec![map.config]),
        }
    }
}

/// A generated module: connects its typed `Input` and `Output` with its plan.
pub trait Workflow: 'static {
    /// The values that the caller supplies.
    type Input;
    /// The values that the run returns.
    type Output;
    /// The whole state.
    type State;
    /// The plan.
    const PLAN: &'static Plan;

    /// The values of all input keys, by key number.
    fn inputs(input: Self::Input) -> Vec<(u32, Value)>;

    /// Takes the output out of the view of the root block after the run.
    ///
    /// # Errors
    /// If a branch that was abandoned at its timeout still holds a value that is not `Clone`.
    fn output(view: View) -> Result<Self::Output, Box<Failure>>;

    /// Takes the whole state out of the view of the root block after the run.
    fn state(view: View) -> Self::State;
}

/// Every workflow in this program. Workers use this to find their plans.
pub struct Registered(pub &'static Plan);
inventory::collect!(Registered);
