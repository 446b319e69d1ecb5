//! AC2: the thread executor, and the policies that are the same under every strategy.

use serde_json::{Value, json};
use tests::{
    trace,
    work::{self, Shape},
};

use crate::log::{STRATEGIES, edges, logged, policies};

/// What `mixed` computes in its branches, on rayon and by hand, without Tea.
#[test]
fn story_int_002_and_design_int_003_identical() {
    for seed in [0, 1, 499, u64::MAX] {
        let shape = Shape::Rectangle { width: 2.0, height: 1.5 };
        let (sum, grown) = rayon::join(|| work::sum(&work::numbers(seed)), || shape.grow(seed % 4));
        let pair = (sum ^ seed, format!("{sum:x} {}", grown.area()));
        for strategy in STRATEGIES {
            let program = edges("mixed").arg("--seed").arg(seed.to_string()).args(strategy);
            let output = program.arg("--shape").arg(json!(shape).to_string()).run().json();
            let expected = [json!(sum), json!(grown), json!(pair), json!(grown.area())];
            assert_eq!(["sum", "grown", "pair", "area"].map(|key| output[key].clone()), expected, "{strategy}");
        }
    }
}

/// Max workers: six branches, two at a time, and indeed two.
#[test]
fn story_int_003_max_workers() {
    for strategy in STRATEGIES {
        let logged = logged("workers");
        let output = logged.program().args(strategy).run().json();
        assert_eq!(output["all"].as_array().unwrap().len(), 6);
        assert_eq!(trace::most_at_once(&logged.lines()), 2, "{strategy}");
    }
}

/// Retry: what fails twice and then works is a success with three attempts and two reasons.
#[test]
fn story_int_004_retry_policy() {
    for strategy in STRATEGIES {
        let logged = logged("retry");
        let output = logged.program().args("--order").arg("until 3 error down").args(strategy).run().json();
        assert_eq!(output["attempts"], json!([3, 1]));
        assert_eq!(output["reasons"], json!(["Error", "Error"]));
        assert_eq!((logged.count("one"), logged.count("two")), (3, 1), "{strategy}");
    }
}

/// Retry: what never works fails after all attempts.
#[test]
fn story_int_004_retries_end() {
    for strategy in STRATEGIES {
        let logged = logged("retry");
        let finished = logged.program().arg("--order").arg("error still down").args(strategy).run();
        assert!(finished.failure(1).contains("still down"), "{}", finished.stderr);
        assert_eq!(logged.count("one"), 3, "{strategy}");
    }
}

/// Retry: a kind of failure that is not in `retry_on` is not tried again.
#[test]
fn story_int_004_retry_on() {
    for (order, attempts) in [("error down", 2), ("panic down", 1)] {
        for strategy in STRATEGIES {
            let logged = logged("retry_on");
            let finished = logged.program().arg("--order").arg(order).args(strategy).run();
            assert!(finished.failure(1).contains("down"), "{}", finished.stderr);
            assert_eq!(logged.count("one"), attempts, "{order} {strategy}");
        }
    }
}

/// Circuit breaker: after three failures the other seventeen items are not even tried.
#[test]
fn story_int_005_circuit_breaker() {
    for strategy in STRATEGIES {
        let logged = logged("circuit");
        let output = logged.program().args(strategy).run().json();
        assert_eq!(logged.lines().len(), 3, "{strategy}");
        let kinds: Vec<&Value> =
            output["failures"].as_array().unwrap().iter().map(|failure| &failure["kind"]).collect();
        assert_eq!(kinds[..3], ["error"; 3]);
        assert_eq!(kinds[3..], ["circuit_open"; 17]);
        assert_eq!(output["good"], json!([]));
    }
}

/// Circuit breaker: once its time has passed one call is let through. If that fails the circuit is open again, and if it
/// succeeds all go through.
#[test]
fn story_int_005_circuit_half_opens() {
    for strategy in STRATEGIES {
        let logged = logged("half_open");
        let finished = logged.program().args("-v").args(strategy).run();
        let output = finished.json();
        // The second and third call may both be on their way when the second failure opens it.
        assert!((2..=3).contains(&logged.count("visit-1")), "{strategy} {:?}", logged.lines());
        // How many find it half-open in the third visit depends on how soon the one that is let through ends.
        assert_eq!(["visit-2", "visit-4"].map(|visit| logged.count(visit)), [1, 5], "{strategy}");
        assert_eq!((output["good"].as_array().unwrap().len(), &output["failures"]), (5, &json!([])));
        let told: Vec<&str> =
            finished.stderr.lines().filter_map(|line| line.split("breaker of `call` is ").nth(1)).collect();
        assert_eq!(told, ["open", "half-open", "open", "half-open", "closed"], "{}", finished.stderr);
    }
}

/// Cancellation: the first failure tells the sibling to stop, across the process edge too.
#[test]
fn story_int_006_cancellation_token() {
    for strategy in STRATEGIES {
        let logged = logged("fail_fast");
        let finished = logged.program().args(strategy).run();
        assert!(finished.failure(1).contains("it had to be"), "{}", finished.stderr);
        assert_eq!(logged.lines(), ["two starts", "two is told"], "{strategy}");
    }
}

/// Cancellation: the caller's token reaches a branch within a branch, and items, across process edges too. Each is told,
/// and ends by itself.
#[test]
fn story_int_006_callers_token() {
    for strategy in ["process", "thread"] {
        let logged = logged("cancelled");
        let finished = logged.bare().arg(logged.log()).arg(strategy).run();
        assert!(finished.failure(1).contains("cancelled"), "{strategy}: {}", finished.stderr);
        let mut lines = logged.lines();
        lines.sort_unstable();
        let told =
            ["inner", "item-0", "item-1", "item-2"].map(|name| [format!("{name} is told"), format!("{name} starts")]);
        let expected: Vec<String> = told.into_iter().flatten().chain(["outer starts".to_owned()]).collect();
        assert_eq!(lines, expected, "{strategy}: {}", finished.stderr);
    }
}

/// Partial failure: 10 of 1,000 items fail, and the run continues with the rest.
#[test]
fn partial_failure_of_a_map() {
    for strategy in STRATEGIES {
        let finished = policies("items").args(strategy).run();
        let output = finished.json();
        let good: Vec<u64> = output["good"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        assert_eq!(good, (0..1_000).filter(|item| item % 100 != 0).map(|item| item * 2).collect::<Vec<_>>());
        let failures = output["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 10);
        for (failure, index) in failures.iter().zip((0..).step_by(100)) {
            let message = format!("{index} is bad");
            let place = json!({ "line": 10, "column": 11 });
            assert_eq!(
                *failure,
                json!({ "index": index, "kind": "error", "message": message, "place": place, "attempts": 1 })
            );
        }
        assert!(finished.stderr.contains("1000 items (10 failed)"), "the summary counts them: {}", finished.stderr);
    }
}

/// Partial failure: the branch that failed is in the results, and its key stays unset.
#[test]
fn partial_failure_of_a_branch() {
    for (order, kind) in [("error down", "error"), ("panic down", "panic"), ("hang", "timeout")] {
        for strategy in STRATEGIES {
            let logged = logged("allow_failure");
            let output = logged.program().arg("--order").arg(order).args(strategy).run().json();
            assert_eq!(output["joined"], "nothing and two", "{order} {strategy}");
            let [one, two] = [0, 1].map(|branch| &output["results"][branch]);
            assert_eq!(
                (&one["branch"], &one["success"], &one["error"]["kind"]),
                (&json!("one"), &json!(false), &json!(kind))
            );
            assert_eq!((&two["branch"], &two["success"], &two["error"]), (&json!("two"), &json!(true), &Value::Null));
        }
    }
    let output = logged("allow_failure").program().arg("--order").arg("fine").run().json();
    assert_eq!(output["joined"], "one and two");
}
