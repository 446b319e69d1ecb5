//! Ctrl-Z. The terminal stops the program, but not its workers, which are in process groups of their own: they are
//! stopped with it, and go on with it.

use std::{
    sync::{Mutex, MutexGuard, Once, PoisonError, Weak},
    thread,
};

use rustix::process::{Signal, getpgrp, getsid};
use signal_hook::{
    consts::{SIGSTOP, SIGTSTP},
    iterator::Signals,
    low_level,
};

use super::{pool::Pool, worker};
use crate::engine::timer;

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
        eprintln!("tea: workers of this worker do not stop with it: {error}");
    }
}

/// Stops all workers and then this process, as `SIGTSTP` asks for; returns when it goes on, and they with it.
pub(crate) fn pause() {
    // A group that no shell looks after: the system would not stop it either, since nobody could continue it.
    if getsid(None).is_ok_and(|session| session == getpgrp()) {
        return;
    }
    signal_all(Signal::TSTP);
    timer::stopped_by(|| {
        // It fails for no signal that there is.
        let _ = low_level::raise(SIGSTOP);
    });
    signal_all(Signal::CONT);
}

fn signal_all(signal: Signal) {
    for pool in pools().iter().filter_map(Weak::upgrade) {
        pool.signal(signal);
    }
}

fn pools() -> MutexGuard<'static, Vec<Weak<Pool>>> {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}
