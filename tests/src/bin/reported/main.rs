//! A program whose runs are looked at in reports.

use std::path::PathBuf;

use tea_runtime::ItemFailure;

tea_runtime::include_workflow!("flow.yaml");
