//! State: keys, their types, and the views through which blocks read and write them.

mod json;
pub mod key;
pub mod kind;
pub mod ready;
mod stored;
pub(crate) mod text;
pub mod view;
pub(crate) mod wire;

pub(crate) use self::{
    key::WeakValue,
    stored::Stored,
    view::{Entry, Journal},
};
pub use self::{
    key::{FlagSpec, Key, KeySpec, Reduce, Value},
    kind::{Kind, Parse, Wire},
    text::{Given, Shape},
    view::View,
    wire::Compare,
};
