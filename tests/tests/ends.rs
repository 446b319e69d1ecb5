//! How fan-outs and runs end, and what is left then.

use std::{fs, time::Duration};

use serde_json::json;
use tests::{logged::Logged, process::wait_for, program::Finished};

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
    args.iter().fold(program, |program, arg| program.arg(arg)).run()
}

/// Losers are told to end, and killed after their grace with all that they have started, before the run goes on.
#[test]
fn losers_of_a_race_are_ended() {
    for loser in ["hang", "spin", "leave; hang"] {
        let flow = Logged::new(POLICIES, "first");
        let go = flow.path("go");
        let wait = format!("wait {}", go.display());
        let args = ["--first", loser, "--second", "hang", "--third", &wait, "--max-workers", "3"];
        let program = flow.program().arg("--state-dir").arg(flow.path("runs"));
        let running = args.iter().fold(program, |program, arg| program.arg(arg)).start();
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
