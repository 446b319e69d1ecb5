//! Values as bytes, for the way to a worker and back.
//!
//! Text and vectors of numbers are copied as they lie in memory. All other types have one of two forms, which is decided
//! once a type: [`plain`], as fast as can be, where what is written is what will be asked for, and [`named`], which holds
//! whatever JSON can, and more.
//!
//! Both ends are the same program, and the bytes are kept nowhere else.

mod named;
mod numbers;
mod plain;
pub(super) mod special;

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use try_specialize::{LifetimeFree, TrySpecialize, type_eq};

pub(crate) use self::numbers::{packed_name, whole};
use self::{named::Source, plain::Form};
use crate::words::bytes;

/// The first byte of a value that is [`plain`].
const PLAIN: u8 = 0;
/// The first byte of a value that is [`named`].
const NAMED: u8 = 1;

/// Appends the bytes of `value` to `buffer`.
///
/// # Errors
/// If the type's `Serialize` fails.
pub(crate) fn encode<T: Serialize + DeserializeOwned + 'static>(value: &T, buffer: &mut Vec<u8>) -> Result<(), String> {
    if let Some(bytes) = in_place(value) {
        buffer.extend_from_slice(bytes);
        return Ok(());
    }
    encode_as(Form::of::<T>(), value, buffer)
}

fn encode_as<T: Serialize>(form: &Form, value: &T, buffer: &mut Vec<u8>) -> Result<(), String> {
    buffer.push(PLAIN);
    if form.write(value, buffer) {
        return Ok(());
    }
    *buffer.last_mut().expect("the form was written") = NAMED;
    named::write(value, buffer).map_err(|error| format!("its `Serialize` says: {error}"))
}

/// Appends bytes that say which value it is, and are never read. They depend on the value alone, not on those that were
/// written before.
///
/// # Errors
/// If the type's `Serialize` fails.
pub(crate) fn identify<T: Serialize>(value: &T, buffer: &mut Vec<u8>) -> Result<(), String> {
    named::write(value, buffer).map_err(|error| format!("its `Serialize` says: {error}"))
}

/// How to tell whether what is read from the bytes of a value is that value.
pub struct Compare<T> {
    /// `PartialEq`.
    pub equal: Option<fn(&T, &T) -> bool>,
    /// `Debug`: on several lines, if so.
    pub debug: Option<fn(&T, bool) -> String>,
}

impl<T> Compare<T> {
    /// There is no way to tell.
    pub const NO: Self = Self { equal: None, debug: None };

    fn is_same(&self, sent: &T, arrived: &T) -> bool {
        if let Some(equal) = self.equal {
            // What is not equal to itself, as `NaN` is not, cannot be compared in this way.
            return equal(sent, arrived) || !equal(sent, sent);
        }
        let Some(debug) = self.debug else { return true };
        // Sets and maps may show what is in them in another order.
        let [sent, arrived] = [sent, arrived].map(|value| {
            let mut bytes = debug(value, false).into_bytes();
            bytes.sort_unstable();
            bytes
        });
        sent == arrived
    }
}

/// The longest value that is compared because it is the first of its type.
const FIRST: usize = 64 << 10;

/// As [`encode`], and sees to it that what is read from the bytes is what was written: fields that serde skips are in no
/// bytes. That is done for every value of a type that may have such fields, and for the first of all others.
///
/// # Errors
/// If something else would be read.
pub(crate) fn encode_compared<T>(value: &T, buffer: &mut Vec<u8>, compare: &Compare<T>) -> Result<(), String>
where
    T: Serialize + DeserializeOwned + 'static,
{
    if let Some(bytes) = in_place(value) {
        buffer.extend_from_slice(bytes);
        return Ok(());
    }
    let (form, before) = (Form::of::<T>(), buffer.len());
    encode_as(form, value, buffer)?;
    let bytes = &buffer[before..];
    if form.is_compared(bytes.len(), compare) && !compare.is_same(value, &decode::<T>(bytes)?) {
        return Err(
            "another value would be read from its bytes: what serde skips of it is not at its default, or its \
                    `Serialize` and `Deserialize` do not fit each other"
                .to_owned(),
        );
    }
    Ok(())
}

/// Reads a `T` that takes up all of `bytes`. Never allocates much more than `bytes` could hold.
///
/// # Errors
/// If `bytes` are not what [`encode`] gave for a `T`.
pub(crate) fn decode<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, String> {
    if type_eq::<T, String>() {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        return Ok(the_same(text.to_owned()));
    }
    if let Some(numbers) = numbers::decode(bytes) {
        return numbers;
    }
    let value = match bytes {
        [PLAIN, bytes @ ..] => plain::read(bytes),
        [NAMED, bytes @ ..] => named::read(bytes, Source::Types),
        [] => Err(cut()),
        _ => Err(damaged()),
    };
    value.map_err(|error| format!("its `Deserialize` says: {error}"))
}

/// The bytes of `value` as they lie in memory, if those are what [`encode`] appends.
pub(crate) fn in_place<T: 'static>(value: &T) -> Option<&[u8]> {
    let text = value.try_specialize_ref::<String>().map(String::as_bytes);
    text.or_else(|| numbers::memory(value).map(|(_, bytes)| bytes))
}

/// The value, of which `T` is another name of the type.
fn the_same<S: LifetimeFree, T>(value: S) -> T {
    T::try_specialize_from(value).unwrap_or_else(|_| unreachable!("the types were compared"))
}

/// Reads a `T` from the bytes of what [`json`](super::json) has in its place, which [`identify`] wrote.
pub(super) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    named::read(bytes, Source::Json).map_err(|error| error.to_string())
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a value cannot be written or read.
///
/// It is small, because it is part of what every number and text is returned in.
#[derive(Debug)]
struct Error(Box<str>);

impl Error {
    #[cold]
    fn new(message: &str) -> Self {
        Self(message.into())
    }
}

#[cold]
fn cut() -> Error {
    Error::new("the bytes end too early")
}

#[cold]
fn damaged() -> Error {
    Error::new("the bytes are damaged")
}

#[cold]
fn too_many(left: usize) -> Error {
    Error::new(&format!("{} too many", bytes(left as u64)))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(&message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(&message.to_string())
    }
}

#[cfg(test)]
#[expect(clippy::items_after_statements, reason = "types are next to what is tested with them")]
mod tests;
