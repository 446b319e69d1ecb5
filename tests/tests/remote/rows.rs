//! Branches that misbehave do the same through an agent as in a pool of workers: one suite compares the two.

use serde_json::Value;

use super::*;

/// What a run of the program `rows` says of its branches, without what differs from run to run.
fn told(flow: &str, acts: &[&str], pool: Option<&Stage>) -> Value {
    let program = Program::new(env!("CARGO_BIN_EXE_rows")).arg(flow).arg(serde_json::to_string(acts).unwrap());
    let program = match pool {
        Some(stage) => program.env("TEA_TESTS_POOL", stage.path("pool.toml")),
        None => program,
    };
    let mut json = program.run().json();
    assert_eq!(
        json["before"], json["after"],
        "descriptors, threads and children are back where they were: {flow} {acts:?}"
    );
    let output = &mut json["output"];
    for branch in output["results"].as_array_mut().unwrap() {
        assert_ne!(branch["worker"], Value::Null, "it ran in a worker: {branch}");
        for volatile in ["elapsed", "pid", "worker", "host", "cpu", "peak_memory"] {
            branch.as_object_mut().unwrap().remove(volatile);
        }
        let errors = branch["attempt_errors"].as_array().unwrap().len();
        // Names of threads and processes are in it.
        let mut forget = |at: &str| branch.pointer_mut(at).into_iter().for_each(|output| *output = Value::Null);
        forget("/error/output");
        (0..errors).for_each(|error| forget(&format!("/attempt_errors/{error}/output")));
    }
    output.take()
}

#[test]
fn branches_end_through_an_agent_as_they_end_in_a_pool() {
    let stage = Stage::new(1, 2);
    let cases: &[(&str, [&str; 4])] = &[
        ("plain", ["kill 9", "ok", "exit 3", "ok"]),
        ("plain", ["abort", "kill 11", "panic-str", "ok"]),
        ("plain", ["panic-string some text", "panic-any", "panic-drop", "overflow"]),
        ("plain", ["nested 1 kill 9", "ok", "ok", "nested 2 kill 9"]),
        ("retry", ["kill-once", "kill-once", "ok", "kill 9"]),
        ("limited", ["spin", "ok", "ignore-term", "sleep 1"]),
        ("memory", ["allocate 512", "ok", "allocate 16", "ok"]),
        ("small", ["large 2", "ok", "ok", "ok"]),
    ];
    for (flow, acts) in cases {
        assert_eq!(told(flow, acts, Some(&stage)), told(flow, acts, None), "{flow} {acts:?}");
    }
}
