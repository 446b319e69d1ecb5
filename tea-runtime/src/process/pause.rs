//! Ctrl-Z. The terminal stops the program, but not its workers, which are in process groups of their own: they are
//! stopped with it, and go on with it.

use std::{
    sync::{Mutex, MutexGuard, Once, PoisonError, Weak},
    thread,
};

use rustix::process::Signal;
use signal_hook::{
    consts::{SIGSTOP, SIGTSTP},
    iterator::Signals,
    low_level,
};

use super::{pool::Pool, worker};
use crate::{stderr, timer};

/// The pools of this process.
static POOLS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

static WATCH: Once = Once::new();

/// A pool was made. In a worker, which has no other handler for it, `SIGTSTP` is from now on passed on.
pub(super) fn add(pool: Weak<Pool>) {
    let mut pools = pools();
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(pool);
    drop(pools);
    if worker::is_serving() {
        WATCH.call_once(watch);
    }
}

fn watch() {
    let signals = Signals::new([SIGTSTP]);
    let watch = signals.and_then(|mut signals| {
        let pause_all = move || signals.forever().for_each(|_| pause());
        thread::Builder::new().name("tea-pause".into()).stack_size(256 << 10).spawn(pause_all)
    });
    if let Err(error) = watch {
        stderr::line(format_args!("tea: workers of this worker do not stop with it: {error}"));
    }
}

/// Stops all workers and then this process, as `SIGTSTP` asks for; returns when it goes on, and they with it.
pub(crate) fn pause() {
    // A group that no shell looks after: the system would not stop it either, since nobody could continue it.
    if leads_session() {
        return;
    }
    signal_all(Signal::TSTP);
    timer::stopped_by(|| {
        // It fails for no signal that there is.
        let _ = low_level::raise(SIGSTOP);
    });
    signal_all(Signal::CONT);
}

/// Whether this process's group is that of its session's leader, as in a container of its own.
#[cfg(target_os = "linux")]
fn leads_session() -> bool {
    // Both are 0 for a leader that is outside of this process's namespace (`docker exec`), which `getsid` of rustix
    // takes for impossible.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold anything; state, parent, group and session follow it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut ids = fields.split_whitespace().skip(2);
    let (group, session) = (ids.next(), ids.next());
    session == group && session.is_some_and(|session| session != "0")
}

#[cfg(not(target_os = "linux"))]
fn leads_session() -> bool {
    use rustix::process::{getpgrp, getsid};
    getsid(None).is_ok_and(|session| session == getpgrp())
}

/// Workers that have nothing to do end, in all pools of this process.
pub(super) fn end_idle() {
    pools().iter().filter_map(Weak::upgrade).for_each(|pool| pool.end_idle());
}

fn signal_all(signal: Signal) {
    for pool in pools().iter().filter_map(Weak::upgrade) {
        pool.signal(signal);
    }
}

fn pools() -> MutexGuard<'static, Vec<Weak<Pool>>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}
