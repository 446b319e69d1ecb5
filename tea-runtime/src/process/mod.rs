//! The process strategy: branches in worker processes, which are instances of the same program.
//!
//! | module | duty |
//! |---|---|
//! | `identity` | what this process is: a program, or a worker of one |
//! | `executor` | the strategy as the engine sees it |
//! | `frame`, `message` | the protocol between parent and worker |
//! | `folder` | where units run |
//! | `spawn`, `group`, `loss` | starting a process, ending it with its group, and interpreting its end |
//! | `remains` | telling when nothing is left of an agent and its workers |
//! | `pause` | stopping workers with the program |
//! | `worker` | the worker's side, from its start to its end |
//! | `pool` | the parent's side: queue, workers, deadlines |
//!
//! `docs/platforms.md` describes the differences between systems.

pub(crate) mod executor;
pub(crate) mod folder;
pub(crate) mod frame;
pub(crate) mod group;
pub(crate) mod identity;
pub(crate) mod loss;
pub(crate) mod message;
mod pause;
pub(crate) mod pool;
pub(crate) mod remains;
mod spawn;
pub(crate) mod worker;

#[cfg(test)]
mod tests;

#[cfg(feature = "cli")]
pub(crate) use self::pause::pause;
pub use self::{
    executor::{ProcessExecutor, get_executor},
    identity::TestEntry,
};

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{failure::Failure, stderr};

/// Lets this program serve as its own worker. Call this first in `main`, before any thread is started.
///
/// In the program that the user started, it returns at once. In a worker, it serves the parent and never returns. The
/// `main` that `include_workflow!` generates calls it. A program with its own `main` has to call it itself.
///
/// # Panics
/// If it is called a second time, or not on the main thread, since it is then not the first thing in `main`. Tests that
/// run the workflows of a library write [`test_workers!`](crate::test_workers) instead.
#[track_caller]
pub fn init() {
    static CALLED: AtomicBool = AtomicBool::new(false);
    let wrong = if thread::current().name() != Some("main") {
        Some("on another thread than the main thread")
    } else if CALLED.swap(true, Ordering::Relaxed) {
        Some("a second time")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        panic!(
            "`tea_runtime::init()` is called {wrong}: call it once, first thing in `main`; in tests, write \
             `tea_runtime::test_workers!();` instead"
        );
    }
    // A worker may start workers as well.
    identity::set_ready();
    if identity::is_worker() {
        // Off this thread: under `#[tokio::main]` and the like it is already within an async runtime.
        worker::serve_on_a_thread();
    }
}

/// Like [`init`], for the command line. A `main` may call [`init`] before it.
#[cfg(feature = "cli")]
pub(crate) fn enter() {
    identity::set_ready();
    if identity::is_worker() {
        worker::serve();
    }
}

/// The entry point of workers in a test program, whose `main` belongs to the harness. Generated code calls it from a
/// test that is registered as a [`TestEntry`].
pub fn test_entry() {
    if identity::is_worker() {
        worker::serve();
    }
}

/// Checks whether this process may start instances of itself as workers.
///
/// # Errors
/// If it may not.
pub(crate) fn may_have_workers() -> Result<(), Box<Failure>> {
    identity::can_have_workers(false)
}

/// Ends this process if it was started as a worker but is about to run a workflow of its own, because its `main` does
/// not call [`init`], or not first. Without this check, every worker would start workers.
pub(crate) fn refuse_unserved_worker() {
    if identity::is_worker() && !worker::is_serving() {
        stderr::line(format_args!(
            "tea: this process is a worker, but its `main` does not call `tea_runtime::init()` first thing"
        ));
        std::process::exit(worker::NO_ENTRY);
    }
}
