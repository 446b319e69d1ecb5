//! Policies that the caller gives, and the workflow file does not.

use crate::log::logged;

/// A policy from the builder is that of the branch and of the items, also of those within a branch in a worker.
#[test]
fn retries_reach_branches_within_workers() {
    let logged = logged("from_builder");
    let finished = logged.bare().arg("retry").arg("until 3 error down").arg(logged.log()).run();
    assert_eq!(finished.stdout, "inner [\"item-0\", \"item-1\"] other\n", "{}", finished.stderr);
    let counts = ["outer", "fork", "inner", "item-0", "item-1", "other"].map(|name| logged.count(name));
    assert_eq!(counts, [1, 1, 3, 3, 3, 1]);
}

/// A limit for one branch, by its name.
#[test]
fn one_branch_gets_a_limit() {
    let logged = logged("from_builder");
    let finished = logged.bare().arg("timeout").arg("hang").arg(logged.log()).run();
    let failure = finished.failure(1);
    assert!(failure.contains("inner") && failure.contains("ran over its `timeout` of 1s"), "{failure}");
}

/// What the file runs in processes may run on threads.
#[test]
fn the_strategy_may_be_thread() {
    let logged = logged("from_builder");
    let running = logged.bare().arg("thread").arg("fine").arg(logged.log()).start();
    let own = running.pid().to_string();
    assert_eq!(running.finish().code, Some(0));
    assert!(logged.lines().iter().all(|line| line.ends_with(&own)), "{own}: {:?}", logged.lines());
}

/// Settings that contradict each other are no run, and the message says whose they are.
#[test]
fn a_conflict_is_refused() {
    let logged = logged("from_builder");
    let finished = logged.bare().arg("conflict").arg("fine").arg(logged.log()).run();
    let failure = finished.failure(2);
    assert!(failure.contains("`timeout` (3s) is longer than `timeout_total` (2s)"), "{failure}");
    assert!(logged.lines().is_empty());
}
