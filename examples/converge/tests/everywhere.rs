//! Tests the whole program: it produces the expected output, wherever its branches run.

use rustix::process::Signal;
use tests::{
    process::{is_ended, signal, wait_for},
    program::{Finished, Program, recorded_bytes},
};

fn converge(args: &str) -> Finished {
    Program::new(env!("CARGO_BIN_EXE_converge")).args("--data data/faithful.csv --no-state").args(args).run()
}

#[test]
fn the_answer_is_the_same_everywhere() {
    let expected = include_str!("../expected.json");
    for args in ["", "--parallel-strategy thread", "--max-workers 1"] {
        let finished = converge(args);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), expected), "{args}\n{}", finished.stderr);
    }
}

/// Killed again and again within its loop, it resumes each time, and comes to the same answer.
#[test]
fn a_killed_run_is_resumed() {
    let state = tempfile::tempdir().expect("a temporary directory");
    let program =
        |args: &str| Program::new(env!("CARGO_BIN_EXE_converge")).args(args).arg("--state-dir").arg(state.path());
    let (mut lives, mut resumes, mut recorded) = (0, 0, 0);
    let last = loop {
        // A run that is killed before its first record or after its last one is not one to resume.
        let again = program("runs").run().stdout.contains("can be resumed");
        resumes += u32::from(again);
        let running = program(if again { "--resume" } else { "--data data/faithful.csv" }).start();
        if lives < 3 {
            let has_more = || recorded_bytes(state.path()) >= recorded + 2_000 || is_ended(running.pid());
            wait_for("some more records, or the end", || has_more().then_some(()));
            recorded = recorded_bytes(state.path());
            let _ = signal(running.pid(), Signal::KILL);
        }
        let finished = running.finish();
        if finished.signal != Some(9) {
            break finished;
        }
        lives += 1;
    };
    assert!(resumes > 0, "it was never killed in between");
    let expected = include_str!("../expected.json");
    assert_eq!((last.code, last.stdout.as_str()), (Some(0), expected), "{}", last.stderr);

    let listed = program("runs").run();
    assert!(listed.stdout.trim_end().ends_with("succeeded"), "{}", listed.stdout);
    let again = program("--resume").run();
    assert!(again.failure(2).contains("no run of `converge`"), "{}", again.stderr);
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    assert!(converge("--long 99").failure(1).contains("nothing to compare"));
}

/// If the answer can never be precise enough, the program ends with an error instead of looping forever.
#[test]
fn a_loop_that_never_ends_is_named() {
    let finished = converge("--precision 0 --draws 4");
    let stderr = finished.failure(1);
    assert!(stderr.contains("`round`") && stderr.contains("500"), "{stderr}");
}
