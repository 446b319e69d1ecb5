//! `dynamic_parallel`: one body over many items.

use std::any::Any;

use crate::{
    context::Context,
    failure::{Failure, NodeError},
    state::View,
};

/// Items, body and output of a `dynamic_parallel` node, its types erased.
pub trait MapSpec: Sync + Send {
    /// Evaluates `items`.
    ///
    /// # Errors
    /// What the items' Rust gives with `?`.
    fn items(&self, view: &View, context: &Context) -> Result<Box<dyn Any + Send>, NodeError>;
}

impl std::fmt::Debug for dyn MapSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MapSpec")
    }
}

/// Some consecutive items of a map.
pub trait Batch: Send {}

/// Takes the end of each item.
pub trait ItemSink: Send + Sync {
    /// The item with this index ended.
    fn done(&self, index: usize, outcome: Result<Box<dyn Any + Send>, Box<Failure>>);
}
