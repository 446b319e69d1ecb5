//! The `main` of a workflow's program: all that [`main`] does is driven by the plan's tables.
//!
//! `args` reads the command line, `input` the inputs; `run` runs the workflow, with `signals` to end it early;
//! `history`, `log` and `progress` listen meanwhile; `output` and `report` say how it ended. Standard output
//! belongs to the final state alone; everything else goes to standard error, by the `console`.

mod args;
mod console;
mod file;
mod flags;
mod graph;
mod history;
mod human;
mod input;
mod log;
mod output;
mod page;
mod progress;
mod report;
mod run;
#[cfg(test)]
mod sample;
mod signals;
mod usage;

use std::{ffi::OsString, process::ExitCode};

use self::{
    args::{Action, Style},
    console::Console,
    output::Stdout,
};
use crate::plan::Plan;

/// Runs a workflow as a program: takes its command line, and gives its exit code.
///
/// The code is 0 if the run went well, 1 if it failed, 2 for wrong usage and bad input, and 128 + *n* if signal *n*
/// ended it.
#[must_use]
pub fn main(plan: &'static Plan) -> ExitCode {
    // In a worker process this is the end of it.
    crate::init();
    let args: Vec<OsString> = std::env::args_os().collect();
    let flags = flags::of(plan);
    match args::parse(plan, &flags, &args) {
        Ok(Action::Run(options)) => run::run(plan, &flags, &options),
        Ok(Action::Graph(format)) => print(&graph::draw(plan, format)),
        Ok(Action::Completions(shell)) => print(&args::completions(plan, &flags, &args, shell)),
        Err(error) if error.use_stderr() && args::wants_json_errors(&args) => {
            usage::refuse(&Console::plain(), Style::Json, &error.render().to_string())
        }
        Err(error) => {
            // A reader that left does not want to know more.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(usage::REFUSED))
        }
    }
}

fn print(text: &str) -> ExitCode {
    match Stdout::take().and_then(|stdout| stdout.write(text.as_bytes())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            usage::complain(&Console::plain(), Style::Text, &format!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}
