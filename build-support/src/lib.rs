//! The Tea compiler: YAML text → spanned tree → syntax → graph → checked plan → Rust.
#![forbid(unsafe_code)]

pub mod codes;
pub mod diagnostic;
pub mod plan;
pub mod render;
pub mod source;
pub mod suggest;
pub mod syntax;
mod yaml;
