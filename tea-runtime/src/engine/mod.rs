//! Runs plans.

pub mod map;
