//! An executor from outside the runtime, written with nothing but what is public: that of the runtime's example.

use std::{sync::Arc, thread};

#[path = "../../tea-runtime/examples/own_executor/main.rs"]
#[expect(dead_code, reason = "its `main` is not called")]
mod example;

use example::{Remote, primes};
use tea_runtime::{FailureKind, ParallelExecutor, executor::Unit};

fn expected(below: u64) -> (u64, u64, u64) {
    let output = primes::builder().all_on_threads().run(primes::Input::new(below)).unwrap();
    (output.small, output.large, output.counts.iter().sum())
}

fn run(remote: &Arc<Remote>, below: u64) -> (u64, u64, u64) {
    let output = primes::builder().executor(Arc::clone(remote) as _).run(primes::Input::new(below)).unwrap();
    (output.small, output.large, output.counts.iter().sum())
}

#[test]
fn an_executor_from_outside_gives_what_threads_give() {
    let remote = Arc::new(Remote::start(2));
    for below in [10, 1_000] {
        assert_eq!(run(&remote, below), expected(below), "one run after the other");
    }
    assert_eq!(run(&remote, 1_000).0, 95);
}

#[test]
fn one_executor_serves_several_runs_at_once() {
    let remote = Arc::new(Remote::start(2));
    let runs: Vec<_> = (1..=8)
        .map(|n| {
            let remote = Arc::clone(&remote);
            thread::spawn(move || run(&remote, n * 100))
        })
        .collect();
    for (n, outcome) in (1..).zip(runs) {
        assert_eq!(outcome.join().unwrap(), expected(n * 100));
    }
}

/// Forgets what it is given.
struct Forgetful;

impl ParallelExecutor for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }

    fn max_workers(&self) -> usize {
        1
    }

    fn submit(&self, unit: Unit) {
        drop(unit);
    }
}

#[test]
fn what_an_executor_drops_fails_as_lost_and_hangs_nothing() {
    let error = primes::builder().executor(Arc::new(Forgetful)).run(primes::Input::new(10)).unwrap_err();
    let failures: Vec<_> = error.failures().iter().map(|failure| failure.failure.kind).collect();
    assert_eq!(failures, [FailureKind::Transport; 2], "{error}");
}
