//! What is measured: a suite a file.

pub(crate) mod build;
pub(crate) mod calls;
pub(crate) mod cold;
pub(crate) mod graphs;
pub(crate) mod kmers;
pub(crate) mod metg;
pub(crate) mod processes;
pub(crate) mod records;
pub(crate) mod remote;
pub(crate) mod resume;
pub(crate) mod state;
pub(crate) mod threads;
pub(crate) mod transfer;
