//! Workflows that put the pool of workers, and the threads, into the situations in which one of them once went wrong. The
//! variable `FLOW` says which one runs; the tests are in `tests/pool`.
#![forbid(unsafe_code)]

mod ends;
mod nodes;
mod values;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use tea_runtime::{ItemFailure, event::Event, include_workflow};
use tests::trace;

use self::{
    ends::{Seen, change, folder, is_stopped_once, kinds, leave_here, move_on, says_and_ends},
    nodes::{
        aborts_once, deep, files_in, floods, last_of_many, leaf, measure, says, trunk, wait_for_leaves, with_helper,
    },
    values::{Bomb, Number, Sum, Table, Tally, call, list},
};

include_workflow!("batches.yaml", main = false);
include_workflow!("cancels.yaml", main = false);
include_workflow!("chatty.yaml", main = false);
include_workflow!("encodes.yaml", main = false);

include_workflow!("forever.yaml", main = false);
include_workflow!("inherited.yaml", main = false);
include_workflow!("items.yaml", main = false);
include_workflow!("lock.yaml", main = false);
include_workflow!("losses.yaml", main = false);
include_workflow!("moves.yaml", main = false);
include_workflow!("paths.yaml", main = false);
include_workflow!("piles.yaml", main = false);
include_workflow!("pins.yaml", main = false);
include_workflow!("prints.yaml", main = false);
include_workflow!("refused.yaml", main = false);
include_workflow!("shown.yaml", main = false);
include_workflow!("surroundings.yaml", main = false);
include_workflow!("threads.yaml", main = false);
include_workflow!("tokens.yaml", main = false);
include_workflow!("turns.yaml", main = false);

/// A file: while it is there, workers die as they start, after a note in the file.
const DIES: &str = "TEA_TESTS_DIES";

fn main() -> ExitCode {
    let flow = std::env::var("FLOW").unwrap_or_default();
    // A mistake that users make: the command line is looked at before `init`. A worker is started without arguments.
    if flow == "usage" && std::env::args().count() < 2 {
        eprintln!("usage: pool FOLDER");
        return ExitCode::from(2);
    }
    if let (Some(path), Ok(_)) = (std::env::var_os(DIES), std::env::var("TEA_WORKER"))
        && Path::new(&path).exists()
    {
        trace::note(Path::new(&path), "died").expect("it can be written");
        return ExitCode::from(9);
    }
    tea_runtime::init();
    match flow.as_str() {
        "usage" => told(items::run(items::Input::new()).map(|output| output.sum)),
        "prints" => told(prints::run(prints::Input::new()).map(|output| output.sum)),
        "cancels" => told(cancels()),
        "forever" => told(forever()),
        "chatty" => chatty::main(),
        "encodes" => encodes::main(),
        "losses" => losses::main(),
        "inherited" => inherited::main(),
        "items" => items::main(),
        "lock" => lock::main(),
        "paths" => paths::main(),
        "piles" => piles::main(),
        "pins" => pins::main(),
        "refused" => refused::cli(|builder| builder.on_event(note_warnings)),
        "shown" => shown::main(),
        "batches" => batches::main(),
        "moves" => moves::main(),
        "surroundings" => surroundings::main(),
        "threads" => threads::main(),
        "tokens" => tokens::main(),
        "turns" => turns::main(),
        _ => panic!("no workflow {flow}"),
    }
}

/// Notes warnings for the workers, in the file that has them die as they start.
fn note_warnings(event: &Event<'_>) {
    if let (Event::Warning { message }, Some(path)) = (event, std::env::var_os(DIES)) {
        trace::note(Path::new(&path), message).expect("it can be written");
    }
}

/// As a program shows what a library gave, which has no listener.
fn told<T: std::fmt::Debug>(outcome: Result<T, tea_runtime::Error>) -> ExitCode {
    match outcome {
        Ok(output) => println!("{output:?}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// How many items ended well, and how many did not. Says if a worker is lost.
fn cancels() -> Result<(bool, usize), tea_runtime::Error> {
    let lost = |event: &Event<'_>| {
        if let Event::WorkerLost { worker, exit, .. } = event {
            eprintln!("worker {worker} is lost: {exit:?}");
        }
    };
    let output = cancels::builder().on_event(lost).run(cancels::Input::new())?;
    Ok((output.good.len() > 900, output.good.len() + output.bad.len()))
}

/// All times as long as can be.
fn forever() -> Result<u32, tea_runtime::Error> {
    let run = forever::builder().configure(|_, config| {
        config.timeout = Some(Duration::MAX);
        config.timeout_total = Some(Duration::MAX);
        config.grace = Duration::MAX;
    });
    Ok(run.run(forever::Input::new())?.out)
}
