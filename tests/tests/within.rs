//! What a program tells of the nodes that run in its workers: `-vv`, `--timing`, `ctx.progress`.

use std::{fs, path::Path};

use serde_json::Value;
use tests::{
    process::wait_for,
    program::{Finished, Program},
};

fn program(directory: &Path) -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_edges")).env("FLOW", "within");
    program.arg("--log").arg(directory.join("log"))
}

/// Runs `within` with a trace. Gives what its slices and marks say.
fn within(directory: &Path, args: &[&str]) -> (Finished, Vec<Value>) {
    let trace = directory.join("trace.json");
    let program = program(directory).arg("--timing").arg(&trace);
    let finished = args.iter().fold(program, Program::arg).run();
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    (finished, trace["traceEvents"].as_array().unwrap().clone())
}

/// The entry of this kind and name; there is one.
fn entry<'a>(trace: &'a [Value], category: &str, name: &str) -> &'a Value {
    let mut found = trace.iter().filter(|entry| entry["cat"] == category && entry["name"] == name);
    match (found.next(), found.next()) {
        (Some(entry), None) => entry,
        found => panic!("{category} {name}: {found:?} in {trace:?}"),
    }
}

/// Start and end of a slice, in microseconds.
fn span(slice: &Value) -> (f64, f64) {
    let start = slice["ts"].as_f64().unwrap();
    (start, start + slice["dur"].as_f64().unwrap())
}

/// Whether one slice ends before the other begins, as far as nanoseconds can tell.
fn precedes(one: &Value, other: &Value) -> bool {
    span(one).1 <= span(other).0 + 2e-3
}

/// Whether a slice is within another.
fn contains(outer: &Value, inner: &Value) -> bool {
    let (outer, inner) = (span(outer), span(inner));
    outer.0 <= inner.0 + 2e-3 && inner.1 <= outer.1 + 2e-3
}

#[test]
fn nodes_stand_on_their_worker_within_their_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, trace) = within(directory.path(), &[]);
    let pids = finished.json()["pids"].clone();
    let (attempt, load, obey) =
        (entry(&trace, "attempt", "load"), entry(&trace, "node", "load"), entry(&trace, "node", "obey"));
    assert_eq!(load["pid"], pids[0]);
    for node in [load, obey] {
        assert_eq!((&node["pid"], &node["tid"]), (&attempt["pid"], &attempt["tid"]), "{node}");
        assert!(contains(attempt, node), "{node} in {attempt}");
        assert!(node["args"]["line"].is_u64() && node["args"]["failure"].is_null(), "{node}");
    }
    assert!(precedes(load, obey), "{load}, {obey}");
    // The program's own node is on the program's track.
    let join = entry(&trace, "node", "join");
    assert_eq!(join["pid"], entry(&trace, "run", "run")["pid"]);
}

/// Fan-outs within a branch of a worker: on its threads, and in workers of its own.
#[test]
fn nodes_of_fan_outs_within_workers_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, trace) = within(directory.path(), &[]);
    let pids = finished.json()["pids"].clone();
    let attempt = entry(&trace, "attempt", "split");
    for (node, pid) in [("left", &pids[1]), ("right", &pids[2]), ("near", &pids[3]), ("far", &pids[4])] {
        let node = entry(&trace, "node", node);
        assert_eq!(&node["pid"], pid, "{node}");
        assert!(contains(attempt, node), "{node} in {attempt}");
        let name = |entry: &&Value| entry["name"] == "process_name" && &entry["pid"] == pid;
        let name = trace.iter().find(name).unwrap_or_else(|| panic!("{pid} has no name: {trace:?}"));
        let own = &attempt["pid"] == pid;
        assert_eq!(name["args"]["name"].as_str().unwrap().contains(" of worker "), !own, "{name}");
    }
    let [split, between, last] = ["split", "between", "last"].map(|node| entry(&trace, "node", node));
    for [one, other] in [[split, entry(&trace, "node", "left")], [entry(&trace, "node", "right"), between]] {
        assert!(precedes(one, other), "{one}, {other}");
    }
    assert!(precedes(between, last));
}

#[test]
fn verbose_runs_tell_of_nodes_in_workers() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, _) = within(directory.path(), &["-vv"]);
    for node in ["load", "obey", "split", "left", "right", "between", "near", "far", "last"] {
        for told in [format!("debug: node `{node}` starts\n"), format!("debug: node `{node}` ended after ")] {
            assert_eq!(finished.stderr.matches(&told).count(), 1, "{told}: {}", finished.stderr);
        }
    }
}

/// One knows where a run hangs, though the worker says nothing more.
#[test]
fn a_node_that_hangs_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let running = program(directory.path()).arg("-vv").arg("--order").arg("hang").start();
    wait_for("the start of `obey`", || running.stderr().contains("debug: node `obey` starts\n").then_some(()));
}

/// What a worker of a worker writes is labelled by both, whether the one between tells of its nodes or not.
#[test]
fn output_of_workers_of_workers_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    for verbosity in ["-v", "-vv"] {
        let finished = program(directory.path()).arg(verbosity).run();
        assert_eq!(finished.stderr.matches("[split] near: nearly\n").count(), 1, "{}", finished.stderr);
    }
}

/// The node in which a worker was lost is told, and ends with the attempt.
#[test]
fn the_node_of_a_lost_worker_stays_visible() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, trace) = within(directory.path(), &["-vv", "--order", "signal 9"]);
    let stderr = finished.failure(1);
    assert!(stderr.contains("debug: node `load` ended after ") && stderr.contains("debug: node `obey` starts\n"));
    assert!(!stderr.contains("node `obey` ended"), "{stderr}");
    let (attempt, obey) = (entry(&trace, "attempt", "load"), entry(&trace, "node", "obey"));
    assert_eq!((&obey["args"]["unfinished"], &obey["pid"]), (&Value::Bool(true), &attempt["pid"]), "{obey}");
    assert!(contains(attempt, obey) && (span(attempt).1 - span(obey).1).abs() < 2e-3, "{obey} in {attempt}");
    assert_eq!(attempt["args"]["failure"]["kind"], "crash", "{attempt}");
}

#[test]
fn a_failed_node_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, trace) = within(directory.path(), &["--order", "error no such sample"]);
    assert_eq!(finished.code, Some(1));
    let failure = &entry(&trace, "node", "obey")["args"]["failure"];
    assert_eq!(failure["kind"], "error", "{failure}");
}

/// `ctx.progress` of a branch, of a fan-out within it on threads, and of a worker of the worker.
#[test]
fn progress_within_workers_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (finished, _) = within(directory.path(), &["-vvv", "--log-format", "json"]);
    let lines = finished.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<_> = lines.filter(|line| line["message"] == "progress").collect();
    // The end of a count is always told.
    for (node, total) in [("left", 3), ("between", 2), ("near", 4)] {
        let of_node = |line: &&Value| line["node"] == node && line["done"] == total && line["total"] == total;
        assert_eq!(told.iter().filter(of_node).count(), 1, "{node}: {told:?}");
    }
}
