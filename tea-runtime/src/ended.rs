//! Notices that the user's Rust ends the process in the middle of a run, as if all were well.
//!
//! `exit` runs the destructors of the calling thread's thread-locals where the C library knows of them, as on Linux and
//! macOS, and nothing else of ours. In a worker, the parent notices by itself.

use std::cell::Cell;

use crate::stderr;

/// The exit code of a program that a node has ended.
const ENDED: i32 = 1;

thread_local! {
    static RUNNING: Running = const { Running(Cell::new(0)) };
}

/// How many [`InRun`]s this thread has.
struct Running(Cell<u32>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.get() > 0 {
            stderr::line(format_args!(
                "error: the process was ended from within the run, as by `std::process::exit`: there is no result\n   \
                 = help: a node that cannot go on returns an error or panics"
            ));
            signal_hook::low_level::exit(ENDED);
        }
    }
}

/// As long as there is one, the thread runs the user's Rust as part of a run.
pub(crate) struct InRun(());

impl InRun {
    pub(crate) fn enter() -> Self {
        RUNNING.with(|running| running.0.set(running.0.get() + 1));
        Self(())
    }
}

impl Drop for InRun {
    fn drop(&mut self) {
        RUNNING.with(|running| running.0.set(running.0.get() - 1));
    }
}
