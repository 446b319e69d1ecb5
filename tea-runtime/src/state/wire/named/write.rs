//! Values to bytes.

use std::{cell::Cell, fmt, net::SocketAddrV6};

use serde::{Serialize, Serializer, ser};

use super::{
    super::{
        numbers::{self, Number},
        special::{self, Special},
    },
    Error, Result,
    names::Names,
    tag,
};
use crate::result::EXACT;

/// Appends values to a buffer.
pub(super) struct Writer<'a> {
    to: &'a mut Vec<u8>,
    names: Names,
    /// What the bytes that come next are the memory of.
    packed: Option<Number>,
    /// What comes next is asked for its exact form.
    exact: Cell<bool>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(to: &'a mut Vec<u8>) -> Self {
        Self { to, names: Names::default(), packed: None, exact: Cell::new(false) }
    }

    /// Appends a value of any type. All values come by here, so that none of a [special] type is missed.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        if let Some((number, memory)) = numbers::memory(value) {
            self.numbers(number, memory);
            return Ok(());
        }
        if let Some(address) = special::with_flow(value) {
            self.flow(address);
            return Ok(());
        }
        match special::special(value) {
            Some(special) => self.special(&special),
            None => value.serialize(self),
        }
    }

    fn flow(&mut self, address: SocketAddrV6) {
        self.tagged(tag::FLOW, address.ip().octets());
        self.to.extend_from_slice(&address.port().to_le_bytes());
        self.to.extend_from_slice(&address.flowinfo().to_le_bytes());
        self.to.extend_from_slice(&address.scope_id().to_le_bytes());
    }

    /// A function of its own, so that it is not compiled anew for each type.
    fn special(&mut self, special: &Special<'_>) -> Result<()> {
        special.serialize(self)
    }

    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.to.reserve(1 + N);
        self.to.push(tag);
        self.to.extend_from_slice(&bytes);
    }

    fn blob(&mut self, tag: u8, bytes: &[u8]) {
        self.to.reserve(10 + bytes.len());
        self.to.push(tag);
        self.length(bytes.len() as u64);
        self.to.extend_from_slice(bytes);
    }

    fn numbers(&mut self, number: Number, bytes: &[u8]) {
        self.to.reserve(11 + bytes.len());
        self.to.extend_from_slice(&[tag::NUMBERS, number as u8]);
        self.length(bytes.len() as u64);
        self.to.extend_from_slice(bytes);
    }

    fn length(&mut self, mut length: u64) {
        while length >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
            self.to.push(length as u8 | 0x80);
            length >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is below 0x80")]
        self.to.push(length as u8);
    }

    fn unsigned(&mut self, number: u64) {
        match (u8::try_from(number), u32::try_from(number)) {
            (Ok(small), _) if small < 0x80 => self.to.push(tag::SMALL | small),
            (_, Ok(number)) => self.tagged(tag::U32, number.to_le_bytes()),
            _ => self.tagged(tag::U64, number.to_le_bytes()),
        }
    }

    fn name(&mut self, name: &'static str) {
        if let Some(number) = self.names.number(name) {
            self.length(tag::FIRST_NAME + number);
        } else {
            self.length(tag::NEW_NAME);
            self.length(name.len() as u64);
            self.to.extend_from_slice(name.as_bytes());
        }
    }

    fn sequence(&mut self, length: Option<usize>) {
        self.to.push(tag::SEQ);
        self.length(length.unwrap_or(0) as u64);
    }

    fn variant(&mut self, variant: &'static str) {
        self.to.push(tag::VARIANT);
        self.name(variant);
    }
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'w, 'a>;
    type SerializeTuple = Parts<'w, 'a>;
    type SerializeTupleStruct = Parts<'w, 'a>;
    type SerializeTupleVariant = Parts<'w, 'a>;
    type SerializeMap = Parts<'w, 'a>;
    type SerializeStruct = Parts<'w, 'a>;
    type SerializeStructVariant = Parts<'w, 'a>;

    /// As JSON, since a type's form for people is the one that is known to hold all of it. Only
    /// [`packed`](crate::packed) vectors and [`EXACT`] newtypes are asked for their other form.
    fn is_human_readable(&self) -> bool {
        self.packed.is_none() && !self.exact.take()
    }

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.to.push(if value { tag::TRUE } else { tag::FALSE });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<()> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<()> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<()> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.tagged(tag::I64, value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<()> {
        match (u128::try_from(value), i64::try_from(value)) {
            (Ok(value), _) => self.serialize_u128(value),
            (_, Ok(value)) => self.serialize_i64(value),
            _ => {
                self.tagged(tag::I128, value.to_le_bytes());
                Ok(())
            }
        }
    }

    fn serialize_u8(self, value: u8) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<()> {
        self.unsigned(value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.tagged(tag::U128, value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<()> {
        self.tagged(tag::F32, value.to_le_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        self.tagged(tag::F64, value.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.tagged(tag::CHAR, u32::from(value).to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.blob(tag::TEXT, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        match self.packed {
            Some(number) => self.numbers(number, value),
            None => self.blob(tag::BYTES, value),
        }
        Ok(())
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.to.push(tag::SOME);
        self.value(value)
    }

    fn serialize_unit(self) -> Result<()> {
        self.to.push(tag::NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.to.push(tag::UNIT_VARIANT);
        self.name(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<()> {
        self.packed = Number::packed(name);
        self.exact.set(name == EXACT);
        let written = self.value(value);
        self.packed = None;
        self.exact.set(false);
        written
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.variant(variant);
        self.value(value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Parts<'w, 'a>> {
        self.sequence(length);
        Ok(Parts(self))
    }

    fn serialize_tuple(self, length: usize) -> Result<Parts<'w, 'a>> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Parts<'w, 'a>> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Parts<'w, 'a>> {
        self.variant(variant);
        self.serialize_seq(Some(length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Parts<'w, 'a>> {
        self.to.push(tag::MAP);
        self.length(length.unwrap_or(0) as u64);
        Ok(Parts(self))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'w, 'a>> {
        self.to.push(tag::STRUCT);
        Ok(Parts(self))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Parts<'w, 'a>> {
        self.variant(variant);
        self.serialize_struct(name, length)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<()> {
        self.serialize_str(&value.to_string())
    }
}

/// The parts of a value that has some.
pub(super) struct Parts<'w, 'a>(&'w mut Writer<'a>);

impl Parts<'_, '_> {
    fn close(self) {
        self.0.to.push(tag::END);
    }
}

/// Implements what compound values without names have in common.
macro_rules! elements {
    ($($compound:ident: $method:ident;)*) => {
        $(impl ser::$compound for Parts<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.0.value(value)
            }

            fn end(self) -> Result<()> {
                self.close();
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// Implements what compound values with names have in common.
macro_rules! fields {
    ($($compound:ident)*) => {
        $(impl ser::$compound for Parts<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.0.name(name);
                self.0.value(value)
            }

            fn end(self) -> Result<()> {
                self.close();
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Parts<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.0.value(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.0.value(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}
