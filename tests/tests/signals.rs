//! Signals, from a terminal, a service manager or the kernel, to the program and to its workers.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use rustix::process::Signal;
use tests::{
    logged::Logged,
    process::{self, wait_for},
    program::{Program, Running},
};

const EDGES: &str = env!("CARGO_BIN_EXE_edges");
const POLICIES: &str = env!("CARGO_BIN_EXE_policies");

/// Three branches that do as they are told.
fn behave() -> Logged {
    Logged::new(EDGES, "behave")
}

/// Starts it and waits until so many branches have started; gives their process ids.
fn start(flow: &Logged, args: &[&str], branches: usize) -> (Running, BTreeMap<String, u32>) {
    let running = args.iter().fold(flow.program(), Program::arg).start();
    (running, wait(flow, branches))
}

fn wait(flow: &Logged, branches: usize) -> BTreeMap<String, u32> {
    let started = || {
        let lines = flow.lines();
        let words = lines.iter().filter_map(|line| line.split_once(' '));
        words.map(|(name, pid)| (name.to_owned(), pid.parse().unwrap())).collect::<BTreeMap<_, _>>()
    };
    wait_for("the branches to start", || Some(started()).filter(|started| started.len() == branches))
}

const HANG: [&str; 8] = ["--first", "hang", "--second", "spin", "--third", "hang", "--max-workers", "3"];

/// A signal ends the run with 128 + its number, and the workers with it, busy or not.
#[test]
fn row_14_a_signal_ends_the_run_and_its_workers() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (running, _) = start(&behave(), &HANG, 3);
        running.signal(signal);
        let finished = running.finish();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{}", finished.stderr);
        // None of them has failed.
        assert!(finished.stderr.contains("= in all: 3 branches (3 not done)"), "{}", finished.stderr);
    }
}

/// The same under threads, where what hangs cannot be ended but must not hold the program up.
#[test]
fn row_14_a_signal_ends_a_run_on_threads() {
    let mut args = HANG.to_vec();
    args.extend(["--parallel-strategy", "thread"]);
    let (running, _) = start(&behave(), &args, 3);
    running.signal(Signal::INT);
    let finished = running.finish();
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", finished.stderr);
}

/// A second Ctrl-C waits for nothing.
#[test]
fn row_15_a_second_interrupt_ends_at_once() {
    let (running, _) = start(&behave(), &HANG, 3);
    running.signal(Signal::INT);
    thread::sleep(Duration::from_millis(20));
    // The first may have been enough already.
    let _ = process::signal(running.pid(), Signal::INT);
    assert_eq!(running.finish().code, Some(130));
}

/// What a program does while it is stopped counts for no timeout.
#[test]
fn row_16_a_stop_across_a_timeout_is_no_timeout() {
    // Ctrl-Z, which stops the workers too, and a stop that the program cannot know of, which leaves them running.
    for (signal, workers_stop) in [(Signal::TSTP, true), (Signal::STOP, false)] {
        let flow = Logged::new(POLICIES, "timeout");
        let go = flow.path("go");
        let order = format!("wait {}", go.display());
        let running = flow.program().own_group().arg("--order").arg(order).start();
        let started = wait(&flow, 3);
        running.signal(signal);
        wait_for("the stop", || process::is_stopped(running.pid()).then_some(()));
        // Longer than the timeout of two seconds: this is what the test is about.
        thread::sleep(Duration::from_secs(3));
        assert!(started.values().all(|worker| process::is_stopped(*worker) == workers_stop), "{signal:?}");
        running.signal(Signal::CONT);
        wait_for("the workers", || (!started.values().any(|worker| process::is_stopped(*worker))).then_some(()));
        fs::write(go, "").unwrap();
        assert_eq!(running.finish().json()["joined"], "one, two, three");
    }
}

/// A worker that was stopped is noticed, and its branch fails.
#[test]
fn row_17_a_stopped_worker_is_noticed() {
    let (running, started) = start(&behave(), &["--second", "hang"], 3);
    process::signal(started["two"], Signal::STOP).unwrap();
    let finished = running.finish();
    assert!(finished.failure(1).contains("two"), "{}", finished.stderr);
}

/// Killed from outside, a worker takes its own branch along and no other.
#[test]
fn a_worker_killed_from_outside_is_named() {
    let flow = behave();
    let go = flow.path("go");
    let wait = format!("wait {}", go.display());
    let (running, started) =
        start(&flow, &["--first", &wait, "--second", "hang", "--third", &wait, "--max-workers", "3"], 3);
    process::signal(started["two"], Signal::KILL).unwrap();
    fs::write(go, "").unwrap();
    let finished = running.finish();
    let stderr = finished.failure(1);
    assert!(stderr.contains("two") && stderr.contains("SIGKILL"), "{stderr}");
}

/// The file of a running program may be replaced: workers are what is running, not what lies there now.
#[test]
fn row_23_a_replaced_file_does_not_matter() {
    let flow = Logged::new(POLICIES, "retry");
    let go = flow.path("go");
    let copy = flow.path("program");
    fs::copy(POLICIES, &copy).unwrap();
    let order = format!("until 2 wait {}; signal 9", go.display());
    let running = flow.program_at(&copy).args("--max-workers 2 --order").arg(order).start();
    wait(&flow, 2);
    fs::remove_file(&copy).unwrap();
    fs::write(&copy, "no program").unwrap();
    fs::write(go, "").unwrap();
    assert_eq!(running.finish().json()["attempts"], serde_json::json!([2, 1]));
}
