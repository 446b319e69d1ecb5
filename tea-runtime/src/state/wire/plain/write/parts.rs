//! The parts of values that have some, as they are written.

use std::cell::Cell;

use serde::{Serialize, ser};

use super::{
    super::{
        super::numbers,
        trace::{Field, Shape},
    },
    Fits, Misfit, Writer, length,
};

/// What the parts of a value are written with.
pub(super) struct Parts<'w, 's> {
    pub(super) to: &'w mut Vec<u8>,
    pub(super) for_people: &'s Cell<bool>,
}

impl<'s> Parts<'_, 's> {
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, shape: &'s Shape, value: &T) -> Fits {
        value.serialize(Writer { to: self.to, shape, for_people: self.for_people, packed: false })
    }

    /// A part that its type gives to serde by its own type, so that vectors of numbers can be told.
    #[inline]
    pub(super) fn field<T: Serialize + ?Sized>(&mut self, shape: &'s Shape, value: &T) -> Fits {
        if let Some((number, bytes)) = numbers::memory(value) {
            if *shape != Shape::Numbers(number) {
                return Err(Misfit);
            }
            length(self.to, bytes.len());
            self.to.extend_from_slice(bytes);
            return Ok(());
        }
        self.element(shape, value)
    }
}

/// The elements of a sequence.
pub(super) struct Seq<'w, 's> {
    pub(super) parts: Parts<'w, 's>,
    pub(super) shape: &'s Shape,
    pub(super) left: usize,
}

impl ser::SerializeSeq for Seq<'_, '_> {
    type Ok = ();
    type Error = Misfit;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Fits {
        self.left = self.left.checked_sub(1).ok_or(Misfit)?;
        self.parts.element(self.shape, value)
    }

    #[inline]
    fn end(self) -> Fits {
        if self.left == 0 { Ok(()) } else { Err(Misfit) }
    }
}

/// The entries of a map.
pub(super) struct Map<'w, 's> {
    pub(super) parts: Parts<'w, 's>,
    pub(super) entry: &'s (Shape, Shape),
    pub(super) left: usize,
}

impl ser::SerializeMap for Map<'_, '_> {
    type Ok = ();
    type Error = Misfit;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Fits {
        self.left = self.left.checked_sub(1).ok_or(Misfit)?;
        self.parts.element(&self.entry.0, key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Fits {
        self.parts.element(&self.entry.1, value)
    }

    #[inline]
    fn end(self) -> Fits {
        if self.left == 0 { Ok(()) } else { Err(Misfit) }
    }
}

/// The elements of a tuple.
pub(super) struct Tuple<'w, 's> {
    pub(super) parts: Parts<'w, 's>,
    pub(super) shapes: std::slice::Iter<'s, Shape>,
}

macro_rules! tuples {
    ($($compound:ident: $method:ident;)*) => {
        $(impl ser::$compound for Tuple<'_, '_> {
            type Ok = ();
            type Error = Misfit;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Fits {
                self.parts.field(self.shapes.next().ok_or(Misfit)?, value)
            }

            #[inline]
            fn end(mut self) -> Fits {
                if self.shapes.next().is_none() { Ok(()) } else { Err(Misfit) }
            }
        })*
    };
}

tuples! {
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// The fields of a struct: all of them, in their order.
pub(super) struct Struct<'w, 's> {
    pub(super) parts: Parts<'w, 's>,
    pub(super) fields: std::slice::Iter<'s, Field>,
}

macro_rules! structs {
    ($($compound:ident)*) => {
        $(impl ser::$compound for Struct<'_, '_> {
            type Ok = ();
            type Error = Misfit;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Fits {
                match self.fields.next() {
                    Some(field) if field.name.is(name) => self.parts.field(&field.shape, value),
                    _ => Err(Misfit),
                }
            }

            fn skip_field(&mut self, _: &'static str) -> Fits {
                Err(Misfit)
            }

            #[inline]
            fn end(mut self) -> Fits {
                if self.fields.next().is_none() { Ok(()) } else { Err(Misfit) }
            }
        })*
    };
}

structs! { SerializeStruct SerializeStructVariant }
