//! Values as bytes, for the way to a worker and back.
//!
//! Bytes, text and vectors of numbers are copied as they lie in memory: both ends are the same program, on machines of
//! the same kind (the hello compares fingerprints). Everything else is postcard.

use std::any::{Any, TypeId};

use bytemuck::Pod;
use postcard::ser_flavors::Flavor;
use serde::{Serialize, de::DeserializeOwned};

/// Appends the bytes of `value` to `buffer`.
///
/// # Errors
/// If the type's `Serialize` fails.
pub(crate) fn encode<T: Serialize + 'static>(value: &T, buffer: &mut Vec<u8>) -> Result<(), String> {
    if may_be_plain::<T>() && encode_plain(value, buffer) {
        return Ok(());
    }
    postcard::serialize_with_flavor(value, Append(buffer)).map_err(|error| explain(&error).to_owned())
}

/// Reads a `T` that takes up all of `bytes`. Never allocates much more than `bytes` could hold.
///
/// # Errors
/// If `bytes` are not what [`encode`] gave for a `T`.
pub(crate) fn decode<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, String> {
    if may_be_plain::<T>()
        && let Some(plain) = decode_plain(TypeId::of::<T>(), bytes)
    {
        return plain.map(|value| *value.downcast().expect("it was asked for by its type"));
    }
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(error) => Err(explain(&error).to_owned()),
    }
}

fn explain(error: &postcard::Error) -> &'static str {
    match error {
        postcard::Error::WontImplement | postcard::Error::SerializeSeqLengthUnknown => {
            "its serde form does not say what it holds before it is read (`untagged`, `flatten`, `skip_serializing_if` \
             and the like): cross with a type that derives `Serialize` and `Deserialize` plainly"
        }
        postcard::Error::DeserializeUnexpectedEnd => "the bytes end too early",
        postcard::Error::SerdeSerCustom => "its `Serialize` gave an error",
        postcard::Error::SerdeDeCustom => "its `Deserialize` gave an error",
        _ => "the bytes are damaged",
    }
}

/// Calls `$with!` with every type whose memory is its encoding.
macro_rules! with_number_vectors {
    ($with:ident) => {
        $with!(u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 usize isize f32 f64)
    };
}

/// The bytes of `value` as they lie in memory, if those are what [`encode`] appends.
pub(crate) fn in_place<T: 'static>(value: &T) -> Option<&[u8]> {
    if may_be_plain::<T>() { memory(value) } else { None }
}

/// Whether a `T` is as large as one of the types that are not postcard's. Small values, of which there may be many, are
/// spared the comparisons, since the compiler knows.
const fn may_be_plain<T>() -> bool {
    size_of::<T>() == size_of::<String>() || size_of::<T>() == size_of::<serde_json::Value>()
}

fn memory(value: &dyn Any) -> Option<&[u8]> {
    macro_rules! numbers {
        ($($number:ty)*) => {
            $(if let Some(numbers) = value.downcast_ref::<Vec<$number>>() {
                return Some(bytemuck::cast_slice(numbers));
            })*
        };
    }
    if let Some(text) = value.downcast_ref::<String>() {
        return Some(text.as_bytes());
    }
    with_number_vectors!(numbers);
    None
}

fn encode_plain(value: &dyn Any, buffer: &mut Vec<u8>) -> bool {
    if let Some(bytes) = memory(value) {
        buffer.extend_from_slice(bytes);
        return true;
    }
    // Of all types that describe themselves this is the one that state is likely to hold.
    value.downcast_ref::<serde_json::Value>().is_some_and(|json| serde_json::to_writer(buffer, json).is_ok())
}

fn decode_plain(id: TypeId, bytes: &[u8]) -> Option<Result<Box<dyn Any>, String>> {
    macro_rules! numbers {
        ($($number:ty)*) => {
            $(if id == TypeId::of::<Vec<$number>>() {
                return Some(decode_numbers::<$number>(bytes));
            })*
        };
    }
    if id == TypeId::of::<String>() {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string());
        return Some(text.map(|text| Box::new(text.to_owned()) as Box<dyn Any>));
    }
    if id == TypeId::of::<serde_json::Value>() {
        let json = serde_json::from_slice::<serde_json::Value>(bytes).map_err(|error| error.to_string());
        return Some(json.map(|json| Box::new(json) as Box<dyn Any>));
    }
    with_number_vectors!(numbers);
    None
}

fn decode_numbers<N: Pod>(bytes: &[u8]) -> Result<Box<dyn Any>, String> {
    let wrong = || format!("{} bytes are no whole number of values of {} bytes", bytes.len(), size_of::<N>());
    Ok(Box::new(numbers::<N>(bytes).ok_or_else(wrong)?))
}

/// The numbers whose memory these bytes are, unless there is a part of one left over.
pub(crate) fn numbers<N: Pod>(bytes: &[u8]) -> Option<Vec<N>> {
    let whole = bytes.len().checked_rem(size_of::<N>()) == Some(0);
    whole.then(|| bytemuck::allocation::pod_collect_to_vec(bytes))
}

/// Appends to a buffer, whole slices at a time.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug + 'static>(value: &T) {
        let mut bytes = Vec::new();
        encode(value, &mut bytes).unwrap();
        assert_eq!(decode::<T>(&bytes).unwrap(), *value);
        // What is cut off or added is noticed, or gives another value of the type; nothing panics.
        for cut in 0..bytes.len() {
            assert_ne!(decode::<T>(&bytes[..cut]).ok().as_ref(), Some(value));
        }
        bytes.push(0);
        assert_ne!(decode::<T>(&bytes).ok().as_ref(), Some(value));
    }

    #[test]
    fn values_come_back_whole() {
        round_trip(&String::from("grüße"));
        round_trip(&vec![1u8, 2, 3]);
        round_trip(&vec![1.5f64, -0.0, f64::MAX]);
        round_trip(&vec![7i128]);
        round_trip(&Vec::<u16>::new());
        round_trip(&serde_json::json!({"a": [1, null, "x"]}));
        round_trip(&vec![(1u8, String::from("one")), (2, String::from("two"))]);
        round_trip(&std::collections::BTreeMap::from([("k", 1)].map(|(k, n)| (k.to_owned(), n))));
        round_trip(&Some(Box::new(3usize)));
        round_trip(&());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert_eq!(decode::<(u8, u8)>(&[1, 2, 3]).unwrap_err(), "1 bytes too many");
        assert!(decode::<Vec<u32>>(&[1, 2, 3]).is_err());
    }

    #[test]
    fn a_huge_length_is_refused_before_it_is_allocated() {
        // 2^63 as a varint, then nothing: this would abort if it were believed.
        let length = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        assert!(decode::<Vec<String>>(&length).is_err());
        assert!(decode::<Vec<(u64, u64)>>(&length).is_err());
        assert!(decode::<std::collections::HashMap<u64, u64>>(&length).is_err());
        assert!(decode::<Option<String>>(&[&[1], &length[..]].concat()).is_err());
    }

    #[test]
    fn a_type_that_describes_itself_is_explained() {
        #[derive(Debug, Serialize, serde::Deserialize)]
        #[serde(untagged)]
        enum Loose {
            Number(u8),
        }
        let mut bytes = Vec::new();
        encode(&Loose::Number(1), &mut bytes).unwrap();
        assert!(decode::<Loose>(&bytes).unwrap_err().contains("untagged"));
    }
}
