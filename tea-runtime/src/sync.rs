//! The locks of the parts that are shared between threads (the completion queue, the tokens, the states of workers). A
//! model checker compiles those parts with its own locks instead of these; see `tests/tests/schedules`.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
