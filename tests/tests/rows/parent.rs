//! The program dies, or is told to end.

use rustix::process::Signal;

use super::*;

/// Killed, it leaves nothing behind.
fn killed(running: Running) {
    running.signal(Signal::KILL);
    let finished = running.finish();
    assert_eq!(finished.signal, Some(9));
    // A tenth of a second on a machine that has nothing else to do.
    assert!(finished.gone_after < Duration::from_secs(5), "{:?}", finished.gone_after);
}

#[test]
fn row_13_killed_while_workers_are_busy() {
    for acts in [["spin"; 4], ["grandchild", "spin", "spin", "spin"]] {
        let running = program("plain", &acts).start();
        wait_for("both workers", || (running.workers().len() >= 2).then_some(()));
        killed(running);
    }
}

#[test]
fn row_13_killed_in_the_middle_of_64_mib() {
    let running = program("plain", &["large 64"; 4]).start();
    wait_for("both workers", || (running.workers().len() >= 2).then_some(()));
    killed(running);
    let running = stages(&["ok"; 4], "kill-receiving 64").start();
    let half = || running.workers().iter().any(|worker| process::is_stopped(*worker)).then_some(());
    wait_for("a worker that is stopped while it receives", half);
    killed(running);
}

#[test]
fn row_13_killed_while_workers_are_idle() {
    let directory = tempfile::tempdir().unwrap();
    let running = stages(&["echo", "ok", "ok", "ok"], &format!("wait {}/never", directory.path().display())).start();
    // The first two workers are those of the run that warms up.
    wait_for("workers that wait", || running.stderr().contains("between").then_some(()));
    workers(&running, 2);
    killed(running);
}

#[test]
fn row_13_killed_while_workers_start() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let running = program("plain", &["ok"; 4]).env(GATE, &gate).start();
    workers(&running, 2);
    std::fs::write(gate, "").unwrap();
    killed(running);
}

#[test]
fn row_13_killed_with_workers_of_workers() {
    let running = program("plain", &["nested 1 spin", "nested 2 spin", "ok", "ok"]).start();
    wait_for("all workers", || (running.workers().len() >= 5).then_some(()));
    killed(running);
}

/// A program with a command line, whose branches have fan-outs of their own.
fn nested() -> Program {
    Program::new(ROWS).env("FLOW", "nested").args("--depth 2 --order spin").own_group()
}

#[test]
fn row_14_signals_with_workers_of_workers() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let running = nested().start();
        wait_for("all workers", || (running.workers().len() >= 4).then_some(()));
        running.signal(signal);
        let finished = running.finish();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{}", finished.stderr);
    }
}

#[test]
fn row_16_a_stop_with_workers_of_workers() {
    let running = nested().start();
    stop_and_go_on(&running, running.pid());
    killed(running);
}

/// As in `docker exec`: the leader of the session is outside, and a shell is the first process.
#[test]
fn row_16_a_stop_in_a_name_space() {
    let Some(name_space) = name_space() else { return };
    let run = name_space.args("sh -c").arg("\"$@\"; sleep 1000");
    let running = run.args("sh").arg(ROWS).env("FLOW", "nested").args("--depth 2 --order spin").start();
    let only_child = |pid| wait_for("a child", || process::children(pid).first().copied());
    let program = only_child(only_child(running.pid()));
    let line = stop_and_go_on(&running, program);
    // Stopped and killed: nobody else lets its workers go on, and they must end.
    process::signal(program, Signal::TSTP).unwrap();
    wait_for("the stop", || process::is_stopped(program).then_some(()));
    process::signal(program, Signal::KILL).unwrap();
    wait_for("the end of its workers", || line.iter().all(|pid| process::is_ended(*pid)).then_some(()));
    killed(running);
}

/// Stops and continues a [`nested`] program while its innermost branch runs. Gives its process and those above it.
fn stop_and_go_on(running: &Running, program: u32) -> Vec<u32> {
    let spins = |text: String| text.rsplit_once("this one spins: ")?.1.lines().next()?.parse().ok();
    let spins: u32 = wait_for("the innermost branch", || spins(running.stderr()));
    let innermost = running.workers().into_iter().find(|pid| process::inner_id(*pid) == Some(spins));
    // It and those above it; others may be about to start, and would find nothing to do.
    let line: Vec<_> = std::iter::successors(innermost, |pid| process::parent(*pid)).take(4).collect();
    assert_eq!(line[3], program);
    process::signal(program, Signal::TSTP).unwrap();
    wait_for("all to stop", || line.iter().all(|pid| process::is_stopped(*pid)).then_some(()));
    process::signal(program, Signal::CONT).unwrap();
    wait_for("all to go on", || (!line.iter().any(|pid| process::is_stopped(*pid))).then_some(()));
    line
}
