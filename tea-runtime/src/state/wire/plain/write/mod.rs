//! Values to bytes, as far as they are of the shape that their type asks for.

mod parts;

use std::{cell::Cell, fmt};

use serde::{Serialize, Serializer, ser};

use self::parts::{Map, Parts, Seq, Struct, Tuple};
use super::{
    super::numbers::Number,
    trace::{Fields, Shape},
};
use crate::result::EXACT;

/// A value does not fit its type's shape.
#[derive(Debug)]
pub(super) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not plain")
    }
}

impl std::error::Error for Misfit {}

impl ser::Error for Misfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

pub(super) type Fits<T = ()> = Result<T, Misfit>;

/// Appends values of a shape to a buffer.
struct Writer<'w, 's> {
    to: &'w mut Vec<u8>,
    shape: &'s Shape,
    /// It was asked whether the format is for people.
    for_people: &'s Cell<bool>,
    /// The memory of something comes next.
    packed: bool,
}

/// Appends a value of this shape to a buffer.
pub(super) fn write<T: Serialize>(value: &T, shape: &Shape, to: &mut Vec<u8>) -> Fits {
    let for_people = &Cell::new(false);
    value.serialize(Writer { to, shape, for_people, packed: false })?;
    if for_people.get() { Err(Misfit) } else { Ok(()) }
}

impl<'w, 's> Writer<'w, 's> {
    #[inline]
    fn put<const N: usize>(self, fits: bool, bytes: [u8; N]) -> Fits {
        if !fits {
            return Err(Misfit);
        }
        self.to.extend_from_slice(&bytes);
        Ok(())
    }

    #[inline]
    fn blob(self, fits: bool, bytes: &[u8]) -> Fits {
        if !fits {
            return Err(Misfit);
        }
        self.to.reserve(8 + bytes.len());
        length(self.to, bytes.len());
        self.to.extend_from_slice(bytes);
        Ok(())
    }

    fn parts(self) -> Parts<'w, 's> {
        Parts { to: self.to, for_people: self.for_people }
    }

    /// A variant, and the shape of what it holds.
    #[inline]
    fn variant(&mut self, index: u32, variant: &'static str) -> Fits<&'s Shape> {
        let Shape::Enum(variants) = self.shape else { return Err(Misfit) };
        // Those who write count the variants that are skipped, those who read do not.
        let (at, shape) = match variants.get(index as usize) {
            Some((name, shape)) if name.is(variant) => (index as usize, shape),
            _ => {
                let at = variants.iter().position(|(name, _)| name.is(variant)).ok_or(Misfit)?;
                (at, &variants[at].1)
            }
        };
        length(self.to, at);
        Ok(shape)
    }

    #[inline]
    fn tuple(self, shape: &'s Shape, length: usize) -> Fits<Tuple<'w, 's>> {
        match shape {
            Shape::Tuple(shapes) if shapes.len() == length => Ok(Tuple { parts: self.parts(), shapes: shapes.iter() }),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn fields(self, shape: &'s Shape, length: usize) -> Fits<Struct<'w, 's>> {
        match shape {
            Shape::Struct(Fields { known, .. }) if known.len() == length => {
                Ok(Struct { parts: self.parts(), fields: known.iter() })
            }
            _ => Err(Misfit),
        }
    }
}

#[inline]
fn length(to: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < u8::MAX => to.push(short),
        _ => {
            to.push(u8::MAX);
            to.extend_from_slice(&(length as u64).to_le_bytes());
        }
    }
}

macro_rules! numbers {
    ($($method:ident($number:ty) $shape:ident;)*) => {
        $(#[inline]
        fn $method(self, value: $number) -> Fits {
            let fits = matches!(self.shape, Shape::$shape);
            self.put(fits, value.to_le_bytes())
        })*
    };
}

impl<'w, 's> Serializer for Writer<'w, 's> {
    type Ok = ();
    type Error = Misfit;
    type SerializeSeq = Seq<'w, 's>;
    type SerializeTuple = Tuple<'w, 's>;
    type SerializeTupleStruct = Tuple<'w, 's>;
    type SerializeTupleVariant = Tuple<'w, 's>;
    type SerializeMap = Map<'w, 's>;
    type SerializeStruct = Struct<'w, 's>;
    type SerializeStructVariant = Struct<'w, 's>;

    fn is_human_readable(&self) -> bool {
        if !self.packed {
            self.for_people.set(true);
        }
        !self.packed
    }

    numbers! {
        serialize_i8(i8) I8;
        serialize_i16(i16) I16;
        serialize_i32(i32) I32;
        serialize_i64(i64) I64;
        serialize_i128(i128) I128;
        serialize_u8(u8) U8;
        serialize_u16(u16) U16;
        serialize_u32(u32) U32;
        serialize_u64(u64) U64;
        serialize_u128(u128) U128;
        serialize_f32(f32) F32;
        serialize_f64(f64) F64;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Fits {
        let fits = matches!(self.shape, Shape::Bool);
        self.put(fits, [value.into()])
    }

    fn serialize_char(self, value: char) -> Fits {
        let fits = matches!(self.shape, Shape::Char);
        self.put(fits, u32::from(value).to_le_bytes())
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Fits {
        let fits = matches!(self.shape, Shape::Text);
        self.blob(fits, value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Fits {
        let fits = matches!(self.shape, Shape::Bytes);
        self.blob(fits, value)
    }

    #[inline]
    fn serialize_none(self) -> Fits {
        let fits = matches!(self.shape, Shape::Option(_));
        self.put(fits, [0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Fits {
        let Shape::Option(shape) = self.shape else { return Err(Misfit) };
        self.to.push(1);
        self.parts().element(shape, value)
    }

    #[inline]
    fn serialize_unit(self) -> Fits {
        let fits = matches!(self.shape, Shape::Unit);
        self.put(fits, [])
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Fits {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(mut self, _: &'static str, index: u32, variant: &'static str) -> Fits {
        match self.variant(index, variant)? {
            Shape::Unit => Ok(()),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Fits {
        match self.shape {
            // Those who read do not know of this newtype.
            _ if name == EXACT => value.serialize(Writer { packed: true, ..self }),
            Shape::Newtype(shape) => self.parts().element(shape, value),
            Shape::Packed if Number::packed(name).is_some() => {
                value.serialize(Writer { shape: &Shape::Bytes, packed: true, ..self })
            }
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Fits {
        let Shape::Newtype(shape) = self.variant(index, variant)? else { return Err(Misfit) };
        self.parts().field(shape, value)
    }

    #[inline]
    fn serialize_seq(self, count: Option<usize>) -> Fits<Seq<'w, 's>> {
        let (Shape::Seq(shape), Some(left)) = (self.shape, count) else { return Err(Misfit) };
        length(self.to, left);
        Ok(Seq { parts: self.parts(), shape, left })
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Fits<Tuple<'w, 's>> {
        let shape = self.shape;
        self.tuple(shape, length)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Fits<Tuple<'w, 's>> {
        self.serialize_tuple(length)
    }

    #[inline]
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Fits<Tuple<'w, 's>> {
        let shape = self.variant(index, variant)?;
        self.tuple(shape, length)
    }

    #[inline]
    fn serialize_map(self, count: Option<usize>) -> Fits<Map<'w, 's>> {
        let (Shape::Map(entry), Some(left)) = (self.shape, count) else { return Err(Misfit) };
        length(self.to, left);
        Ok(Map { parts: self.parts(), entry, left })
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, length: usize) -> Fits<Struct<'w, 's>> {
        let shape = self.shape;
        self.fields(shape, length)
    }

    #[inline]
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Fits<Struct<'w, 's>> {
        let shape = self.variant(index, variant)?;
        self.fields(shape, length)
    }
}
