//! A worker process: from its start to its end it serves one parent.
//!
//! The main thread runs the units, one after the other, and no other thread runs the user's code, except those that
//! it starts itself. Between units, the main thread reads the parent's messages. While a unit runs, a second thread receives
//! cancellations, and ends the process when the parent is gone: see [`inbox`].

mod inbox;
mod nodes;
mod outbox;
mod parent;
mod runner;
pub(crate) mod stdio;
mod surroundings;
mod upstream;

use std::{
    process,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::{
    inbox::{Inbox, Order},
    outbox::Outbox,
    parent::Parent,
    runner::Runner,
    upstream::BreakersUpstream,
};
use super::{
    identity,
    message::{FromWorker, Hello, PROTOCOL, Setup},
    remains,
};
use crate::{
    executor::{
        cache::STACK,
        tokens::{self, Permit},
    },
    stderr,
};

/// The exit status of a worker that cannot continue: `EX_PROTOCOL` of sysexits.
const PROTOCOL_BROKEN: i32 = 76;

/// The exit status of a worker whose `main` does not serve: `EX_UNAVAILABLE`.
pub(crate) const NO_ENTRY: i32 = 69;

static SERVING: AtomicBool = AtomicBool::new(false);

/// The number of bytes that the program that the user started may allocate; set in a worker.
static INHERITED_LIMIT: OnceLock<Option<u64>> = OnceLock::new();

/// Whether this process is serving a parent. A branch may run another workflow here.
pub(crate) fn is_serving() -> bool {
    SERVING.load(Ordering::Relaxed)
}

/// The number of bytes that the program that the user started may allocate. This is the limit of workers without their own,
/// at any depth of nesting.
pub(crate) fn inherited_limit() -> Option<u64> {
    INHERITED_LIMIT.get().copied().unwrap_or_else(|| getrlimit(Resource::Data).current)
}

/// Like [`serve`], on a thread whose stack is as large as that of this one.
pub(crate) fn serve_on_a_thread() -> ! {
    show_in_ps();
    let main = thread::Builder::new().name("main".to_owned()).stack_size(*STACK);
    match main.spawn(|| serve()) {
        Ok(thread) => _ = thread.join(),
        // There is no other thread, so this one does it.
        Err(_) => serve(),
    }
    give_up("it has panicked")
}

/// Serves the parent of this process until it says goodbye or is gone.
pub(crate) fn serve() -> ! {
    SERVING.store(true, Ordering::Relaxed);
    show_in_ps();
    remains::hold().unwrap_or_else(|error| give_up(&format!("its agent is gone: {error}")));
    let streams =
        stdio::take().unwrap_or_else(|error| give_up(&format!("it has no connection to its parent: {error}")));
    let parent = Arc::new(Parent::new(streams));
    let outbox = Arc::new(Outbox::new(Arc::clone(&parent)));
    let hello = Hello { protocol: PROTOCOL, fingerprint: identity::fingerprint(), pid: process::id() };
    outbox.send(&FromWorker::Hello(hello));
    let inbox = Inbox::new(parent, Arc::clone(&outbox));
    let tokens = Arc::clone(inbox.tokens());
    inbox.start();
    let Order::Setup(setup) = inbox.next() else { give_up("its parent does not tell it how to work") };
    set_up(&setup);
    tokens::set_current(Some(Permit::acquire(Arc::clone(&tokens), 0, None)));
    let breakers = BreakersUpstream { outbox: Arc::clone(&outbox), inbox: Arc::clone(&inbox) };
    let mut runner = Runner::new(Arc::clone(&outbox), tokens, breakers, inbox.spare(), setup.memory_limit);
    loop {
        match inbox.next() {
            Order::Run(run) => runner.begin_run(&run),
            Order::RunEnded(run) => runner.end_run(run),
            Order::Unit(unit) => {
                runner.unit(unit);
                inbox.finish();
            }
            Order::Goodbye => {
                outbox.send(&FromWorker::Goodbye);
                process::exit(0);
            }
            Order::Setup(_) => give_up("its parent tells it twice how to work"),
        }
    }
}

/// Gives workers a name of their own in `ps`, `top` and the like.
fn show_in_ps() {
    #[cfg(target_os = "linux")]
    {
        let program = std::env::args_os().next().map(std::path::PathBuf::from).unwrap_or_default();
        let name = name_in_ps(&program.file_name().unwrap_or_default().to_string_lossy());
        if let Ok(name) = std::ffi::CString::new(name) {
            // This is only for people, and nothing depends on it.
            let _ = rustix::thread::set_name(&name);
        }
    }
}

/// `thumbnai:worker`: the system takes 15 bytes, and the start of a character is none.
#[cfg(target_os = "linux")]
fn name_in_ps(program: &str) -> String {
    format!("{}:worker", &program[..program.floor_char_boundary(8)])
}

/// Limits what the process may allocate: its heap and the stacks of its threads. Files that it maps do not count.
fn set_up(setup: &Setup) {
    let &Setup { memory_limit, inherited_limit } = setup;
    let _ = INHERITED_LIMIT.set(inherited_limit);
    let before = getrlimit(Resource::Data);
    // The limit of the program may be higher than what is allowed here, if somebody lowered that in between.
    let inherited = match (inherited_limit, before.maximum) {
        (Some(inherited), Some(maximum)) => Some(inherited.min(maximum)),
        (inherited, maximum) => inherited.or(maximum),
    };
    let limit = Rlimit { current: memory_limit.or(inherited), ..before };
    if limit != before
        && let Err(error) = setrlimit(Resource::Data, limit)
    {
        let limit = limit.current.map_or_else(|| "none".to_owned(), |limit| format!("{limit} bytes"));
        give_up(&format!("`memory_limit` of {limit} cannot be set: {error}"));
    }
}

/// Ends a worker that cannot continue. The parent shows the reason, as it shows everything that a worker writes.
fn give_up(reason: &str) -> ! {
    stderr::line(format_args!("tea: this worker process ends: {reason}"));
    process::exit(PROTOCOL_BROKEN)
}

#[cfg(test)]
mod tests;
