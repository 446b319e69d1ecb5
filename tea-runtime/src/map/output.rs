//! The output of a map.

use std::sync::Arc;

use crate::{
    failure::Failure,
    state::{Key, KeySpec, Value, View},
};

/// The type of an output that takes a map's results as a list.
#[diagnostic::on_unimplemented(
    message = "the results of a map cannot go to a `{Self}`",
    label = "the `output` of this map is not a `Vec`",
    note = "the `output` of a `dynamic_parallel` node is a `Vec` of its results, or a key with `reduce`, which combines them"
)]
pub trait MapList {
    /// The type of one of them.
    type Result;
}

impl<R> MapList for Vec<R> {
    type Result = R;
}

/// The output of a map with results of type `R`: the key of a `Vec`, a [`reduced`] key, or `()` if there is none.
pub trait MapOutput<R>: Copy + Send + Sync + 'static {
    #[doc(hidden)]
    type Gather: Gather<R>;

    #[doc(hidden)]
    const QUICK: bool = true;

    #[doc(hidden)]
    fn gather(self, specs: &'static [KeySpec]) -> Self::Gather;
}

/// Receives results in item order.
#[doc(hidden)]
pub trait Gather<R>: Send {
    fn add(&mut self, result: R) -> Result<(), Box<Failure>>;
    fn finish(self, view: &mut View) -> Result<(), Box<Failure>>;
}

impl MapOutput<()> for () {
    type Gather = ();
    fn gather(self, _: &'static [KeySpec]) {}
}

impl Gather<()> for () {
    fn add(&mut self, (): ()) -> Result<(), Box<Failure>> {
        Ok(())
    }
    fn finish(self, _: &mut View) -> Result<(), Box<Failure>> {
        Ok(())
    }
}

impl<R: Send + Sync + 'static> MapOutput<R> for Key<Vec<R>> {
    type Gather = (Self, Vec<R>);
    fn gather(self, _: &'static [KeySpec]) -> Self::Gather {
        (self, Vec::new())
    }
}

impl<R: Send + Sync + 'static> Gather<R> for (Key<Vec<R>>, Vec<R>) {
    fn add(&mut self, result: R) -> Result<(), Box<Failure>> {
        self.1.push(result);
        Ok(())
    }
    fn finish(self, view: &mut View) -> Result<(), Box<Failure>> {
        view.put(self.0, self.1)
    }
}

/// See [`reduced`].
pub struct Reduced<R>(Key<R>);

impl<R> Clone for Reduced<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Reduced<R> {}

/// A key with `reduce`: the results are combined one by one in item order, and then with the existing value. If there
/// are no items, the key stays as it is.
#[must_use]
pub const fn reduced<R>(key: Key<R>) -> Reduced<R> {
    Reduced(key)
}

impl<R: Send + Sync + 'static> MapOutput<R> for Reduced<R> {
    type Gather = Folding;
    const QUICK: bool = false;
    fn gather(self, specs: &'static [KeySpec]) -> Folding {
        Folding { specs, key: self.0.id, value: None }
    }
}

#[doc(hidden)]
pub struct Folding {
    specs: &'static [KeySpec],
    key: u32,
    value: Option<Value>,
}

impl<R: Send + Sync + 'static> Gather<R> for Folding {
    fn add(&mut self, result: R) -> Result<(), Box<Failure>> {
        let result: Value = Arc::new(result);
        let spec = &self.specs[self.key as usize];
        self.value = Some(match (self.value.take(), spec.reduce) {
            (Some(before), Some(reduce)) => reduce(spec.kind, before, result)?,
            _ => result,
        });
        Ok(())
    }

    fn finish(self, view: &mut View) -> Result<(), Box<Failure>> {
        self.value.map_or(Ok(()), |value| view.write(self.key, value))
    }
}
