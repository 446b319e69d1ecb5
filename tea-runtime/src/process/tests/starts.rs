//! Workers that do not start as they should.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use super::kit::{CONFIG, new_run_with, send, send_of};
use crate::{
    event::{Event, Events},
    executor::wire,
    failure::{ExitStatus, Failure, FailureKind},
    process::{
        ProcessExecutor,
        frame::Header,
        identity,
        message::{FromWorker, Hello, MESSAGE},
    },
};

/// A script in the place of the worker's program.
fn script(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::temp_dir().join(format!("tea-script-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What a script runs to become a worker: this test program.
fn worker() -> String {
    let this = std::env::current_exe().unwrap();
    format!("exec '{}' process::tests::tea_worker --exact --nocapture --test-threads=1", this.display())
}

fn remove(script: &Path) {
    std::fs::remove_dir_all(script.parent().unwrap()).unwrap();
}

fn failure_of(name: &str, text: &str, handshake: Duration) -> Box<Failure> {
    let path = script(name, text);
    let executor = ProcessExecutor::with(2, Some(path.clone()), handshake);
    let outcome = send(&executor, &CONFIG, "echo").outcome();
    assert!(outcome.refused);
    let failure = outcome.failures.into_iter().next().unwrap().1;
    assert_eq!(send(&executor, &CONFIG, "echo").failure().message, failure.message, "it stays so");
    remove(&path);
    failure
}

const LONG: Duration = Duration::from_mins(1);

#[test]
fn row_19_noise_before_the_hello() {
    // This test program, whose harness prints before the worker's hello, after more noise.
    let path = script("noise", &format!("echo some noise; {}", worker()));
    let executor = ProcessExecutor::with(1, Some(path.clone()), LONG);
    let echo = send(&executor, &CONFIG, "echo through the noise").text();
    assert_eq!(echo, "through the noise");
    remove(&path);

    let failure = failure_of("noisy", "yes 'no worker'", LONG);
    assert_eq!(failure.kind, FailureKind::Transport);
    assert!(failure.message.contains("it wrote \"no worker\\nno worker"), "{}", failure.message);
}

#[test]
fn row_21_a_worker_that_says_nothing() {
    let failure = failure_of("silent", "sleep 1000", Duration::from_millis(20));
    assert!(failure.message.contains("it did not say hello within 20ms"), "{}", failure.message);
}

#[test]
fn row_22_another_build_answers() {
    let mut hello = Vec::new();
    wire::write(&FromWorker::Hello(Hello { protocol: 1, fingerprint: 0xbad, pid: 1 }), &mut hello);
    let frame = [&Header::of(MESSAGE, 0, [&hello[..]]).to_bytes()[..], &hello].concat();
    let octal: Vec<String> = frame.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let octal = octal.concat();
    let failure = failure_of("other", &format!("printf '{octal}'; sleep 1000"), LONG);
    let ours = format!("{:016x}", identity::fingerprint());
    assert!(failure.message.contains("its fingerprint 0000000000000bad"), "{}", failure.message);
    assert!(failure.message.contains(&ours), "{}", failure.message);
}

#[test]
fn row_29_starts_that_fail_take_no_work_from_workers_that_run() {
    let path = script("once", &format!("mkdir \"$(dirname \"$0\")/started\" 2>/dev/null || exit 3; {}", worker()));
    let executor = ProcessExecutor::with(2, Some(path.clone()), LONG);
    let (tell, warned) = mpsc::channel();
    let listener = move |event: &Event<'_>| {
        if let Event::Warning { .. } = event {
            let _ = tell.send(());
        }
    };
    let run = new_run_with(Events::new(vec![Arc::new(listener)]));
    let running = send_of(&run, &executor, &CONFIG, "wait");
    running.wait_until_it_runs();
    let waiting: Vec<_> = (0..5).map(|n| send_of(&run, &executor, &CONFIG, &format!("echo {n}"))).collect();
    // Ten starts have failed then.
    while warned.recv_timeout(Duration::from_millis(1)).is_err() {
        run.tell_notes();
    }
    running.cancel.cancel();
    assert_eq!(running.text(), "was told");
    for (n, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.text(), n.to_string());
    }
    drop(executor);
    remove(&path);
}

#[test]
fn row_30_every_worker_dies_at_once() {
    let failure = failure_of("dead", "echo last words >&2; exit 3", LONG);
    assert!(failure.message.starts_with("10 worker processes in a row ended before they were ready"), "{failure:?}");
    assert!(failure.message.contains("--parallel-strategy thread"), "{failure:?}");
    assert_eq!((failure.exit, failure.output), (Some(ExitStatus::Code(3)), vec!["last words".to_owned()]));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let executor = ProcessExecutor::with(2, Some("/no/such/program".into()), LONG);
    let outcome = send(&executor, &CONFIG, "echo").outcome();
    let message = &outcome.failures[0].1.message;
    assert!(outcome.refused && message.contains("/no/such/program"), "{message}");
}
