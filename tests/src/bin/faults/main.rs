//! Workflows that press hard. The variable `FLOW` says which one runs.
#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode};

use tests::{
    behave::behave,
    process::{descriptors, threads},
    trace::note,
    work,
};

tea_runtime::include_workflow!("bulk.yaml", main = false);
tea_runtime::include_workflow!("recycle.yaml", main = false);
tea_runtime::include_workflow!("queue.yaml", main = false);

fn main() -> ExitCode {
    tea_runtime::init();
    match std::env::var("FLOW").as_deref() {
        Ok("bulk") => bulk::main(),
        Ok("recycle") => recycle::main(),
        Ok("queue") => queue::main(),
        other => panic!("no workflow {other:?}"),
    }
}

/// The numbers of descriptors and threads of this process.
fn footprint() -> (usize, usize) {
    let here = std::process::id();
    (descriptors(here), threads(here))
}
