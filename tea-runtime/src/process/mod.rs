//! The process strategy: branches in worker processes, which are this same program.
//!
//! | module | duty |
//! |---|---|
//! | `identity` | who this process is: a program, or a worker of one |
//! | `executor` | the strategy, as the engine sees it |
//! | `frame`, `message` | what is on the stream between the two |
//! | `spawn`, `group`, `loss` | starting a process, ending it with its group, and what its end means |
//! | `pause` | stopping workers with the program |
//! | `worker` | the worker's side, from its start to its end |
//! | `pool` | the parent's side: queue, workers, deadlines |
//! | `pacing` | all times of both sides, and what each comes from |
//!
//! `docs/platforms.md` says what differs between systems.

pub(crate) mod executor;
mod frame;
mod group;
mod identity;
mod loss;
mod message;
mod pacing;
mod pause;
pub(crate) mod pool;
mod spawn;
mod worker;

#[cfg(test)]
mod tests;

#[cfg(feature = "cli")]
pub(crate) use self::pause::pause;
pub use self::{
    executor::{ProcessExecutor, get_executor},
    identity::TestEntry,
};

use crate::stderr;

/// Lets this program serve as its own worker. Call it first thing in `main`, before any thread is started.
///
/// In the program that the user started it returns at once. In a worker it serves the parent, and never returns. The
/// `main` that `include_workflow!` generates calls it; a program with a `main` of its own must.
pub fn init() {
    // A worker may start workers in its turn.
    identity::set_ready();
    if identity::is_worker() {
        worker::serve();
    }
}

/// The worker's entry in a test program, whose `main` is the harness's. Generated code calls it from a test that is
/// registered as [`TestEntry`].
pub fn test_entry() {
    if identity::is_worker() {
        worker::serve();
    }
}

/// Ends this process if it was started as a worker and yet came to run a workflow of its own: its `main` does not call
/// [`init`], or not first thing. Without this, every worker would start workers.
pub(crate) fn refuse_unserved_worker() {
    if identity::is_worker() && !worker::is_serving() {
        stderr::line(format_args!(
            "tea: this process is a worker, but its `main` does not call `tea_runtime::init()` first thing"
        ));
        std::process::exit(worker::NO_ENTRY);
    }
}
