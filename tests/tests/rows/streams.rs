//! What goes between the program and its workers, and what workers and their children write.

use super::*;

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
