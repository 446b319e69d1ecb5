//! What a user would take instead.

#[cfg(feature = "full")]
pub(crate) mod dagrs;
#[cfg(feature = "full")]
pub(crate) mod graph_flow;
pub(crate) mod procspawn;
pub(crate) mod python;
pub(crate) mod rayon;
pub(crate) mod resumed;
