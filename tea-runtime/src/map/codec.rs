//! What is done with the bytes of items and results.

use serde::{Serialize, de::DeserializeOwned};

use crate::state::{Compare, wire};

/// Writes and reads values of one type, or says that it cannot.
pub trait Codec<T>: Copy {
    /// Appends the bytes of `value`. Where they will be read, `compare` says how to tell whether that gives `value` again.
    ///
    /// # Errors
    /// If it cannot be written, or another value would be read.
    fn encode(value: &T, compare: fn(&T) -> Compare<T>, into: &mut Vec<u8>) -> Result<(), String>;

    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are not those of a value.
    fn decode(bytes: &[u8]) -> Result<T, String>;
}

/// Has no bytes: it stays in this process, and out of records.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl<T> Codec<T> for Local {
    fn encode(_: &T, _: fn(&T) -> Compare<T>, _: &mut Vec<u8>) -> Result<(), String> {
        Err("its items stay in one process".to_owned())
    }

    fn decode(_: &[u8]) -> Result<T, String> {
        Err("its items stay in one process".to_owned())
    }
}

/// Is known by its bytes, which are never read: items that run in this process, and that a record must find again.
#[derive(Debug, Clone, Copy)]
pub struct Hashed;

impl<T: Serialize + 'static> Codec<T> for Hashed {
    fn encode(value: &T, _: fn(&T) -> Compare<T>, into: &mut Vec<u8>) -> Result<(), String> {
        wire::identify(value, into)
    }

    fn decode(_: &[u8]) -> Result<T, String> {
        Err("its items stay in one process".to_owned())
    }
}

/// Goes to other processes, or into records, and back.
#[derive(Debug, Clone, Copy)]
pub struct Wired;

impl<T: Serialize + DeserializeOwned + 'static> Codec<T> for Wired {
    fn encode(value: &T, compare: fn(&T) -> Compare<T>, into: &mut Vec<u8>) -> Result<(), String> {
        wire::encode_compared(value, into, &compare(value))
    }

    fn decode(bytes: &[u8]) -> Result<T, String> {
        wire::decode(bytes)
    }
}
