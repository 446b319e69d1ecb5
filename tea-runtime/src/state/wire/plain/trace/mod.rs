//! What a type asks for when it is read, found by reading one of made-up values.
//!
//! A type that asks for the same whatever it is given needs no names and no tags. Types that look at a value before they
//! read it (`flatten`, `untagged`, `serde_json::Value`), have a form for people and another one, check what they read, or
//! contain themselves are none of these.

mod name;
mod parts;

use std::cell::Cell;

use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, Visitor},
};

pub(super) use self::name::Name;
use self::parts::{Element, Entry, FieldParts, NoBytes, TupleParts, Variant};
use super::{
    super::numbers::{self, Number},
    Error, Result,
};

/// What a type asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Shape {
    /// It is not known yet.
    #[default]
    Unknown,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Text,
    Bytes,
    Unit,
    /// A vector of numbers, as it lies in memory.
    Numbers(Number),
    /// Bytes that are the memory of something.
    Packed,
    Option(Box<Shape>),
    Newtype(Box<Shape>),
    Seq(Box<Shape>),
    Map(Box<(Shape, Shape)>),
    Tuple(Vec<Shape>),
    Struct(Fields),
    /// What each variant holds, with its name: `Unit`, `Newtype`, `Tuple` or `Struct`.
    Enum(Vec<(Name, Shape)>),
}

/// The fields of a struct, in the order of their names.
#[derive(Debug, PartialEq)]
pub(super) struct Fields {
    names: &'static [&'static str],
    /// Those that are known so far: in the end, all.
    pub(super) known: Vec<Field>,
}

/// A field of a struct.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) shape: Shape,
    /// Its type.
    ty: &'static str,
}

/// How deep values may be within each other.
const DEEPEST: u32 = 32;
/// How often a type is read to see all of its variants.
const MOST_TRIES: u32 = 256;
/// How many values are read in all that: a type that contains itself several times would have no end.
const MOST_VALUES: u32 = 20_000;

impl Shape {
    /// What `T` asks for, if that is the same for all values, and the same for fields in their order and fields by their
    /// names. `seen` also tells what was found on the way to something else.
    pub(super) fn of<T: DeserializeOwned>(seen: &Seen) -> Option<Self> {
        let [by_order, by_name] = [false, true].map(|by_name| Self::traced(seen, by_name, |_: &T| true));
        by_order.filter(|shape| by_name.is_some_and(|by_name| by_name == *shape))
    }

    /// What `T` asks for, as long as each made-up value `fits`.
    fn traced<T: DeserializeOwned>(seen: &Seen, by_name: bool, mut fits: impl FnMut(&T) -> bool) -> Option<Self> {
        let mut shape = Self::Unknown;
        for _ in 0..MOST_TRIES {
            seen.parts.set(0);
            let trying = Trying { by_name, seen, depth: 0 };
            let value = T::deserialize(Trace { shape: &mut shape, trying }).ok()?;
            if seen.for_people.get() || !fits(&value) {
                return None;
            }
            if shape.is_complete() {
                return Some(shape);
            }
        }
        None
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Option(shape) | Self::Newtype(shape) | Self::Seq(shape) => shape.is_complete(),
            Self::Map(entry) => entry.0.is_complete() && entry.1.is_complete(),
            Self::Tuple(shapes) => shapes.iter().all(Self::is_complete),
            Self::Enum(variants) => variants.iter().all(|(_, shape)| shape.is_complete()),
            Self::Struct(Fields { names, known }) => {
                known.len() == names.len() && known.iter().all(|field| field.shape.is_complete())
            }
            _ => true,
        }
    }

    /// Notes that this is asked for; it must be what was asked for before.
    fn note(&mut self, asked: Self) -> Result<&mut Self> {
        if *self == Self::Unknown {
            *self = asked;
        } else if std::mem::discriminant(self) != std::mem::discriminant(&asked) {
            return Err(Error::new("it asks for something else each time"));
        }
        Ok(self)
    }
}

/// Whether `Debug` shows of values of each variant as many parts as are read, and so none that serde skips.
///
/// `Debug` gives a part a line of its own, or several, and puts a comma behind it.
pub(super) fn shows_all<T: DeserializeOwned>(debug: fn(&T, bool) -> String) -> bool {
    let seen = Seen::default();
    let shown = |value: &T| debug(value, true).lines().filter(|line| line.ends_with(',')).count();
    Shape::traced(&seen, false, |value: &T| shown(value) == seen.parts.get()).is_some()
}

/// What was seen of a type.
#[derive(Default)]
pub(super) struct Seen {
    /// It asks whether the format is for people.
    for_people: Cell<bool>,
    /// How many values were read.
    values: Cell<u32>,
    /// How many parts the last value has, and they have.
    parts: Cell<usize>,
    /// There is an enum with variants that may hold something.
    pub(super) has_variants: Cell<bool>,
    /// Something in it is larger than all that is read for it.
    pub(super) holds_more: Cell<bool>,
}

impl Seen {
    fn part(&self, count: usize) {
        self.parts.set(self.parts.get() + count);
    }

    /// A `T` was read, of so many bytes. A `T` has less padding than its alignment, since the fields are in order of theirs.
    fn read<T>(&self, bytes: usize) {
        if size_of::<T>() > 0 && size_of::<T>() >= bytes + align_of::<T>() {
            self.holds_more.set(true);
        }
    }
}

/// How to read a made-up value.
#[derive(Clone, Copy)]
struct Trying<'t> {
    /// Fields have their names, else they come one after the other.
    by_name: bool,
    seen: &'t Seen,
    depth: u32,
}

impl Trying<'_> {
    fn deeper(self) -> Result<Self> {
        let depth = self.depth + 1;
        self.seen.values.set(self.seen.values.get() + 1);
        self.seen.part(1);
        if depth > DEEPEST || self.seen.values.get() > MOST_VALUES {
            Err(Error::new("it contains itself"))
        } else {
            Ok(Self { depth, ..self })
        }
    }

    /// Reads a part that its type gives to serde by its own type, so that vectors of numbers can be told.
    fn field<'de, S: DeserializeSeed<'de>>(self, shape: &mut Shape, seed: S) -> Result<S::Value> {
        if let Some((number, value)) = numbers::empty::<S>() {
            shape.note(Shape::Numbers(number))?;
            self.seen.part(1);
            return Ok(value);
        }
        self.read(shape, seed)
    }

    fn read<'de, S: DeserializeSeed<'de>>(self, shape: &mut Shape, seed: S) -> Result<S::Value> {
        seed.deserialize(Trace { shape, trying: self.deeper()? })
    }
}

/// Reads a made-up value.
struct Trace<'s, 't> {
    shape: &'s mut Shape,
    trying: Trying<'t>,
}

impl Trace<'_, '_> {
    /// `T` is what the elements are all of, if it is known.
    fn tuple<'de, T, V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let unknown = std::iter::repeat_with(|| Shape::Unknown).take(length).collect();
        match self.shape.note(Shape::Tuple(unknown))? {
            Shape::Tuple(shapes) => {
                let mut parts = TupleParts { shapes: shapes.iter_mut(), bytes: 0, trying: self.trying };
                let value = visitor.visit_seq(&mut parts)?;
                self.trying.seen.read::<T>(parts.bytes);
                Ok(value)
            }
            _ => unreachable!("it was noted"),
        }
    }

    /// `T` is what the fields are all of, if it is known.
    fn fields<'de, T, V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value> {
        let none = Fields { names, known: Vec::new() };
        match self.shape.note(Shape::Struct(none))? {
            Shape::Struct(fields) => {
                let mut parts = FieldParts { fields, at: 0, bytes: 0, trying: self.trying };
                let value =
                    if self.trying.by_name { visitor.visit_map(&mut parts) } else { visitor.visit_seq(&mut parts) }?;
                self.trying.seen.read::<T>(parts.bytes);
                Ok(value)
            }
            _ => unreachable!("it was noted"),
        }
    }
}

/// Notes what is asked for, and gives such a value.
macro_rules! give {
    ($($method:ident $shape:ident $visit:ident($($value:expr)?);)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.shape.note(Shape::$shape)?;
            visitor.$visit($($value)?)
        })*
    };
}

/// For what shows that a type looks at values before it reads them.
macro_rules! refuse {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value> {
            Err(Error::new("it wants to see what is there"))
        })*
    };
}

impl<'de> Deserializer<'de> for Trace<'_, '_> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        self.trying.seen.for_people.set(true);
        true
    }

    give! {
        deserialize_bool Bool visit_bool(true);
        deserialize_i8 I8 visit_i8(1);
        deserialize_i16 I16 visit_i16(1);
        deserialize_i32 I32 visit_i32(1);
        deserialize_i64 I64 visit_i64(1);
        deserialize_i128 I128 visit_i128(1);
        deserialize_u8 U8 visit_u8(1);
        deserialize_u16 U16 visit_u16(1);
        deserialize_u32 U32 visit_u32(1);
        deserialize_u64 U64 visit_u64(1);
        deserialize_u128 U128 visit_u128(1);
        deserialize_f32 F32 visit_f32(1.0);
        deserialize_f64 F64 visit_f64(1.0);
        deserialize_char Char visit_char('a');
        deserialize_str Text visit_borrowed_str("");
        deserialize_string Text visit_borrowed_str("");
        deserialize_bytes Bytes visit_borrowed_bytes(&[]);
        deserialize_byte_buf Bytes visit_borrowed_bytes(&[]);
        deserialize_unit Unit visit_unit();
    }

    refuse! { deserialize_any deserialize_identifier deserialize_ignored_any }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.shape.note(Shape::Option(Box::default()))? {
            Shape::Option(shape) => visitor.visit_some(Trace { shape, trying: self.trying.deeper()? }),
            _ => unreachable!("it was noted"),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if Number::packed(name).is_some() {
            self.shape.note(Shape::Packed)?;
            return visitor.visit_newtype_struct(NoBytes);
        }
        match self.shape.note(Shape::Newtype(Box::default()))? {
            Shape::Newtype(shape) => visitor.visit_newtype_struct(Trace { shape, trying: self.trying.deeper()? }),
            _ => unreachable!("it was noted"),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.shape.note(Shape::Seq(Box::default()))? {
            Shape::Seq(shape) => visitor.visit_seq(Element { shape: Some(&mut **shape), trying: self.trying }),
            _ => unreachable!("it was noted"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.shape.note(Shape::Map(Box::new((Shape::Unknown, Shape::Unknown))))? {
            Shape::Map(entry) => {
                let (key, value) = &mut **entry;
                visitor.visit_map(Entry { key: Some(key), value, trying: self.trying })
            }
            _ => unreachable!("it was noted"),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        self.tuple::<V::Value, V>(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, length: usize, visitor: V) -> Result<V::Value> {
        self.tuple::<V::Value, V>(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.fields::<V::Value, V>(names, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        // The smallest ones hold nothing but the number of the variant.
        if size_of::<V::Value>() > 1 {
            self.trying.seen.has_variants.set(true);
        }
        let unknown = names.iter().map(|name| (Name::new(name), Shape::Unknown)).collect();
        match self.shape.note(Shape::Enum(unknown))? {
            Shape::Enum(variants) => {
                let next = variants.iter().position(|(_, shape)| !shape.is_complete()).unwrap_or(0);
                let (name, shape) = variants.get_mut(next).ok_or_else(|| Error::new("it has no variants"))?;
                visitor.visit_enum(Variant { name: name.text(), shape, trying: self.trying })
            }
            _ => unreachable!("it was noted"),
        }
    }
}
