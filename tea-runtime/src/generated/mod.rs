//! What generated code is made of, besides the tables of [`plan`](crate::plan). Not for use by hand, and not stable.
//!
//! The pieces of generated code that the user's Rust stands in are made by macros defined here, for two reasons. rustc
//! and clippy leave code of foreign macros alone, so that no lint level in a user's crate, not even `forbid`, meets our
//! code; the user's own tokens keep their places and their lints. And a local name that a macro brings along is
//! invisible to the user's Rust.

mod compare;
mod macros;
mod show;

pub use std::option::Option::{None, Some};

use serde::ser::SerializeStruct;

pub use inventory;
pub use serde::{Serialize, Serializer, de::DeserializeOwned};
pub use tea_macros::Items;

pub use self::{
    compare::{ByBoth, ByDebug, ByEqual, ByNothing, Comparing},
    show::{ByDisplay, Item, NotShown},
};
pub use crate::{
    __ask as ask, __call as call, __condition as condition, __entries as entries, __entry as entry, __key as key,
    __kind as kind, __map as map_node, __node as node, __remote as remote, __show as show, __stub as stub,
    builder::Builder,
    context::Context,
    error::Error,
    failure::{Failure, NodeError},
    map::{
        Codec, Hashed, Local, MapList, MapSpec, Wired, collected, given, in_place, listed, map_compared, reduced, sweep,
    },
    plan::{
        Arm, Ask, Block, Call, Checkpoint, CodeId, Fallback, Identities, Level, Map, Next, Origin, Outside, Part,
        Passed, Place, Plan, RESULTS, Region, Registered, Run, Site, Step, Subworkflow, Target, Task, TaskRead,
        TaskWrite, Work, Workflow,
    },
    policy::{CircuitBreakerConfig, ParallelConfig, RetryOn, RetryPolicy, Strategy},
    process::TestEntry,
    result::{ItemFailure, ParallelFlowResult, RunOutcome},
    state::{
        Compare, FlagSpec, Key, KeySpec, Kind, Parse, Value, View, Wire,
        key::reduce as combine,
        kind::{Cannot, Probe, ShowValue},
        ready::Ready,
    },
};

/// What a key has in place of a value where it is in scope only for rustc to suggest it.
#[derive(Clone, Copy)]
pub struct NotRead;

/// What is known of a state key's type; for the struct that stands for the key.
pub trait KeyType {
    /// The type.
    type Value;
    /// The key, its type checked.
    const CHECKED: Checked<Self::Value>;
}

/// How the run ended, in a node of `finally`.
#[must_use]
pub fn outcome(context: &Context) -> &RunOutcome {
    context.outcome.as_deref().unwrap_or(&RunOutcome::Success)
}

/// The branches that failed, by their numbers and names.
#[must_use]
pub fn failed(results: &[ParallelFlowResult]) -> Vec<ItemFailure> {
    let failed = results.iter().enumerate().filter(|(_, result)| result.is_failure());
    let named = |result: &ParallelFlowResult| Some(result.branch.clone().into_owned());
    failed
        .map(|(at, result)| ItemFailure::of(at, ParallelFlowResult { label: named(result), ..result.clone() }))
        .collect()
}

/// Proves that the value of a key of a workflow that is called can be passed on to a key of the caller.
pub const fn passed<T>(_: Key<T>, _: Key<T>) {}

/// The value of an input of a workflow that is called.
pub fn input<T>(key: Key<T>, value: T) -> (u32, Value) {
    (key.id, key.share(value))
}

/// The same for the value of a key of the caller, which is not copied; nothing if it is unset.
#[must_use]
pub fn shared<T>(key: Key<T>, ours: Key<T>, view: &View) -> Option<(u32, Value)> {
    view.value(ours.id).map(|value| (key.id, Value::clone(value)))
}

/// Takes the value of a key out of what a workflow that was called worked with.
///
/// # Errors
/// If somebody still holds it, and its type is not `Clone`.
pub fn taken<T>(end: &mut View, key: Key<T>) -> Result<T, NodeError> {
    end.take(key).map_err(NodeError::from_failure)
}

/// `Clone`, as a bound that may not hold: rustc refuses a bound without a generic parameter that does not. The types of a
/// workflow are numbered, because it also refuses the same bound twice, and a type may be written in several ways.
pub trait IfClone<'a, const N: usize>: Sized {
    /// `Clone::clone`.
    #[must_use]
    fn cloned(&self) -> Self;
}

impl<T: Clone, const N: usize> IfClone<'_, N> for T {
    fn cloned(&self) -> Self {
        self.clone()
    }
}

/// `Serialize`, as a bound that may not hold.
pub trait IfSerialize<'a, const N: usize> {
    /// `Serialize::serialize`.
    ///
    /// # Errors
    /// Its.
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;
}

impl<T: Serialize, const N: usize> IfSerialize<'_, N> for T {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }
}

/// The fields of a struct on their way to a serializer. The first error is kept to the [end](Fields::end): hundreds of `?`
/// in one function are much work for rustc.
pub struct Fields<S: SerializeStruct>(Result<S, S::Error>);

impl<S: SerializeStruct> Fields<S> {
    /// Begins a struct.
    pub fn new<T: Serializer<SerializeStruct = S, Ok = S::Ok, Error = S::Error>>(
        to: T,
        name: &'static str,
        length: usize,
    ) -> Self {
        Self(to.serialize_struct(name, length))
    }

    /// Writes a field.
    pub fn field<const N: usize, T>(&mut self, name: &'static str, value: &T)
    where
        for<'a> T: IfSerialize<'a, N>,
    {
        self.write(name, &Written::<N, T>(value));
    }

    /// Writes a field that may be unset.
    pub fn optional<const N: usize, T>(&mut self, name: &'static str, value: &Option<T>)
    where
        for<'a> T: IfSerialize<'a, N>,
    {
        self.write(name, &value.as_ref().map(Written::<N, T>));
    }

    fn write(&mut self, name: &'static str, value: &impl Serialize) {
        if let Ok(to) = &mut self.0
            && let Err(error) = to.serialize_field(name, value)
        {
            self.0 = Err(error);
        }
    }

    /// Ends the struct.
    ///
    /// # Errors
    /// The serializer's first.
    pub fn end(self) -> Result<S::Ok, S::Error> {
        self.0?.end()
    }
}

/// A value of a type that is [`IfSerialize`].
struct Written<'v, const N: usize, T>(&'v T);

impl<const N: usize, T> Serialize for Written<'_, N, T>
where
    for<'a> T: IfSerialize<'a, N>,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.write(to)
    }
}

/// How a type shows its values by `Debug`, if it does.
pub type Show<T> = Option<ShowValue<T>>;

/// A value for `Debug`: as its type shows it, or the type's name.
pub struct Shown<'a, T>(pub &'a T, pub Show<T>);

impl<T> std::fmt::Debug for Shown<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1 {
            Some(show) => show(self.0, f),
            None => f.write_str(std::any::type_name::<T>()),
        }
    }
}

/// A key, and the codec of its type if its values are sent to workers or recorded.
pub struct Checked<T> {
    /// The key.
    pub key: Key<T>,
    /// The codec.
    pub wire: Option<Wire>,
}

impl<T> Checked<T> {
    /// Another key of the same type.
    #[must_use]
    pub const fn like(self, id: u32) -> Self {
        Self { key: self.key.like(id), wire: self.wire }
    }
}

impl<T> Clone for Checked<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Checked<T> {}

impl<T: Send + Sync + 'static> Checked<T> {
    /// For a type whose values have no bytes.
    #[must_use]
    pub const fn shared(id: u32) -> Self {
        Self { key: Key::new(id), wire: None }
    }

    /// For a type whose values are sent to workers, or recorded.
    #[must_use]
    pub const fn wired(id: u32) -> Self
    where
        T: Serialize + DeserializeOwned,
    {
        Self { key: Key::new(id), wire: Some(Wire::new::<T>()) }
    }
}
