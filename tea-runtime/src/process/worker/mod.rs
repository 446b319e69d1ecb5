//! A worker process: from its start to its end it serves one parent.
//!
//! One thread runs the tasks, one after the other, and takes the next from the socket itself: a message costs one
//! wake-up, not two. A second thread, the [watch](self::watch), ends the process when the parent is gone, and takes
//! cancellations while a task runs.

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

use self::{inbox::Inbox, order::Order, outbox::Outbox, run::Runner};
use super::{
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
    let (socket, pipe) =
        stdio::take().unwrap_or_else(|error| give_up(&format!("it has no connection to its parent: {error}")));
    let socket = Arc::new(socket);
    let outbox = Arc::new(Outbox::new(Arc::clone(&socket), pipe));
    outbox.say_hello(Hello { protocol: PROTOCOL, fingerprint: identity::fingerprint(), pid: process::id() });
    let inbox = Inbox::new(socket);
    watch::start(Arc::clone(&inbox));
    let mut runner = Runner::new(Arc::clone(&outbox));
    loop {
        match inbox.next() {
            Order::Setup(setup) => {
                set_up(&setup);
                runner.set_up(setup);
            }
            Order::Branch(branch) => {
                let task = branch.head.task;
                let token = inbox.begin(task);
                let start = Instant::now();
                let (outcome, values) = runner.branch(branch, token);
                inbox.finish();
                let nanos = timer::nanos(start.elapsed());
                outbox.send(&FromWorker::BranchEnd { task, nanos, outcome }, &values.start, &values.rest);
            }
            Order::Items(items) => {
                let token = inbox.begin(items.head.task);
                runner.items(items, &token);
                inbox.finish();
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

/// Ends a worker that cannot go on. The parent shows the reason, as it shows all that a worker writes.
fn give_up(reason: &str) -> ! {
    eprintln!("tea: this worker process ends: {reason}");
    process::exit(PROTOCOL_BROKEN)
}
