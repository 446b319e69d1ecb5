//! Deadlines.

use std::fs;

use super::*;

#[test]
fn row_09_a_loop_over_its_time() {
    let run = run("limited", &["spin", "ok", "ok", "ok"]);
    assert_eq!(run.error(0)["kind"], "timeout");
    assert_eq!(run.message(0), "ran over its `timeout` of 200ms");
    assert_eq!(run.exit(0), ("signal", 15));
    // 300 ms on a machine that has nothing else to do.
    assert!((0.2..20.0).contains(&run.seconds(0)), "{}", run.seconds(0));
    assert_ne!(run.branch(0)["pid"], run.branch(1)["pid"]);
    run.all_done_but(&[0], 4);
}

#[test]
fn row_09_the_last_of_many_and_further_down() {
    let run = run("limited", &["ok", "spin", "nested 1 spin", "spin"]);
    for index in 1..4 {
        assert_eq!(run.message(index), "ran over its `timeout` of 200ms");
    }
    run.all_done_but(&[1, 2, 3], 4);
}

#[test]
fn row_09_a_hundred_deadlines_together() {
    let run = run("together", &["spin"; 100]);
    for index in 0..100 {
        assert_eq!(run.error(index)["kind"], "timeout");
        // One after the other, they would take 200 s.
        assert!((2.0..30.0).contains(&run.seconds(index)), "{}", run.seconds(index));
    }
}

#[test]
fn row_10_a_branch_that_ignores_sigterm() {
    let run = run("limited", &["ignore-term", "ok", "ok", "ok"]);
    assert_eq!((run.error(0)["kind"].as_str().unwrap(), run.exit(0)), ("timeout", ("signal", 9)));
    assert_eq!(
        run.error(0)["causes"][0],
        "its worker was sent signal 15 (SIGTERM), did not end within 300ms, and was killed"
    );
    assert!(run.seconds(0) >= 0.5, "{}", run.seconds(0));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_10_a_worker_that_leaves_its_group() {
    let run = run("limited", &["leave-group", "ok", "ok", "ok"]);
    assert_eq!((run.error(0)["kind"].as_str(), run.exit(0)), (Some("timeout"), ("signal", 15)));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_17_a_worker_that_the_system_holds() {
    // Frozen by a control group of version 1, it does not even heed SIGKILL.
    let group = format!("/sys/fs/cgroup/freezer/tea-rows-{}", std::process::id());
    if let Err(error) = fs::create_dir(&group) {
        eprintln!("this machine cannot show it: {group}: {error}");
        return;
    }
    let running = program("limited", &[&format!("freeze {group}"), "ok", "ok", "ok"]).start();
    let frozen = Frozen(group);
    wait_for("the worker to be given up", || running.stderr().contains("does not let it end").then_some(()));
    drop(frozen);
    let run = finished(running.finish());
    assert_eq!(run.error(0)["kind"], "timeout");
    run.all_done_but(&[0], 4);
}

/// A control group whose processes are thawed in the end, whatever happened.
struct Frozen(String);

impl Drop for Frozen {
    fn drop(&mut self) {
        let thawed = fs::write(format!("{}/freezer.state", self.0), "THAWED");
        wait_for("the group's end", || (thawed.is_err() || fs::remove_dir(&self.0).is_ok()).then_some(()));
    }
}
