//! A contact sheet of a folder of images, some of which crash the C library that processes them, make it hang, or use
//! up all memory. `flow.yaml` processes them in worker processes, and says what to do about those that fail.
//!
//! `cargo run -p thumbnails --bin folder -- DIR` creates such a folder.

use std::path::PathBuf;

use tea_runtime::ItemFailure;

use crate::{
    table::{Broken, Picture},
    thumbnail::Thumbnail,
};

mod levels;
mod sheet;
mod table;
mod thumbnail;

tea_runtime::include_workflow!("flow.yaml");
