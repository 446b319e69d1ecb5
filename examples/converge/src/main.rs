//! What does an eruption of Old Faithful tell us about the next one? A bootstrap that draws samples, round by round,
//! until the ends of its intervals are precise enough. `flow.yaml` contains the loop, the fan-outs in it, and the
//! reducers that combine the rounds.
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
