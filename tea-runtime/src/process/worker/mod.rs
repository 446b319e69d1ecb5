//! A worker process: from its start to its end it serves one parent.
//!
//! One thread runs the tasks, one after the other, and takes the next from the parent itself: a message costs one
//! wake-up, not two. A second thread, the [watch](self::watch), takes cancellations, and ends the process when the parent
//! is gone.

mod control;
mod inbox;
mod nodes;
mod order;
mod outbox;
mod run;
mod stdio;
mod watch;

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::{
    control::{Control, Tasks},
    inbox::Inbox,
    order::Order,
    outbox::Outbox,
    run::Runner,
};
use super::{
    awake,
    frame::FrameError,
    identity,
    message::{FromWorker, Hello, PROTOCOL, Setup},
};
use crate::engine::timer;

/// Exit status of a worker that cannot go on: `EX_PROTOCOL` of sysexits.
const PROTOCOL_BROKEN: i32 = 76;

/// Exit status of a worker whose `main` does not serve: `EX_UNAVAILABLE`.
pub(crate) const NO_ENTRY: i32 = 69;

static SERVING: AtomicBool = AtomicBool::new(false);

/// Whether this process serves a parent: its branches may run workflows of their own.
pub(crate) fn is_serving() -> bool {
    SERVING.load(Ordering::Relaxed)
}

/// Serves this process's parent until that says goodbye or is gone.
pub(crate) fn serve() -> ! {
    SERVING.store(true, Ordering::Relaxed);
    let (control, pipe) =
        stdio::take().unwrap_or_else(|error| give_up(&format!("it has no connection to its parent: {error}")));
    outbox::say_hello(&pipe, Hello { protocol: PROTOCOL, fingerprint: identity::fingerprint(), pid: process::id() });
    let mut control = Control::new(control);
    let (setup, [orders, answers, socket]) = control.set_up();
    set_up(&setup);
    let socket = Arc::new(socket);
    let tasks = Arc::new(Tasks::default());
    watch::start(control, Arc::clone(&tasks));
    let mut inbox = Inbox::new(orders, Arc::clone(&socket));
    let outbox = Arc::new(Outbox::new(answers, socket, pipe));
    let mut runner = Runner::new(Arc::clone(&outbox), setup);
    // Until there was a short task, nothing is expected soon.
    let mut soon = false;
    loop {
        match inbox.next(soon) {
            Order::Branch(branch) => {
                let task = branch.head.task;
                let token = tasks.begin(task);
                let start = Instant::now();
                let (outcome, values) = runner.branch(branch, token);
                tasks.finish();
                let elapsed = start.elapsed();
                soon = elapsed < awake::AWAKE;
                let nanos = timer::nanos(elapsed);
                let end = FromWorker::BranchEnd { task, nanos, outcome };
                // Nobody waits for a single end if the next comes at once.
                let tell = if inbox.has_next() { Outbox::leave_a_while } else { Outbox::send };
                tell(&outbox, &end, &values.start, &values.rest);
            }
            Order::Items(items) => {
                let token = tasks.begin(items.head.task);
                runner.items(items, &token);
                tasks.finish();
            }
            Order::Goodbye => {
                outbox.send(&FromWorker::Goodbye, &[], &[]);
                process::exit(0);
            }
        }
    }
}

fn set_up(setup: &Setup) {
    let Some(limit) = setup.memory_limit else { return };
    // What the process has allocated for itself: the heap, and stacks of threads. Files that it maps do not count.
    let Rlimit { maximum, .. } = getrlimit(Resource::Data);
    if let Err(error) = setrlimit(Resource::Data, Rlimit { current: Some(limit), maximum }) {
        give_up(&format!("`memory_limit` of {limit} bytes cannot be set: {error}"));
    }
}

/// Ends a worker that does not understand its parent.
fn damaged(error: &FrameError) -> ! {
    give_up(&format!("what it receives is damaged: {error}"))
}

/// Ends a worker that cannot go on. The parent shows the reason, as it shows all that a worker writes.
fn give_up(reason: &str) -> ! {
    eprintln!("tea: this worker process ends: {reason}");
    process::exit(PROTOCOL_BROKEN)
}
