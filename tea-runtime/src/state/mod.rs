//! State: keys, their types, and the views through which blocks read and write them.

pub mod key;
pub mod view;

pub use self::{
    key::{Key, KeySpec, Kind, Parse, Reduce, Value, Wire},
    view::View,
};
