//! Whether items and results can go to another process.

use serde::{Serialize, de::DeserializeOwned};

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

impl<T: Serialize + DeserializeOwned> Codec<T> for Wired {
    fn encode(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        postcard::to_io(value, into).map(|_| ()).map_err(|error| error.to_string())
    }

    fn decode(bytes: &[u8]) -> Result<T, String> {
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
            Err(error) => Err(error.to_string()),
        }
    }
}
