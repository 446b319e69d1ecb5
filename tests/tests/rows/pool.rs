//! The pool itself: starting workers, replacing them, and where it may be used.

use std::process::Command;

use rustix::process::Signal;
use tests::{logged::Logged, project::Project};

use super::*;

#[test]
fn row_29_no_descriptors_left() {
    // Two workers do not fit under this limit, one does.
    let script = |limit: u32| format!("ulimit -n {limit}; exec \"$0\" plain '[\"ok\",\"ok\",\"ok\",\"ok\"]'");
    let few = Program::new("/bin/sh").arg("-c").arg(script(14)).arg(ROWS).run();
    assert!(few.stderr.contains("only 1 worker process can run"), "{}", few.stderr);
    finished(few).all_done_but(&[], 4);
    // Its branches may fail, but that nothing can be run is nobody's allowed failure.
    let none = Program::new("/bin/sh").arg("-c").arg(script(6)).arg(ROWS).run();
    assert_eq!(none.code, Some(1), "{}", none.stdout);
    assert!(none.stderr.contains("no worker process can be started: "), "{}", none.stderr);
}

#[test]
fn row_31_fan_outs_within_fan_outs() {
    for depth in ["0", "1", "18"] {
        let finished = Program::new(ROWS).args("nested").arg(depth).run();
        assert!(finished.json()["output"].is_string(), "{depth}");
    }
    let finished = Program::new(ROWS).args("nested").arg("25").run();
    assert!(finished.failure(1).contains("process fan-outs nest deeper than 20"), "{}", finished.stderr);
}

#[test]
fn row_32_no_entry_for_workers() {
    let finished = Program::new(ROWS).arg("uninitialised").run();
    // Its branches may fail, but that nothing can be run is nobody's allowed failure.
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""));
    assert!(finished.stderr.contains("call `tea_runtime::init()` first thing in `main`"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("this process is a worker"), "no worker was started: {}", finished.stderr);
}

#[test]
fn row_33_a_pool_of_one_thread() {
    let finished = program("plain", &["ok"; 4]).env("RAYON_NUM_THREADS", "1").run();
    self::finished(finished).all_done_but(&[], 4);
}

#[test]
fn row_34_a_worker_for_every_item() {
    let run = finished(Program::new(ROWS).args("recycled 1000").run());
    // By what each process counts, not by its number: the system gives numbers again.
    let served: Vec<(u32, u32)> = serde_json::from_value(run.output).unwrap();
    let reused = served.iter().filter(|(_, items)| *items != 1).collect::<Vec<_>>();
    assert_eq!((served.len(), reused.as_slice()), (1000, [].as_slice()));
}

#[test]
fn row_35_interrupted_with_ten_thousand_in_the_queue() {
    let flow = Logged::new(ROWS, "queue");
    let running = flow.program().start();
    wait_for("two items to start", || (flow.lines().len() >= 2).then_some(()));
    running.signal(Signal::INT);
    let finished = running.finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", finished.stderr);
    assert!(flow.lines().len() <= 4, "{:?}", flow.lines());
}

#[test]
fn row_36_what_cannot_be_merged() {
    let run = finished(Program::new(ROWS).arg("merging").run());
    assert!(run.output.as_str().unwrap().contains("no merging"), "{}", run.output);
}

#[test]
fn row_36_a_listener_that_panics() {
    let run = finished(Program::new(ROWS).arg("listening").run());
    assert!(run.output.as_str().unwrap().contains("a listener of events panicked: no more of this"), "{}", run.output);
}

#[test]
fn row_36_cancelled_from_within() {
    let run = finished(Program::new(ROWS).arg("cancelling").run());
    assert!(run.output.as_str().unwrap().contains("cancelled"), "{}", run.output);
}

#[test]
fn row_38_a_parent_with_much_memory() {
    // Not by the clock: after a fork every page that the parent writes to costs it a fault. `rows heavy 4096` shows how
    // long workers of a parent with 4 GiB take to start.
    let run = finished(Program::new(ROWS).args("heavy 256").run());
    let [pages, touch] = ["pages", "touch"].map(|name| run.output[name].as_u64().unwrap());
    assert!(pages == 65_536 && touch < pages / 10, "{touch} faults for {pages} pages");
    assert!(run.output["starts"].as_array().unwrap().len() > 1, "a worker was replaced");
}

#[test]
fn row_39_inside_libtest_and_nextest() {
    let lib = r#"
        tea_runtime::include_workflow!("flow.yaml", main = false);

        #[test]
        fn a_workflow_in_processes() {
            let output = flow::run(flow::Input::new()).unwrap();
            let here = std::process::id();
            assert!(output.one != here && output.two != here);
        }"#;
    let flow = r"
name: flow
state_schema: { one: u32, two: u32 }
nodes:
  - { name: first, run: std::process::id(), output: one }
  - { name: second, run: std::process::id(), output: two }
  - { name: all, run: 'let _ = (one, two);' }
edges:
  - { from: __start__, to: [first, second], parallel: true, fan_in: all, parallel_strategy: process }
";
    let project = Project::new("inside_tests", &[("lib.rs", lib), ("flow.yaml", flow)]);
    let tested = project.test(&["test", "--lib"]);
    assert!(tested.success, "{}", tested.output);
    if Command::new(env!("CARGO")).args(["nextest", "--version"]).output().is_ok_and(|found| found.status.success()) {
        let tested = project.test(&["nextest", "run"]);
        assert!(tested.success && tested.output.contains("a_workflow_in_processes"), "{}", tested.output);
    } else {
        eprintln!("this machine cannot show it: cargo-nextest is not installed");
    }
}

#[test]
fn row_39_as_the_first_process() {
    // In a name space of its own, where it is what `init` is elsewhere: orphans become its children.
    let Some(name_space) = name_space() else { return };
    let acts = serde_json::to_string(&["orphan", "ok", "kill 9", "spin"]).unwrap();
    let run = finished(name_space.arg(ROWS).arg("limited").arg(acts).run());
    run.all_done_but(&[0, 2, 3], 4);
    assert_eq!((run.error(0)["kind"].as_str(), run.exit(2)), (Some("timeout"), ("signal", 9)));
}
