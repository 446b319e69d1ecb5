//! The first thing in a program: it may be a worker or an agent of another instance of itself, and serve that.

use crate::process;

/// Lets this program serve as its own worker, and as its own agent on another host. Call this first in `main`, before any
/// thread is started.
///
/// In the program that the user started, it returns at once. In a worker or an agent, it serves and never returns. The
/// `main` that `include_workflow!` generates calls it. A program with its own `main` has to call it itself.
///
/// # Panics
/// If it is called a second time, or not on the main thread, since it is then not the first thing in `main`. Tests that
/// run the workflows of a library write [`test_workers!`](crate::test_workers) instead.
#[track_caller]
pub fn init() {
    process::init();
    serve_if_agent();
}

/// Like [`init`], for the command line. A `main` may call [`init`] before it.
#[cfg(feature = "cli")]
pub(crate) fn enter() {
    process::enter();
    serve_if_agent();
}

/// The entry point of workers and agents in a test program, whose `main` belongs to the harness. Generated code calls it from a
/// test that is registered as a [`TestEntry`](process::TestEntry).
pub fn test_entry() {
    process::test_entry();
    serve_if_agent();
}

fn serve_if_agent() {
    #[cfg(all(unix, feature = "remote"))]
    crate::remote::serve_if_agent();
}
