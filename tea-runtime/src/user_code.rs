//! Threads of ours on which none of the user's Rust may run: others wait for them, and must not wait for that.
//! `ARCHITECTURE.md` says which threads these are.

use std::cell::Cell;

thread_local! {
    static ALLOWED: Cell<bool> = const { Cell::new(true) };
}

/// From now on this thread runs none of the user's Rust.
pub(crate) fn forbid() {
    ALLOWED.set(false);
}

/// Whether this thread may run the user's Rust.
pub(crate) fn is_allowed() -> bool {
    // At a thread's end whatever it holds is dropped there.
    ALLOWED.try_with(Cell::get).unwrap_or(true)
}
