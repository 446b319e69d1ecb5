//! Keys: the numbers, types and properties of the state's entries.

use std::{
    any::Any,
    sync::{Arc, Weak},
};

use super::{kind::Kind, stored::Stored};
use crate::failure::Failure;

/// A value of a key's type. It is shared between views, and never copied to be read.
pub type Value = Arc<dyn Any + Send + Sync>;

/// Where a value is, or was: no other one comes to its place as long as somebody has this.
pub(crate) type WeakValue = Weak<dyn Any + Send + Sync>;

/// The number of a state key, with its type. Generated code contains a constant for each key.
///
/// It contains the functions that need `T: Send + Sync`, so that only its creation has this bound. A type that does not
/// satisfy it causes one error, rather than one for each use.
pub struct Key<T> {
    pub(crate) id: u32,
    share: fn(T) -> Value,
    open: fn(Value) -> Result<T, Value>,
    typed: fn(Value) -> Arc<T>,
}

impl<T: Send + Sync + 'static> Key<T> {
    /// The key with this number in the plan's table.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self { id, share: |value| Arc::new(value), open, typed }
    }
}

impl<T> Key<T> {
    /// Another key of the same type.
    #[must_use]
    pub const fn like(self, id: u32) -> Self {
        Self { id, share: self.share, open: self.open, typed: self.typed }
    }

    /// Prepares a value of the key's type for a view.
    #[must_use]
    pub fn share(self, value: T) -> Value {
        (self.share)(value)
    }

    /// A value of the key's type, as a shared value.
    pub(crate) fn typed(self, value: Value) -> Arc<T> {
        (self.typed)(value)
    }

    /// The owned value. It is copied only if another branch still holds it.
    ///
    /// # Errors
    /// If another branch, abandoned at its timeout, still holds it, and the type is not `Clone`.
    pub fn owned(self, kind: &Kind, value: Value) -> Result<T, Box<Failure>> {
        (self.open)(value).or_else(|shared| {
            let copy = kind.clone.and_then(|clone| (self.open)(clone(&shared)).ok());
            copy.ok_or_else(|| Failure::still_shared(kind.name))
        })
    }
}

/// Takes the value out, or returns it if there are other owners.
fn open<T: Send + Sync + 'static>(value: Value) -> Result<T, Value> {
    Arc::try_unwrap(typed(value)).map_err(|shared| shared as Value)
}

fn typed<T: Send + Sync + 'static>(value: Value) -> Arc<T> {
    let value = value.downcast().or_else(|value| Stored::take(value).downcast());
    value.unwrap_or_else(|_| unreachable!("a key's value has the key's type"))
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

/// A row of a plan's key table.
#[derive(Debug)]
pub struct KeySpec {
    /// The key's name.
    pub name: &'static str,
    /// What can be done with its values.
    pub kind: &'static Kind,
    /// Whether the caller supplies it.
    pub input: bool,
    /// Its value if the caller does not supply one.
    pub default: Option<fn() -> Value>,
    /// How several writes combine.
    pub reduce: Option<Reduce>,
    /// Whether it never leaves this process: it is not part of the output, not sent to workers, and not recorded.
    pub transient: bool,
    /// Whether it is part of the output.
    pub output: bool,
    /// Whether it is an input that is never shown: it has no flag, and is not in the output, in records or in messages.
    pub secret: bool,
    /// Whether it may be unset at the end.
    pub optional: bool,
    /// `description` of the schema; may be empty.
    pub description: &'static str,
    /// For an input: how it is given on the command line.
    pub flag: FlagSpec,
}

impl KeySpec {
    /// A key that is written by a node and part of the output.
    #[must_use]
    pub const fn new(name: &'static str, kind: &'static Kind) -> Self {
        Self {
            name,
            kind,
            input: false,
            default: None,
            reduce: None,
            transient: false,
            output: true,
            secret: false,
            optional: false,
            description: "",
            flag: FlagSpec::PLAIN,
        }
    }

    /// Whether its values are recorded, if runs of the workflow are.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !self.transient && !self.secret
    }
}

/// How an input is given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagSpec {
    /// `short`: the short flag, as in `-k`.
    pub short: Option<char>,
    /// `positional`: whether it is given without a flag.
    pub positional: bool,
    /// `value_name`: what help calls the value; may be empty.
    pub value_name: &'static str,
    /// `env`: the environment variable that supplies it if no flag does.
    pub env: Option<&'static str>,
    /// `choices`: the only texts that are taken; empty for any.
    pub choices: &'static [&'static str],
}

impl FlagSpec {
    /// A flag with the name of the key, and nothing else.
    pub const PLAIN: Self = Self { short: None, positional: false, value_name: "", env: None, choices: &[] };
}

/// Combines the existing value (first) with the written one (second).
pub type Reduce = fn(&'static Kind, Value, Value) -> Result<Value, Box<Failure>>;

/// Combines two values with the `reduce` of the schema. It is associative, so the timing of branches does not matter.
///
/// # Errors
/// If another branch still holds one of them and the type is not `Clone`.
pub fn reduce<T>(
    key: Key<T>,
    kind: &Kind,
    before: Value,
    written: Value,
    combine: impl FnOnce(T, T) -> T,
) -> Result<Value, Box<Failure>> {
    Ok(key.share(combine(key.owned(kind, before)?, key.owned(kind, written)?)))
}
