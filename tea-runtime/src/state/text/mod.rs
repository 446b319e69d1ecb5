//! Reads values from the texts of the command line through the type's `Deserialize`: text if the type expects text, a
//! number if it expects a number, and JSON only if it expects something without a plain text form.

mod shape;

#[cfg(test)]
mod tests;

use std::{ffi::OsString, fmt, slice, str::FromStr};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
};
use serde_json::value::{RawValue, to_raw_value};

pub use self::shape::Shape;
pub(crate) use self::shape::shape;
use super::json;

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
    T::deserialize(given).or_else(|error| in_own_form(given).ok_or_else(|| error.to_string()))
}

/// Reads JSON in which values have the forms of [`json`], which serde does not know.
fn in_own_form<T: DeserializeOwned>(given: Given<'_, &str>) -> Option<T> {
    let is_json = |text: &str| text.trim_start().starts_with(['{', '[']);
    let element = |text: &&str| {
        let json = if is_json(text) { RawValue::from_string((*text).to_owned()) } else { to_raw_value(text) };
        json.ok()
    };
    match given.texts {
        [text] if !given.each || !matches!(shape::<T>(), Shape::List(_)) => {
            is_json(text).then(|| json::read(text).ok()).flatten()
        }
        texts => {
            let list: Option<Vec<_>> = texts.iter().map(element).collect();
            json::read(&serde_json::to_string(&list?).ok()?).ok()
        }
    }
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

/// The elements of a JSON list of paths, or of nothing.
fn whole_list(text: &str) -> Option<Vec<OsString>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    json::read(text).ok()
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
