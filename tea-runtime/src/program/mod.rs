//! The `main` of a workflow's program. Everything that [`start`] does is driven by the tables of the plan.
//!
//! `args` parses the command line, and `input` the inputs. `run` runs the workflow, and `signals` ends it early.
//! `history`, `log` and `progress` listen in the meantime. `output` and `report` say how the run ended. Standard output
//! contains only the final state; everything else goes to standard error, through `console`.

mod args;
mod console;
mod failed;
mod file;
mod flags;
mod history;
mod human;
mod input;
mod log;
mod output;
mod page;
#[cfg(all(unix, feature = "remote"))]
mod pool;
#[cfg(unix)]
mod prints;
mod progress;
mod questions;
mod records;
mod run;
#[cfg(test)]
pub(crate) mod sample;
mod signals;
mod terminal;
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
    drawing::drawing,
    engine::{records::Outlook, settings::Wanted},
    error::Error,
    event::Listener,
    plan::{Plan, Workflow},
    question::Answers,
    state::{Value, View},
};

/// Runs a workflow as a program: parses its command line, whose first argument is the program's name, and returns its
/// exit code. `change` can change how it is run, for example with listeners, policies or an executor. The command line
/// applies in addition.
///
/// The exit code is 0 if the run succeeded, 1 if it failed, 2 for wrong usage or invalid input, 75 if it waits for an
/// answer, and 128 + *n* if signal *n* ended it.
#[must_use]
pub fn start<W: Workflow>(
    args: impl IntoIterator<Item = impl Into<OsString>>,
    change: impl FnOnce(Builder<W>) -> Builder<W>,
) -> ExitCode {
    // In a worker process, this does not return.
    crate::entry::enter();
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let run = |inputs: Vec<(u32, Value)>, asked: Asked| {
        let mut builder = change(Builder::new()).also_cancelled_by(asked.cancel);
        if let Some(workers) = asked.max_workers {
            builder = builder.max_workers(workers);
        }
        if asked.all_on_threads {
            builder = builder.all_on_threads();
        }
        if W::PLAN.checkpoint.is_some() || W::PLAN.has_cache() {
            builder = builder.session(|own| asked.records.session(own));
        }
        #[cfg(all(unix, feature = "remote"))]
        if let Some(pool) = asked.pool {
            builder = builder.pool(pool);
        }
        if let Some(until) = asked.until {
            builder = builder.until_node(until);
        }
        builder = builder.wanted(asked.wanted).answers(asked.answers);
        if let Some(all) = asked.explain_settings {
            return builder.explained_settings(all).map(Launched::Settings);
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

/// What the command line and the program itself request of a run.
struct Asked {
    max_workers: Option<NonZeroUsize>,
    all_on_threads: bool,
    listeners: Vec<Arc<dyn Listener>>,
    cancel: CancellationToken,
    records: records::Asked,
    #[cfg(all(unix, feature = "remote"))]
    pool: Option<std::path::PathBuf>,
    until: Option<String>,
    wanted: Vec<Result<Wanted, String>>,
    /// Whether all settings are to be explained and nothing is to run, or only those that are written somewhere.
    explain_settings: Option<bool>,
    answers: Answers,
}

/// The result of a run.
enum Launched {
    /// The final state.
    Ran(View),
    /// What the run would do, if only that was requested.
    Outlook(Outlook),
    /// What settings hold, if only that was requested.
    Settings(String),
}

/// Runs the workflow with these values of its inputs.
type Launch<'a> = Box<dyn FnOnce(Vec<(u32, Value)>, Asked) -> Result<Launched, Error> + 'a>;

fn command(plan: &'static Plan, args: &[OsString], launch: Launch<'_>) -> ExitCode {
    let flags = flags::of(plan);
    match args::parse(plan, &flags, args) {
        Ok(Action::Run(options)) => run::run(plan, &flags, &options, launch),
        Ok(Action::Runs(runs)) => runs.run(plan),
        #[cfg(all(unix, feature = "remote"))]
        Ok(Action::Pools(pools)) => pools.run(),
        Ok(Action::Graph(format)) => print(&drawing(plan).render(format)),
        Ok(Action::Completions(shell)) => print(&args::completions(plan, &flags, args, shell)),
        Err(error) if error.use_stderr() && args::wants_json_errors(args) => {
            usage::refuse(&Console::plain(), Style::Json, &error.render().to_string())
        }
        Err(error) => {
            // The reader has closed the stream, and does not need the rest.
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
