//! Keys and what can be done with their values.

use std::{any::Any, marker::PhantomData, sync::Arc};

use crate::failure::Failure;

/// A value of some key's type; shared between views, never copied to be read.
pub type Value = Arc<dyn Any + Send + Sync>;

/// A state key's number, with its type. Generated code holds one constant a key.
pub struct Key<T> {
    pub(crate) id: u32,
    marker: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key with this number in the plan's table.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self { id, marker: PhantomData }
    }
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
    /// Stays in this process and out of the output.
    pub transient: bool,
    /// May be unset at the end.
    pub optional: bool,
    /// `description` of the schema; may be empty.
    pub description: &'static str,
}

/// Combines what is there (first) with what is written (second).
pub type Reduce = fn(&'static Kind, Value, Value) -> Result<Value, Box<Failure>>;

/// What can be done with the values of one Rust type. Generated code holds one a distinct type.
#[derive(Debug)]
pub struct Kind {
    /// The type as the workflow file writes it.
    pub name: &'static str,
    /// Copies a value, where the type is `Clone`.
    pub clone: fn(&Value) -> Option<Value>,
    /// Writes it as JSON; `None` where the type is not `Serialize`.
    pub to_json: fn(&Value) -> Option<serde_json::Result<serde_json::Value>>,
    /// To and from bytes; only for types that cross a process edge.
    pub wire: Option<Wire>,
    /// From what a caller writes; only for types of inputs of programs.
    pub parse: Option<Parse>,
}

/// To and from bytes.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    /// Appends the bytes of a value.
    pub encode: fn(&Value, &mut Vec<u8>) -> Result<(), String>,
    /// Reads a value; all bytes must be used.
    pub decode: fn(&[u8]) -> Result<Value, String>,
}

/// From what a caller writes.
#[derive(Debug, Clone, Copy)]
pub struct Parse {
    /// From a flag's text.
    pub text: fn(&str) -> Result<Value, String>,
    /// From an entry of an `--input` file.
    pub json: fn(serde_json::Value) -> Result<Value, String>,
}

/// The owned value, copied only where another branch still holds it.
///
/// # Errors
/// If another branch still holds it (a branch left behind at its timeout) and the type is not `Clone`.
pub fn owned<T: Send + Sync + 'static>(kind: &Kind, value: Value) -> Result<T, Box<Failure>> {
    let value = value.downcast::<T>().unwrap_or_else(|_| unreachable!("a key's value has the key's type"));
    match Arc::try_unwrap(value) {
        Ok(value) => Ok(value),
        Err(shared) => {
            let copy = (kind.clone)(&(shared as Value)).and_then(|copy| copy.downcast::<T>().ok());
            copy.and_then(Arc::into_inner).ok_or_else(|| Failure::still_shared(kind.name))
        }
    }
}
