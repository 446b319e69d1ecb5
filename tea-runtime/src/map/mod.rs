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

mod codec;
mod items;
mod label;
mod output;
mod sweep;

use std::{any::Any, marker::PhantomData, path::Path, sync::Arc};

pub use self::{
    codec::{Codec, Hashed, Local, Wired},
    items::{Given, InPlace, List, Origin, given, in_place},
    label::Label,
    output::{MapList, MapOutput, Reduced, reduced},
    sweep::{Axes, Axis, Coordinate, Sweep, Swept, collected, listed, sweep},
};
use self::{items::Supply, output::Gather};
use crate::{
    context::{Context, Identity},
    failure::{Failure, NodeError},
    result::ItemFailure,
    state::{Compare, Key, KeySpec, View},
    store::Hash,
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

    /// Whether the items are in a key, so that getting them runs no user code, which may take any amount of time.
    fn is_in_place(&self) -> bool;
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

/// Items, body and output of a `dynamic_parallel` node: see [`map`].
pub struct MapOf<S: Origin, B, R, O, W, V> {
    origin: S,
    body: B,
    output: O,
    failures: Option<Key<Vec<ItemFailure>>>,
    compare_items: fn(&S::Item) -> Compare<S::Item>,
    compare_results: fn(&R) -> Compare<R>,
    show_item: Show<S::Item>,
    marker: PhantomData<fn(W, V) -> R>,
}

/// Writes the label of an item, as far as its type is `Display`.
type Show<T> = fn(&T, &mut Label);

/// A map over the items of `origin` ([`in_place`] or [`given`]). Its results go to `output` (a key of a `Vec`, a
/// [`reduced`] key, or `()`), and its failures to `failures`. The last two arguments say how items and results are
/// encoded. Both are [`Wired`], which requires serde, if items may run in other processes; results are also [`Wired`]
/// if they are recorded. Items that a record only has to recognize by their bytes are [`Hashed`]. What is not encoded
/// is [`Local`].
pub const fn map<S, B, R, O, W, V>(
    origin: S,
    body: B,
    output: O,
    failures: Option<Key<Vec<ItemFailure>>>,
    items: W,
    results: V,
) -> MapOf<S, B, R, O, W, V>
where
    S: Origin,
    B: Fn(&View, &Context, &S::Item, usize) -> Result<R, NodeError>,
    O: MapOutput<R>,
    W: Copy,
    V: Copy,
{
    map_compared(origin, body, output, failures, (items, results), |_| Compare::NO, |_| Compare::NO)
}

/// The same, with ways to tell whether items and results that are read from bytes are what was written.
pub const fn map_compared<S, B, R, O, W, V>(
    origin: S,
    body: B,
    output: O,
    failures: Option<Key<Vec<ItemFailure>>>,
    _: (W, V),
    compare_items: fn(&S::Item) -> Compare<S::Item>,
    compare_results: fn(&R) -> Compare<R>,
) -> MapOf<S, B, R, O, W, V>
where
    S: Origin,
    B: Fn(&View, &Context, &S::Item, usize) -> Result<R, NodeError>,
    O: MapOutput<R>,
    W: Copy,
    V: Copy,
{
    MapOf { origin, body, output, failures, compare_items, compare_results, show_item: |_, _| (), marker: PhantomData }
}

impl<S: Origin, B, R, O, W, V> MapOf<S, B, R, O, W, V> {
    /// The same, with a way to show items, of which their labels are made.
    #[must_use]
    pub const fn shown(mut self, show_item: fn(&S::Item, &mut Label)) -> Self {
        self.show_item = show_item;
        self
    }
}

/// The types of a map, for all that is made of them.
trait Types: Send + Sync + 'static {
    type Origin: Origin;
    type Result: Send + 'static;
    type Output: MapOutput<Self::Result>;
    type Items: Codec<Item<Self>> + 'static;
    type Results: Codec<Self::Result> + 'static;

    /// Runs the body.
    fn call(&self, view: &View, context: &Context, item: &Item<Self>, index: usize) -> Result<Self::Result, NodeError>;

    fn failures(&self) -> Option<Key<Vec<ItemFailure>>>;

    /// How to compare items.
    fn compare_items(&self) -> fn(&Item<Self>) -> Compare<Item<Self>>;

    /// How to compare results.
    fn compare_results(&self) -> fn(&Self::Result) -> Compare<Self::Result>;

    /// How to show items.
    fn show_item(&self) -> Show<Item<Self>>;
}

type Item<M> = <<M as Types>::Origin as Origin>::Item;

impl<S, B, R, O, W, V> Types for MapOf<S, B, R, O, W, V>
where
    S: Origin,
    B: Fn(&View, &Context, &S::Item, usize) -> Result<R, NodeError> + Send + Sync + 'static,
    R: Send + 'static,
    O: MapOutput<R>,
    W: Codec<S::Item> + 'static,
    V: Codec<R> + 'static,
{
    type Origin = S;
    type Result = R;
    type Output = O;
    type Items = W;
    type Results = V;

    fn call(&self, view: &View, context: &Context, item: &S::Item, index: usize) -> Result<R, NodeError> {
        (self.body)(view, context, item, index)
    }

    fn failures(&self) -> Option<Key<Vec<ItemFailure>>> {
        self.failures
    }

    fn compare_items(&self) -> fn(&S::Item) -> Compare<S::Item> {
        self.compare_items
    }

    fn compare_results(&self) -> fn(&R) -> Compare<R> {
        self.compare_results
    }

    fn show_item(&self) -> Show<S::Item> {
        self.show_item
    }
}

impl<S, B, R, O, W, V> MapSpec for MapOf<S, B, R, O, W, V>
where
    Self: Types<Origin = S, Output = O, Items = W, Result = R>,
    S: Origin,
    O: MapOutput<R>,
    W: Codec<S::Item>,
{
    fn items(&'static self, view: &View, context: &Context) -> Result<Box<dyn Source>, NodeError> {
        let supply = self.origin.open(view, context)?;
        Ok(Box::new(Running { spec: self, supply, given: 0 }))
    }

    fn is_in_place(&self) -> bool {
        S::IN_PLACE
    }

    fn has_paths(&self) -> bool {
        S::has_paths()
    }

    fn decode(&'static self, start: usize, items: &[&[u8]]) -> Result<Box<dyn Batch>, String> {
        let items = items.iter().map(|bytes| W::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        let len = items.len();
        Ok(Box::new(Part::new(self, Arc::new(items), 0, start, len)))
    }

    fn known(&'static self, start: usize, len: usize) -> Box<dyn Batch> {
        Box::new(Part::new(self, Arc::new(Vec::new()), 0, start, len))
    }

    fn collector(&'static self, specs: &'static [KeySpec]) -> Box<dyn Collector> {
        Box::new(Collecting { spec: self, gather: self.output.gather(specs) })
    }
}

struct Running<M: Types> {
    spec: &'static M,
    supply: Box<dyn Supply<Item<M>>>,
    given: usize,
}

impl<M: Types> Source for Running<M> {
    fn next(&mut self, count: usize) -> Option<Box<dyn Batch>> {
        let (list, from, len) = self.supply.take(count)?;
        let start = self.given;
        self.given += len;
        Some(Box::new(Part::new(self.spec, list, from, start, len)))
    }

    fn total(&self) -> Option<usize> {
        Some(self.given + self.supply.left()?)
    }

    fn is_in_place(&self) -> bool {
        self.supply.is_in_place()
    }
}

/// A batch with concrete types.
struct Part<M: Types> {
    spec: &'static M,
    list: Arc<dyn List<Item = Item<M>>>,
    /// The index of the first item in `list`.
    from: usize,
    /// The index of the first item in the map.
    start: usize,
    position: usize,
    results: Vec<Option<M::Result>>,
}

impl<M: Types> Part<M> {
    fn new(spec: &'static M, list: Arc<dyn List<Item = Item<M>>>, from: usize, start: usize, len: usize) -> Self {
        Self { spec, list, from, start, position: 0, results: std::iter::repeat_with(|| None).take(len).collect() }
    }
}

/// The items of a batch, which are identified by their content.
struct Identified<M: Types> {
    spec: &'static M,
    list: Arc<dyn List<Item = Item<M>>>,
    from: usize,
    start: usize,
}

impl<M: Types> Identified<M> {
    fn item(&self, index: usize) -> &Item<M> {
        self.list.item(self.from + index - self.start)
    }
}

impl<M: Types> Identity for Identified<M> {
    fn hash(&self, index: usize) -> Option<Hash> {
        let mut bytes = Vec::new();
        M::Items::encode(self.item(index), self.spec.compare_items(), &mut bytes).ok()?;
        Some(Hash::of(&bytes))
    }

    fn paths(&self, index: usize) -> Vec<&Path> {
        M::Origin::paths(self.item(index))
    }
}

impl<M: Types> Batch for Part<M> {
    fn start(&self) -> usize {
        self.start
    }

    fn len(&self) -> usize {
        self.results.len()
    }

    fn position(&self) -> usize {
        self.position
    }

    fn run(&mut self, view: &View, context: &mut Context, count: usize) -> Result<(), NodeError> {
        if let (Some(item), false) = (&mut context.item, M::Origin::IN_PLACE) {
            let (spec, list, from, start) = (self.spec, Arc::clone(&self.list), self.from, self.start);
            item.identity = Some(Arc::new(Identified { spec, list, from, start }));
        }
        let end = self.results.len().min(self.position.saturating_add(count));
        while self.position < end {
            let at = self.position;
            self.position += 1;
            let item = self.list.item(self.from + at);
            context.item.iter_mut().for_each(|item| item.index = self.start + at);
            self.results[at] = Some(self.spec.call(view, context, item, self.start + at)?);
        }
        Ok(())
    }

    fn label(&self, at: usize) -> Option<String> {
        // The items may have been forgotten.
        let item = (self.from + at < self.list.count()).then(|| self.list.item(self.from + at))?;
        label::of(item, self.spec.show_item(), self.start + at)
    }

    fn paths(&self, at: usize) -> Vec<&Path> {
        M::Origin::paths(self.list.item(self.from + at))
    }

    fn encode_item(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String> {
        M::Items::encode(self.list.item(self.from + at), self.spec.compare_items(), into)
    }

    fn encode_result(&self, at: usize, into: &mut Vec<u8>) -> Result<(), String> {
        let result = self.results[at].as_ref().ok_or("the item has no result")?;
        M::Results::encode(result, self.spec.compare_results(), into)
    }

    fn put_result(&mut self, at: usize, bytes: &[u8]) -> Result<(), String> {
        self.results[at] = Some(M::Results::decode(bytes)?);
        Ok(())
    }

    fn slice(&self, at: usize, len: usize) -> Box<dyn Batch> {
        Box::new(Self::new(self.spec, Arc::clone(&self.list), self.from + at, self.start + at, len))
    }

    fn adopt(&mut self, at: usize, only: Box<dyn Batch>) {
        let only = only.into_any().downcast::<Self>().unwrap_or_else(|_| unreachable!("it is a batch of the same map"));
        self.results[at] = only.results.into_iter().next().flatten();
    }

    fn forget_items(&mut self) {
        self.list = Arc::new(Vec::new());
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

struct Collecting<M: Types> {
    spec: &'static M,
    gather: <M::Output as MapOutput<M::Result>>::Gather,
}

impl<M: Types> Collector for Collecting<M> {
    fn is_quick(&self) -> bool {
        M::Output::QUICK
    }

    fn add(&mut self, batch: Box<dyn Batch>) -> Result<(), Box<Failure>> {
        let part = batch.into_any().downcast::<Part<M>>();
        let part = part.unwrap_or_else(|_| unreachable!("it is a batch of the same map"));
        part.results.into_iter().flatten().try_for_each(|result| self.gather.add(result))
    }

    fn finish(self: Box<Self>, failures: Vec<ItemFailure>, view: &mut View) -> Result<(), Box<Failure>> {
        self.gather.finish(view)?;
        self.spec.failures().map_or(Ok(()), |key| view.put(key, failures))
    }
}
