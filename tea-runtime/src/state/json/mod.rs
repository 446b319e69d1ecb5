//! Values as JSON whose bytes depend on the value alone.
//!
//! Structs keep their fields in declared order, as serde gives them. Maps are sorted by their keys, so that a `HashMap`
//! does not let its order show. JSON text knows no difference between the two, so it is made here, between the value's
//! `Serialize` and `serde_json`: everything is passed on, but the entries of a map wait until they are all there.
//!
//! What JSON has no form for has one here, and is read from it again:
//!
//! - `NaN` and infinities are `"NaN"`, `"Infinity"` and `"-Infinity"`;
//! - a map with a key that is neither text, number nor `bool` is a list of pairs, `[[key, value], …]`;
//! - a path that is not UTF-8 is `{"Unix": [bytes]}`, as an `OsString` is;
//! - a `SystemTime` before 1970 has seconds below 0.

use std::{cmp::Ordering, fmt, io::Write};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess, Visitor},
    ser::{
        Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::value::RawValue;

use super::wire::{self, special};

/// Writes a value as JSON on one line.
///
/// # Errors
/// If the type's `Serialize` fails, or it has keys that JSON has not.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, to: &mut dyn Write) -> serde_json::Result<()> {
    serde_json::to_writer(to, &Sorted(value))
}

/// Reads a value from JSON.
///
/// # Errors
/// If the type's `Deserialize` fails; a sentence.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).or_else(|error: serde_json::Error| {
        let whole = serde_json::from_str::<&RawValue>(text).map_err(|error| error.to_string())?;
        bytes(whole).and_then(|bytes| wire::from_json(&bytes)).map_err(|_| error.to_string())
    })
}

/// Some JSON as bytes.
fn bytes(whole: &RawValue) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    wire::identify(&Json(whole), &mut bytes)?;
    Ok(bytes)
}

/// The number that this text is in JSON.
pub(super) fn not_finite(text: &str) -> Option<f64> {
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().find(|number| text == name(*number))
}

fn name(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// Some JSON, as a value. Its numbers are as they are written, of whatever size.
struct Json<'a>(&'a RawValue);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.get();
        match text.as_bytes().first() {
            Some(b'{') => {
                let entries: Entries<'_> = parsed(text)?;
                serializer.collect_map(entries.0.iter().map(|(name, value)| (name, Json(value))))
            }
            Some(b'[') => serializer.collect_seq(parsed::<Vec<&RawValue>, _>(text)?.into_iter().map(Json)),
            Some(b'-' | b'0'..=b'9') => match (text.parse(), text.parse()) {
                (Ok(number), _) => serializer.serialize_i128(number),
                (_, Ok(number)) => serializer.serialize_u128(number),
                _ => serializer.serialize_f64(parsed(text)?),
            },
            Some(b'"') => serializer.serialize_str(&parsed::<String, _>(text)?),
            Some(b'n') => serializer.serialize_unit(),
            _ => serializer.serialize_bool(parsed(text)?),
        }
    }
}

fn parsed<'a, T: Deserialize<'a>, E: Error>(text: &'a str) -> Result<T, E> {
    serde_json::from_str(text).map_err(E::custom)
}

/// The entries of an object, in their order.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// A value whose maps are sorted.
struct Sorted<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for Sorted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match special::special(self.0) {
            Some(special) => special.serialize(Sorting(serializer)),
            None => self.0.serialize(Sorting(serializer)),
        }
    }
}

/// A serializer that sorts maps on their way to another.
struct Sorting<S>(S);

/// Passes plain values on.
macro_rules! pass_on {
    ($($method:ident($($argument:ident: $ty:ty),*);)*) => {
        $(fn $method(self, $($argument: $ty),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($argument),*)
        })*
    };
}

impl<S: Serializer> Serializer for Sorting<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Sorting<S::SerializeSeq>;
    type SerializeTuple = Sorting<S::SerializeTuple>;
    type SerializeTupleStruct = Sorting<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Sorting<S::SerializeTupleVariant>;
    type SerializeMap = Found<S>;
    type SerializeStruct = Sorting<S::SerializeStruct>;
    type SerializeStructVariant = Sorting<S::SerializeStructVariant>;

    pass_on! {
        serialize_bool(v: bool);
        serialize_i8(v: i8);
        serialize_i16(v: i16);
        serialize_i32(v: i32);
        serialize_i64(v: i64);
        serialize_i128(v: i128);
        serialize_u8(v: u8);
        serialize_u16(v: u16);
        serialize_u32(v: u32);
        serialize_u64(v: u64);
        serialize_u128(v: u128);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f32(value) } else { self.0.serialize_str(name(value.into())) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.0.serialize_f64(value) } else { self.0.serialize_str(name(value)) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Sorted(value))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_struct(name, &Sorted(value))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.0.serialize_newtype_variant(name, index, variant, &Sorted(value))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(length).map(Sorting)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(length).map(Sorting)
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, length).map(Sorting)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, index, variant, length).map(Sorting)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Found { to: self.0, entries: Vec::with_capacity(length.unwrap_or(0).min(1 << 10)), key: None })
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, length).map(Sorting)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, index, variant, length).map(Sorting)
    }
}

/// Passes the parts of a compound value on.
macro_rules! pass_parts_on {
    ($($compound:ident: $method:ident($($name:ident)?);)*) => {
        $(impl<S: $compound> $compound for Sorting<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Sorted(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

pass_parts_on! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}

/// The entries of a map, as far as they have come.
struct Found<S> {
    to: S,
    entries: Vec<(Key, Box<RawValue>)>,
    key: Option<Key>,
}

/// A key of a map.
struct Key {
    /// As an object has it. Numbers and `bool` become text, as they do in `serde_json`; others cannot.
    name: Option<Name>,
    /// As JSON.
    json: Box<RawValue>,
}

impl<S: Serializer> SerializeMap for Found<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        let text = text(key).map_err(S::Error::custom)?;
        let name = match text.as_bytes().first() {
            Some(b'"') => Some(Name(parsed(&text)?)),
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => Some(Name(text.clone())),
            _ => None,
        };
        self.key = Some(Key { name, json: RawValue::from_string(text).map_err(S::Error::custom)? });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let key = self.key.take().ok_or_else(|| S::Error::custom("a map's value came before its key"))?;
        let value = text(value).and_then(RawValue::from_string).map_err(S::Error::custom)?;
        self.entries.push((key, value));
        Ok(())
    }

    fn end(mut self) -> Result<S::Ok, S::Error> {
        self.entries.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name).then_with(|| a.json.get().cmp(b.json.get())));
        if self.entries.iter().any(|(key, _)| key.name.is_none()) {
            return self.to.collect_seq(self.entries.iter().map(|(key, value)| (&key.json, value)));
        }
        let mut map = self.to.serialize_map(Some(self.entries.len()))?;
        for (key, value) in &self.entries {
            map.serialize_entry(key.name.as_ref().map_or("", |name| &name.0), value)?;
        }
        map.end()
    }
}

fn text<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    String::from_utf8(bytes).map_err(Error::custom)
}

/// Text, of which whole numbers come by their value and before all else.
#[derive(PartialEq, Eq)]
struct Name(String);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0.parse::<i128>(), other.0.parse::<i128>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
