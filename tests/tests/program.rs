//! The command line of a generated program: inputs, output, exit codes, reports.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use serde_json::Value;
use tests::{process::wait_for, program::Program};

const WORDS: &str = env!("CARGO_BIN_EXE_words");

fn words(args: &[&str]) -> Program {
    args.iter().fold(Program::new(WORDS), Program::arg)
}

const OUTPUT: &str = r#"{
  "text": "to be or not to be",
  "times": 1,
  "output": "",
  "words": 6,
  "letter": {"b":2,"e":2,"n":1,"o":4,"r":1,"t":3},
  "report": "6 words, 12"
}
"#;

/// Standard output is the final state and nothing else, in the same bytes whatever runs where; the rest is on
/// standard error.
#[test]
fn the_final_state_alone_is_on_standard_output() {
    for further in [&[][..], &["--parallel-strategy", "thread"], &["--max-workers", "1"], &["--progress", "always"]] {
        let finished = words(&[&["--text", "to be or not to be"], further].concat()).run();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), OUTPUT), "{further:?}\n{}", finished.stderr);
        let told = ["this is no result", "words: done in"];
        assert!(!finished.stderr.contains("secret"), "told when it is built\n{}", finished.stderr);
        assert!(told.iter().all(|line| finished.stderr.contains(line)), "{}", finished.stderr);
    }
    let quiet = words(&["--text", "to be or not to be", "-q"]).run();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), (OUTPUT, "this is no result\n"));
}

#[test]
fn inputs_come_from_flags_and_json_and_flags_win() {
    let json = words(&["--input", "-", "--times", "3"]).stdin(r#"{"text": "a b", "times": 2}"#).run().json();
    assert_eq!((&json["words"], &json["times"]), (&6.into(), &3.into()));
}

#[test]
fn bad_input_says_what_is_wrong_with_what() {
    let text = words(&["--input", "-", "--times", "many"]).stdin(r#"{"txt": "a"}"#).run();
    let text = text.failure(2);
    for line in [
        "error: input `times` has a bad value\n",
        "= expected: a whole number, not below zero\n",
        "= found: `many` in `--times`\n",
        "= because: invalid digit found in string\n",
        "error: input `text` is missing\n",
        "error: `txt` in standard input is not an input of this workflow\n",
        "= help: did you mean `text`?\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let text = words(&["--input", "-"]).stdin("[1]").run();
    assert!(text.failure(2).contains("= expected: an object such as `{\"text\": …}`"), "{}", text.stderr);
    let json = words(&["--error-format", "json"]).run();
    let json: Value = serde_json::from_str(json.failure(2)).unwrap();
    assert_eq!((&json["error"], &json["problems"][0]["input"]), (&"bad_input".into(), &"text".into()));
    assert!(words(&["--txt", "a"]).run().failure(2).contains("--text"));
}

#[test]
fn a_failure_is_reported_with_branch_place_and_cause() {
    let failed = words(&["--text", "a", "--input-output", "error"]).run();
    let text = failed.failure(1);
    for line in [
        "error: there is nothing to count on\n  --> ",
        "flow.yaml:16:11, node `count`\n",
        "= in: branch `count`",
        "error: `words` failed after",
        "= done: `start`, `letters`\n",
        "= in all: 2 branches (1 failed)\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_crash_is_reported_for_programs_too() {
    let failed = words(&["--text", "a", "--input-output", "abort", "--error-format", "json", "-q"]).run();
    let line = failed.failure(1).lines().last().unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    let failure = &report["failures"][0];
    assert_eq!((&report["error"], &report["done"][0]), (&"run_failed".into(), &"start".into()));
    assert_eq!((&failure["kind"], &failure["branch"]), (&"crash".into(), &"count".into()));
    assert_eq!(failure["exit"]["signal"], 6);
    assert_eq!(failure["output"][0], "about to abort");
}

#[test]
fn a_file_gets_the_output_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.json");
    let path = path.to_str().unwrap();
    let names = || fs::read_dir(&directory).unwrap().count();
    let text = ["--text", "to be or not to be", "--output", path];
    assert_eq!(words(&text).run().stdout, "");
    assert_eq!((fs::read_to_string(path).unwrap().as_str(), names()), (OUTPUT, 1));
    // A run that fails leaves what is there alone.
    let failed = words(&[&text[..], &["--input-output", "error"]].concat()).run();
    assert_eq!(failed.code, Some(1));
    assert_eq!((fs::read_to_string(path).unwrap().as_str(), names()), (OUTPUT, 1));
}

/// What cannot be written at all is refused before anything runs.
#[test]
fn a_place_that_cannot_be_written_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent/out.json");
    for flag in ["--output", "--timing"] {
        let refused = words(&["--text", "a", flag, absent.to_str().unwrap()]).run();
        let text = refused.failure(2);
        assert!(text.starts_with(&format!("error: cannot write `{flag} ")) && !text.contains("no result"), "{text}");
    }
    // Root may write everywhere.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let path = directory.path().join("out.json");
    if fs::write(&path, "").is_err() {
        let refused = words(&["--text", "a", "--output", path.to_str().unwrap()]).run();
        assert!(refused.failure(2).contains("Permission denied"));
    }
}

/// A disk that is full at the end does not cost the result.
#[test]
fn what_cannot_be_written_in_the_end_goes_to_standard_output() {
    let full = words(&["--text", "to be or not to be", "--output", "/dev/full"]).run();
    assert_eq!((full.code, full.stdout.as_str()), (Some(1), OUTPUT));
    assert!(full.stderr.contains("No space left on device") && full.stderr.contains("standard output instead"));
}

/// Somebody who has seen enough is no error.
#[test]
fn a_closed_pipe_ends_well() {
    let mut child = Command::new(WORDS)
        .args(["--text", "a", "-q"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), "this is no result\n"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Command::new(WORDS).args(["--text", "a", "-q"]).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_trace_has_attempts_on_workers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trace.json");
    let _ = words(&["--text", "a", "--timing", path.to_str().unwrap()]).run().json();
    let trace: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let entries = trace["traceEvents"].as_array().unwrap();
    let attempts: Vec<_> = entries.iter().filter(|entry| entry["cat"] == "attempt").collect();
    assert_eq!(attempts.len(), 2, "{entries:?}");
    for attempt in attempts {
        assert!(attempt["args"]["sent_bytes"].as_u64() > Some(0), "{attempt}");
        let labelled = |entry: &&Value| entry["ph"] == "M" && entry["pid"] == attempt["pid"];
        assert!(entries.iter().any(|entry| labelled(&entry) && entry["args"]["name"].is_string()), "{attempt}");
    }
}

/// Logs for programs: every line is an object.
#[test]
fn logs_can_be_json() {
    let finished = words(&["--text", "a", "--log-format", "json", "-vv", "--parallel-strategy", "thread"]).run();
    let lines: Vec<Value> = (finished.stderr.lines())
        .filter(|line| *line != "this is no result")
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.iter().any(|line| line["target"] == "tea::summary"));
    assert!(lines.iter().any(|line| line["branch"] == "count" && line["level"] == "INFO"));
}

/// An interrupted run says so, and by what.
#[test]
fn an_interrupted_run_says_by_what() {
    let running = words(&["--text", "a", "--input-output", "loop"]).start();
    wait_for("the worker", || running.workers().first().copied());
    running.signal(rustix::process::Signal::TERM);
    let finished = running.finish();
    assert!(finished.failure(143).contains("error: `words` was interrupted by SIGTERM after"), "{}", finished.stderr);
}

#[test]
fn graphs_and_completions() {
    let graph = |format: &str| words(&["graph", "--format", format]).run().stdout;
    assert!(graph("mermaid").starts_with("flowchart TD\n"));
    assert!(graph("dot").starts_with("digraph \"words\" {\n"));
    let json: Value = serde_json::from_str(&graph("json")).unwrap();
    assert_eq!(json["fan_outs"][0]["branches"][0]["strategy"], "process");
    for shell in ["bash", "zsh", "fish"] {
        let script = words(&["completions", shell]).run();
        assert_eq!(script.code, Some(0));
        assert!(script.stdout.contains("input-output"), "{shell}");
    }
    assert_eq!(words(&["--version"]).run().stdout, concat!("words ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = words(&["--help"]).run().stdout;
    assert!(help.contains("--text <TEXT>") && help.contains("[default: 1]"), "{help}");
}

/// A flag without its value, and the like, are wrong usage.
#[test]
fn wrong_usage_is_refused() {
    for wrong in [&["--text"][..], &["--max-workers", "0"], &["--parallel-strategy", "process"], &["draw"]] {
        let refused = words(wrong).run();
        assert!(refused.failure(2).starts_with("error: "), "{wrong:?}\n{}", refused.stderr);
    }
}

#[test]
fn a_node_to_stop_after_that_there_is_not_is_refused_with_those_that_there_are() {
    for (node, says) in [
        ("reprot", "did you mean `report`?"),
        ("count", "has no node `count` outside of branches to stop after: there is `start`, `hide`, `report`"),
        ("nope", "there is `start`, `hide`, `report`"),
    ] {
        let refused = words(&["--text", "a", "--until", node]).run();
        assert!(refused.failure(2).contains(says), "{}", refused.stderr);
    }
}

/// Once only the output is left to be written, and nobody reads it, Ctrl-C ends the program at once.
#[test]
fn an_interrupt_ends_a_program_whose_output_nobody_takes() {
    let text = "word ".repeat(400_000);
    let input = serde_json::json!({ "text": text }).to_string();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("input.json");
    fs::write(&path, input).unwrap();
    let mut child = Command::new("env")
        .args(["--default-signal=INT", WORDS, "--parallel-strategy", "thread", "-q", "--input"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its first byte is there: it writes.
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    tests::process::signal(child.id(), rustix::process::Signal::INT).unwrap();
    let status = wait_for("the end of the program", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
}

/// Output to a pipe that somebody reads slowly arrives whole.
#[test]
fn a_large_state_arrives_whole() {
    let text = "word ".repeat(400_000);
    let mut child =
        Command::new(WORDS).args(["--input", "-", "-q"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = serde_json::json!({ "text": text }).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["words"], json["text"].as_str()), (&400_000.into(), Some(text.as_str())));
}
