//! Where the parts that threads share take their locks from. A model checker compiles those parts (the completion queue,
//! the tokens, the states of workers) with locks of its own in the place of these: see `tests/tests/schedules`.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
