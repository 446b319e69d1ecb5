//! Values as JSON whose bytes depend on the value alone.
//!
//! Structs keep their fields in declared order, as serde gives them. Maps are sorted by their keys, so that a `HashMap`
//! does not let its order show. JSON text knows no difference between the two, so it is made here, between the value's
//! `Serialize` and `serde_json`: everything is passed on, but the entries of a map wait until they are all there.

use std::{cmp::Ordering, io::Write};

use serde::{
    Serialize, Serializer,
    ser::{
        Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use serde_json::value::RawValue;

/// Writes a value as JSON on one line.
///
/// # Errors
/// If the type's `Serialize` fails, or it has keys that JSON has not.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, to: &mut dyn Write) -> serde_json::Result<()> {
    serde_json::to_writer(to, &Sorted(value))
}

/// A value whose maps are sorted.
struct Sorted<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> Serialize for Sorted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Sorting(serializer))
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
    type SerializeMap = Entries<S>;
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
        serialize_f32(v: f32);
        serialize_f64(v: f64);
        serialize_char(v: char);
        serialize_str(v: &str);
        serialize_bytes(v: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
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
        Ok(Entries { to: self.0, found: Vec::with_capacity(length.unwrap_or(0).min(1 << 10)), key: None })
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
struct Entries<S> {
    to: S,
    found: Vec<(String, Box<RawValue>)>,
    key: Option<String>,
}

impl<S: Serializer> SerializeMap for Entries<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
        let text = text(key).map_err(S::Error::custom)?;
        self.key = Some(match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(&text).map_err(S::Error::custom)?,
            // As `serde_json` does with numbers and `bool`.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => text,
            _ => return Err(S::Error::custom("a map has keys that are neither text nor numbers, which JSON has not")),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        let key = self.key.take().ok_or_else(|| S::Error::custom("a map's value came before its key"))?;
        let value = text(value).and_then(RawValue::from_string).map_err(S::Error::custom)?;
        self.found.push((key, value));
        Ok(())
    }

    fn end(mut self) -> Result<S::Ok, S::Error> {
        self.found.sort_by(|(a, _), (b, _)| compare(a, b));
        let mut map = self.to.serialize_map(Some(self.found.len()))?;
        for (key, value) in &self.found {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn text<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    write(value, &mut bytes)?;
    String::from_utf8(bytes).map_err(Error::custom)
}

/// Whole numbers by their value and before all else, the rest by its text.
fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Point {
        y: f64,
        x: f64,
    }

    #[derive(Serialize)]
    enum Shape {
        Dot,
        Circle { radius: u8, at: Point },
        Line(Point, Point),
        Named(HashMap<&'static str, u8>),
    }

    fn json(value: &impl Serialize) -> String {
        text(value).unwrap()
    }

    #[test]
    fn structs_keep_their_order_at_any_depth() {
        let at = || Point { y: 0.5, x: 0.25 };
        let shapes = vec![
            Shape::Dot,
            Shape::Circle { radius: 1, at: at() },
            Shape::Line(at(), at()),
            Shape::Named(HashMap::from([("z", 1), ("a", 2)])),
        ];
        assert_eq!(
            json(&(Some(shapes), ())),
            r#"[["Dot",{"Circle":{"radius":1,"at":{"y":0.5,"x":0.25}}},{"Line":[{"y":0.5,"x":0.25},{"y":0.5,"x":0.25}]},{"Named":{"a":2,"z":1}}],null]"#
        );
    }

    #[test]
    fn maps_are_sorted_and_what_is_in_them_too() {
        let counts: HashMap<_, _> =
            ["z", "b", "a"].into_iter().map(|name| (name, HashMap::from([(2, 0.1), (10, 0.2)]))).collect();
        assert_eq!(json(&counts), r#"{"a":{"2":0.1,"10":0.2},"b":{"2":0.1,"10":0.2},"z":{"2":0.1,"10":0.2}}"#);
        assert_eq!(
            json(&serde_json::json!({"b": [{"y": 1, "x": null}], "a": {}})),
            r#"{"a":{},"b":[{"x":null,"y":1}]}"#
        );
    }

    #[test]
    fn keys_and_numbers_stay_as_they_are() {
        assert_eq!(json(&BTreeMap::from([(i64::MIN, u128::MAX)])), format!("{{\"{}\":{}}}", i64::MIN, u128::MAX));
        assert_eq!(json(&BTreeMap::from([("\"\n\u{7f}ü", [1u8])])), "{\"\\\"\\n\u{7f}ü\":[1]}");
        assert_eq!(json(&BTreeMap::from([(true, 'x')])), r#"{"true":"x"}"#);
        assert!(text(&BTreeMap::from([((1, 2), 3)])).unwrap_err().to_string().contains("keys"));
        let raw = RawValue::from_string(r#"{"b": 1, "a": 2}"#.to_owned()).unwrap();
        assert_eq!(json(&vec![raw]), r#"[{"b": 1, "a": 2}]"#);
    }
}
