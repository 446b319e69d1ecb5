//! The `main` of a workflow's program: all that [`start`] does is driven by the plan's tables.
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
mod records;
mod report;
mod run;
#[cfg(test)]
mod sample;
mod signals;
mod usage;

use std::{ffi::OsString, num::NonZeroUsize, process::ExitCode, sync::Arc};

use self::{
    args::{Action, Style},
    console::Console,
    output::Stdout,
};
use crate::{
    builder::Builder,
    cancel::CancellationToken,
    engine::records::Outlook,
    error::Error,
    event::Listener,
    plan::{Plan, Workflow},
    state::{Value, View},
};

/// Runs a workflow as a program: reads its command line, whose first argument is the program's name, and gives its exit
/// code. `change` may change how it is run, with listeners, policies or an executor of its own; what the command line
/// says comes on top of it.
///
/// The code is 0 if the run went well, 1 if it failed, 2 for wrong usage and bad input, and 128 + *n* if signal *n*
/// ended it.
#[must_use]
pub fn start<W: Workflow>(
    args: impl IntoIterator<Item = impl Into<OsString>>,
    change: impl FnOnce(Builder<W>) -> Builder<W>,
) -> ExitCode {
    // In a worker process this is the end of it.
    crate::process::init();
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let run = |inputs: Vec<(u32, Value)>, asked: Asked| {
        let mut builder = change(Builder::new()).also_cancelled_by(asked.cancel);
        if let Some(workers) = asked.max_workers {
            builder = builder.max_workers(workers);
        }
        if asked.all_on_threads {
            builder = builder.all_on_threads();
        }
        if W::PLAN.checkpoint.is_some() {
            builder = builder.session(|own| asked.records.session(own));
        }
        if let Some(until) = asked.until {
            builder = builder.until_node(until);
        }
        let builder = asked.listeners.into_iter().fold(builder, Builder::listener);
        if asked.records.dry_run {
            builder.outlook_with(&inputs).map(Launched::Outlook)
        } else {
            builder.finish_with(inputs).map(Launched::Ran)
        }
    };
    command(W::PLAN, &args, Box::new(run))
}

/// What the command line and the program itself ask of a run.
struct Asked {
    max_workers: Option<NonZeroUsize>,
    all_on_threads: bool,
    listeners: Vec<Arc<dyn Listener>>,
    cancel: CancellationToken,
    records: records::Asked,
    until: Option<String>,
}

/// What came of it.
enum Launched {
    /// The state at the end.
    Ran(View),
    /// What it would do, if that was all that was asked.
    Outlook(Outlook),
}

/// Runs the workflow with these values of its inputs.
type Launch<'a> = Box<dyn FnOnce(Vec<(u32, Value)>, Asked) -> Result<Launched, Error> + 'a>;

fn command(plan: &'static Plan, args: &[OsString], launch: Launch<'_>) -> ExitCode {
    let flags = flags::of(plan);
    match args::parse(plan, &flags, args) {
        Ok(Action::Run(options)) => run::run(plan, &flags, &options, launch),
        Ok(Action::Runs(runs)) => runs.run(plan),
        Ok(Action::Graph(format)) => print(&graph::draw(plan, format)),
        Ok(Action::Completions(shell)) => print(&args::completions(plan, &flags, args, shell)),
        Err(error) if error.use_stderr() && args::wants_json_errors(args) => {
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
