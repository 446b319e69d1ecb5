//! The first byte of each value: what it is.

/// The end of a sequence, a map or a struct.
pub(super) const END: u8 = 0;
/// `()`, `None`, a unit struct: JSON's `null`.
pub(super) const NULL: u8 = 1;
/// `Some`, before what it holds.
pub(super) const SOME: u8 = 2;
/// `false`.
pub(super) const FALSE: u8 = 3;
/// `true`.
pub(super) const TRUE: u8 = 4;
/// A number that fits a `u32`, and is not [`SMALL`].
pub(super) const U32: u8 = 5;
/// A number that fits a `u64`.
pub(super) const U64: u8 = 6;
/// A number that fits a `u128`.
pub(super) const U128: u8 = 7;
/// A negative number that fits an `i64`.
pub(super) const I64: u8 = 8;
/// A negative number that fits an `i128`.
pub(super) const I128: u8 = 9;
/// An `f32`.
pub(super) const F32: u8 = 10;
/// An `f64`.
pub(super) const F64: u8 = 11;
/// A `char`, as a `u32`.
pub(super) const CHAR: u8 = 12;
/// A text: its length, then its bytes.
pub(super) const TEXT: u8 = 13;
/// Bytes: their length, then they.
pub(super) const BYTES: u8 = 14;
/// A sequence or tuple: how many elements there may be, the elements, [`END`].
pub(super) const SEQ: u8 = 15;
/// A map: how many entries there may be, keys and values in turn, [`END`].
pub(super) const MAP: u8 = 16;
/// A struct: names and values of its fields in turn, [`END`].
pub(super) const STRUCT: u8 = 17;
/// A variant that holds nothing: its name.
pub(super) const UNIT_VARIANT: u8 = 18;
/// A variant: its name, then what it holds as one value.
pub(super) const VARIANT: u8 = 19;
/// A vector of numbers as it lies in memory: the [`Number`](super::super::numbers::Number), how many bytes, the bytes.
pub(super) const NUMBERS: u8 = 20;
/// A `SocketAddrV6` with flow information: address, port, flow information, scope.
pub(super) const FLOW: u8 = 21;
/// From here on the byte is a number itself, below 128.
pub(super) const SMALL: u8 = 0x80;

/// In the place of a field's or variant's name: one that is new, its text follows. [`END`] may stand there too.
pub(super) const NEW_NAME: u64 = 1;
/// In the place of a name: from here on, the number of one that was there before.
pub(super) const FIRST_NAME: u64 = 2;
