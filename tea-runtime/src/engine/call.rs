//! Workflows that nodes of another one call. A call runs the blocks of the other workflow on the caller's thread, as a part
//! of the same run: with its limits, executors, listeners and records.

use std::{fmt, sync::Arc};

use super::{
    Run,
    block::{BlockEnd, BlockFailed, BlockRun},
    records::{Names, Records},
    root,
};
use crate::{
    context::{Caller, Context, Place},
    failure::Failure,
    panic::guard,
    plan::Passed,
    position::Position,
    state::{Value, View},
};

/// The code of a node that may call a workflow.
pub(super) struct CallSite {
    pub(super) run: Arc<Run>,
    /// The name of the node; `None` for items, whose labels tell it.
    pub(super) node: Option<&'static str>,
    /// The node, or the map of which an item calls.
    pub(super) position: Position,
    /// If the steps of the workflow are recorded.
    pub(super) recorded: Option<Arc<Recorded>>,
}

/// With what the steps of a workflow are recorded that some code calls.
pub(super) struct Recorded {
    pub(super) records: Arc<Records>,
    /// What determines the inputs of the workflow.
    pub(super) passed: &'static [Passed],
    /// Their names, as far as these do not depend on the item that calls.
    pub(super) names: Names,
    /// The node or map that calls.
    pub(super) position: Position,
}

impl Recorded {
    /// The same as bytes, for a worker that runs an item of the map.
    pub(super) fn to_send(&self, item: u64) -> Vec<u8> {
        self.records.to_send(&self.position.at_part(item), &self.names)
    }
}

impl fmt::Debug for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSite").field("node", &self.node).field("position", &self.position).finish_non_exhaustive()
    }
}

impl Caller for CallSite {
    fn call(&self, context: &Context, workflow: u32, inputs: Vec<(u32, Value)>) -> Result<View, Box<Failure>> {
        let workflow = self.run.plan.workflows[workflow as usize];
        let position = match &context.item {
            Some(item) => self.position.at_part(item.index as u64),
            None => self.position.clone(),
        };
        let recorded = self.recorded.as_deref().map(|Recorded { records, passed, names, .. }| {
            (records, names.for_call(passed, &inputs, context.item.as_ref()))
        });
        let view = root::view(workflow.keys, workflow.root.keys, inputs)?;
        let origin = Arc::new(Place { run: self.run.info.id, position: position.clone() });
        let mut inner = context.within(origin, self.run.questions().are_asked());
        let block = BlockRun::new(&self.run, &mut inner, workflow.root, view, &position, recorded);
        match block.run() {
            Ok(BlockEnd { view, .. }) => Ok(view),
            Err(BlockFailed { failure, view, .. }) => {
                // Only the failure matters, not an additional panic in a `Drop`.
                drop(guard(|| drop(view)));
                Err(failure.in_call(self.node, workflow.file))
            }
        }
    }
}
