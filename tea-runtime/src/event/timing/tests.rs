//! Traces of events, as a viewer reads them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Timing;
use crate::{
    event::{Event, Listener, Scope},
    failure::{Failure, FailureKind},
    place::Place,
};

/// The end of a first attempt that succeeded.
fn ended<'a>(name: &'a str, worker: Option<u32>, host: Option<&'a str>, pid: u32, elapsed: Duration) -> Event<'a> {
    Event::AttemptFinished {
        scope: Scope::ROOT,
        name,
        label: None,
        attempt: 1,
        worker,
        host,
        pid,
        elapsed,
        received: 1,
        cpu: None,
        peak_memory: None,
        failure: None,
    }
}

/// A worker gave it back, and another one ran it.
#[test]
fn nodes_stand_in_the_attempt_that_ran_and_not_in_one_that_was_about_to() {
    let timing = Timing::new();
    let (scope, name, node, started, place) =
        (Scope::ROOT, "count", "load", Instant::now(), Place { line: 1, column: 1 });
    let (attempt, elapsed, failure) = (1, Duration::from_millis(1), None);
    for (worker, pid) in [(3, 4242), (4, 4343), (3, 4242)] {
        let (worker, host) = (Some(worker), None);
        timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent: 100 });
    }
    let (worker, pid, cached) = (Some(3), 4242, false);
    timing.on_event(&Event::NodeStarted { scope, node, place, worker, pid, started });
    timing.on_event(&Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached });
    timing.on_event(&ended(name, worker, None, pid, Duration::from_millis(2)));
    let mut json = Vec::new();
    timing.write(&mut json).unwrap();
    let trace: Value = serde_json::from_slice(&json).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|entry| entry["ph"] == "X");
    let names: Vec<_> = slices.map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["load", "count"]);
}

#[test]
fn attempts_stand_on_the_track_of_their_worker() {
    let timing = Timing::new();
    let failure = Failure::new(FailureKind::Crash, "lost \"it\"");
    let (scope, name, host, pid) = (Scope::ROOT, "count", None, 4242);
    let second = Duration::from_secs(1);
    timing.on_event(&Event::WorkerStarted { worker: 3, host, pid, elapsed: Duration::ZERO });
    let started = Instant::now();
    let worker = Some(3);
    timing.on_event(&Event::AttemptStarted { scope, name, attempt: 1, worker, host, pid, started, sent: 100 });
    timing.on_event(&Event::AttemptFinished {
        scope,
        name,
        label: Some("a.csv"),
        attempt: 1,
        worker,
        host,
        pid,
        elapsed: second,
        received: 7,
        cpu: Some(Duration::from_millis(1500)),
        peak_memory: Some(1 << 20),
        failure: Some(&failure),
    });
    timing.on_event(&Event::RetryScheduled {
        scope,
        name,
        label: Some("a.csv"),
        attempt: 2,
        delay: second,
        failure: &failure,
    });
    timing.on_event(&Event::RunFinished { elapsed: second, success: false });
    let mut text = Vec::new();
    timing.write(&mut text).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    let find = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
    let attempt = find("count");
    assert_eq!(attempt["ph"], "X");
    assert_eq!((&attempt["pid"], &attempt["tid"]), (&json!(pid), &json!(pid)));
    // It cannot have run longer than the trace.
    assert!(attempt["dur"].as_f64().unwrap() < 1e6, "{attempt}");
    assert_eq!(attempt["args"]["sent_bytes"], 100);
    assert_eq!(attempt["args"]["received_bytes"], 7);
    assert_eq!(attempt["args"]["cpu_seconds"], 1.5);
    assert_eq!(attempt["args"]["peak_memory_bytes"], 1 << 20);
    assert_eq!(attempt["args"]["failure"]["kind"], "crash");
    assert_eq!(find("retry count")["ph"], "i");
    assert_eq!([&attempt["args"]["label"], &find("retry count")["args"]["label"]], ["a.csv"; 2]);
    assert_eq!(find("run")["pid"], std::process::id());
    let labels: Vec<_> =
        entries.iter().filter(|entry| entry["ph"] == "M").map(|entry| &entry["args"]["name"]).collect();
    assert!(labels.contains(&&json!("worker 3")), "{labels:?}");
}

/// Processes of two hosts may have the same number.
#[test]
fn each_host_is_a_group_of_tracks() {
    let timing = Timing::new();
    let (scope, pid, elapsed) = (Scope::ROOT, 4242, Duration::from_millis(1));
    for (worker, host) in [(0, Some("n1")), (1, Some("n2")), (2, None)] {
        timing.on_event(&Event::WorkerStarted { worker, host, pid, elapsed });
        let (name, attempt, worker, started) = (host.unwrap_or("here"), 1, Some(worker), Instant::now());
        timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent: 0 });
    }
    for (worker, host) in [(0, Some("n1")), (1, Some("n2")), (2, None)] {
        let (name, worker) = (host.unwrap_or("here"), Some(worker));
        timing.on_event(&ended(name, worker, host, pid, elapsed));
    }
    let mut text = Vec::new();
    timing.write(&mut text).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    let group = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap()["pid"].as_u64().unwrap();
    let named =
        |name: &str| entries.iter().find(|entry| entry["args"]["name"] == name).unwrap()["pid"].as_u64().unwrap();
    assert_eq!([group("n1"), group("n2"), group("here")], [named("host n1"), named("host n2"), named("worker 2")]);
    assert!(group("n1") != group("n2") && group("here") == u64::from(pid), "{trace}");
}

#[test]
fn slices_of_a_worker_do_not_overlap() {
    let timing = Timing::new();
    let (scope, worker, host, pid) = (Scope::ROOT, Some(0), None, 4242);
    let begin = |name| {
        let (attempt, started, sent) = (1, Instant::now(), 1);
        timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent });
    };
    let end = |name| {
        let elapsed = Duration::from_secs(1);
        timing.on_event(&ended(name, worker, host, pid, elapsed));
    };
    begin("a");
    // The worker continues at once; the end of the first attempt is reported later.
    begin("b");
    end("a");
    end("b");
    let mut text = Vec::new();
    timing.write(&mut text).unwrap();
    let trace: Value = serde_json::from_slice(&text).unwrap();
    let slices: Vec<_> = trace["traceEvents"].as_array().unwrap().iter().filter(|entry| entry["ph"] == "X").collect();
    let [a, b] = slices.as_slice() else { panic!("{slices:?}") };
    let start = |slice: &Value| slice["ts"].as_f64().unwrap();
    assert!(start(a) + a["dur"].as_f64().unwrap() <= start(b) + 1e-3, "{slices:?}");
}
