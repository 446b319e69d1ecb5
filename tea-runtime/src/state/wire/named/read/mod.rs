//! Bytes to values.
//!
//! A type is told of what it asks for in the way of JSON, so that all that can be read from JSON can be read from here.

mod deserializer;

use std::{
    net::{Ipv6Addr, SocketAddrV6},
    time::SystemTime,
};

use serde::de::{DeserializeSeed, Visitor, value::SeqDeserializer};
use try_specialize::type_eq;

use super::{
    super::{
        cut, damaged,
        numbers::{self, Number},
        special::{self, may_be},
    },
    Error, Result, Source,
    parts::{Elements, Entries, Fields, NumberList, OneEntry},
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
        if const { may_be::<S::Value, SystemTime>() } && special::is_time::<S>() {
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
        if const { may_be::<V::Value, Option<SystemTime>>() } && type_eq::<V::Value, Option<SystemTime>>() {
            return special::time(self);
        }
        visitor.visit_some(self)
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
