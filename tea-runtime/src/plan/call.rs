//! Workflows that nodes of another one call.

use super::{Block, Body, CodeId, KeySpec};
use crate::{
    context::Context,
    failure::{Failure, NodeError},
    state::{Value, View},
};

/// A workflow that nodes of another one call. Its fan-outs and maps are among the sites of the plan.
#[derive(Debug)]
pub struct Subworkflow {
    /// The index in [`Plan::workflows`](super::Plan::workflows).
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// The path of its file, as it is shown in messages.
    pub file: &'static str,
    /// The keys of its state.
    pub keys: &'static [KeySpec],
    /// What it runs.
    pub root: &'static Block,
}

/// Values of input keys, by key number.
pub type Inputs = Vec<(u32, Value)>;

/// A node that calls a workflow.
pub struct Call {
    /// The workflow.
    pub workflow: &'static Subworkflow,
    /// Gives the values of its input keys.
    pub inputs: fn(&View, &Context) -> Result<Inputs, NodeError>,
    /// What determines these values, if the run is recorded.
    pub passed: &'static [Passed],
    /// The keys of the workflow whose values are passed on, and the keys of the caller that receive them.
    pub outputs: &'static [(u32, u32)],
}

/// What determines the value of an input of a workflow that is called.
#[derive(Debug)]
pub struct Passed {
    /// The input key of the workflow.
    pub key: u32,
    /// What its Rust reads, like [`Step::reads`](super::Step::reads), and the key whose items are passed.
    pub reads: &'static [u32],
    /// Whether the Rust makes a value, which may be the path of a file. Otherwise, a key's value is shared.
    pub made: bool,
    /// Whether the Rust mentions the item of the map that calls.
    pub of_item: bool,
    /// The identity of the Rust.
    pub code: CodeId,
}

impl Body for Call {
    fn run(&self, view: &mut View, context: &Context) -> Result<(), Box<Failure>> {
        let inputs = (self.inputs)(view, context)?;
        let end = context.call(self.workflow.id, inputs)?;
        for &(from, to) in self.outputs {
            if let Some(value) = end.value(from) {
                view.write(to, Value::clone(value))?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("workflow", &self.workflow.name).finish_non_exhaustive()
    }
}
