//! Signals, from a terminal, a service manager or the kernel, to the program and to its workers.

use std::{collections::BTreeMap, fs, path::PathBuf, thread, time::Duration};

use rustix::process::Signal;
use tests::{
    process::{self, wait_for},
    program::{Program, Running},
    trace,
};

/// A workflow of a program with three branches, and a directory for its log.
struct Flow {
    directory: tempfile::TempDir,
    program: &'static str,
    name: &'static str,
}

impl Flow {
    fn new(program: &'static str, name: &'static str) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), program, name }
    }

    fn behave() -> Self {
        Self::new(env!("CARGO_BIN_EXE_edges"), "behave")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn program(&self, args: &[&str]) -> Program {
        let program = Program::new(self.program).env("FLOW", self.name).arg("--log").arg(self.path("log"));
        args.iter().fold(program, Program::arg)
    }

    /// Starts it and waits until so many branches have started; gives their process ids.
    fn start(&self, args: &[&str], branches: usize) -> (Running, BTreeMap<String, u32>) {
        let running = self.program(args).start();
        (running, self.wait(branches))
    }

    fn wait(&self, branches: usize) -> BTreeMap<String, u32> {
        let started = || {
            let lines = trace::lines(&self.path("log"));
            let words = lines.iter().filter_map(|line| line.split_once(' '));
            words.map(|(name, pid)| (name.to_owned(), pid.parse().unwrap())).collect::<BTreeMap<_, _>>()
        };
        wait_for("the branches to start", || Some(started()).filter(|started| started.len() == branches))
    }
}

const HANG: [&str; 8] = ["--first", "hang", "--second", "spin", "--third", "hang", "--max-workers", "3"];

/// A signal ends the run with 128 + its number, and the workers with it, busy or not.
#[test]
fn a_signal_ends_the_run_and_its_workers() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (running, _) = Flow::behave().start(&HANG, 3);
        running.signal(signal);
        let finished = running.finish();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{}", finished.stderr);
    }
}

/// The same under threads, where what hangs cannot be ended but must not hold the program up.
#[test]
fn a_signal_ends_a_run_on_threads() {
    let mut args = HANG.to_vec();
    args.extend(["--parallel-strategy", "thread"]);
    let (running, _) = Flow::behave().start(&args, 3);
    running.signal(Signal::INT);
    let finished = running.finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", finished.stderr);
}

/// A second Ctrl-C waits for nothing.
#[test]
fn a_second_interrupt_ends_at_once() {
    let (running, _) = Flow::behave().start(&HANG, 3);
    running.signal(Signal::INT);
    thread::sleep(Duration::from_millis(20));
    // The first may have been enough already.
    let _ = process::signal(running.pid(), Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

/// What a program does while it is stopped counts for no timeout.
#[test]
#[ignore = "known defect: a stop sent to the parent alone counts for the timeouts of its workers"]
fn a_stop_across_a_timeout_is_no_timeout() {
    let flow = Flow::new(env!("CARGO_BIN_EXE_policies"), "timeout");
    let go = flow.path("go");
    let order = format!("wait {}", go.display());
    let (running, _) = flow.start(&["--order", &order], 3);
    running.signal(Signal::TSTP);
    wait_for("the stop", || process::is_stopped(running.pid()).then_some(()));
    // Longer than the timeout of two seconds: this is what the test is about.
    thread::sleep(Duration::from_secs(4));
    running.signal(Signal::CONT);
    fs::write(go, "").unwrap();
    assert_eq!(running.finish().json()["joined"], "one, two, three");
}

/// A worker that was stopped is noticed, and its branch fails.
#[test]
fn a_stopped_worker_is_noticed() {
    let (running, started) = Flow::behave().start(&["--second", "hang"], 3);
    process::signal(started["two"], Signal::STOP).unwrap();
    let finished = running.finish();
    assert!(finished.failure(1).contains("two"), "{}", finished.stderr);
}

/// Killed from outside, a worker takes its own branch along and no other.
#[test]
fn a_worker_killed_from_outside_is_named() {
    let flow = Flow::behave();
    let go = flow.path("go");
    let wait = format!("wait {}", go.display());
    let (running, started) =
        flow.start(&["--first", &wait, "--second", "hang", "--third", &wait, "--max-workers", "3"], 3);
    process::signal(started["two"], Signal::KILL).unwrap();
    fs::write(go, "").unwrap();
    let finished = running.finish();
    let stderr = finished.failure(1);
    assert!(stderr.contains("two") && stderr.contains("SIGKILL"), "{stderr}");
}

/// The file of a running program may be replaced: workers are what is running, not what lies there now.
#[test]
fn a_replaced_file_does_not_matter() {
    let flow = Flow::new(env!("CARGO_BIN_EXE_policies"), "retry");
    let go = flow.path("go");
    let copy = flow.path("program");
    fs::copy(flow.program, &copy).unwrap();
    let order = format!("until 2 wait {}; signal 9", go.display());
    let running = Program::new(&copy)
        .env("FLOW", flow.name)
        .args("--max-workers 2 --log")
        .arg(flow.path("log"))
        .arg("--order")
        .arg(order)
        .start();
    flow.wait(2);
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, "no program").unwrap();
    fs::write(go, "").unwrap();
    assert_eq!(running.finish().json()["attempts"], serde_json::json!([2, 1]));
}
