//! How workers end: every way has its name, and costs its own branch alone.

use rustix::process::Signal;
use tests::project::Project;

use super::*;

#[test]
fn row_01_a_killed_branch_of_forty() {
    for index in [0, 1, 5, 39] {
        let run = run("forty", &forty(index, "kill 9"));
        run.all_done_but(&[index], 40);
        assert_eq!(run.exit(index), ("signal", 9));
        let branch = run.branch(index);
        assert_eq!((&branch["branch"], &branch["attempts"]), (&format!("b{index:02}").into(), &1.into()));
        assert_eq!(run.message(index), "the worker process was ended by signal 9 (SIGKILL)");
    }
}

#[test]
fn row_01_killed_during_its_start() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let running = program("plain", &["ok"; 4]).env(GATE, &gate).start();
    for worker in workers(&running, 2) {
        process::signal(worker, Signal::KILL).unwrap();
    }
    std::fs::write(gate, "").unwrap();
    finished(running.finish()).all_done_but(&[], 4);
}

#[test]
fn row_01_killed_while_idle() {
    let run = finished(stages(&["ok"; 4], "kill").run());
    assert_eq!([2, 3].map(|index| run.done(index)), ["2", "3"]);
}

#[test]
fn row_01_killed_while_it_receives() {
    // It had not begun, so nothing has failed.
    let run = finished(stages(&["ok"; 4], "kill-receiving 64").run());
    assert_eq!([2, 3].map(|index| run.done(index)), ["2", "3"]);
    assert_eq!([0, 1].map(|index| run.branch(index)["attempts"].clone()), [1, 1]);
}

#[test]
fn row_01_killed_further_down() {
    let run = run("plain", &["nested 1 kill 9", "ok", "ok", "nested 2 kill 9"]);
    for index in [0, 3] {
        assert_eq!(run.error(index)["kind"], "error");
        assert!(run.error(index).to_string().contains("was ended by signal 9 (SIGKILL)"), "{}", run.error(index));
    }
    run.all_done_but(&[0, 3], 4);
}

#[test]
fn row_01_killed_among_short_items() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let items = 3_000_usize;
    let run = finished(Program::new(ROWS).arg("cheap").arg(serde_json::to_string(&(items, &log)).unwrap()).run());
    // Those before and after it in the same batch ran once, and their results are there; it alone is blamed.
    let mut ran = vec![Vec::new(); items];
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let (item, attempt) = line.split_once(' ').unwrap();
        ran[item.parse::<usize>().unwrap()].push(attempt.parse::<u32>().unwrap());
    }
    for (item, attempts) in ran.iter().enumerate() {
        let expected: &[u32] = if [250, 499].contains(&(item % 500)) { &[1, 2] } else { &[1] };
        assert_eq!(attempts, expected, "item {item}");
    }
    let done: Vec<_> = (0..items).filter(|item| item % 500 != 499).collect();
    assert_eq!(run.output["done"], serde_json::json!(done));
    let failed = run.output["failed"].as_array().unwrap();
    let blamed: Vec<_> = failed.iter().map(|failure| failure["index"].as_u64().unwrap()).collect();
    assert_eq!(blamed, [499, 999, 1499, 1999, 2499, 2999]);
    for failure in failed {
        assert_eq!((&failure["kind"], &failure["attempts"]), (&"crash".into(), &2.into()), "{failure}");
        assert!(failure["message"].as_str().unwrap().ends_with("was ended by signal 9 (SIGKILL)"), "{failure}");
    }
}

#[test]
fn row_02_a_crash_that_is_tried_again() {
    let run = run("retry", &forty(5, "kill-once"));
    assert_eq!(run.done(5), "attempt 2");
    assert_eq!(run.branch(5)["attempts"], 2);
    assert_eq!(run.branch(5)["attempt_errors"][0]["kind"], "crash");
    run.all_done_but(&[5], 40);
}

#[test]
fn row_03_every_end_is_named() {
    let run = run("single", &["kill 11", "abort", "exit 7", "exit 0"]);
    assert_eq!([0, 1, 2, 3].map(|n| run.exit(n)), [("signal", 11), ("signal", 6), ("code", 7), ("code", 0)]);
    assert!(run.message(3).ends_with("exited with status 0 before its task was done"));
}

#[test]
fn row_04_panics_leave_the_worker_alive() {
    let run = run("single", &["panic-string no luck", "panic-str", "panic-any", "panic-drop"]);
    for (index, message) in ["no luck", "a plain text", "not text", "in a drop"].into_iter().enumerate() {
        assert!(run.message(index).contains(message), "{}", run.error(index));
        assert_eq!(run.error(index)["kind"], "panic");
        assert!(run.error(index)["panicked_at"].as_str().unwrap().contains("acts.rs:"), "{}", run.error(index));
        assert_eq!(run.branch(index)["pid"], run.branch(0)["pid"]);
    }
}

#[test]
fn row_05_built_to_abort_at_panics() {
    let main = r#"
        use tea_runtime::result::ParallelFlowResult;
        tea_runtime::include_workflow!("flow.yaml");
        fn hatch(eggs: u32) -> u32 {
            if eggs == 3 { panic!("{eggs} eggs, no way back") } else { eggs }
        }"#;
    let flow = r"
name: flow
state_schema:
  one: { type: u32, optional: true }
  two: u32
  results: Vec<ParallelFlowResult>
nodes:
  - { name: bad, run: hatch(3), output: one }
  - { name: good, run: hatch(2), output: two }
  - { name: all, run: parallel_results.to_vec(), output: results }
settings:
  parallel: { strategy: process, max_workers: 1 }
edges:
  - { from: __start__, to: bad, parallel: true, fan_in: all, allow_failure: true }
  - { from: __start__, to: good, parallel: true, fan_in: all }
";
    let project = Project::new("panics_abort", &[("main.rs", main), ("flow.yaml", flow)]);
    let built = project.build_with(&["-C", "panic=abort"]);
    assert!(built.success, "{}", built.output);
    let output = Program::new(project.program()).run().json();
    let error = &output["results"][0]["error"];
    assert_eq!((&error["kind"], &error["exit"]["signal"]), (&"crash".into(), &6.into()), "{error}");
    let lines = error["output"].to_string();
    assert!(lines.contains("3 eggs, no way back") && lines.contains("main.rs:"), "{lines}");
    assert_eq!(output["two"], 2);
}

#[test]
fn row_05_a_panic_that_cannot_unwind() {
    let run = run("plain", &["panic-abort", "ok", "ok", "panic-abort"]);
    for index in [0, 3] {
        assert_eq!((run.error(index)["kind"].as_str().unwrap(), run.exit(index)), ("crash", ("signal", 6)));
        let output = run.error(index)["output"].to_string();
        assert!(output.contains("no way back") && output.contains("acts.rs"), "{output}");
    }
    run.all_done_but(&[0, 3], 4);
}

#[test]
fn row_06_a_stack_overflow_is_named() {
    let run = run("plain", &["overflow", "ok", "ok", "ok"]);
    assert!(run.message(0).contains("a stack overflowed"), "{}", run.message(0));
    assert!(run.error(0)["causes"][0].as_str().unwrap().starts_with("hint: "));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_07_memory_over_the_limit() {
    let run = run("memory", &["allocate 1000", "ok", "allocate 100", "ok"]);
    assert_eq!(run.error(0)["kind"], "out_of_memory");
    assert!(run.message(0).ends_with("ran out of memory: its `memory_limit` is 256 MiB"), "{}", run.message(0));
    assert_eq!(run.done(2), "100");
    run.all_done_but(&[0, 2], 4);
}

#[test]
fn row_08_killed_by_the_system_for_memory() {
    // Needs a memory controller (version 1) that this user may write to.
    let run = run("plain", &["control-group", "ok", "ok", "ok"]);
    if run.branch(0)["success"] == true {
        assert!(run.done(0).starts_with("no control group"), "{}", run.done(0));
        eprintln!("this machine cannot show it: {}", run.done(0));
        return;
    }
    assert_eq!((run.error(0)["kind"].as_str().unwrap(), run.exit(0)), ("out_of_memory", ("signal", 9)));
    assert!(run.message(0).ends_with("was killed by the system, which had run out of memory"), "{}", run.message(0));
    run.all_done_but(&[0], 4);
}
