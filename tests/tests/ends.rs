//! How fan-outs and runs end, and what is left then.

use std::{fs, thread, time::Duration};

use rustix::process::Signal;
use serde_json::json;
use tests::{
    logged::Logged,
    process::wait_for,
    program::{Finished, Program},
};

const POLICIES: &str = env!("CARGO_BIN_EXE_policies");
const STRATEGIES: [&str; 2] = ["", "--parallel-strategy thread"];

fn fallback(flow: &Logged, args: &str, order: &str) -> Finished {
    flow.program().args("--order").arg(order).arg("--state-dir").arg(flow.path("runs")).args(args).run()
}

/// What branches and nodes leave that fail: the values that the file gives for that case, and nothing of their own.
#[test]
fn a_branch_that_fails_leaves_what_the_file_says() {
    for strategy in STRATEGIES {
        let flow = Logged::new(POLICIES, "fallback");
        let output = fallback(&flow, strategy, "fine").json();
        assert_eq!((&output["joined"], &output["seen"]), (&json!("one, two and lonely"), &json!([0, 1, 2])));
        for order in ["error no", "panic no", "hang"] {
            let output = fallback(&Logged::new(POLICIES, "fallback"), strategy, order).json();
            let expected = (&json!("none, two and nobody"), &json!([0, 9, 2]));
            assert_eq!((&output["joined"], &output["seen"]), expected, "{order} {strategy}");
        }
    }
    let output = fallback(&Logged::new(POLICIES, "fallback"), "", "signal 9").json();
    assert_eq!(output["joined"], "none, two and nobody");
    // A failure is a failure all the same.
    let failing = fallback(&Logged::new(POLICIES, "fallback"), "--fail-if-any", "error no");
    assert_eq!(failing.code, Some(1), "{}", failing.stderr);
}

fn first(flow: &Logged, args: &[&str]) -> Finished {
    let program = flow.program().arg("--state-dir").arg(flow.path("runs"));
    args.iter().fold(program, Program::arg).run()
}

/// Losers are told to end, and killed after their grace with all that they have started, before the run goes on.
#[test]
fn losers_of_a_race_are_ended() {
    for loser in ["hang", "spin", "leave; hang", "deaf; leave; hang"] {
        let flow = Logged::new(POLICIES, "first");
        let go = flow.path("go");
        let wait = format!("wait {}", go.display());
        let args = ["--first", loser, "--second", "hang", "--third", &wait, "--max-workers", "3"];
        let program = flow.program().arg("--state-dir").arg(flow.path("runs"));
        let running = args.iter().fold(program, Program::arg).start();
        wait_for("the branches to start", || (flow.lines().len() == 3).then_some(()));
        fs::write(go, "").unwrap();
        let finished = running.finish();
        assert!(finished.gone_after < Duration::from_secs(2), "{:?}", finished.gone_after);
        let output = finished.json();
        // The worker of the winner has no work, and is kept.
        let winner = flow.lines().iter().find_map(|line| line.strip_prefix("three ").map(str::to_owned)).unwrap();
        let left: Vec<String> =
            output["left"].as_array().unwrap().iter().map(ToString::to_string).filter(|pid| *pid != winner).collect();
        assert_eq!(left, [""; 0], "{loser}");
        assert_eq!(output["winner"], "three");
        assert_eq!(output["told"], json!([[false, true], [false, true], [true, false]]));
    }
}

/// With one worker, branches are tried in their order.
#[test]
fn branches_are_tried_until_one_succeeds() {
    for strategy in ["process", "thread"] {
        let flow = Logged::new(POLICIES, "first");
        let args = ["--first", "error no", "--second", "fine", "--max-workers", "1", "--parallel-strategy", strategy];
        let args = if strategy == "thread" { &args[..] } else { &args[..6] };
        let output = first(&flow, args).json();
        assert_eq!((&output["winner"], flow.count("three")), (&json!("two"), 0), "{strategy}");
        assert_eq!(output["told"], json!([[false, false], [true, false], [false, true]]));
    }
}

#[test]
fn a_race_that_nobody_wins_fails_and_says_so() {
    let flow = Logged::new(POLICIES, "first");
    let finished = first(&flow, &["--first", "error no", "--second", "panic no", "--third", "exit 3"]);
    let stderr = finished.failure(1);
    assert!(stderr.contains("error: 0 of 3 branches succeeded, and `join` asks for 1\n  --> "), "{stderr}");
    assert!(stderr.contains("in: branch `one`") && stderr.contains("error[crash]"), "{stderr}");
}

/// Who has won wins again: nothing of the race is run.
#[test]
fn a_resumed_run_takes_the_winner_of_the_first_time() {
    let flow = Logged::new(POLICIES, "first");
    let orders = ["--first", "hang", "--second", "fine", "--third", "hang", "--gate", "until 2 error closed"];
    let orders = [&orders[..], &["--max-workers", "3"]].concat();
    assert_eq!(first(&flow, &orders).code, Some(1));
    let count = |name| flow.count(name);
    let before = ["one", "two", "three"].map(count);
    let output = first(&flow, &[&orders[..], &["--resume"]].concat()).json();
    assert_eq!((&output["winner"], ["one", "two", "three"].map(count)), (&json!("two"), before));
}

fn finally(flow: &Logged, order: &str, end: &str) -> Program {
    let program = flow.program().arg("--state-dir").arg(flow.path("runs"));
    ["--order", order, "--end", end].iter().fold(program, Program::arg)
}

/// The line of the first node of `finally`.
fn told(flow: &Logged) -> String {
    let mut lines = flow.lines().into_iter().filter_map(|line| line.strip_prefix("told ").map(str::to_owned));
    let told = lines.next().expect("`finally` has run");
    assert_eq!(lines.next(), None, "once");
    told
}

#[test]
fn finally_runs_however_a_run_ends() {
    let flow = Logged::new(POLICIES, "finally");
    assert_eq!(finally(&flow, "fine", "fine").run().json()["count"], 1);
    assert_eq!((told(&flow), flow.count("last")), (r#"success (Some(1), Some("one"), true) false"#.to_owned(), 1));

    for (order, why) in [
        ("error no", "no"),
        ("panic no", "no"),
        ("signal 9", "the worker process was ended by signal 9 (SIGKILL)"),
        ("hang", "ran over its `timeout` of 2s: its worker was ended by signal 15 (SIGTERM)"),
    ] {
        let flow = Logged::new(POLICIES, "finally");
        let finished = finally(&flow, order, "fine").run();
        assert_eq!((finished.code, flow.count("last")), (Some(1), 1), "{}", finished.stderr);
        assert_eq!(told(&flow), format!("failed: {why} (Some(1), None, false) false"));
    }
}

/// It is not cancelled itself, and has as much time as it needs.
#[test]
fn finally_runs_after_an_interrupt() {
    for signal in [Signal::INT, Signal::TERM] {
        let flow = Logged::new(POLICIES, "finally");
        let go = flow.path("go");
        let running = finally(&flow, "hang", &format!("wait {}", go.display())).start();
        wait_for("the branch", || (flow.count("one") == 1).then_some(()));
        running.signal(signal);
        wait_for("the end", || (flow.count("end") == 1).then_some(()));
        // Longer than the program waits for branches that do not end: this is what the test is about.
        thread::sleep(Duration::from_millis(2600));
        fs::write(go, "").unwrap();
        let finished = running.finish();
        assert_eq!(finished.code, Some(128 + signal.as_raw()), "{}", finished.stderr);
        assert_eq!((told(&flow), flow.count("last")), ("cancelled (Some(1), None, false) false".to_owned(), 1));
    }
}

#[test]
fn a_second_interrupt_ends_finally_at_once() {
    let flow = Logged::new(POLICIES, "finally");
    let running = finally(&flow, "hang", "hang").start();
    wait_for("the branch", || (flow.count("one") == 1).then_some(()));
    running.signal(Signal::INT);
    wait_for("the end", || (flow.count("end") == 1).then_some(()));
    running.signal(Signal::INT);
    assert_eq!((running.finish().code, flow.count("last")), (Some(130), 0));
}

/// What fails in `finally` fails the run, is told beside what failed before, and keeps nothing else from running.
#[test]
fn failures_of_finally_are_failures_of_the_run() {
    let flow = Logged::new(POLICIES, "finally");
    let finished = finally(&flow, "fine", "error not clean").run();
    let stderr = finished.failure(1);
    assert!(stderr.contains("error: not clean\n") && stderr.contains("node `end`"), "{stderr}");
    assert_eq!(flow.count("last"), 1);
    // A resume has nothing else to do, and ends once more.
    let again = finally(&flow, "fine", "fine").arg("--resume").run();
    assert_eq!((again.code, flow.count("one")), (Some(0), 1), "{}", again.stderr);
    assert_eq!((flow.count("told"), flow.count("last")), (2, 2));

    let flow = Logged::new(POLICIES, "finally");
    let finished = finally(&flow, "error first", "panic not clean").run();
    let stderr = finished.failure(1);
    assert!(stderr.contains("error: first\n") && stderr.contains("error[panic]: not clean\n"), "{stderr}");
}

#[test]
fn finally_runs_after_until() {
    let flow = Logged::new(POLICIES, "finally");
    let finished = finally(&flow, "fine", "fine").args("--until start").run();
    assert_eq!((finished.code, told(&flow)), (Some(0), "cancelled (Some(1), None, false) false".to_owned()));
}
