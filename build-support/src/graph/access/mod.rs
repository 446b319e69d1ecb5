//! Read sets and write sets: what each block needs from outside, may write, and is certain to write; and so what
//! each task is sent and gives back. Inner blocks first.

mod block;
mod region;

use self::{
    block::BlockBuilder,
    region::{OuterReads, region_access},
};
use super::{Graph, KeyId, Target};
use crate::source::Span;

/// Everything about state, by block and region.
#[derive(Debug)]
pub struct Access {
    /// By block.
    pub blocks: Vec<BlockAccess>,
    /// By region.
    pub regions: Vec<RegionAccess>,
}

/// What a block does with state.
#[derive(Debug, Default)]
pub struct BlockAccess {
    /// What it needs from outside, by key and place.
    pub reads: Vec<Read>,
    /// What it may write, by key; one place each.
    pub writes: Vec<Write>,
    /// What is set wherever it ends, even if nothing was set before; ascending.
    pub sets: Vec<KeyId>,
    /// All keys that its steps touch, ascending.
    pub keys: Vec<KeyId>,
    /// Its ends, each with what is certainly set there.
    exits: Vec<Exit>,
}

/// A read that reaches out of a block or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The key.
    pub key: KeyId,
    /// The name in the Rust that reads it.
    pub span: Span,
    /// The node that the Rust belongs to.
    pub node: usize,
    /// Inside, some way to it does not set the key. (A reduced key is needed from outside all the same: what is
    /// there is combined with what was written.)
    pub unset: bool,
}

/// A write that outlives a block or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// The key.
    pub key: KeyId,
    /// Where a node names it as its output.
    pub span: Span,
    /// The node.
    pub node: usize,
}

/// What the tasks of a region do with state.
#[derive(Debug, Default)]
pub struct RegionAccess {
    /// By task.
    pub tasks: Vec<TaskAccess>,
    /// What it needs from outside, conditions of its branches included.
    pub reads: Vec<Read>,
    /// What it may write.
    pub writes: Vec<Write>,
    /// What is certainly set when it is done, ascending.
    pub sets: Vec<KeyId>,
}

/// What a task is sent and gives back, both by key.
#[derive(Debug, Default)]
pub struct TaskAccess {
    /// What it is sent.
    pub reads: Vec<TaskRead>,
    /// What it gives back.
    pub writes: Vec<TaskWrite>,
}

/// A key that a task is sent.
#[derive(Debug, Clone, Copy)]
pub struct TaskRead {
    /// The key.
    pub key: KeyId,
    /// How many of the region's writers of the key, in task order, the value includes.
    pub after: u32,
}

/// A key that a task writes.
#[derive(Debug, Clone, Copy)]
pub struct TaskWrite {
    /// The key.
    pub key: KeyId,
    /// With `reduce`, and the task does not read the key: it starts without a value, and what it wrote is
    /// combined with what is there, in task order. Otherwise what it wrote replaces what is there.
    pub combine: bool,
}

#[derive(Debug)]
struct Exit {
    targets: Vec<Target>,
    sets: Vec<KeyId>,
}

/// Works out who reads and writes what.
#[must_use]
pub fn analyse(graph: &Graph<'_>) -> Access {
    let mut access = Access {
        blocks: graph.blocks.iter().map(|_| BlockAccess::default()).collect(),
        regions: graph.regions.iter().map(|_| RegionAccess::default()).collect(),
    };
    let outer = OuterReads::new(graph);
    for index in (0..graph.blocks.len()).rev() {
        for step in &graph.blocks[index].steps {
            if let Some(region) = step.region {
                access.regions[region] = region_access(graph, region, &access, &outer);
            }
        }
        access.blocks[index] = BlockBuilder::new(graph, index, &access).build();
    }
    access
}
