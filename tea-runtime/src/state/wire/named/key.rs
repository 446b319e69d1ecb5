//! The keys of maps. JSON has them as text, so that a type may write numbers and read text, or the other way round.

use serde::{Deserialize, Deserializer, de::Visitor};

use super::{Error, Result, read::Reader, tag};

/// Reads a key.
pub(super) struct Key<'r, 'de>(pub(super) &'r mut Reader<'de>);

/// A number is asked for, where there may be its text.
macro_rules! numbers {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            if self.0.peek()? == tag::TEXT { self.parsed(visitor) } else { self.0.$method(visitor) }
        })*
    };
}

/// Text is asked for, where there may be a number.
macro_rules! texts {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            if self.0.peek()? == tag::TEXT { self.0.$method(visitor) } else { self.shown(visitor) }
        })*
    };
}

impl<'de> Key<'_, 'de> {
    fn parsed<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.tag()?;
        let text = self.0.text()?;
        if let Ok(number) = text.parse::<u64>() {
            visitor.visit_u64(number)
        } else if let Ok(number) = text.parse::<i64>() {
            visitor.visit_i64(number)
        } else if let Ok(number) = text.parse::<u128>() {
            visitor.visit_u128(number)
        } else if let Ok(number) = text.parse::<i128>() {
            visitor.visit_i128(number)
        } else if let Ok(number) = text.parse::<bool>() {
            visitor.visit_bool(number)
        } else if let Ok(number) = text.parse::<f64>() {
            visitor.visit_f64(number)
        } else {
            visitor.visit_borrowed_str(text)
        }
    }

    fn shown<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.peek()? {
            tag::U32..=tag::F64 | tag::SMALL.. => {
                let number = serde_json::Value::deserialize(self.0)?;
                visitor.visit_string(number.to_string())
            }
            _ => self.0.deserialize_str(visitor),
        }
    }
}

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = Error;

    numbers! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    texts! { deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct ignored_any
    }
}
