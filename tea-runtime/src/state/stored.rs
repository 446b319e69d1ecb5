//! Values in records. They are read only if a running node needs them.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use super::key::{KeySpec, Value};

/// Reads a value from where it is stored.
type Read = dyn Fn() -> Result<Value, String> + Send + Sync;

/// A value that has not been read yet. It takes the place of the value in a view.
pub(crate) struct Stored {
    key: &'static str,
    read: Box<Read>,
    value: OnceLock<Value>,
}

/// The value behind one that does not have the type of the key.
///
/// # Panics
/// If it cannot be read.
pub(super) fn behind<T: 'static>(value: &Value) -> &T {
    Stored::behind(value).downcast_ref().expect("a key's value has the key's type")
}

impl Stored {
    /// The value of a key that `read` returns.
    pub(crate) fn value(
        spec: &'static KeySpec,
        read: impl Fn() -> Result<Value, String> + Send + Sync + 'static,
    ) -> Value {
        Arc::new(Self { key: spec.name, read: Box::new(read), value: OnceLock::new() })
    }

    /// The value behind what is in a view.
    pub(crate) fn behind(value: &Value) -> &Value {
        value.downcast_ref::<Self>().map_or(value, |stored| stored.value.get_or_init(|| stored.read()))
    }

    /// The same, as nobody else's if it need be.
    pub(crate) fn take(value: Value) -> Value {
        match value.downcast::<Self>() {
            Ok(stored) => match Arc::try_unwrap(stored) {
                Ok(mut stored) => stored.value.take().unwrap_or_else(|| stored.read()),
                Err(shared) => shared.read(),
            },
            Err(value) => value,
        }
    }

    /// # Panics
    /// If it cannot be read, which makes the node that reads it fail. Its record was valid when the run was resumed.
    fn read(&self) -> Value {
        (self.read)().unwrap_or_else(|error| panic!("the recorded value of `{}` cannot be read: {error}", self.key))
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("key", &self.key).finish_non_exhaustive()
    }
}
