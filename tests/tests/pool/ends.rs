//! What workers say, and how they end.

use rustix::process::Signal;

use super::*;

/// What is printed for them goes nowhere, and that is all.
#[test]
fn a_standard_error_that_nobody_reads_costs_no_branch() {
    let finished = shell("prints", "(\"$POOL\" 2>&1 >&3 | true) 3>&1");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "3\n"), "{}", finished.stderr);
}

/// The helper writes for as long as there is somebody who reads.
#[test]
fn a_process_that_a_branch_left_and_that_writes_all_the_time_holds_nobody_up() {
    let command = "echo >$BEGUN; exec yes a line of a log >&2";
    let finished = pool("chatty", &["-q", "--command", command]).run();
    assert_eq!(finished.json()["out"], 7, "{}", &finished.stderr[..finished.stderr.len().min(2_000)]);
}

/// The same of one that left its group: the run ends before it does.
#[test]
fn a_daemon_that_writes_all_the_time_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let daemon = "trap \"\" PIPE; echo >$BEGUN; while ! test -e \"$GATE\"; do echo a line of a log >&2; done";
    let command = format!("exec setsid sh -c '{daemon}'");
    let mut running = pool("chatty", &["-q", "--command", &command]).env("GATE", &gate).start();
    running.watch(|_| ());
    let left = running.workers();
    std::fs::write(&gate, "").unwrap();
    let finished = running.finish();
    assert_eq!(finished.json()["out"], 7);
    assert_eq!(left.len(), 1, "the daemon was still there");
}

/// Nobody reads standard error, and there is no room in it: what signals ask for is done first, and told afterwards. Also of
/// a second one, where branches may take an hour to end.
#[test]
fn signals_are_heeded_though_standard_error_is_stalled() {
    for (grace, signals, codes) in [
        ("1s", "kill -TERM $pool", &["143"][..]),
        // Both may arrive at once, in either order.
        ("1h", "kill -TERM $pool; while kill -INT $pool 2>/dev/null; do sleep 0.01; done", &["130", "143"]),
    ] {
        let script = format!(
            r#"mkfifo full; sleep 1000 <>full & reader=$!
            timeout 1 dd if=/dev/zero of=full bs=1k 2>/dev/null
            exec 9<>log; "$POOL" --log log --first hang --second hang --third spin --max-workers 3 --set parallel.grace={grace} 2>full >&1 & pool=$!
            until test "$(grep -c . log)" = 3; do sleep 0.01; done
            {signals}; wait $pool; echo $?; kill $reader"#
        );
        let directory = tempfile::tempdir().unwrap();
        let edges = env!("CARGO_BIN_EXE_edges");
        let bash = Program::new("/bin/bash").arg("-c").arg(script);
        let finished = bash.env("POOL", edges).env("FLOW", "behave").directory(directory.path()).run();
        assert!(codes.contains(&finished.stdout.trim_end()), "{grace}: {} {}", finished.stdout, finished.stderr);
    }
}

/// Whatever a branch has written before, and whatever a worker exits with.
#[test]
fn the_kind_of_a_loss_comes_from_the_system_and_not_from_a_log() {
    let finished = pool("losses", &["-q"]).run();
    let expected = ["crash 2 Some(Signal(6))", "crash 2 Some(Code(3))", "good 2"];
    assert_eq!(finished.json()["kinds"], serde_json::json!(expected), "{}", finished.stderr);
}

#[test]
fn what_fail_fast_cancels_behind_others_loses_no_worker() {
    for _ in 0..5 {
        let finished = pool("cancels", &[]).run();
        assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("(true, 5000)\n", ""));
    }
}

#[test]
fn times_may_be_as_long_as_can_be() {
    assert_eq!(pool("forever", &[]).run().stdout, "3\n");
}

/// A signal while many short items are on their way to workers: they are told as cancelled, not as lost.
#[test]
fn a_signal_among_short_items_loses_no_worker() {
    for _ in 0..5 {
        let running = pool("items", &["--count", "100000000", "-v"]).start();
        wait_for("a worker", || (!running.workers().is_empty()).then_some(()));
        running.signal(Signal::TERM);
        let finished = running.finish();
        assert_eq!(finished.code, Some(143), "{}", finished.stderr);
        assert!(!finished.stderr.contains("was lost"), "{}", finished.stderr);
    }
}
