//! Questions to a person. The variable `FLOW` says which workflow runs.
#![forbid(unsafe_code)]

use std::{path::Path, process::ExitCode};

use serde::{Deserialize, Serialize};
use tea_runtime::RunOutcome;
use tests::trace::note;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Draft,
    Final,
}

/// Notes that a node has run.
fn ran<T>(log: &str, name: &str, value: T) -> std::io::Result<T> {
    note(Path::new(log), name)?;
    Ok(value)
}

/// Notes how the run ended.
fn ended(log: &str, outcome: &RunOutcome) -> std::io::Result<()> {
    note(Path::new(log), &format!("ended: {outcome}"))
}

tea_runtime::include_workflow!("publish.yaml", main = false);
tea_runtime::include_workflow!("types.yaml", main = false, allow = [TEA0907]);
tea_runtime::include_workflow!("both.yaml", main = false);
tea_runtime::include_workflow!("each.yaml", main = false);
tea_runtime::include_workflow!("again.yaml", main = false);
tea_runtime::include_workflow!("one_of.yaml", main = false);
tea_runtime::include_workflow!("dataflow.yaml", main = false);
tea_runtime::include_workflow!("deep.yaml", main = false);

fn main() -> ExitCode {
    tea_runtime::init();
    match std::env::var("FLOW").as_deref() {
        Ok("publish") => publish::main(),
        Ok("types") => types::main(),
        Ok("both") => both::main(),
        Ok("each") => each::main(),
        Ok("again") => again::main(),
        Ok("one_of") => one_of::main(),
        Ok("dataflow") => dataflow::main(),
        Ok("deep") => deep::main(),
        other => panic!("no workflow {other:?}"),
    }
}
