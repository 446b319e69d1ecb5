//! Made by `wfformat`; `flow.yaml` holds the graph.
#![forbid(unsafe_code)]

use std::path::PathBuf;

tests::programs! {
    run_cpuhog,
}

tea_runtime::include_workflow!("flow.yaml");
