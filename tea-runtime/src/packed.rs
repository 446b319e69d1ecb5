//! Vectors of numbers within structs, for the way to a worker: `#[serde(with = "tea_runtime::packed")]`.
//!
//! A state key that is a `Vec` of numbers crosses as it lies in memory. Within a struct serde takes it number by number,
//! which costs about ten times as much; with this it crosses as it lies in memory there too. In JSON, as in the
//! program's output, it is still a list of numbers.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Signal {
//!     name: String,
//!     #[serde(with = "tea_runtime::packed")]
//!     samples: Vec<f64>,
//! }
//!
//! let signal = Signal { name: "left".into(), samples: vec![0.5, -1.0] };
//! assert_eq!(serde_json::to_string(&signal)?, r#"{"name":"left","samples":[0.5,-1.0]}"#);
//! # Ok::<_, serde_json::Error>(())
//! ```
//!
//! The bytes are those of this machine: they are for workers, not for files.

use std::{fmt, marker::PhantomData};

use bytemuck::Pod;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::state::wire;

/// Writes numbers as bytes, or one by one where people read.
///
/// # Errors
/// If `serializer` fails.
pub fn serialize<T: Pod + Serialize, S: Serializer>(numbers: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(wire::packed_name::<T>(), &Packed(numbers))
}

/// Reads what [`serialize`] wrote.
///
/// # Errors
/// If `deserializer` fails, or the bytes are no whole number of numbers.
pub fn deserialize<'de, T: Pod + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_newtype_struct(wire::packed_name::<T>(), Numbers(PhantomData))
}

/// A newtype by whose name [`wire`] knows that it should ask for bytes. Other formats see what is in it.
struct Packed<'a, T>(&'a [T]);

impl<T: Pod + Serialize> Serialize for Packed<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else {
            serializer.serialize_bytes(bytemuck::cast_slice(self.0))
        }
    }
}

struct Numbers<T>(PhantomData<T>);

impl<'de, T: Pod + Deserialize<'de>> de::Visitor<'de> for Numbers<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbers of {} bytes", size_of::<T>())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        if deserializer.is_human_readable() {
            Vec::deserialize(deserializer)
        } else {
            deserializer.deserialize_bytes(Bytes(PhantomData))
        }
    }

    /// `flatten`, `untagged` and the like have read it already, and do not know of the newtype.
    fn visit_seq<A: de::SeqAccess<'de>>(self, numbers: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(de::value::SeqAccessDeserializer::new(numbers))
    }
}

struct Bytes<T>(PhantomData<T>);

impl<T: Pod> de::Visitor<'_> for Bytes<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes of numbers of {} bytes", size_of::<T>())
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<T>, E> {
        wire::whole(bytes).ok_or_else(|| E::invalid_length(bytes.len(), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Signal {
        name: String,
        #[serde(with = "crate::packed")]
        samples: Vec<f64>,
        #[serde(with = "crate::packed")]
        times: Vec<u32>,
    }

    fn signal() -> Signal {
        Signal { name: "left".into(), samples: vec![0.5, -1.0, f64::MAX], times: vec![1, 2] }
    }

    #[test]
    fn numbers_cross_as_bytes() {
        let mut bytes = postcard::to_stdvec(&signal()).unwrap();
        // Each text and vector has one byte of length before it.
        assert_eq!(bytes.len(), 1 + 4 + 1 + 3 * 8 + 1 + 2 * 4);
        assert_eq!(postcard::from_bytes::<Signal>(&bytes).unwrap(), signal());
        // 7 bytes are no whole number of `u32`.
        bytes[30] = 7;
        assert!(postcard::from_bytes::<Signal>(&bytes).is_err());
        assert!(postcard::from_bytes::<Signal>(&bytes[..12]).is_err());
    }

    #[test]
    fn json_has_numbers() {
        let json = serde_json::to_string(&signal()).unwrap();
        assert!(json.ends_with(r#""times":[1,2]}"#), "{json}");
        assert_eq!(serde_json::from_str::<Signal>(&json).unwrap(), signal());
    }
}
