//! The watch: a thread that takes cancellations, and ends the worker when its parent is gone, also while user code is busy.

use std::{process, sync::Arc, thread};

use rustix::process::{Signal, getpid, kill_process_group};

use super::{
    control::{Control, Tasks},
    give_up,
};

/// Starts the watch.
pub(crate) fn start(mut control: Control, tasks: Arc<Tasks>) {
    // A worker that was stopped with its parent (Ctrl-Z) would not notice that the parent is killed. This goes on; to
    // one that runs it does nothing, also when it is only the parent's thread that ends.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::CONT));
    let watch = move || {
        control.listen(&tasks);
        end()
    };
    if let Err(error) = thread::Builder::new().name("tea-watch".into()).stack_size(256 << 10).spawn(watch) {
        give_up(&format!("it cannot start a thread: {error}"));
    }
}

/// Ends this process and all of its group: the parent is gone.
pub(crate) fn end() -> ! {
    // No group has this number unless this process leads it, or did.
    let _ = kill_process_group(getpid(), Signal::KILL);
    process::abort()
}
