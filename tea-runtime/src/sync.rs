//! The locks of the parts that are shared between threads (the completion queue, the tokens, the states of workers). A
//! model checker compiles those parts with its own locks instead of these; see `tests/tests/schedules`.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Locks a mutex. That another thread panicked while it held the lock is no reason to fail.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
