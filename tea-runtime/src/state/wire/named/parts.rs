//! The parts of values that have some, as they are read.

use std::slice::ChunksExact;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::{
    super::numbers::{self, Number},
    Error, Result,
    key::Key,
    read::Reader,
    tag,
};

/// The elements of a sequence.
pub(super) struct Elements<'r, 'de> {
    pub(super) hint: u64,
    pub(super) reader: &'r mut Reader<'de>,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.reader.peek()? == tag::END { Ok(None) } else { self.reader.value(seed).map(Some) }
    }

    fn size_hint(&self) -> Option<usize> {
        hint(self.hint, self.reader)
    }
}

/// The entries of a map.
pub(super) struct Entries<'r, 'de> {
    pub(super) hint: u64,
    pub(super) reader: &'r mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.reader.peek()? {
            tag::END => Ok(None),
            tag::TEXT | tag::U32..=tag::F64 | tag::SMALL.. => seed.deserialize(Key(self.reader)).map(Some),
            _ => self.reader.value(seed).map(Some),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.reader.value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        hint(self.hint, self.reader)
    }
}

/// The entries of a map, each a sequence of two.
pub(super) struct Pairs<'r, 'de> {
    pub(super) hint: u64,
    pub(super) reader: &'r mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Pairs<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        match self.reader.peek()? {
            tag::END => Ok(None),
            tag::SEQ => {
                self.reader.tag()?;
                self.reader.length()?;
                self.reader.value(seed).map(Some)
            }
            _ => Err(Error::new("expected a pair of a key and a value")),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let value = self.reader.value(seed)?;
        self.reader.end()?;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        hint(self.hint, self.reader)
    }
}

/// Each element takes a byte at least.
fn hint(hint: u64, reader: &Reader<'_>) -> Option<usize> {
    usize::try_from(hint).ok().filter(|&hint| hint > 0).map(|hint| hint.min(reader.left()))
}

/// The fields of a struct.
pub(super) struct Fields<'r, 'de> {
    reader: &'r mut Reader<'de>,
    ended: bool,
}

impl<'r, 'de> Fields<'r, 'de> {
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Self {
        Self { reader, ended: false }
    }

    pub(super) fn end(self) -> Result<()> {
        if self.ended { Ok(()) } else { self.reader.end() }
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if let Some(name) = self.reader.name()? {
            return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
        }
        self.ended = true;
        Ok(None)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.reader.value(seed)
    }
}

/// A variant as JSON has it: a map with one entry.
pub(super) struct OneEntry<'r, 'de> {
    pub(super) variant: Option<&'de str>,
    pub(super) reader: &'r mut Reader<'de>,
}

impl<'de> MapAccess<'de> for OneEntry<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let variant = self.variant.take();
        variant.map(|variant| seed.deserialize(BorrowedStrDeserializer::new(variant))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.reader.value(seed)
    }
}

/// A variant and what it holds.
pub(super) struct Variant<'r, 'de> {
    pub(super) variant: &'de str,
    pub(super) reader: &'r mut Reader<'de>,
}

impl<'r, 'de> EnumAccess<'de> for Variant<'r, 'de> {
    type Error = Error;
    type Variant = Held<'r, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Held<'r, 'de>)> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.variant))?, Held(self.reader)))
    }
}

/// A variant and what it holds, as the entry of a map.
pub(super) struct EntryVariant<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'r, 'de> EnumAccess<'de> for EntryVariant<'r, 'de> {
    type Error = Error;
    type Variant = Held<'r, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Held<'r, 'de>)> {
        let variant = seed.deserialize(Key(&mut *self.0))?;
        Ok((variant, Held(self.0)))
    }
}

/// What a variant holds.
pub(super) struct Held<'r, 'de>(&'r mut Reader<'de>);

impl<'de> VariantAccess<'de> for Held<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.0.value(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// Numbers that lie in memory, one by one.
pub(super) struct NumberList<'de> {
    pub(super) number: Number,
    pub(super) chunks: ChunksExact<'de, u8>,
}

impl<'de> SeqAccess<'de> for NumberList<'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(bytes) = self.chunks.next() else { return Ok(None) };
        numbers::element(self.number, bytes, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.chunks.len())
    }
}
