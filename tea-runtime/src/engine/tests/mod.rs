//! The engine on plans written by hand.

mod blocks;
mod cache;
#[cfg(target_os = "linux")]
mod disks;
mod fallback;
mod fan_out;
mod files;
mod finally;
mod foreseen;
mod join;
pub(crate) mod kit;
mod maps;
mod policies;
mod random;
mod records;
mod resumed;
mod scale;
mod scratch;
mod validity;
