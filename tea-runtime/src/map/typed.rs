//! A map with its types, which end here: what it makes is used through [`Source`], [`Batch`] and [`Collector`].

use std::{marker::PhantomData, sync::Arc};

use super::{
    Batch, Codec, Collector, Label, MapOutput, MapSpec, Origin, Source, batch::Part, items::Supply, output::Gather,
};
use crate::{
    context::Context,
    failure::{Failure, NodeError},
    result::ItemFailure,
    state::{Compare, Key, KeySpec, View},
};

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
pub(super) type Show<T> = fn(&T, &mut Label);

/// A map over the items of `origin` ([`in_place`](super::in_place) or [`given`](super::given)). Its results go to
/// `output` (a key of a `Vec`, a [`reduced`](super::reduced) key, or `()`), and its failures to `failures`. The last
/// two arguments say how items and results are encoded. Both are [`Wired`](super::Wired), which requires serde, if
/// items may run in other processes; results are also that if they are recorded. Items that a record only has to
/// recognize by their bytes are [`Hashed`](super::Hashed). What is not encoded is [`Local`](super::Local).
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
pub(super) trait Types: Send + Sync + 'static {
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

pub(super) type Item<M> = <<M as Types>::Origin as Origin>::Item;

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

    fn is_plain(&self) -> bool {
        self.supply.is_plain()
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
