//! Deadlines.

use super::*;

#[test]
fn row_09_a_loop_over_its_time() {
    let run = run("limited", &["spin", "ok", "ok", "ok"]);
    assert_eq!(run.error(0)["kind"], "timeout");
    assert_eq!(run.message(0), "ran over its `timeout` of 200ms");
    assert_eq!(run.exit(0), ("signal", 15));
    // 300 ms on a machine that has nothing else to do.
    assert!((0.2..2.0).contains(&run.seconds(0)), "{}", run.seconds(0));
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
        // 100 ms late at most, and as much again for a machine with other things to do.
        assert!((2.0..4.0).contains(&run.seconds(index)), "{}", run.seconds(index));
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
