//! The parts of made-up values.

use std::any::type_name;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::{Error, Field, Fields, Name, Result, Shape, Trace, Trying};

/// What [`packed`](crate::packed) reads: its bytes are none.
pub(super) struct NoBytes;

impl<'de> Deserializer<'de> for NoBytes {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_bytes(&[])
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a tuple.
pub(super) struct TupleParts<'s, 't> {
    pub(super) shapes: std::slice::IterMut<'s, Shape>,
    pub(super) bytes: usize,
    pub(super) trying: Trying<'t>,
}

impl<'de> SeqAccess<'de> for TupleParts<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.bytes += size_of::<S::Value>();
        self.shapes.next().map(|shape| self.trying.field(shape, seed)).transpose()
    }
}

/// One element of a sequence.
pub(super) struct Element<'s, 't> {
    pub(super) shape: Option<&'s mut Shape>,
    pub(super) trying: Trying<'t>,
}

impl<'de> SeqAccess<'de> for Element<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.shape.take().map(|shape| self.trying.read(shape, seed)).transpose()
    }
}

/// One entry of a map.
pub(super) struct Entry<'s, 't> {
    pub(super) key: Option<&'s mut Shape>,
    pub(super) value: &'s mut Shape,
    pub(super) trying: Trying<'t>,
}

impl<'de> MapAccess<'de> for Entry<'_, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(shape) = self.key.take() else { return Ok(None) };
        let key = self.trying.read(shape, seed)?;
        // `Debug` shows a key and its value as one part.
        let parts = &self.trying.seen.parts;
        parts.set(parts.get() - 1);
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.trying.read(self.value, seed)
    }
}

/// The fields of a struct.
pub(super) struct FieldParts<'s, 't> {
    pub(super) fields: &'s mut Fields,
    pub(super) at: usize,
    pub(super) bytes: usize,
    pub(super) trying: Trying<'t>,
}

impl FieldParts<'_, '_> {
    fn field<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let Fields { names, known } = &mut *self.fields;
        if known.len() == self.at {
            let name = Name::new(names[self.at]);
            known.push(Field { name, shape: Shape::Unknown, ty: type_name::<S::Value>() });
        }
        self.at += 1;
        self.bytes += size_of::<S::Value>();
        self.trying.field(&mut known[self.at - 1].shape, seed)
    }
}

impl<'de> SeqAccess<'de> for FieldParts<'_, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        (self.at < self.fields.names.len()).then(|| self.field(seed)).transpose()
    }
}

impl<'de> MapAccess<'de> for FieldParts<'_, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let name = self.fields.names.get(self.at);
        name.map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.field(seed)
    }
}

/// A variant.
pub(super) struct Variant<'s, 't> {
    pub(super) name: &'static str,
    pub(super) shape: &'s mut Shape,
    pub(super) trying: Trying<'t>,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        self.shape.note(Shape::Unit).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        match self.shape.note(Shape::Newtype(Box::default()))? {
            Shape::Newtype(shape) => self.trying.field(shape, seed),
            _ => unreachable!("it was noted"),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        // It is one variant of many.
        Trace { shape: self.shape, trying: self.trying }.tuple::<(), V>(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value> {
        Trace { shape: self.shape, trying: self.trying }.fields::<(), V>(names, visitor)
    }
}
