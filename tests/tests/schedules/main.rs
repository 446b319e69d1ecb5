//! The parts of the runtime that threads share, under a model checker: it runs each test in thousands of schedules, and
//! finds what only one of them does wrong. The parts are compiled once more here, with the checker's locks in the place
//! of the standard library's.
//!
//! `TEA_SCHEDULES` says in how many schedules, all tests together; CONTRIBUTING.md has the command for ten million.

/// The locks of the parts: see `tea-runtime/src/sync.rs`.
mod sync {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    /// Looks once: in each schedule, it is there by then or it is not.
    pub(crate) fn look(_: std::time::Duration, mut there: impl FnMut() -> bool) -> bool {
        there()
    }
}

#[path = "../../../tea-runtime/src/executor/queue.rs"]
mod queue;
#[expect(dead_code, reason = "it has more than the tests use")]
#[path = "../../../tea-runtime/src/executor/tokens.rs"]
mod tokens;

#[expect(dead_code, reason = "it has more than the tests use")]
#[path = "../../../tea-runtime/src/process/pool/state.rs"]
mod state;

mod completion_queue;
mod pool_state;
mod token_counts;

/// How many tests share the schedules.
const TESTS: usize = 15;

/// Runs `test` in its share of the schedules: half of them picked at random, half so that threads are interrupted at few
/// places, which finds what is wrong deeper.
fn check(test: impl Fn() + Send + Sync + 'static) {
    let schedules = std::env::var("TEA_SCHEDULES").map_or(10_000, |text| text.parse().expect("a number"));
    let half = (schedules / TESTS / 2).max(1);
    let test = std::sync::Arc::new(test);
    let again = std::sync::Arc::clone(&test);
    shuttle::check_random(move || test(), half);
    shuttle::check_pct(move || again(), half, 3);
}
