//! Tests the whole program: it produces the expected output, wherever its branches run.

use tests::program::{Finished, Program};

fn converge(args: &str) -> Finished {
    Program::new(env!("CARGO_BIN_EXE_converge")).args("--data data/faithful.csv").args(args).run()
}

#[test]
fn the_answer_is_the_same_everywhere() {
    let expected = include_str!("../expected.json");
    for args in ["", "--parallel-strategy thread", "--max-workers 1"] {
        let finished = converge(args);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), expected), "{args}\n{}", finished.stderr);
    }
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
