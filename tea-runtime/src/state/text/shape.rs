//! What the text of a type looks like.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, Error as _, IntoDeserializer, Visitor,
        value::{Error, SeqDeserializer},
    },
};

use super::is_duration;

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

impl Shape {
    /// What is expected, for people who know no Rust.
    pub(crate) fn expected(&self) -> String {
        let words = match self {
            Shape::Bool => "`true` or `false`",
            Shape::Unsigned => "a whole number, not below zero",
            Shape::Signed => "a whole number",
            Shape::Number => "a number",
            Shape::Text => "text",
            Shape::Path => "a path",
            Shape::Duration => "a time with its unit, such as `1m30s`",
            Shape::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                return format!("one of {}", words.join(", "));
            }
            Shape::List(element) if **element == Shape::Path => {
                "a path each time that it is given, or a JSON list of paths"
            }
            Shape::List(element) => {
                return format!("a list with commas, or as JSON, each {}", element.expected());
            }
            Shape::Json => "JSON",
            Shape::Own => "a value",
        };
        words.to_owned()
    }
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
