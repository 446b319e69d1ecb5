//! What comes out is the same wherever it runs.

use super::*;

#[test]
fn two_agents_give_the_bytes_that_threads_and_processes_give() {
    let stage = Stage::new(2, 2);
    let run = |program: Program| program.run().json();
    let plain = || Program::new(REMOTE).env("FLOW", "items").arg("--count=5000");
    let expected = run(plain().args("--parallel-strategy thread"));
    assert_eq!(run(plain()), expected, "without a pool");
    assert_eq!(run(stage.program("items").arg("--count=5000")), expected);
    assert_eq!(run(plain().env("TEA_POOL", stage.path("pool.toml"))), expected, "by the variable");
    assert_eq!(expected["total"], (0..5000_u64).map(|item| item * item + item).sum::<u64>());
}

#[test]
fn both_agents_work_and_nothing_of_the_program_itself_does() {
    let stage = Stage::new(2, 1);
    stage.hold(0);
    stage.hold(1);
    let running = stage.items(40).start();
    let notes = stage.begun(&running, &[0, 1]);
    let agents = agents(&notes);
    assert!(agents.len() == 2 && !agents.contains(&running.pid()), "{notes:?}");
    stage.release(0);
    stage.release(1);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(40)));
    let mut ended = stage.noted("end");
    ended.sort_unstable();
    assert_eq!(ended, (0..40).collect::<Vec<_>>());
}

#[test]
fn what_waits_behind_a_long_branch_runs_on_another_host() {
    let stage = Stage::new(2, 1);
    stage.hold(0);
    let running = stage.program("rounds").arg("--folder").arg(stage.path("")).start();
    wait_for(&format!("all others to end\n{}", running.stderr()), || (stage.noted("end").len() == 5).then_some(()));
    assert!(!stage.noted("end").contains(&0));
    stage.release(0);
    assert_eq!(running.finish().json()["out"], 55);
    assert_eq!(stage.attempts(6), [1; 6]);
}

/// Counts the most items that were under way at the same time.
fn most_at_once(log: &[String]) -> i64 {
    let steps = log.iter().map(|line| if line.starts_with("begin") { 1 } else { -1 });
    let counts = steps.scan(0, |now, step| {
        *now += step;
        Some(*now)
    });
    counts.max().unwrap_or(0)
}

#[test]
fn nested_fan_outs_share_the_slots_of_their_host() {
    for (hosts, slots, args, most) in [(1, 2, "", 2), (1, 3, "--max-workers 1", 1), (2, 2, "--max-workers 3", 3)] {
        let stage = Stage::new(hosts, slots);
        let program = stage.program("nested").arg("--log").arg(stage.path("trace")).args(args);
        let finished = program.run();
        assert_eq!(finished.json()["out"], 380);
        assert!(!finished.stderr.contains("is replaced"), "{}", finished.stderr);
        let log = trace::lines(&stage.path("trace"));
        assert_eq!(log.len(), 80);
        assert!(most_at_once(&log) <= most, "{hosts} hosts, {slots} slots, {args}: {log:?}");
    }
}

#[test]
fn events_tell_of_nodes_and_workers_on_hosts() {
    let stage = Stage::new(2, 1);
    stage.hold(0);
    stage.hold(1);
    let timing = stage.path("timing.json");
    let running = stage.items(6).args("-vv").arg("--timing").arg(&timing).start();
    stage.begun(&running, &[0, 1]);
    stage.release(0);
    stage.release(1);
    let finished = running.finish();
    assert_eq!(finished.json()["out"], serde_json::json!(squares(6)));
    let trace: serde_json::Value = serde_json::from_slice(&fs::read(timing).unwrap()).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    for host in ["host 1", "host 2"] {
        assert!(finished.stderr.contains(&format!(" on host `{host}` is ready")), "{}", finished.stderr);
        let label = format!("host {host}");
        let group = entries.iter().find(|entry| entry["args"]["name"] == label.as_str()).expect("a group a host");
        let drawn = entries.iter().filter(|entry| entry["cat"] == "attempt" && entry["pid"] == group["pid"]);
        assert!(drawn.count() > 0, "{trace}");
    }
}

#[test]
fn a_failure_tells_its_host() {
    let stage = Stage::new(1, 1);
    let said = |format: &str| {
        let program = stage.items(1).args("--set each.timeout=50ms --error-format").arg(format);
        stage.hold(0);
        program.run().failure(1).to_owned()
    };
    assert!(said("text").contains(") on host `host 1`"), "{}", said("text"));
    assert!(said("json").contains("\"host\":\"host 1\""), "{}", said("json"));
}
