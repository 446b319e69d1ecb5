//! Keys: the numbers, types and properties of the state's entries.

use std::{any::Any, sync::Arc};

use super::{kind::Kind, stored::Stored};
use crate::failure::Failure;

/// A value of some key's type; shared between views, never copied to be read.
pub type Value = Arc<dyn Any + Send + Sync>;

/// A state key's number, with its type. Generated code holds one constant a key.
///
/// It carries the functions that need `T: Send + Sync`, so that only making a key asks for it: a type that is not so
/// gives one error, and not one a use.
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

    /// Makes a value of the key's type ready for a view.
    #[must_use]
    pub fn share(self, value: T) -> Value {
        (self.share)(value)
    }

    /// A value of the key's type, as its own owner.
    pub(crate) fn typed(self, value: Value) -> Arc<T> {
        (self.typed)(value)
    }

    /// The owned value, copied only where another branch still holds it.
    ///
    /// # Errors
    /// If another branch still holds it (one left behind at its timeout) and the type is not `Clone`.
    pub fn owned(self, kind: &Kind, value: Value) -> Result<T, Box<Failure>> {
        (self.open)(value).or_else(|shared| {
            let copy = kind.clone.and_then(|clone| (self.open)(clone(&shared)).ok());
            copy.ok_or_else(|| Failure::still_shared(kind.name))
        })
    }
}

/// Takes the value out, or gives it back if somebody else holds it too.
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

/// One row of a plan's key table.
#[derive(Debug)]
pub struct KeySpec {
    /// The key's name.
    pub name: &'static str,
    /// What can be done with its values.
    pub kind: &'static Kind,
    /// The caller supplies it.
    pub input: bool,
    /// What it is where the caller does not.
    pub default: Option<fn() -> Value>,
    /// How several writes combine.
    pub reduce: Option<Reduce>,
    /// Never leaves this process: not in the output, not sent to a worker, not recorded.
    pub transient: bool,
    /// It is part of the output.
    pub output: bool,
    /// An input that nobody is shown: not in the output, no flag, not recorded, not in any message.
    pub secret: bool,
    /// May be unset at the end.
    pub optional: bool,
    /// `description` of the schema; may be empty.
    pub description: &'static str,
    /// Of an input: how the command line takes it.
    pub flag: FlagSpec,
}

impl KeySpec {
    /// A key that a node writes, which is part of the output.
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

    /// Whether its values are recorded, if the workflow's runs are.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        !self.transient && !self.secret
    }
}

/// How the command line takes an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagSpec {
    /// `short`: the flag of one letter, `-k`.
    pub short: Option<char>,
    /// `positional`: it stands on the command line without a flag.
    pub positional: bool,
    /// `value_name`: what help calls the value; may be empty.
    pub value_name: &'static str,
    /// `env`: the environment variable that gives it where no flag does.
    pub env: Option<&'static str>,
}

impl FlagSpec {
    /// A flag as its key is called, and nothing else.
    pub const PLAIN: Self = Self { short: None, positional: false, value_name: "", env: None };
}

/// Combines what is there (first) with what is written (second).
pub type Reduce = fn(&'static Kind, Value, Value) -> Result<Value, Box<Failure>>;

/// Combines two values with the schema's `reduce`, which is associative, so that how branches are timed changes nothing.
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
