//! The macros around the user's Rust. `$flow` is the generated module.

mod entry;
mod key;
mod map;
mod node;
