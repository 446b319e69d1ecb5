//! The locks of the parts that are shared between threads (the completion queue, the tokens, the states of workers). A
//! model checker compiles those parts with its own locks instead of these; see `tests/tests/schedules`.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How often a thread looks for something before it sleeps: about 20 µs on a processor that nobody else wants, which is what
/// being woken there takes. With it, three branches of 10 µs on threads took 30 µs in place of 73, three of 100 µs 219 in
/// place of 321, and a branch to a warm process and back 21 in place of 87 (two cores, `BENCHMARKS.md`).
const LOOKS: u32 = 64;

/// Locks a mutex. That another thread panicked while it held the lock is no reason to fail.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks a few times whether something is `there`, letting others run in between. Returns whether it is. To be woken takes
/// longer than a short unit, and what follows from one unit usually comes soon after it.
pub(crate) fn look(mut there: impl FnMut() -> bool) -> bool {
    for _ in 0..LOOKS {
        if there() {
            return true;
        }
        thread::yield_now();
    }
    there()
}
