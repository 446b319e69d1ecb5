//! The same kind of fan-out twice, once on threads and once in worker processes: one word in `flow.yaml` makes the
//! difference, and the process IDs in the output show it.
#![forbid(unsafe_code)]

use serde::Serialize;
use tea_runtime::ParallelFlowResult;

tea_runtime::include_workflow!("flow.yaml");

/// Where a branch ran.
#[derive(Serialize)]
struct Ran {
    branch: String,
    pid: u32,
    in_this_process: bool,
}

fn ran(results: &[ParallelFlowResult]) -> Vec<Ran> {
    let here = std::process::id();
    let ran = |result: &ParallelFlowResult| Ran {
        branch: result.branch.to_string(),
        pid: result.pid,
        in_this_process: result.pid == here,
    };
    results.iter().map(ran).collect()
}

fn primes_below(limit: u64) -> u64 {
    let is_prime = |n: &u64| (2..=n.isqrt()).all(|d| !n.is_multiple_of(d));
    (2..limit).filter(is_prime).map(|_| 1).sum()
}

/// The number below `limit` with the longest Collatz sequence.
fn longest_collatz(limit: u64) -> u64 {
    let next = |n: &u64| if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
    let steps = |start: &u64| std::iter::successors(Some(*start), |n| (*n > 1).then(|| next(n))).count();
    (1..limit).max_by_key(steps).unwrap_or(1)
}

fn perfect_below(limit: u64) -> Vec<u64> {
    let is_perfect = |n: &u64| (1..=n / 2).filter(|d| n.is_multiple_of(*d)).sum::<u64>() == *n;
    (2..limit).filter(is_perfect).collect()
}
