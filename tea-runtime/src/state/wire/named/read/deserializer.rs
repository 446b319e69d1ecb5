//! What a type gets when it asks.

use std::{ffi::OsString, path::PathBuf};

use serde::de::{Deserializer, Visitor, value::BorrowedStrDeserializer};
use try_specialize::{TrySpecialize, type_eq};

use super::{
    super::{
        super::{
            super::json,
            numbers::Number,
            special::{self, may_be},
        },
        Error, Result, Source,
        parts::{EntryVariant, Pairs, Variant},
        tag,
    },
    Reader,
};

/// What a type that asks for this gets: what is there, as JSON does it.
macro_rules! whatever_is_there {
    ($($method:ident($($argument:ident: $ty:ty)?);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $ty,)? visitor: V) -> Result<V::Value> {
            $(let _ = $argument;)?
            self.deserialize_any(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        !self.packed
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let tag = self.plain()?;
        self.anything(tag, visitor)
    }

    #[inline]
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.take()?)),
            tag => self.anything(tag, visitor),
        }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.take()?)),
            tag::TEXT if self.source == Source::Json => {
                let text = self.text()?;
                match json::not_finite(text) {
                    Some(number) => visitor.visit_f64(number),
                    None => visitor.visit_borrowed_str(text),
                }
            }
            tag => self.anything(tag, visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::SEQ if self.source == Source::Json => {
                let mut pairs = Pairs { hint: self.length()?, reader: self };
                let value = visitor.visit_map(&mut pairs)?;
                pairs.reader.end()?;
                Ok(value)
            }
            tag => self.anything(tag, visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            small @ tag::SMALL.. => visitor.visit_u128(u128::from(small & !tag::SMALL)),
            tag::U32 => visitor.visit_u128(u32::from_le_bytes(self.take()?).into()),
            tag::U64 => visitor.visit_u128(u64::from_le_bytes(self.take()?).into()),
            tag => self.anything(tag, visitor),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            small @ tag::SMALL.. => visitor.visit_i128(i128::from(small & !tag::SMALL)),
            tag::U32 => visitor.visit_i128(u32::from_le_bytes(self.take()?).into()),
            tag::U64 => visitor.visit_i128(u64::from_le_bytes(self.take()?).into()),
            tag::I64 => visitor.visit_i128(i64::from_le_bytes(self.take()?).into()),
            tag::U128 => {
                let number = u128::from_le_bytes(self.take()?);
                match i128::try_from(number) {
                    Ok(number) => visitor.visit_i128(number),
                    Err(_) => visitor.visit_u128(number),
                }
            }
            tag => self.anything(tag, visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::TEXT => visitor.visit_borrowed_str(self.text()?),
            tag => self.anything(tag, visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if const { may_be::<V::Value, PathBuf>() }
            && type_eq::<V::Value, PathBuf>()
            && matches!(self.peek()?, tag::VARIANT | tag::MAP)
        {
            return special::read_path(self);
        }
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::CHAR => visitor.visit_char(self.character()?),
            tag => self.anything(tag, visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match (self.plain()?, self.bytes) {
            (tag::BYTES, _) => visitor.visit_borrowed_bytes(self.blob()?),
            (tag::NUMBERS, [kind, rest @ ..]) if self.packed || *kind == Number::U8 as u8 => {
                self.bytes = rest;
                visitor.visit_borrowed_bytes(self.blob()?)
            }
            (tag, _) => self.anything(tag, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag::NULL => {
                self.tag()?;
                visitor.visit_none()
            }
            tag::SOME => {
                self.tag()?;
                self.some(visitor)
            }
            _ => self.some(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        // `RawValue` of `serde_json` asks for its text in this way.
        if name == "$serde_json::private::RawValue" {
            return self.deserialize_any(visitor);
        }
        self.packed = Number::packed(name).is_some();
        let value = visitor.visit_newtype_struct(&mut *self);
        self.packed = false;
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.plain()? {
            tag::UNIT_VARIANT => visitor.visit_enum(BorrowedStrDeserializer::new(self.variant()?)),
            tag::VARIANT => {
                let variant = self.variant()?;
                visitor.visit_enum(Variant { variant, reader: self })
            }
            tag::TEXT => {
                let text = self.text()?;
                if const { may_be::<V::Value, OsString>() }
                    && let Ok(value) = V::Value::try_specialize_from(OsString::from(text))
                {
                    return Ok(value);
                }
                visitor.visit_enum(BorrowedStrDeserializer::new(text))
            }
            // As JSON has a variant with something in it.
            tag::MAP => {
                self.length()?;
                let value = visitor.visit_enum(EntryVariant(&mut *self))?;
                self.end()?;
                Ok(value)
            }
            tag::STRUCT => {
                let variant = self.variant()?;
                let value = visitor.visit_enum(Variant { variant, reader: &mut *self })?;
                self.end()?;
                Ok(value)
            }
            tag => self.anything(tag, visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.plain()? {
            tag::STRUCT => self.fields(visitor),
            tag => self.anything(tag, visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.plain()? {
            tag::SEQ => self.sequence(visitor),
            tag => self.anything(tag, visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    whatever_is_there! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
    }
}
