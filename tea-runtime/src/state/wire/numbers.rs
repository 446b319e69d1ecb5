//! Vectors of numbers, which cross as they lie in memory: both ends are the same program, on machines of the same kind
//! (the hello compares fingerprints).

use std::{any::TypeId, marker::PhantomData, mem::needs_drop};

use bytemuck::Pod;
use serde::de::{DeserializeSeed, IntoDeserializer};
use try_specialize::{Specialization, TrySpecialize, type_eq};

use super::{Error, Result, special::may_be, the_same};

/// Calls `$with!` with every number type, and the name under which [`packed`](crate::packed) has it.
macro_rules! with_numbers {
    ($with:ident) => {
        $with! {
            u8 U8 "tea_runtime::packed<u8>"
            i8 I8 "tea_runtime::packed<i8>"
            u16 U16 "tea_runtime::packed<u16>"
            i16 I16 "tea_runtime::packed<i16>"
            u32 U32 "tea_runtime::packed<u32>"
            i32 I32 "tea_runtime::packed<i32>"
            u64 U64 "tea_runtime::packed<u64>"
            i64 I64 "tea_runtime::packed<i64>"
            u128 U128 "tea_runtime::packed<u128>"
            i128 I128 "tea_runtime::packed<i128>"
            usize Usize "tea_runtime::packed<usize>"
            isize Isize "tea_runtime::packed<isize>"
            f32 F32 "tea_runtime::packed<f32>"
            f64 F64 "tea_runtime::packed<f64>"
        }
    };
}

/// Defines [`Number`] and what is known of each.
macro_rules! numbers {
    ($($number:ident $name:ident $packed:literal)*) => {
        /// A type of numbers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Number {
            $($name,)*
            /// Some other type whose memory is its encoding.
            Other,
        }

        impl Number {
            const ALL: &[Self] = &[$(Self::$name,)* Self::Other];

            /// What numbers a newtype with this name holds, if it is one of [`packed`](crate::packed)'s.
            pub(super) fn packed(name: &str) -> Option<Self> {
                if !name.starts_with("tea_runtime::packed<") {
                    return None;
                }
                match name {
                    $($packed => Some(Self::$name),)*
                    _ => Some(Self::Other),
                }
            }

            /// How many bytes one takes; `None` if that is not known.
            pub(super) fn size(self) -> Option<usize> {
                match self {
                    $(Self::$name => Some(size_of::<$number>()),)*
                    Self::Other => None,
                }
            }
        }

        /// The name of the newtype as which [`packed`](crate::packed) has vectors of `T`.
        pub(crate) fn packed_name<T: 'static>() -> &'static str {
            let id = TypeId::of::<T>();
            $(if id == TypeId::of::<$number>() {
                return $packed;
            })*
            "tea_runtime::packed<_>"
        }

        /// The memory of a value that is a vector of numbers.
        #[inline]
        pub(super) fn memory<T: ?Sized>(value: &T) -> Option<(Number, &[u8])> {
            if const { !needs_drop::<T>() } {
                return None;
            }
            $(if let Some(same) = Specialization::<T, Vec<$number>>::try_new() {
                return Some((Number::$name, bytemuck::cast_slice(same.specialize_ref(value))));
            })*
            None
        }

        /// What `S` stands for, made of the memory of these numbers, if it stands for a vector of them.
        ///
        /// That is asked of the seed, not of its value: one of somebody else's may have its own way to read numbers.
        #[inline]
        pub(super) fn from_memory<'de, S: DeserializeSeed<'de>>(number: Number, bytes: &[u8]) -> Option<S::Value> {
            if const { !may_be::<S::Value, Vec<()>>() } {
                return None;
            }
            $(if number == Number::$name && type_eq::<S, PhantomData<Vec<$number>>>() {
                return S::Value::try_specialize_from(whole::<$number>(bytes)?).ok();
            })*
            None
        }

        /// A `T` made of its memory, if it is a vector of numbers.
        #[inline]
        pub(super) fn decode<T: 'static>(bytes: &[u8]) -> Option<Result<T, String>> {
            if const { !may_be::<T, Vec<()>>() } {
                return None;
            }
            $(if type_eq::<T, Vec<$number>>() {
                return Some(match whole::<$number>(bytes) {
                    Some(numbers) => Ok(the_same(numbers)),
                    None => Err(not_whole(bytes, size_of::<$number>())),
                });
            })*
            None
        }

        /// What `S` stands for, if it stands for a vector of numbers, with none in it.
        #[inline]
        pub(super) fn empty<'de, S: DeserializeSeed<'de>>() -> Option<(Number, S::Value)> {
            if const { !may_be::<S::Value, Vec<()>>() } {
                return None;
            }
            $(if type_eq::<S, PhantomData<Vec<$number>>>() {
                return Some((Number::$name, S::Value::try_specialize_from(Vec::<$number>::new()).ok()?));
            })*
            None
        }

        /// Whether `S` stands for a vector of numbers.
        #[inline]
        pub(super) fn is_vector<'de, S: DeserializeSeed<'de>>() -> bool {
            if const { !may_be::<S::Value, Vec<()>>() } {
                return false;
            }
            $(type_eq::<S, PhantomData<Vec<$number>>>())||*
        }

        /// What `S` stands for, a vector of numbers, made of their memory.
        #[inline]
        pub(super) fn vector_of<'de, S: DeserializeSeed<'de>>(bytes: &[u8]) -> Option<S::Value> {
            if const { !may_be::<S::Value, Vec<()>>() } {
                return None;
            }
            $(if type_eq::<S, PhantomData<Vec<$number>>>() {
                return S::Value::try_specialize_from(whole::<$number>(bytes)?).ok();
            })*
            None
        }

        /// One number of a vector of them.
        fn one(number: Number, bytes: &[u8]) -> Result<One> {
            match number {
                $(Number::$name => Ok(bytemuck::pod_read_unaligned::<$number>(bytes).into()),)*
                Number::Other => Err(Error::new("packed values that are not numbers have no other form")),
            }
        }
    };
}
with_numbers!(numbers);

impl Number {
    /// What a byte stands for.
    pub(super) fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// A number in the widest type of its kind, as JSON has it.
enum One {
    Unsigned(u64),
    Signed(i64),
    Unsigned128(u128),
    Signed128(i128),
    Float32(f32),
    Float64(f64),
}

macro_rules! widest {
    ($($kind:ident: $($number:ty)*;)*) => {
        $($(impl From<$number> for One {
            #[allow(clippy::cast_lossless, reason = "`usize` has no `From` to these types")]
            fn from(number: $number) -> Self {
                Self::$kind(number as _)
            }
        })*)*
    };
}

widest! {
    Unsigned: u8 u16 u32 u64 usize;
    Signed: i8 i16 i32 i64 isize;
    Unsigned128: u128;
    Signed128: i128;
    Float32: f32;
    Float64: f64;
}

/// Reads one number of a vector of them as what `seed` stands for.
pub(super) fn element<'de, S: DeserializeSeed<'de>>(number: Number, bytes: &[u8], seed: S) -> Result<S::Value> {
    match one(number, bytes)? {
        One::Unsigned(number) => seed.deserialize(number.into_deserializer()),
        One::Signed(number) => seed.deserialize(number.into_deserializer()),
        One::Unsigned128(number) => seed.deserialize(number.into_deserializer()),
        One::Signed128(number) => seed.deserialize(number.into_deserializer()),
        One::Float32(number) => seed.deserialize(number.into_deserializer()),
        One::Float64(number) => seed.deserialize(number.into_deserializer()),
    }
}

#[cold]
fn not_whole(bytes: &[u8], size: usize) -> String {
    format!("{} bytes are not a whole number of values of {size} bytes", bytes.len())
}

/// The numbers whose memory these bytes are, unless there is a part of one left over.
pub(crate) fn whole<N: Pod>(bytes: &[u8]) -> Option<Vec<N>> {
    let whole = bytes.len().checked_rem(size_of::<N>()) == Some(0);
    whole.then(|| bytemuck::allocation::pod_collect_to_vec(bytes))
}
