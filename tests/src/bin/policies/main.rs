//! Retry, timeouts, circuit breakers, cancellation and partial failure. The variable `FLOW` says which workflow runs.
#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tea_runtime::{ItemFailure, ParallelFlowResult};
use tests::{
    behave::{behave, fail_after, meet},
    trace::note,
    work,
};

macro_rules! flows {
    ($($name:ident),* $(,)?) => {
        fn main() -> ExitCode {
            tea_runtime::init();
            match std::env::var("FLOW").as_deref() {
                $(Ok(stringify!($name)) => $name::main(),)*
                other => panic!("no workflow {other:?}"),
            }
        }
    };
}

tea_runtime::include_workflow!("timeout.yaml", main = false);
tea_runtime::include_workflow!("retry.yaml", main = false);
tea_runtime::include_workflow!("retry_on.yaml", main = false);
tea_runtime::include_workflow!("circuit.yaml", main = false);
tea_runtime::include_workflow!("half_open.yaml", main = false);
tea_runtime::include_workflow!("fail_fast.yaml", main = false);
tea_runtime::include_workflow!("allow_failure.yaml", main = false);
tea_runtime::include_workflow!("items.yaml", main = false);
tea_runtime::include_workflow!("workers.yaml", main = false);
tea_runtime::include_workflow!("memory.yaml", main = false);

flows!(timeout, retry, retry_on, circuit, half_open, fail_fast, allow_failure, items, workers, memory);
