//! Failures as a program tells them, and a program with a `main` of its own.

use std::{
    fs::File,
    io::Read,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tests::program::Program;

fn failing(args: &[&str]) -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_failing"));
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
            assert!(failure["place"]["line"] == 14, "{failure}");
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
        "item `read[1]` (table b.csv) failed: bad header\n",
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
    assert_eq!(all.len(), 5, "{told}");
}

/// From what `Display` shows, or a path; the same in what the program gives, in its log, and in the report of a failed
/// run; also of an item that is left behind.
#[test]
fn items_that_failed_have_labels() {
    for further in [&[][..], &["--parallel-strategy", "thread"]] {
        let output = failing(further).run().json();
        assert_eq!(output["unread"][0]["label"], "table b.csv", "{output}");
        assert_eq!(output["bad"][0].get("label"), None, "an index is no label: {output}");
    }
    let told = failing(&["-v", "--log-format", "json"]).run().stderr;
    let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let labels: Vec<_> = lines.filter(|line| line["item"] == "read[1]").map(|line| line["label"].clone()).collect();
    assert_eq!(labels, ["table b.csv"], "{told}");
    let retried = failing(&["--set", "read.retry.max_retries=1"]).run().stderr;
    assert!(retried.contains("`read[1]` (table b.csv) failed and is tried again in "), "{retried}");
    let late = failing(&["--how", "late"]).run();
    assert!(late.failure(1).contains("= in: item `late[0]` (slow.csv), after "), "{}", late.stderr);
    let json = failing(&["--how", "late", "--error-format", "json", "-q"]).run();
    let report: Value = serde_json::from_str(json.failure(1).lines().next().unwrap()).unwrap();
    assert_eq!(report["failures"][0]["label"], "slow.csv", "{report}");
}

/// In a trace and at `-vv`, where items may be together: then the first and the last.
#[test]
fn attempts_at_items_have_their_labels() {
    let trace = failing(&["--output", "/dev/null", "--timing", "-"]).run().json();
    let entries = trace["traceEvents"].as_array().unwrap();
    let attempts = entries.iter().filter(|entry| entry["cat"] == "attempt");
    let labels = |of: &str| -> Vec<&Value> {
        let own = attempts.clone().filter(|entry| entry["name"].as_str().unwrap().starts_with(of));
        own.map(|entry| &entry["args"]["label"]).collect()
    };
    let mut read: Vec<_> = labels("read").iter().map(|label| label.as_str().unwrap()).collect();
    read.sort_unstable();
    assert_eq!(read.join(" … "), "table a.csv … table b.csv");
    assert_eq!(labels("late"), ["slow.csv"]);
    assert!(labels("square").iter().all(|label| label.is_null()), "an index is no label");
    let told = failing(&["-vv"]).run().stderr;
    assert!(told.contains("`late[0]` (slow.csv) ended after ") && told.contains("table b.csv) ended after "), "{told}");
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
        let again = json!({ "kind": "error", "message": "try again" });
        assert_eq!(other["attempt_errors"], json!([again, again]), "nothing that is empty");
        assert_eq!(output["tried"], json!([2]));
    }
}

#[test]
fn a_flood_of_retries_is_summed_up() {
    let flood = failing(&["--how", "flood"]).run();
    let told: Vec<_> = flood.stderr.lines().filter(|line| line.contains("tried again")).collect();
    let number = |line: &str, before: &str| -> Option<u64> {
        line.split_once(before)?.1.split_whitespace().next()?.parse().ok()
    };
    let retries = told.iter().map(|line| {
        let others = number(line, "(and ").unwrap_or(0);
        if line.contains("more attempts failed") { number(line, "warning: ").unwrap() } else { 1 + others }
    });
    // Each of the items but the first, which fails for good, is tried three times.
    assert_eq!(retries.sum::<u64>(), 2 * 1999, "{}", flood.stderr);
    assert!(told.len() < 1000, "{} lines", told.len());
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
    assert!(text.contains("= done: `allow`, `attempt`, `read`, `late`, `square`\n"), "{text}");
    assert!(text.contains("error: \\u{1b}[2Jgone\\u{7}\n") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_nodes_print_and_nobody_reads_costs_no_result() {
    let talk = |stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_failing"));
        command.args(["--how", "talk"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap()
    };
    let is_whole = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!((output.status.code(), &json["last"]), (Some(0), &"talk".into()), "{output:?}");
        output.stderr
    };
    is_whole(talk(File::options().write(true).open("/dev/full").unwrap().into()));
    let mut leaves = talk(Stdio::piped());
    leaves.stderr.take().unwrap().read_exact(&mut [0; 1]).unwrap();
    is_whole(leaves);
    // Who stays gets all of it, in order, before the end is told.
    let all = String::from_utf8(is_whole(talk(Stdio::piped()))).unwrap();
    let lines: Vec<_> = all.lines().filter(|line| line.starts_with("line ")).collect();
    assert_eq!((lines.len(), lines.last()), (20_000, Some(&"line 19999")));
    assert!(all.find("line 19999").unwrap() < all.find("failing: done").unwrap());
}

/// The reader leaves before the program starts, or in the middle of the run.
#[test]
fn a_standard_error_that_nobody_reads_fails_no_node() {
    let directory = tempfile::tempdir().unwrap();
    let signal = directory.path().join("left");
    let complain = |stderr: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_failing"));
        command.arg("--how").arg(format!("complain {}", signal.display()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap()
    };
    let mut leaves = complain(Stdio::piped());
    leaves.stderr.take().unwrap().read_exact(&mut [0; 1]).unwrap();
    File::create(&signal).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for child in [leaves, complain(writer.into())] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout.starts_with(b"{"), "{output:?}");
    }
}

/// Neither of a node nor of an item, on the thread of the run or on others.
#[test]
fn a_node_that_ends_the_process_is_no_success() {
    for how in ["exit in a node", "exit in an item"] {
        let ended = failing(&["--how", how]).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{how}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: the process was ended from within the run"), "{how}: {}", ended.stderr);
    }
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
    assert!(finished.stderr.ends_with("maps heard of: 5\n"), "{}", finished.stderr);
    let sub = failing(&["sub", "--how", "nothing", "-q"]).run();
    assert_eq!((sub.json()["last"].as_str(), sub.stderr.as_str()), (Some("nothing"), ""));
    let help = failing(&["sub", "--help"]).run().stdout;
    assert!(help.contains("Usage: failing sub [OPTIONS]"), "{help}");
}
