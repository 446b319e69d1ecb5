//! What does an eruption of Old Faithful tell of the next one? A bootstrap that draws samples, round by round, until the
//! ends of its intervals are sure enough: `flow.yaml` has the loop, the fan-outs within it, and how rounds are added up.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::{
    bootstrap::{Interval, concat, round_seed},
    eruptions::Eruption,
};

mod bootstrap;
mod eruptions;
mod report;

tea_runtime::include_workflow!("flow.yaml");
