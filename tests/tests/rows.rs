//! `faults.md`, row by row: what a pool of workers must stand. Each test has its row's number in its name. `signals.rs`
//! has rows 13 to 17 and 23; the runtime's own tests have rows 24 and 25 (byte by byte) and 19, 21, 22 and 30 (programs
//! that are no workers).

use std::time::Duration;

use serde_json::Value;
use tests::{
    process::wait_for,
    program::{Finished, Program},
};

const ROWS: &str = env!("CARGO_BIN_EXE_rows");

/// The end of a run whose branches did as `acts` say.
struct Run {
    output: Value,
    stderr: String,
}

fn program(flow: &str, acts: &[&str]) -> Program {
    Program::new(ROWS).arg(flow).arg(serde_json::to_string(acts).unwrap())
}

/// Runs it to its end, and makes sure that nothing is left of its workers in it.
fn run(flow: &str, acts: &[&str]) -> Run {
    finished(program(flow, acts).run())
}

fn finished(finished: Finished) -> Run {
    let json = finished.json();
    assert_eq!(json["before"], json["after"], "descriptors, threads and children are back where they were");
    assert_eq!(json["after"]["children"], 0);
    Run { output: json["output"].clone(), stderr: finished.stderr }
}

impl Run {
    fn branch(&self, index: usize) -> &Value {
        &self.output["results"][index]
    }

    fn error(&self, index: usize) -> &Value {
        let error = &self.branch(index)["error"];
        assert!(error.is_object(), "branch {index} fails: {}", self.branch(index));
        error
    }

    fn message(&self, index: usize) -> &str {
        self.error(index)["message"].as_str().unwrap()
    }

    fn done(&self, index: usize) -> &str {
        let done = self.output["done"].as_array().and_then(|done| done.iter().find(|done| done[0] == index));
        done.unwrap_or_else(|| panic!("branch {index} is done: {}", self.branch(index)))[1].as_str().unwrap()
    }

    fn exit(&self, index: usize) -> (&str, i64) {
        let exit = self.error(index)["exit"].as_object().unwrap().iter().next().unwrap();
        (exit.0, exit.1.as_i64().unwrap())
    }

    fn seconds(&self, index: usize) -> f64 {
        let elapsed = &self.branch(index)["elapsed"];
        elapsed["secs"].as_f64().unwrap() + elapsed["nanos"].as_f64().unwrap() / 1e9
    }

    /// All branches but these gave what a serial run gives.
    fn all_done_but(&self, failed: &[usize], count: usize) {
        for index in (0..count).filter(|index| !failed.contains(index)) {
            assert_eq!(self.branch(index)["success"], true, "{}", self.branch(index));
            assert_eq!(self.done(index), index.to_string());
        }
    }
}

fn forty(index: usize, act: &'static str) -> Vec<&'static str> {
    let mut acts = vec!["ok"; 40];
    acts[index] = act;
    acts
}

#[test]
fn row_01_a_killed_branch_of_forty() {
    for index in [0, 1, 5, 39] {
        let run = run("forty", &forty(index, "kill 9"));
        run.all_done_but(&[index], 40);
        assert_eq!(run.exit(index), ("signal", 9));
        let branch = run.branch(index);
        assert_eq!((&branch["branch"], &branch["attempts"]), (&format!("b{index:02}").into(), &1.into()));
        assert_eq!(run.message(index), format!("worker process {} was ended by signal 9 (SIGKILL)", branch["pid"]));
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
    for (index, message) in ["no luck", "a plain text", "no text", "in a drop"].into_iter().enumerate() {
        assert!(run.message(index).contains(message), "{}", run.error(index));
        assert_eq!(run.error(index)["kind"], "panic");
        assert!(run.error(index)["panicked_at"].as_str().unwrap().contains("acts.rs:"), "{}", run.error(index));
        assert_eq!(run.branch(index)["pid"], run.branch(0)["pid"]);
    }
}

#[test]
fn row_05_a_panic_that_aborts() {
    // A panic in a function that cannot unwind: what a program built with `panic = "abort"` does at every panic.
    let run = run("plain", &["panic-abort", "ok", "ok", "ok"]);
    assert_eq!((run.error(0)["kind"].as_str().unwrap(), run.exit(0)), ("crash", ("signal", 6)));
    let output = run.error(0)["output"].to_string();
    assert!(output.contains("no way back") && output.contains("acts.rs"), "{output}");
    run.all_done_but(&[0], 4);
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

#[test]
fn row_09_a_loop_over_its_time() {
    let run = run("limited", &["spin", "ok", "ok", "ok"]);
    assert_eq!(run.error(0)["kind"], "timeout");
    assert_eq!(run.message(0), "ran over its `timeout` of 200ms");
    assert_eq!(run.exit(0), ("signal", 15));
    // 300 ms on a machine that has nothing else to do.
    assert!((0.2..2.0).contains(&run.seconds(0)), "{}", run.seconds(0));
    assert_ne!(run.branch(0)["pid"], run.branch(1)["pid"]);
    run.all_done_but(&[0], 4);
}

#[test]
fn row_09_a_hundred_deadlines_together() {
    let run = run("together", &["spin"; 100]);
    for index in 0..100 {
        assert_eq!(run.error(index)["kind"], "timeout");
        // 100 ms late at most, and as much again for a machine with other things to do.
        assert!((2.0..4.0).contains(&run.seconds(index)), "{}", run.seconds(index));
    }
}

#[test]
fn row_10_a_branch_that_ignores_sigterm() {
    let run = run("limited", &["ignore-term", "ok", "ok", "ok"]);
    assert_eq!((run.error(0)["kind"].as_str().unwrap(), run.exit(0)), ("timeout", ("signal", 9)));
    assert_eq!(
        run.error(0)["causes"][0],
        "its worker was sent signal 15 (SIGTERM), did not end within 300ms, and was killed"
    );
    assert!(run.seconds(0) >= 0.5, "{}", run.seconds(0));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_11_a_grandchild_holds_stderr() {
    // That it is gone in the end is seen by `Program`.
    let run = run("plain", &["grandchild", "ok", "ok", "grandchild"]);
    run.all_done_but(&[0, 3], 4);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
}

#[test]
fn row_12_a_grandchild_that_left_the_group() {
    let run = run("plain", &["escape", "ok", "ok", "ok"]);
    run.all_done_but(&[0], 4);
    assert!(run.stderr.contains("has left its process group and is still running"), "{}", run.stderr);
}

#[test]
fn row_18_text_of_all_kinds() {
    let run = run("plain", &["print", "ok", "ok", "ok"]);
    for text in ["println", "eprintln", "printf"] {
        assert!(run.stderr.contains(&format!("b00: said with {text}")), "{}", run.stderr);
    }
    assert_eq!(run.done(0), "exit status: 0");
    run.all_done_but(&[0], 4);
}

#[test]
fn row_20_closed_descriptors_and_standard_input() {
    let first = run("single", &["close", "stdin", "elsewhere", "ok"]);
    assert_eq!([0, 1, 2].map(|n| first.done(n)), ["closed", "read 0 bytes", "/"]);
    first.all_done_but(&[0, 1, 2], 4);
    // All descriptors, the private ones too: the worker is lost, and the next branch gets another.
    let run = run("single", &["close-all", "ok", "ok", "ok"]);
    assert!(["crash", "transport"].contains(&run.error(0)["kind"].as_str().unwrap()), "{}", run.error(0));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_26_much_in_and_much_out() {
    // 256 MiB in all in each direction; unoptimised code takes its time for checksums.
    let run = run("plain", &["large 64", "large 64", "large 64", "large 64"]);
    for index in 0..4 {
        assert_eq!(run.done(index), format!("{} bytes", 64 << 20));
    }
}

#[test]
fn row_27_a_crash_in_the_middle_of_a_result() {
    // At what moment the worker dies depends on the machine; what counts is that no result comes in part.
    for after in [0, 2_000, 20_000, 60_000, 200_000] {
        let act = format!("large-and-die 16 {after}");
        let run = run("plain", &["ok", &act, "ok", "ok"]);
        if run.branch(1)["success"] == true {
            assert_eq!(run.done(1), format!("{} bytes", 16 << 20));
        } else {
            assert_eq!(run.exit(1), ("signal", 9));
        }
        run.all_done_but(&[1], 4);
    }
}

#[test]
fn row_28_what_cannot_be_decoded() {
    let run = run("picky", &[]);
    for (index, key) in [(0, "bad"), (1, "two")] {
        assert_eq!(run.error(index)["kind"], "transport");
        assert!(
            run.message(index).starts_with(&format!("state key `{key}` cannot be decoded")),
            "{}",
            run.message(index)
        );
    }
    assert_eq!(run.output["three"], "good");
}

#[test]
fn what_is_over_max_payload_fails_before_it_is_sent() {
    let run = run("small", &["large 2", "ok", "ok", "ok"]);
    assert_eq!(run.error(0)["kind"], "transport");
    assert!(run.message(0).starts_with("state key `done` cannot cross"), "{}", run.message(0));
    assert!(run.message(0).contains("`max_payload` is 1 MiB"), "{}", run.message(0));
    run.all_done_but(&[0], 4);
}

#[test]
fn row_29_no_descriptors_left() {
    // Two workers do not fit under this limit, one does.
    let script = |limit: u32| format!("ulimit -n {limit}; exec \"$0\" plain '[\"ok\",\"ok\",\"ok\",\"ok\"]'");
    let few = Program::new("/bin/sh").arg("-c").arg(script(11)).arg(ROWS).run();
    finished(few).all_done_but(&[], 4);
    let none = Program::new("/bin/sh").arg("-c").arg(script(6)).arg(ROWS).run();
    let none = finished(none);
    for index in 0..4 {
        assert!(none.message(index).starts_with("no worker process can be started: "), "{}", none.message(index));
    }
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
    assert!(finished.stderr.is_empty(), "no worker was started: {}", finished.stderr);
    let json: Value = serde_json::from_str(&finished.stdout).unwrap();
    for branch in json["output"].as_array().unwrap() {
        let message = branch["error"]["message"].as_str().unwrap();
        assert!(message.contains("call `tea_runtime::init()` first thing in `main`"), "{message}");
    }
}

#[test]
fn row_33_a_pool_of_one_thread() {
    let finished = program("plain", &["ok"; 4]).env("RAYON_NUM_THREADS", "1").run();
    self::finished(finished).all_done_but(&[], 4);
}

#[test]
fn row_34_a_worker_for_every_item() {
    let run = finished(Program::new(ROWS).args("recycled 200").run());
    let mut pids: Vec<_> = run.output.as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 200);
}

#[test]
fn row_13_the_parent_is_killed() {
    // Branches that are busy, and a worker that has just been started for the next.
    for acts in [["spin", "spin", "ok", "ok"], ["ok", "sleep 100000", "large 64", "large 64"]] {
        let running = program("plain", &acts).start();
        wait_for("both workers", || (running.workers().len() >= 2).then_some(()));
        running.signal(rustix::process::Signal::KILL);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(9));
        assert!(finished.gone_after < Duration::from_secs(5), "{:?}", finished.gone_after);
    }
}
