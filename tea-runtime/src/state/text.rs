//! Reads values from the texts of the command line through the type's `Deserialize`: text if the type expects text, a
//! number if it expects a number, and JSON only if it expects something without a plain text form.

use std::{ffi::OsString, fmt, slice, str::FromStr};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
};

/// What is given for an input: one text, or several.
#[derive(Debug)]
pub struct Given<'a, T = OsString> {
    /// The texts.
    pub texts: &'a [T],
    /// Whether each text is one element of a list, also if there is only one: an argument without a flag is what it is. The
    /// only text of a flag may be a whole list.
    pub each: bool,
}

impl<T> Clone for Given<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Given<'_, T> {}

/// Reads a value from what is given for it.
///
/// # Errors
/// If the texts are not those of a value: a sentence that says why.
pub(crate) fn parse<T: DeserializeOwned>(given: Given<'_, &str>) -> Result<T, String> {
    T::deserialize(given).map_err(|error| error.to_string())
}

/// The only text, for a type that expects one.
///
/// # Errors
/// If there are several.
pub(crate) fn only<T>(texts: &[T]) -> Result<&T, String> {
    match texts {
        [text] => Ok(text),
        _ => Err(format!("it takes one value, and is given {}", texts.len())),
    }
}

/// The paths of a list: one in each text. The only text of a flag may be a JSON list of them, or nothing; a comma is part of
/// a path.
pub(crate) fn paths<T: From<OsString>, C: FromIterator<T>>(given: Given<'_>) -> C {
    let list = if given.each { None } else { only(given.texts).ok().and_then(|text| whole_list(text.to_str()?)) };
    list.unwrap_or_else(|| given.texts.to_vec()).into_iter().map(T::from).collect()
}

/// The elements of a JSON list of texts, or of nothing.
fn whole_list(text: &str) -> Option<Vec<OsString>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let list: Vec<String> = serde_json::from_str(text).ok()?;
    Some(list.into_iter().map(OsString::from).collect())
}

type Json<'a> = serde_json::Deserializer<serde_json::de::IoRead<&'a [u8]>>;

impl<'a> Given<'a, &'a str> {
    fn text(&self) -> Result<&'a str, Error> {
        only(self.texts).copied().map_err(Error::custom)
    }

    fn number<T: FromStr<Err: fmt::Display>>(&self) -> Result<T, Error> {
        self.text()?.parse().map_err(Error::custom)
    }

    /// Reads the text as JSON.
    fn json<T>(&self, by: impl FnOnce(&mut Json<'_>) -> serde_json::Result<T>) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_reader(self.text()?.as_bytes());
        let value = by(&mut json).map_err(Error::custom)?;
        json.end().map_err(Error::custom)?;
        Ok(value)
    }

    fn starts_json(&self, with: char) -> bool {
        only(self.texts).is_ok_and(|text| text.trim_start().starts_with(with))
    }

    /// Whether it is a list as JSON.
    fn is_json_list(&self) -> bool {
        !self.each && self.starts_json('[')
    }

    /// Reads a list: each text is an element. The only text of a flag contains elements separated by commas; an empty one
    /// is an empty list.
    fn list<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Error> {
        let elements: Vec<&str> = match self.texts {
            [text] if !self.each => text.split(',').filter(|_| !text.is_empty()).collect(),
            texts => texts.to_vec(),
        };
        let element = |element| Given { texts: slice::from_ref(element), each: false };
        let mut list = SeqDeserializer::new(elements.iter().map(element));
        let value = visitor.visit_seq(&mut list)?;
        list.end()?;
        Ok(value)
    }
}

impl IntoDeserializer<'_, Error> for Given<'_, &str> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Reads numbers with `FromStr`.
macro_rules! numbers {
    ($($method:ident $visit:ident $ty:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number::<$ty>()?)
        })*
    };
}

/// Reads types that expect the text as it is.
macro_rules! texts {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_str(self.text()?)
        })*
    };
}

/// Reads types without a plain text form.
macro_rules! json {
    ($($method:ident($($argument:ident: $ty:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $ty,)* visitor: V) -> Result<V::Value, Error> {
            self.json(|json| json.$method($($argument,)* visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for Given<'_, &str> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    json! {
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_map();
        deserialize_ignored_any();
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(truth(self.text()?).ok_or_else(|| Error::custom("it is neither `true` nor `false`"))?)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    /// Reads an `Option`, which is present here.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_json_list() { self.json(|json| json.deserialize_seq(visitor)) } else { self.list(visitor) }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        if self.is_json_list() { self.json(|json| json.deserialize_tuple(length, visitor)) } else { self.list(visitor) }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if !is_duration(name, fields) || self.starts_json('{') {
            return self.json(|json| json.deserialize_struct(name, fields, visitor));
        }
        let time = humantime::parse_duration(self.text()?).map_err(Error::custom)?;
        let parts = [("secs", time.as_secs()), ("nanos", time.subsec_nanos().into())];
        visitor.visit_map(MapDeserializer::new(parts.into_iter()))
    }

    /// Reads a variant by its name, which needs no quotes.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.starts_json('{') {
            return self.json(|json| json.deserialize_enum(name, variants, visitor));
        }
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    /// Reads a type that accepts anything: as JSON if the text is valid JSON, otherwise as text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text()?;
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => self.json(|json| json.deserialize_any(visitor)),
            Err(_) => visitor.visit_str(text),
        }
    }
}

/// The words for a `bool`.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Whether a struct is `std::time::Duration`, which is written as `1m30s`.
fn is_duration(name: &str, fields: &[&str]) -> bool {
    name == "Duration" && fields == ["secs", "nanos"]
}

/// The form of a type's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number that is not negative.
    Unsigned,
    /// A whole number.
    Signed,
    /// Any number.
    Number,
    /// Text.
    Text,
    /// A path.
    Path,
    /// A time with units.
    Duration,
    /// One of these words.
    Words(&'static [&'static str]),
    /// Several of them.
    List(Box<Self>),
    /// JSON.
    Json,
    /// Whatever the type's `FromStr` accepts.
    Own,
}

/// The form of the texts of a type that is read by its `Deserialize`.
pub(crate) fn shape<T: DeserializeOwned>() -> Shape {
    let mut shape = Shape::Json;
    // This always fails, because there is nothing to read.
    let _ = T::deserialize(Asked(&mut shape));
    shape
}

/// Finds out what a type expects.
struct Asked<'a>(&'a mut Shape);

impl Asked<'_> {
    fn is<T>(self, shape: Shape) -> Result<T, Error> {
        *self.0 = shape;
        Err(Error::custom("there is nothing to read"))
    }
}

impl IntoDeserializer<'_, Error> for Asked<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! asked {
    ($($shape:ident: $($method:ident($($ty:ty),*))*;)*) => {
        $($(fn $method<V: Visitor<'de>>(self, $(_: $ty,)* _: V) -> Result<V::Value, Error> {
            self.is(Shape::$shape)
        })*)*
    };
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    asked! {
        Bool: deserialize_bool();
        Unsigned: deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128();
        Signed: deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128();
        Number: deserialize_f32() deserialize_f64();
        Text: deserialize_char() deserialize_str() deserialize_string() deserialize_identifier()
            deserialize_bytes() deserialize_byte_buf();
        Json: deserialize_any() deserialize_unit() deserialize_unit_struct(&'static str) deserialize_map()
            deserialize_ignored_any();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut element = Shape::Json;
        let failed = visitor.visit_seq(SeqDeserializer::new([Asked(&mut element)].into_iter()));
        *self.0 = Shape::List(Box::new(element));
        failed
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.is(if is_duration(name, fields) { Shape::Duration } else { Shape::Json })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.is(Shape::Words(variants))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::PathBuf,
        time::Duration,
    };

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Name(String);

    #[derive(Debug, Deserialize, PartialEq)]
    enum Mode {
        Fast,
        Sized(u32),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Row {
        a: u8,
    }

    fn parse<T: DeserializeOwned>(texts: &[&str]) -> Result<T, String> {
        super::parse(Given { texts, each: false })
    }

    fn from<T: DeserializeOwned>(text: &str) -> T {
        parse(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn text_is_taken_as_it_is_typed() {
        for text in ["abc", "2024", "null", "nul", "true", "\"x\"", "[1]", "{", "", " a,b "] {
            assert_eq!(from::<Option<String>>(text), Some(text.to_owned()));
            assert_eq!(from::<Option<PathBuf>>(text), Some(text.into()));
            assert_eq!(from::<Name>(text), Name(text.to_owned()));
        }
        assert_eq!(from::<Option<char>>("5"), Some('5'));
    }

    #[test]
    fn numbers_are_what_their_own_from_str_takes() {
        assert_eq!([from::<Option<u32>>("007"), from("+5")], [Some(7), Some(5)]);
        assert!(from::<Option<f64>>("NaN").unwrap().is_nan());
        assert_eq!([from::<Option<f64>>("inf"), from(".5")], [Some(f64::INFINITY), Some(0.5)]);
        assert_eq!(from::<Option<u128>>("1267650600228229401496703205376"), Some(1 << 100));
        assert_eq!(parse::<Option<u8>>(&["256"]).unwrap_err(), "number too large to fit in target type");
    }

    #[test]
    fn lists_have_commas_or_repeat_their_flag_or_are_json() {
        assert_eq!(from::<Vec<u32>>("1,2,3"), [1, 2, 3]);
        assert_eq!(from::<Option<Vec<String>>>("[\"a,b\"]").unwrap(), ["a,b"]);
        assert_eq!(parse::<Vec<String>>(&["a,b", "c"]).unwrap(), ["a,b", "c"]);
        assert_eq!(from::<Vec<String>>(""), [""; 0]);
        assert_eq!(from::<BTreeSet<char>>("a,b,a").len(), 2);
        assert_eq!(from::<(u32, f64)>("3,0.5"), (3, 0.5));
        assert!(parse::<(u32, f64)>(&["3"]).is_err() && parse::<(u32, f64)>(&["3,4,5"]).is_err());
        assert_eq!(parse::<u32>(&["1", "2"]).unwrap_err(), "it takes one value, and is given 2");
    }

    #[test]
    fn an_argument_without_a_flag_is_one_element() {
        fn each<T: DeserializeOwned>(texts: &[&str]) -> Result<T, String> {
            super::parse(Given { texts, each: true })
        }
        assert_eq!(each::<Vec<String>>(&["a,b"]).unwrap(), ["a,b"]);
        assert_eq!(each::<Option<Vec<String>>>(&["[1]"]).unwrap().unwrap(), ["[1]"]);
        assert_eq!(each::<Vec<u32>>(&["1", "2"]).unwrap(), [1, 2]);
        assert!(each::<Vec<u32>>(&["1,2"]).is_err());
        // What is in it has the text that it has everywhere.
        assert_eq!(each::<Vec<Vec<u32>>>(&["1,2", "[3]"]).unwrap(), [vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_comma_is_part_of_a_path() {
        let paths = |texts: &[&str], each| -> Vec<PathBuf> {
            let texts: Vec<OsString> = texts.iter().map(OsString::from).collect();
            paths(Given { texts: &texts, each })
        };
        for each in [false, true] {
            assert_eq!(paths(&["a,b.txt"], each), [PathBuf::from("a,b.txt")]);
            assert_eq!(paths(&["a", "[\"b\"]"], each), [PathBuf::from("a"), "[\"b\"]".into()]);
            assert_eq!(paths(&["[1].txt"], each), [PathBuf::from("[1].txt")]);
        }
        assert_eq!(paths(&["[\"a,b\", \"c\"]"], false), [PathBuf::from("a,b"), "c".into()]);
        assert_eq!(paths(&["[\"a\"]"], true), [PathBuf::from("[\"a\"]")]);
        assert_eq!([paths(&[""], false).len(), paths(&[""], true).len(), paths(&[], true).len()], [0, 1, 0]);
    }

    #[test]
    fn times_have_units_and_variants_no_quotes() {
        assert_eq!(from::<Option<Duration>>("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(from::<Duration>("{\"secs\":1,\"nanos\":0}"), Duration::from_secs(1));
        assert!(parse::<Duration>(&["90"]).unwrap_err().contains("unit"));
        assert_eq!([from::<Mode>("Fast"), from("{\"Sized\":3}")], [Mode::Fast, Mode::Sized(3)]);
        assert_eq!(from::<Vec<Mode>>("Fast,Fast").len(), 2);
        assert!(parse::<Mode>(&["fast"]).unwrap_err().contains("expected `Fast` or `Sized`"));
    }

    #[test]
    fn what_has_no_plain_form_is_json() {
        assert_eq!(from::<Row>("{\"a\":1}"), Row { a: 1 });
        assert_eq!(from::<BTreeMap<String, u128>>("{\"a\":1267650600228229401496703205376}")["a"], 1 << 100);
        assert_eq!([from::<serde_json::Value>("[1]"), from("word")], [serde_json::json!([1]), "word".into()]);
        assert!(parse::<Row>(&["{\"a\":1} x"]).is_err());
    }

    /// Whoever wants no value leaves the flag out: in every type, `null` is read as its text is.
    #[test]
    fn null_is_the_absence_of_a_value_in_no_type() {
        assert_eq!(from::<Option<String>>("null"), Some("null".to_owned()));
        assert!(parse::<Option<u32>>(&["null"]).is_err() && parse::<Option<bool>>(&["null"]).is_err());
        assert!(parse::<Option<Row>>(&["null"]).is_err() && parse::<Option<Mode>>(&["null"]).is_err());
        assert!(parse::<Option<Vec<u32>>>(&["null"]).is_err() && parse::<Option<Duration>>(&["null"]).is_err());
    }

    #[test]
    fn types_say_what_their_texts_look_like() {
        assert_eq!(
            [shape::<Option<u8>>(), shape::<i64>(), shape::<Option<f32>>()],
            [Shape::Unsigned, Shape::Signed, Shape::Number]
        );
        assert_eq!(
            [shape::<Name>(), shape::<bool>(), shape::<Duration>()],
            [Shape::Text, Shape::Bool, Shape::Duration]
        );
        assert_eq!(shape::<Mode>(), Shape::Words(&["Fast", "Sized"]));
        assert_eq!(shape::<Vec<Option<u8>>>(), Shape::List(Box::new(Shape::Unsigned)));
        assert_eq!([shape::<Row>(), shape::<serde_json::Value>()], [Shape::Json, Shape::Json]);
    }
}
