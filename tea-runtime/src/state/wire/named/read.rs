//! Bytes to values.
//!
//! A type is told of what it asks for in the way of JSON, so that all that can be read from JSON can be read from here.

use std::{
    ffi::OsString,
    net::{Ipv6Addr, SocketAddrV6},
    path::PathBuf,
    time::SystemTime,
};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, Visitor,
        value::{BorrowedStrDeserializer, SeqDeserializer},
    },
};

use try_specialize::{TrySpecialize, type_eq};

use super::{
    super::{
        super::json,
        cut, damaged,
        numbers::{self, Number},
        special,
    },
    Error, Result, Source,
    parts::{Elements, Entries, EntryVariant, Fields, NumberList, OneEntry, Pairs, Variant},
    tag,
};

/// Reads values one after the other.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    names: Vec<&'de str>,
    source: Source,
    /// What comes next is asked for as [`packed`](crate::packed).
    packed: bool,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8], source: Source) -> Self {
        Self { bytes, names: Vec::new(), source, packed: false }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Reads a value. All values that a seed stands for come by here, so that none of a [special] type is missed.
    #[inline]
    pub(super) fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        if special::is_time::<S>() {
            return special::time(self);
        }
        if numbers::is_vector::<S>()
            && let [tag::NUMBERS, kind, rest @ ..] = self.bytes
        {
            let mut after = Self::new(rest, self.source);
            let bytes = after.blob()?;
            if let Some(value) = Number::of(*kind).and_then(|kind| numbers::from_memory::<S>(kind, bytes)) {
                self.bytes = after.bytes;
                return Ok(value);
            }
        }
        seed.deserialize(self)
    }

    #[inline]
    pub(super) fn peek(&self) -> Result<u8> {
        self.bytes.first().copied().ok_or_else(cut)
    }

    #[inline]
    pub(super) fn tag(&mut self) -> Result<u8> {
        let (tag, rest) = self.bytes.split_first().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(*tag)
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn length(&mut self) -> Result<u64> {
        let mut length = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.tag()?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(length);
            }
        }
        Err(damaged())
    }

    #[inline]
    fn blob(&mut self) -> Result<&'de [u8]> {
        let length = usize::try_from(self.length()?).map_err(|_| cut())?;
        let (blob, rest) = self.bytes.split_at_checked(length).ok_or_else(cut)?;
        self.bytes = rest;
        Ok(blob)
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'de str> {
        std::str::from_utf8(self.blob()?).map_err(|_| damaged())
    }

    /// The name of a field or variant; `None` at the end of a struct.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Option<&'de str>> {
        match self.length()? {
            0 => Ok(None),
            tag::NEW_NAME => {
                let name = self.text()?;
                self.names.push(name);
                Ok(Some(name))
            }
            known => {
                let number = usize::try_from(known - tag::FIRST_NAME).ok();
                number.and_then(|number| self.names.get(number)).copied().map(Some).ok_or_else(damaged)
            }
        }
    }

    fn variant(&mut self) -> Result<&'de str> {
        self.name()?.ok_or_else(damaged)
    }

    /// Takes `Some`s away: where a type does not ask for an `Option`, what is in it counts, as in JSON.
    #[inline]
    fn plain(&mut self) -> Result<u8> {
        loop {
            match self.tag()? {
                tag::SOME => {}
                tag => return Ok(tag),
            }
        }
    }

    fn sequence<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let mut elements = Elements { hint: self.length()?, reader: self };
        let value = visitor.visit_seq(&mut elements)?;
        elements.reader.end()?;
        Ok(value)
    }

    #[inline]
    pub(super) fn end(&mut self) -> Result<()> {
        match self.tag()? {
            tag::END => Ok(()),
            _ => Err(too_many()),
        }
    }

    fn number_list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let number = Number::of(self.tag()?).ok_or_else(damaged)?;
        let bytes = self.blob()?;
        let size = number.size().ok_or_else(|| Error::new("packed values that are not numbers have no other form"))?;
        let mut list = NumberList { number, chunks: bytes.chunks_exact(size) };
        let value = visitor.visit_seq(&mut list)?;
        if list.chunks.len() > 0 { Err(too_many()) } else { Ok(value) }
    }

    fn byte_list<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(SeqDeserializer::new(self.blob()?.iter().copied()))
    }

    fn fields<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let mut fields = Fields::new(self);
        let value = visitor.visit_map(&mut fields)?;
        fields.end()?;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let mut entries = Entries { hint: self.length()?, reader: self };
        let value = visitor.visit_map(&mut entries)?;
        entries.reader.end()?;
        Ok(value)
    }

    /// What begins with this tag, as JSON would give it to a type that takes anything.
    fn anything<V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        match tag {
            small @ tag::SMALL.. => visitor.visit_u64(u64::from(small & !tag::SMALL)),
            tag::NULL => visitor.visit_unit(),
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::U32 => visitor.visit_u64(u32::from_le_bytes(self.take()?).into()),
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.take()?)),
            tag::U128 => visitor.visit_u128(u128::from_le_bytes(self.take()?)),
            tag::I64 => visitor.visit_i64(i64::from_le_bytes(self.take()?)),
            tag::I128 => visitor.visit_i128(i128::from_le_bytes(self.take()?)),
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.take()?)),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.take()?)),
            tag::CHAR => visitor.visit_str(self.character()?.encode_utf8(&mut [0; 4])),
            tag::TEXT => visitor.visit_borrowed_str(self.text()?),
            tag::BYTES => self.byte_list(visitor),
            tag::SEQ => self.sequence(visitor),
            tag::MAP => self.map(visitor),
            tag::STRUCT => self.fields(visitor),
            tag::UNIT_VARIANT => visitor.visit_borrowed_str(self.variant()?),
            tag::VARIANT => {
                let variant = self.variant()?;
                visitor.visit_map(OneEntry { variant: Some(variant), reader: self })
            }
            tag::NUMBERS => self.number_list(visitor),
            tag::FLOW => {
                let address = Ipv6Addr::from(self.take::<16>()?);
                let port = u16::from_le_bytes(self.take()?);
                let [flow, scope] = [self.take()?, self.take()?].map(u32::from_le_bytes);
                special::address(SocketAddrV6::new(address, port, flow, scope)).ok_or_else(|| {
                    Error::new("an address with flow information is read as something else than a `SocketAddr`")
                })
            }
            _ => Err(damaged()),
        }
    }

    fn some<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        if type_eq::<V::Value, Option<SystemTime>>() { special::time(self) } else { visitor.visit_some(self) }
    }

    fn character(&mut self) -> Result<char> {
        char::from_u32(u32::from_le_bytes(self.take()?)).ok_or_else(damaged)
    }

    /// Passes over a value. The names in it are kept.
    fn skip(&mut self) -> Result<()> {
        match self.plain()? {
            tag::SMALL.. | tag::NULL | tag::FALSE | tag::TRUE => {}
            tag::U32 | tag::F32 | tag::CHAR => drop(self.take::<4>()?),
            tag::U64 | tag::I64 | tag::F64 => drop(self.take::<8>()?),
            tag::U128 | tag::I128 => drop(self.take::<16>()?),
            tag::TEXT | tag::BYTES => drop(self.blob()?),
            tag::FLOW => drop(self.take::<26>()?),
            tag::NUMBERS => {
                self.tag()?;
                self.blob()?;
            }
            tag::SEQ | tag::MAP => {
                self.length()?;
                while self.peek()? != tag::END {
                    self.skip()?;
                }
                self.tag()?;
            }
            tag::STRUCT => {
                while self.name()?.is_some() {
                    self.skip()?;
                }
            }
            tag::UNIT_VARIANT => drop(self.variant()?),
            tag::VARIANT => {
                self.variant()?;
                self.skip()?;
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }
}

fn too_many() -> Error {
    Error::new("there are more elements than its type takes")
}

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
        if type_eq::<V::Value, PathBuf>() && matches!(self.peek()?, tag::VARIANT | tag::MAP) {
            return special::path(self);
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
                V::Value::try_specialize_from(OsString::from(text))
                    .or_else(|_| visitor.visit_enum(BorrowedStrDeserializer::new(text)))
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
