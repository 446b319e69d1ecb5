//! The canonical k-mer spectrum and the GC profile of a genome. `flow.yaml` says what happens when, the modules say
//! how.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::{
    counts::{Counts, Spectrum},
    profile::{Replication, Window},
    sequence::Sequence,
};

mod counts;
mod profile;
mod report;
mod sequence;

tea_runtime::include_workflow!("flow.yaml");
