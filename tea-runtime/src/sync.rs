//! The locks of the parts that are shared between threads (the completion queue, the tokens, the states of workers). A
//! model checker compiles those parts with its own locks instead of these; see `tests/tests/schedules`.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::{
    thread,
    time::{Duration, Instant},
};

use crate::pacing::SOON;

/// Locks a mutex. That another thread panicked while it held the lock is no reason to fail.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks for a moment whether something is `there`, if that is `expected` so soon, and lets others run in between. Returns
/// whether it is. Who looks for what takes longer comes too late: a thread that is woken runs at once, but one that lets others
/// run does so only after them.
pub(crate) fn look(expected: Duration, mut there: impl FnMut() -> bool) -> bool {
    if there() {
        return true;
    }
    if expected > SOON {
        return false;
    }
    let start = Instant::now();
    while start.elapsed() < SOON {
        thread::yield_now();
        if there() {
            return true;
        }
    }
    false
}
