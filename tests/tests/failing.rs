//! Failures as a program tells them, and a program with a `main` of its own.

use serde_json::{Value, json};
use tests::program::Program;

fn failing(args: &[&str]) -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_failing")).env("RUST_BACKTRACE", "0");
    args.iter().fold(program, Program::arg)
}

/// Also of an error that is its own source, and of one whose `Display` panics.
#[test]
fn item_failures_hold_the_whole_failure() {
    for further in [&[][..], &["--max-workers", "1"]] {
        let output = failing(further).run().json();
        assert_eq!(output["good"], json!([0, 3]));
        let [first, second] = &output["bad"].as_array().unwrap()[..] else { panic!("{output}") };
        assert_eq!((&first["index"], &first["message"], first.get("causes")), (&1.into(), &"bad".into(), None));
        assert_eq!(second["message"], "its text cannot be shown: no such text");
        for failure in [first, second] {
            assert_eq!((&failure["kind"], &failure["attempts"]), (&"error".into(), &1.into()));
            assert!(failure["place"]["line"] == 12, "{failure}");
            assert!(failure.get("elapsed").is_none(), "it is another in each run: {failure}");
        }
    }
}

#[test]
fn allowed_failures_are_counted_at_the_end_and_can_fail_the_program() {
    let allowed = "warning: 2 of 4 items of `allow` failed (error), which the workflow allows\n";
    let finished = failing(&[]).run();
    assert!(finished.code == Some(0) && finished.stderr.contains(allowed), "{}", finished.stderr);
    let strict = failing(&["--fail-if-any"]).run();
    assert!(strict.code == Some(1) && strict.stdout.contains("\"good\": [0,3]"), "{}", strict.stdout);
    assert!(strict.stderr.contains("`--fail-if-any` does not"), "{}", strict.stderr);
    let nothing = failing(&["--fail-if-any", "--how", "nothing"]).run();
    assert!(nothing.code == Some(0) && !nothing.stderr.contains("warning"), "{}", nothing.stderr);
}

/// Quiet without `-v`; there each with its message, its causes and how often it was tried.
#[test]
fn allowed_failures_are_told_one_by_one_if_that_is_asked_for() {
    assert!(!failing(&[]).run().stderr.contains("item `"));
    let told = failing(&["-v"]).run().stderr;
    for line in [
        "item `allow[1]` failed: bad\n",
        "item `attempt[0]` failed: bad header\n",
        "item `attempt[1]` failed: try again\n",
    ] {
        assert_eq!(told.matches(line).count(), 1, "{told}");
    }
    let told = failing(&["-v", "--log-format", "json"]).run().stderr;
    let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<_> = lines.filter(|line| line["item"].is_string()).collect();
    let index =
        |line: &Value| (line["item"].as_str().map(str::to_owned), line["index"].as_u64(), line["attempts"].as_u64());
    let all: Vec<_> = lines.iter().map(index).collect();
    assert!(all.contains(&(Some("attempt[1]".into()), Some(1), Some(3))), "{told}");
    assert_eq!(all.len(), 4, "{told}");
}

#[test]
fn an_error_that_is_marked_as_permanent_is_not_tried_again() {
    // In worker processes, and on threads.
    for further in [&[][..], &["--parallel-strategy", "thread"]] {
        let output = failing(further).run().json();
        let [permanent, other] = &output["hopeless"].as_array().unwrap()[..] else { panic!("{output}") };
        assert_eq!((&permanent["message"], &permanent["attempts"]), (&"bad header".into(), &1.into()));
        assert_eq!((&permanent["permanent"], &permanent["causes"]), (&true.into(), &Value::Null));
        assert_eq!(
            (&other["message"], &other["attempts"], &other["permanent"]),
            (&"try again".into(), &3.into(), &Value::Null)
        );
        assert_eq!(output["tried"], json!([2]));
    }
}

#[test]
fn what_was_set_is_written_though_the_run_failed_if_that_is_asked_for() {
    let failed = failing(&["--how", "last", "--output-on-failure"]).run();
    assert!(failed.code == Some(1) && failed.stdout.contains("\"good\": ["), "{}", failed.stdout);
    assert_eq!(failing(&["--how", "last"]).run().stdout, "");
}

#[test]
fn a_report_says_all_that_was_done_and_obeys_no_control_character() {
    let failed = failing(&["--how", "last"]).run();
    let text = failed.failure(1);
    assert!(text.contains("= done: `allow`, `attempt`, `square`\n"), "{text}");
    assert!(text.contains("error: \\u{1b}[2Jgone\\u{7}\n") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn more_than_a_thousand_failures_are_counted() {
    let text = failing(&["--how", "many"]).run();
    assert!(!text.stderr.contains("1000 of 3000"), "{}", text.stderr);
    let more = "= not shown: 2990 more failures; `--error-format json` has 1000 of them\n";
    assert!(text.failure(1).contains(more), "{}", text.stderr);
    let json = failing(&["--how", "many", "--error-format", "json", "-q"]).run();
    let report: Value = serde_json::from_str(json.failure(1).lines().next().unwrap()).unwrap();
    assert_eq!(report["failures_in_all"], 3000);
}

#[test]
fn a_main_of_ones_own_keeps_the_command_line() {
    let finished = failing(&["--how", "nothing"]).run();
    assert_eq!((finished.json()["last"].as_str(), finished.code), (Some("nothing"), Some(0)));
    assert!(finished.stderr.ends_with("maps heard of: 3\n"), "{}", finished.stderr);
    let sub = failing(&["sub", "--how", "nothing", "-q"]).run();
    assert_eq!((sub.json()["last"].as_str(), sub.stderr.as_str()), (Some("nothing"), ""));
    let help = failing(&["sub", "--help"]).run().stdout;
    assert!(help.contains("Usage: failing sub [OPTIONS]"), "{help}");
}
