//! What a pool of workers must stand, seen from outside.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use serde_json::Value;
use tests::{logged::Logged, process::wait_for, program::Program};

const FAULTS: &str = env!("CARGO_BIN_EXE_faults");
const POLICIES: &str = env!("CARGO_BIN_EXE_policies");

/// A panic of any kind fails its branch, with its message; the worker lives on and takes the next branch.
#[test]
fn a_panic_costs_no_worker() {
    for (orders, message) in [
        ("panic a String", "a String"),
        ("panic-str", "a plain text"),
        ("panic-any", "panic"),
        ("panic-drop", "while dropping"),
    ] {
        let flow = Logged::new(POLICIES, "allow_failure");
        let output = flow.program().arg("--order").arg(orders).args("--max-workers 1").run().json();
        let [one, two] = [0, 1].map(|branch| &output["results"][branch]);
        assert_eq!(one["error"]["kind"], "panic", "{orders}: {one}");
        assert!(one["error"]["message"].as_str().unwrap().contains(message), "{orders}: {one}");
        assert_eq!(one["pid"], two["pid"], "{orders}");
    }
}

/// A stack overflow is named.
#[test]
fn a_stack_overflow_is_named() {
    let finished = Logged::new(POLICIES, "retry").program().args("--order overflow").run();
    assert!(finished.failure(1).contains("stack"), "{}", finished.stderr);
}

/// Much in and much out, on both sides at once.
#[test]
fn a_flood_both_ways_is_no_deadlock() {
    assert_eq!(Logged::new(FAULTS, "bulk").program().args("--size 128").run().json()["equal"], true);
}

/// The parent is killed while much is on its way: the workers end all the same.
#[test]
fn a_parent_killed_in_the_middle_of_a_flood() {
    for _ in 0..3 {
        let flow = Logged::new(FAULTS, "bulk");
        let running = flow.program().args("--size 64").start();
        wait_for("the branches to start", || (!flow.lines().is_empty()).then_some(()));
        running.signal(Signal::KILL);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(9));
        assert!(finished.gone_after < Duration::from_secs(5), "{:?}", finished.gone_after);
    }
}

/// Workers that are replaced after every item leave neither descriptors nor threads behind.
#[test]
fn recycled_workers_leave_nothing() {
    let output = Program::new(FAULTS).env("FLOW", "recycle").args("--items 100").run().json();
    let pids: BTreeSet<u64> = output["pids"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert_eq!(pids.len(), 100, "a worker each");
    let few = |value: &Value| value.as_array().unwrap().iter().filter_map(Value::as_u64).collect::<Vec<_>>();
    let (before, after) = (few(&output["before"]), few(&output["after"]));
    assert!(after[0] <= before[0] + 16 && after[1] <= before[1] + 16, "descriptors, threads: {before:?} {after:?}");
}

/// Interrupted with ten thousand items to go, nothing new starts.
#[test]
fn an_interrupt_empties_the_queue() {
    let flow = Logged::new(FAULTS, "queue");
    let running = flow.program().start();
    wait_for("two items to start", || (flow.lines().len() >= 2).then_some(()));
    running.signal(Signal::INT);
    let finished = running.finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", finished.stderr);
    assert!(flow.lines().len() <= 4, "{:?}", flow.lines());
}
