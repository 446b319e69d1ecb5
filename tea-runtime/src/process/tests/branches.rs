//! Branches and items in workers: how they end, and what is known of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::kit::{CONFIG, DOUBLES, new_run, send, send_of};
use crate::{
    engine,
    executor::ParallelExecutor,
    failure::{ExitStatus, FailureKind},
    policy::ParallelConfig,
    process::ProcessExecutor,
    request,
};

#[test]
fn a_branch_runs_in_a_worker_and_comes_back() {
    let executor = ProcessExecutor::new(2);
    let pid = send(&executor, &CONFIG, "pid").text();
    assert_ne!(pid, std::process::id().to_string());
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid, "the worker is kept");
    assert_eq!(send(&executor, &CONFIG, "echo there and back").text(), "there and back");
}

#[test]
fn a_killed_worker_is_a_crash_of_what_it_ran() {
    let executor = ProcessExecutor::new(2);
    let all: Vec<_> = (0..40)
        .map(|n| send(&executor, &CONFIG, &if n == 5 { "signal 9".into() } else { format!("echo {n}") }))
        .collect();
    for (n, sent) in all.into_iter().enumerate() {
        if n == 5 {
            let outcome = sent.outcome();
            let failure = &outcome.failures[0].1;
            assert_eq!((failure.kind, failure.exit), (FailureKind::Crash, Some(ExitStatus::Signal(9))));
            assert_eq!(failure.message, "the worker process was ended by signal 9 (SIGKILL)");
        } else {
            assert_eq!(sent.text(), n.to_string());
        }
    }
}

#[test]
fn what_waits_behind_a_long_one_goes_to_another_worker() {
    let executor = ProcessExecutor::new(2);
    // They are short, so that many are sent to a worker at once.
    (0..20).for_each(|n| assert_eq!(send(&executor, &CONFIG, &format!("echo {n}")).text(), n.to_string()));
    let long = send(&executor, &CONFIG, "wait");
    let short: Vec<_> = (0..9).map(|n| send(&executor, &CONFIG, &format!("echo {n}"))).collect();
    for (n, sent) in short.into_iter().enumerate() {
        assert_eq!(sent.text(), n.to_string());
    }
    long.cancel.cancel();
    assert_eq!(long.text(), "was told");
}

#[test]
fn every_way_to_end_is_named() {
    let executor = ProcessExecutor::new(1);
    for (act, exit) in [
        ("exit 0", ExitStatus::Code(0)),
        ("exit 7", ExitStatus::Code(7)),
        ("abort", ExitStatus::Signal(6)),
        ("signal 11", ExitStatus::Signal(11)),
    ] {
        let failure = send(&executor, &CONFIG, act).failure();
        assert_eq!((failure.kind, failure.exit), (FailureKind::Crash, Some(exit)), "{act}");
    }
    assert_eq!(send(&executor, &CONFIG, "echo on").text(), "on");
}

#[test]
fn errors_and_panics_leave_the_worker_alive() {
    let executor = ProcessExecutor::new(1);
    let pid = send(&executor, &CONFIG, "pid").text();
    let failure = send(&executor, &CONFIG, "error no luck").failure();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Error, "no luck"));
    let failure = send(&executor, &CONFIG, "panic oh no").failure();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Panic, "oh no"));
    assert!(failure.panicked_at.unwrap().contains("process/tests/kit.rs"));
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn a_deadline_ends_the_worker() {
    static LIMITED: ParallelConfig = ParallelConfig { timeout: Some(Duration::from_millis(200)), ..CONFIG };
    let executor = ProcessExecutor::new(1);
    assert_eq!(send(&executor, &CONFIG, "echo warm").text(), "warm");
    let start = Instant::now();
    let failure = send(&executor, &LIMITED, "spin").failure();
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.exit, Some(ExitStatus::Signal(15)));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(send(&executor, &CONFIG, "echo next").text(), "next");
}

#[test]
fn the_longest_of_times_are_no_overflow() {
    static FOR_EVER: ParallelConfig = ParallelConfig { timeout: Some(Duration::MAX), grace: Duration::MAX, ..CONFIG };
    let executor = ProcessExecutor::with(1, None, Duration::MAX);
    assert_eq!(send(&executor, &FOR_EVER, "echo on").text(), "on");
    let waiting = send(&executor, &FOR_EVER, "wait");
    waiting.wait_until_it_runs();
    waiting.cancel.cancel();
    assert_eq!(waiting.text(), "was told");
}

#[test]
fn a_cancelled_branch_is_told_and_then_ended() {
    static SHORT: ParallelConfig = ParallelConfig { grace: Duration::from_millis(100), ..CONFIG };
    let executor = ProcessExecutor::new(2);
    let told = send(&executor, &CONFIG, "wait");
    let deaf = send(&executor, &SHORT, "spin");
    told.wait_until_it_runs();
    deaf.wait_until_it_runs();
    let queued = send(&executor, &CONFIG, "echo queued");
    queued.cancel.cancel();
    assert_eq!(queued.failure().kind, FailureKind::Cancelled);
    told.cancel.cancel();
    deaf.cancel.cancel();
    assert_eq!(told.text(), "was told");
    assert_eq!(deaf.failure().kind, FailureKind::Cancelled);
}

#[test]
fn what_is_cancelled_behind_another_costs_neither_the_worker_nor_what_comes_after() {
    let executor = ProcessExecutor::new(1);
    let pid = send(&executor, &CONFIG, "pid").text();
    // Short ones, so that several travel together from now on.
    (0..100).for_each(|_| _ = send(&executor, &CONFIG, "echo").text());
    let running = send(&executor, &CONFIG, "wait");
    running.wait_until_it_runs();
    let all: Vec<_> = (0..3).map(|n| send(&executor, &CONFIG, &format!("echo {n}"))).collect();
    all[1].cancel.cancel();
    assert_eq!(all[1].failure().kind, FailureKind::Cancelled, "at once, though another runs");
    running.cancel.cancel();
    assert_eq!(running.text(), "was told");
    assert_eq!((all[0].text(), all[2].text()), ("0".to_owned(), "2".to_owned()));
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn large_values_go_both_ways_at_once() {
    let executor = ProcessExecutor::new(2);
    let large = format!("echo {}", "y".repeat(64 << 20));
    let all: Vec<_> = (0..3).map(|_| send(&executor, &CONFIG, &large)).collect();
    for sent in all {
        assert_eq!(sent.text().len(), 64 << 20);
    }
}

#[test]
fn what_is_over_the_limit_is_not_sent() {
    static SMALL: ParallelConfig = ParallelConfig { max_payload: 1 << 20, ..CONFIG };
    let executor = ProcessExecutor::new(1);
    let failure = send(&executor, &SMALL, &format!("echo {}", "y".repeat(1 << 20))).failure();
    assert_eq!(failure.kind, FailureKind::Transport);
    assert_eq!(
        failure.message,
        "state key `act` cannot cross to or from a worker: it takes 1048581 bytes, and `max_payload` is 1 MiB"
    );
    let failure = send(&executor, &SMALL, "grow 2000000").failure();
    assert!(failure.message.contains("`done`") && failure.message.contains("2000000 bytes"), "{failure:?}");
    assert_eq!(send(&executor, &SMALL, "echo on").text(), "on");
}

#[test]
fn what_a_branch_writes_is_told_before_its_end_also_without_a_line_end() {
    let executor = ProcessExecutor::new(1);
    let sent = send(&executor, &CONFIG, "print one\ntwo");
    sent.text();
    let lines = ["one", "two"].map(|line| ("act".to_owned(), line.to_owned()));
    assert_eq!(sent.lines().iter().filter(|(label, _)| label == "act").cloned().collect::<Vec<_>>(), lines);
}

#[test]
fn a_pool_serves_one_run_after_the_other() {
    let executor = ProcessExecutor::new(1);
    let mut pids: Vec<_> = (0..20).map(|_| send_of(&new_run(), &executor, &CONFIG, "pid").text()).collect();
    pids.dedup();
    assert_eq!(pids.len(), 1, "the worker is kept");
}

#[test]
fn row_36_dropping_the_pool_ends_what_runs() {
    let executor = ProcessExecutor::new(2);
    let pid = send(&executor, &CONFIG, "pid").text();
    let (running, waiting) = (send(&executor, &CONFIG, "spin"), send(&executor, &CONFIG, "echo late"));
    drop(executor);
    for sent in [running, waiting] {
        if let Err(failure) = sent.end() {
            assert!(matches!(failure.kind, FailureKind::Cancelled | FailureKind::Crash), "{failure:?}");
        }
    }
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "the worker is reaped");
}

#[test]
fn row_37_a_worker_survives_the_thread_that_needed_it() {
    let executor = Arc::new(ProcessExecutor::new(1));
    let first = Arc::clone(&executor);
    let pid = std::thread::spawn(move || send(&first, &CONFIG, "pid").text()).join().unwrap();
    assert_eq!(send(&executor, &CONFIG, "pid").text(), pid);
}

#[test]
fn a_soak_accounts_for_every_branch_once() {
    let executor = ProcessExecutor::new(2);
    let mut sent = Vec::new();
    for n in 0..400 {
        let act = match n % 50 {
            10 => "signal 9".to_owned(),
            20 => "panic".to_owned(),
            30 => "exit 0".to_owned(),
            _ => format!("echo {n}"),
        };
        sent.push(send(&executor, &CONFIG, &act));
    }
    for (n, sent) in sent.into_iter().enumerate() {
        match n % 50 {
            10 | 30 => assert_eq!(sent.failure().kind, FailureKind::Crash),
            20 => assert_eq!(sent.failure().kind, FailureKind::Panic),
            _ => assert_eq!(sent.text(), n.to_string()),
        }
    }
}

#[test]
fn items_fail_one_by_one() {
    let executor: Arc<dyn ParallelExecutor> = Arc::new(ProcessExecutor::new(2));
    let options = engine::Options { executor: Some(executor), ..engine::Options::default() };
    let error = request::run(&DOUBLES, Vec::new(), options).map(drop).expect_err("some fail");
    let failed: Vec<_> = error.failures().iter().map(|failed| (failed.branch.join("/"), failed.failure.kind)).collect();
    let (crash, error) = (FailureKind::Crash, FailureKind::Error);
    let expected = [("double[13]", crash), ("double[57]", error), ("double[1013]", crash), ("double[1057]", error)];
    assert_eq!(failed, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

/// `cargo test --release -p tea-runtime --lib speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let executor = ProcessExecutor::new(1);
    let start = Instant::now();
    send(&executor, &CONFIG, "echo").text();
    println!("cold {:?}", start.elapsed());
    for _ in 0..3 {
        let start = Instant::now();
        for _ in 0..2000 {
            send(&executor, &CONFIG, "echo").text();
        }
        println!("round trip {:?}", start.elapsed() / 2000);
        let start = Instant::now();
        let all: Vec<_> = (0..20_000).map(|_| send(&executor, &CONFIG, "echo")).collect();
        for sent in all {
            sent.outcome();
        }
        println!("a branch {:?}", start.elapsed() / 20_000);
        let large = format!("echo {}", "y".repeat(64 << 20));
        let start = Instant::now();
        send(&executor, &CONFIG, &large).text();
        println!("64 MiB there and back {:?}", start.elapsed());
    }
}
