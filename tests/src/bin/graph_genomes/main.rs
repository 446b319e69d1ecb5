//! Made by `wfformat`; `flow.yaml` holds the graph.
#![forbid(unsafe_code)]

use std::path::PathBuf;

tests::programs! {
    run_frequency,
    run_individuals,
    run_individuals_merge,
    run_mutation_overlap,
    run_sifting,
}

tea_runtime::include_workflow!("flow.yaml");
