//! Values that say what they are, with the names of fields and variants, each written once.
//!
//! Whatever survives JSON survives this: a type is asked, and answered, in the way of `serde_json`.

mod key;
mod names;
mod parts;
mod read;
mod tag;
mod write;

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use self::{read::Reader, write::Writer};
use super::{Error, Result, too_many};

/// Appends the bytes of a value.
pub(super) fn write<T: Serialize>(value: &T, to: &mut Vec<u8>) -> Result<()> {
    Writer::new(to).value(value)
}

/// Reads a value that [`write`] wrote.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], source: Source) -> Result<T> {
    let mut reader = Reader::new(bytes, source);
    let value = reader.value(PhantomData::<T>)?;
    match reader.left() {
        0 => Ok(value),
        left => Err(too_many(left)),
    }
}

/// Where values come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Their types wrote them.
    Types,
    /// They were JSON, in which some values have a form of their own: see [`json`](crate::state::json).
    Json,
}
