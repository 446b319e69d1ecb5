//! Ctrl-Z. The terminal stops the program, but not its workers, which are in their own process groups. This module
//! stops and continues them together with the program.

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

/// Registers a new pool. In a worker, which has no other handler for `SIGTSTP`, the signal is passed on from now on.
pub(super) fn add(pool: Weak<Pool>) {
    let mut pools = pools();
    pools.retain(|pool| pool.strong_count() > 0);
    pools.push(pool);
    drop(pools);
    if worker::is_serving() {
        WATCH.call_once(watch);
    }
}

/// Whether this worker catches `SIGTSTP`.
pub(super) fn is_watching() -> bool {
    WATCH.is_completed()
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

/// Stops all workers and then this process, as `SIGTSTP` requests. Returns when this process and the workers continue.
pub(crate) fn pause() {
    // No shell manages this group. The system would not stop it either, because nobody could continue it.
    if leads_session() {
        return;
    }
    signal_all(Signal::TSTP);
    timer::stopped_by(|| {
        // This does not fail for any existing signal.
        let _ = low_level::raise(SIGSTOP);
    });
    signal_all(Signal::CONT);
}

/// Whether the group of this process is that of its session leader, as in a separate container.
#[cfg(target_os = "linux")]
fn leads_session() -> bool {
    // Both are 0 if the leader is outside this process's namespace (`docker exec`), which rustix's `getsid` considers
    // impossible.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may contain anything. It is followed by state, parent, group and session.
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

/// Whether this process has workers of its own.
pub(super) fn has_pools() -> bool {
    pools().iter().any(|pool| pool.strong_count() > 0)
}

/// Ends idle workers in all pools of this process.
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
