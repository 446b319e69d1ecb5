//! The watch: a thread that ends the worker when its parent is gone, also while user code is busy.
//!
//! While the main thread waits for work, the watch only asks whether the other end is closed: a message must not wake
//! two threads. Once the same task has run for a [`TICK`], the watch listens to messages too, until that task is over.

use std::{process, sync::Arc, thread, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, getpid, kill_process_group},
};

use super::{
    give_up,
    inbox::{Inbox, Took},
};

/// How long a task runs before cancellations reach it; the work of one wake-up is a few microseconds.
const TICK: Duration = Duration::from_millis(20);

/// Starts the watch.
pub(crate) fn start(inbox: Arc<Inbox>) {
    // A worker that was stopped with its parent (Ctrl-Z) would not notice that the parent is killed. This goes on; to
    // one that runs it does nothing, also when it is only the parent's thread that ends.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::CONT));
    let watch = thread::Builder::new().name("tea-watch".into()).stack_size(256 << 10).spawn(move || watch(&inbox));
    if let Err(error) = watch {
        give_up(&format!("it cannot start a thread: {error}"));
    }
}

fn watch(inbox: &Inbox) -> ! {
    let tick = Timespec::try_from(TICK).expect("a short time");
    let mut seen = 0;
    loop {
        let turn = inbox.turn();
        let listen = turn % 2 == 1 && turn == seen;
        seen = turn;
        let events = if listen { PollFlags::IN } else { PollFlags::empty() };
        let mut sockets = [PollFd::new(inbox.socket(), events)];
        // A signal for user code may end the wait early; that does no harm.
        let _ = poll(&mut sockets, if listen { None } else { Some(&tick) });
        let found = sockets[0].revents();
        if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            end();
        }
        if found.contains(PollFlags::IN) && matches!(inbox.take_while_busy(), Took::Busy) {
            seen = 0;
        }
    }
}

/// Ends this process and all of its group: the parent is gone.
pub(crate) fn end() -> ! {
    // No group has this number unless this process leads it, or did.
    let _ = kill_process_group(getpid(), Signal::KILL);
    process::abort()
}
