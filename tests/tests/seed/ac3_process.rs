//! AC3: the process executor.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tests::trace;

use crate::log::{STRATEGIES, edges, logged, policies};

/// The pool has as many workers as the settings say, and no more.
#[test]
fn story_unit_004_pool_size() {
    let logged = logged("workers");
    let output = logged.program().run().json();
    let pids: BTreeSet<u64> = output["all"].as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).collect();
    assert_eq!(pids.len(), 2, "six branches, two warm workers: {pids:?}");
    assert_eq!(trace::most_at_once(&logged.lines()), 2);
}

/// Branches run in processes of their own; their ids tell.
#[test]
fn story_int_007_and_design_int_008_separate_processes() {
    let running = edges("settings_process").start();
    let parent = running.pid();
    let output = running.finish().json();
    assert_ne!(output["from_settings"], json!(parent));
    assert_eq!(output["reported"][0], output["from_settings"]);
}

/// A timeout ends what hangs: three branches at once, in the time of one, and nothing is left (which `run` checks).
#[test]
fn story_int_008_timeout() {
    for strategy in STRATEGIES {
        for order in ["hang", "spin"] {
            let logged = logged("timeout");
            let finished = logged.program().args("--order").arg(order).args(strategy).run();
            assert_eq!(
                finished.failure(1).matches("error[timeout]: ran over its `timeout` of 2s").count(),
                3,
                "{}",
                finished.stderr
            );
            for branch in ["one", "two", "three"] {
                assert!(finished.stderr.contains(branch), "{}", finished.stderr);
            }
            // One after the other they would take at least six seconds.
            assert!((2.0..5.0).contains(&finished.elapsed.as_secs_f64()), "{order} {strategy}: {:?}", finished.elapsed);
            assert!(finished.gone_after < Duration::from_secs(2), "{:?}", finished.gone_after);
        }
    }
}

/// A limit that is not reached changes nothing.
#[test]
fn story_int_008_in_time() {
    for strategy in STRATEGIES {
        let output = logged("timeout").program().args(strategy).run().json();
        assert_eq!(output["joined"], "one, two, three");
    }
}

/// A crash of a worker is a failure with a name; what the other branches gave is intact.
#[test]
fn design_int_010_crash() {
    for (order, exit) in [
        ("signal 9", json!({ "signal": 9 })),
        ("signal 11", json!({ "signal": 11 })),
        ("abort", json!({ "signal": 6 })),
        ("exit 7", json!({ "code": 7 })),
        ("exit 0", json!({ "code": 0 })),
    ] {
        let logged = logged("allow_failure");
        let output = logged.program().arg("--order").arg(order).run().json();
        assert_eq!(output["joined"], "nothing and two", "{order}");
        let error = &output["results"][0]["error"];
        assert_eq!((&error["kind"], &error["exit"]), (&json!("crash"), &exit), "{order}: {error}");
        assert_eq!(output["results"][1]["success"], true);
    }
}

/// A crash is retried on a fresh worker.
#[test]
fn design_int_010_crash_and_retry() {
    let logged = logged("retry");
    let output = logged.program().arg("--order").arg("until 2 signal 9").run().json();
    assert_eq!(output["attempts"], json!([2, 1]));
    assert_eq!(output["reasons"], json!(["Crash"]));
}

/// A branch that needs more memory than it may have fails alone, and the failure says why.
#[test]
fn memory_limit() {
    let output = policies("memory").args("--mebibytes 64").run().json();
    assert_eq!(output["sum"], 65 << 20);
    let finished = policies("memory").args("--mebibytes 2048").run();
    let stderr = finished.failure(1);
    assert!(stderr.contains("fill") && stderr.contains("memory") && stderr.contains("512"), "{stderr}");
}
