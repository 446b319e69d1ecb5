//! Vectors of numbers, which cross as they lie in memory: both ends are the same program, on machines of the same kind
//! (the hello compares fingerprints).

use std::{any::TypeId, marker::PhantomData};

use bytemuck::Pod;
use serde::de::{DeserializeSeed, IntoDeserializer};
use try_specialize::{TrySpecialize, type_eq};

use super::{Error, Result, the_same};

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
            $(if let Some(numbers) = value.try_specialize_ref::<Vec<$number>>() {
                return Some((Number::$name, bytemuck::cast_slice(numbers)));
            })*
            None
        }

        /// What `S` stands for, made of the memory of these numbers, if it stands for a vector of them.
        ///
        /// That is asked of the seed, not of its value: one of somebody else's may have its own way to read numbers.
        #[inline]
        pub(super) fn from_memory<'de, S: DeserializeSeed<'de>>(number: Number, bytes: &[u8]) -> Option<S::Value> {
            $(if number == Number::$name && type_eq::<S, PhantomData<Vec<$number>>>() {
                return S::Value::try_specialize_from(whole::<$number>(bytes)?).ok();
            })*
            None
        }

        /// A `T` made of its memory, if it is a vector of numbers.
        #[inline]
        pub(super) fn decode<T: 'static>(bytes: &[u8]) -> Option<Result<T, String>> {
            $(if type_eq::<T, Vec<$number>>() {
                let numbers = whole::<$number>(bytes).map(the_same);
                return Some(numbers.ok_or_else(|| {
                    format!("{} bytes are no whole number of values of {} bytes", bytes.len(), size_of::<$number>())
                }));
            })*
            None
        }

        /// What `S` stands for, if it stands for a vector of numbers, with none in it.
        #[inline]
        pub(super) fn empty<'de, S: DeserializeSeed<'de>>() -> Option<(Number, S::Value)> {
            $(if type_eq::<S, PhantomData<Vec<$number>>>() {
                return Some((Number::$name, S::Value::try_specialize_from(Vec::<$number>::new()).ok()?));
            })*
            None
        }

        /// Whether `S` stands for a vector of numbers.
        #[inline]
        pub(super) fn is_vector<S>() -> bool {
            $(type_eq::<S, PhantomData<Vec<$number>>>())||*
        }

        /// What `S` stands for, a vector of numbers, made of their memory.
        #[inline]
        pub(super) fn vector_of<'de, S: DeserializeSeed<'de>>(bytes: &[u8]) -> Option<S::Value> {
            $(if type_eq::<S, PhantomData<Vec<$number>>>() {
                return S::Value::try_specialize_from(whole::<$number>(bytes)?).ok();
            })*
            None
        }

        /// Reads one number of a vector of them as what `seed` stands for.
        pub(super) fn element<'de, S: DeserializeSeed<'de>>(number: Number, bytes: &[u8], seed: S) -> Result<S::Value> {
            match number {
                $(Number::$name => {
                    seed.deserialize(bytemuck::pod_read_unaligned::<$number>(bytes).into_deserializer())
                })*
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

/// The numbers whose memory these bytes are, unless there is a part of one left over.
pub(crate) fn whole<N: Pod>(bytes: &[u8]) -> Option<Vec<N>> {
    let whole = bytes.len().checked_rem(size_of::<N>()) == Some(0);
    whole.then(|| bytemuck::allocation::pod_collect_to_vec(bytes))
}
