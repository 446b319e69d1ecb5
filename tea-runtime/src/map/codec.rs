//! Whether items and results can go to another process.

use serde::{Serialize, de::DeserializeOwned};

use crate::state::wire;

/// Writes and reads values of one type, or says that it cannot.
pub trait Codec<T>: Copy {
    /// Appends the bytes of `value`.
    ///
    /// # Errors
    /// If it cannot be written.
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), String>;

    /// Reads a value.
    ///
    /// # Errors
    /// If the bytes are not those of a value.
    fn decode(bytes: &[u8]) -> Result<T, String>;
}

/// Items stay in this process.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl<T> Codec<T> for Local {
    fn encode(_: &T, _: &mut Vec<u8>) -> Result<(), String> {
        Err("its items stay in one process".to_owned())
    }

    fn decode(_: &[u8]) -> Result<T, String> {
        Err("its items stay in one process".to_owned())
    }
}

/// Items may run in other processes.
#[derive(Debug, Clone, Copy)]
pub struct Wired;

impl<T: Serialize + DeserializeOwned + 'static> Codec<T> for Wired {
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        wire::encode(value, into)
    }

    fn decode(bytes: &[u8]) -> Result<T, String> {
        wire::decode(bytes)
    }
}
