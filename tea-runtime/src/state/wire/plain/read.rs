//! Bytes to values, by what their types ask for.

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::super::{Error, Result, cut, damaged, numbers};

/// Reads values one after the other.
pub(super) struct Reader<'de> {
    pub(super) bytes: &'de [u8],
    /// What comes next is asked for as [`packed`](crate::packed).
    pub(super) packed: bool,
}

impl<'de> Reader<'de> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(*taken)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    #[inline]
    fn length(&mut self) -> Result<usize> {
        match self.byte()? {
            u8::MAX => usize::try_from(u64::from_le_bytes(self.take()?)).map_err(|_| damaged()),
            short => Ok(short.into()),
        }
    }

    #[inline]
    fn blob(&mut self) -> Result<&'de [u8]> {
        let length = self.length()?;
        let (blob, rest) = self.bytes.split_at_checked(length).ok_or_else(cut)?;
        self.bytes = rest;
        Ok(blob)
    }

    /// Reads a part that its type gives to serde by its own type.
    #[inline]
    fn field<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        if numbers::is_vector::<S>() {
            let bytes = self.blob()?;
            return numbers::vector_of::<S>(bytes).ok_or_else(damaged);
        }
        seed.deserialize(self)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident($number:ty);)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            visitor.$visit(<$number>::from_le_bytes(self.take()?))
        })*
    };
}

macro_rules! never {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
            Err(Error::new("it asks for something else than before"))
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        !self.packed
    }

    numbers! {
        deserialize_i8 visit_i8(i8);
        deserialize_i16 visit_i16(i16);
        deserialize_i32 visit_i32(i32);
        deserialize_i64 visit_i64(i64);
        deserialize_i128 visit_i128(i128);
        deserialize_u8 visit_u8(u8);
        deserialize_u16 visit_u16(u16);
        deserialize_u32 visit_u32(u32);
        deserialize_u64 visit_u64(u64);
        deserialize_u128 visit_u128(u128);
        deserialize_f32 visit_f32(f32);
        deserialize_f64 visit_f64(f64);
    }

    never! { deserialize_any deserialize_identifier deserialize_ignored_any }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(damaged()),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_char(char::from_u32(u32::from_le_bytes(self.take()?)).ok_or_else(damaged)?)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(std::str::from_utf8(self.blob()?).map_err(|_| damaged())?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_bytes(self.blob()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(damaged()),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if numbers::Number::packed(name).is_none() {
            return visitor.visit_newtype_struct(self);
        }
        self.packed = true;
        let value = visitor.visit_newtype_struct(&mut *self);
        self.packed = false;
        value
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mut parts = Parts { left: self.length()?, reader: self };
        let value = visitor.visit_seq(&mut parts)?;
        parts.end(value)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mut parts = Parts { left: self.length()?, reader: self };
        let value = visitor.visit_map(&mut parts)?;
        parts.end(value)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let mut fields = Fields { left: length, reader: self };
        let value = visitor.visit_seq(&mut fields)?;
        fields.end(value)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, length: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(names.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(Variant { names, reader: self })
    }
}

/// The elements of a sequence, or the entries of a map.
struct Parts<'r, 'de> {
    left: usize,
    reader: &'r mut Reader<'de>,
}

impl Parts<'_, '_> {
    #[inline]
    fn end<T>(&self, value: T) -> Result<T> {
        if self.left == 0 { Ok(value) } else { Err(Error::new("it takes fewer elements than there are")) }
    }

    /// A type of no bytes may be there any number of times, others take one byte at least.
    fn hint(&self) -> usize {
        self.left.min(self.reader.bytes.len())
    }

    #[inline]
    fn next(&mut self) -> bool {
        let more = self.left > 0;
        self.left -= usize::from(more);
        more
    }
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

impl<'de> MapAccess<'de> for Parts<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.hint())
    }
}

/// The fields of a struct or a tuple.
struct Fields<'r, 'de> {
    left: usize,
    reader: &'r mut Reader<'de>,
}

impl Fields<'_, '_> {
    #[inline]
    fn end<T>(&self, value: T) -> Result<T> {
        if self.left == 0 { Ok(value) } else { Err(Error::new("it takes fewer fields than there are")) }
    }
}

impl<'de> SeqAccess<'de> for Fields<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.field(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// A variant: its place among the names, then what it holds.
struct Variant<'r, 'de> {
    names: &'static [&'static str],
    reader: &'r mut Reader<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        let name = self.names.get(self.reader.length()?).ok_or_else(damaged)?;
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.reader.field(seed)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.reader.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.reader.deserialize_tuple(names.len(), visitor)
    }
}
