//! Prints the plan of a workflow file as JSON: `cargo run -p tea-build --example plan -- flow.yaml`.

use std::process::ExitCode;

use tea_build::{diagnostic::Diagnostics, render, source::Sources};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: plan FLOW.YAML");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut sources = Sources::default();
    let file = sources.add(&path, text);
    let mut found = Diagnostics::default();
    let plan = tea_build::plan(&mut sources, file, &mut found);
    let found = found.into_sorted();
    if !found.is_empty() {
        eprintln!("{}", render::render(&sources, &found, false));
    }
    match plan {
        Some(plan) => {
            println!("{:#}", plan.to_json());
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}
