//! `dynamic_parallel`: runs a body for each of many items. The types of items and results are erased here, so that the
//! engine and the executors handle all maps in the same way.
//!
//! Generated code contains each map as a static whose types are all inferred:
//! ```
//! # use tea_runtime::{map::{Local, MapSpec, given, in_place, map}, state::Key};
//! # const WORDS: Key<Vec<String>> = Key::new(0);
//! # const LENGTHS: Key<Vec<usize>> = Key::new(1);
//! static IN_PLACE: &dyn MapSpec = &map(in_place(WORDS), |_, _, word, _| Ok(word.len()), LENGTHS, None, Local, Local);
//! static OWNED: &dyn MapSpec = &map(given(|_, _| Ok(0..9usize)), |_, _, n, i| Ok(n + i), LENGTHS, None, Local, Local);
//! ```

mod batch;
mod codec;
mod items;
mod label;
mod output;
mod sweep;
mod typed;

use std::{any::Any, path::Path};

pub use self::{
    codec::{Codec, Hashed, Local, Wired},
    items::{Given, InPlace, List, Origin, given, in_place},
    label::Label,
    output::{MapList, MapOutput, Reduced, reduced},
    sweep::{Axes, Axis, Coordinate, Sweep, Swept, collected, listed, sweep},
    typed::{MapOf, map, map_compared},
};
use crate::{
    context::Context,
    failure::{Failure, NodeError},
    result::ItemFailure,
    state::{KeySpec, View},
};

/// Items, body and output of a `dynamic_parallel` node, with erased types.
pub trait MapSpec: Sync + Send {
    /// Evaluates `items`.
    ///
    /// # Errors
    /// If the Rust of `items` returns an error or panics.
    fn items(&'static self, view: &View, context: &Context) -> Result<Box<dyn Source>, NodeError>;

    /// Whether the items are those of a key, so that evaluating `items` reads nothing else.
    fn is_in_place(&self) -> bool;

    /// Whether the items are paths, or contain some, whose files may change while the paths do not.
    fn has_paths(&self) -> bool;

    /// Decodes the items that another process sent, each as written by [`Batch::encode_item`]. The first has index
    /// `start`.
    ///
    /// # Errors
    /// If the bytes are not those of an item.
    fn decode(&'static self, start: usize, items: &[&[u8]]) -> Result<Box<dyn Batch>, String>;

    /// Items that are known by their results alone: `len` from index `start` on, without results yet.
    fn known(&'static self, start: usize, len: usize) -> Box<dyn Batch>;

    /// The collector of the results.
    fn collector(&'static self, specs: &'static [KeySpec]) -> Box<dyn Collector>;
}

impl std::fmt::Debug for dyn MapSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MapSpec")
    }
}

/// The items of a running map. Those of an iterator are created as they are needed.
pub trait Source: Send {
    /// The next items, at most `count`; `None` after the last.
    fn next(&mut self, count: usize) -> Option<Box<dyn Batch>>;

    /// The total number of items, if it is known.
    fn total(&self) -> Option<usize>;

    /// Whether to get them runs no user code, which may take any amount of time.
    fn is_plain(&self) -> bool;
}

/// Consecutive items of a map, with a place for the result of each.
#[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
pub trait Batch: Send {
    /// The index of the first item in the map.
    fn start(&self) -> usize;

    /// The number of items, at least one.
    fn len(&self) -> usize;

    /// The number of items that [`run`](Self::run) has started. If one failed or panicked, it is the last of these.
    fn position(&self) -> usize;

    /// Runs up to `count` more items in order, and keeps their results. Stops at the first that fails.
    ///
    /// # Errors
    /// The failure of the item before [`position`](Self::position). The next call continues after it.
    fn run(&mut self, view: &View, context: &mut Context, count: usize) -> Result<(), NodeError>;

    /// The label of item `at`, counted from 0 in the batch: a short text by which people recognize it.
    fn label(&self, at: usize) -> Option<String>;

    /// The paths in item `at`, counted from 0 in the batch: the item itself, or the values of variables in it.
    fn paths(&self, at: usize) -> Vec<&Path>;

    /// Appends the bytes of item `at`, counted from 0 in the batch.
    ///
    /// # Errors
    /// If its type cannot be written.
    fn encode_item(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String>;

    /// Appends the bytes of the result of item `at`.
    ///
    /// # Errors
    /// If its type cannot be written, or it has none.
    fn encode_result(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String>;

    /// Keeps the result of item `at` that a worker sent, as [`encode_result`](Self::encode_result) wrote it.
    ///
    /// # Errors
    /// If the bytes are not those of a result.
    fn put_result(&mut self, at: usize, bytes: &[u8]) -> Result<(), String>;

    /// A batch of `len` items from `at` on, without results. The items are shared, not copied.
    fn slice(&self, at: usize, len: usize) -> Box<dyn Batch>;

    /// Takes the result of a [`slice`](Self::slice) of item `at` alone.
    fn adopt(&mut self, at: usize, only: Box<dyn Batch>);

    /// Drops the items. From now on, only their results are needed.
    fn forget_items(&mut self);

    /// For [`adopt`](Self::adopt) and collectors, which know the concrete type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Receives the results of a map in item order.
pub trait Collector: Send {
    /// Whether it only stores results, and runs no reducer.
    fn is_quick(&self) -> bool;

    /// Receives the results of the next batch.
    ///
    /// # Errors
    /// If the output's reducer fails.
    fn add(&mut self, batch: Box<dyn Batch>) -> Result<(), Box<Failure>>;

    /// Writes output and failures.
    ///
    /// # Errors
    /// If the output's reducer fails.
    fn finish(self: Box<Self>, failures: Vec<ItemFailure>, view: &mut View) -> Result<(), Box<Failure>>;
}
