//! Recorded runs of a program as its user sees them: another build, another user, a changed file, two at once.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::json;
use tests::{
    process::wait_for,
    program::{Finished, Program},
};

/// A directory with a text and the records of runs.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().expect("a temporary directory"));
        scratch.write("one\nthree\n");
        scratch
    }

    fn write(&self, text: &str) {
        fs::write(self.path("text"), text).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, program: impl AsRef<Path>, how: &str, args: &str) -> Program {
        Program::new(program.as_ref()).directory(self.0.path()).env("HOW", how).args(args)
    }

    fn run(&self, how: &str, args: &str) -> Finished {
        self.program(env!("CARGO_BIN_EXE_stored"), how, args).run()
    }

    /// The name of the only run.
    fn only_run(&self) -> String {
        let runs: Vec<_> = fs::read_dir(self.path(".tea/runs")).expect("runs").collect();
        assert_eq!(runs.len(), 1);
        let run = runs.into_iter().next().expect("a run").expect("a run");
        run.file_name().into_string().expect("a name")
    }
}

/// The units that ran, sorted.
fn units(finished: &Finished) -> Vec<&str> {
    let mut units: Vec<_> = finished.stderr.lines().filter_map(|line| line.strip_suffix(" runs")).collect();
    units.sort_unstable();
    units
}

/// There was none before, so that only the type says that the input is a path.
#[test]
fn a_file_that_appears_is_told_whatever_the_type_of_its_path_is_called() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("fail", "--file text").code, Some(1));
    fs::write(scratch.path("marker"), "").unwrap();
    let resumed = scratch.run("", "--resume");
    assert!(resumed.stderr.contains("the file of input `marker` has changed"), "{}", resumed.stderr);
}

#[test]
fn a_changed_file_is_told_and_only_what_depends_on_it_runs_again() {
    let scratch = Scratch::new();
    let failed = scratch.run("fail", "--file text");
    assert_eq!((failed.code, units(&failed)), (Some(1), vec!["double", "one", "read", "three"]), "{}", failed.stderr);
    let resume = format!("to resume: `stored --resume {}`", scratch.only_run());
    assert!(failed.stderr.contains(&resume), "{}", failed.stderr);
    scratch.write("one\nseven\nthree\n");
    let resumed = scratch.run("", "--resume");
    assert!(resumed.stderr.contains("the file of input `file` has changed"), "{}", resumed.stderr);
    assert_eq!(units(&resumed), ["read", "seven", "sum"], "{}", resumed.stderr);
    assert!(resumed.stderr.contains("3 items (2 restored)"), "{}", resumed.stderr);
    let output = resumed.json();
    assert_eq!((&output["count"], &output["twice"]), (&json!(13), &json!(4)));
}

/// A run has succeeded when somebody has its output: until then it can be resumed, and only writes.
#[test]
fn an_output_that_could_not_be_written_is_written_by_resuming_and_nothing_runs_again() {
    let scratch = Scratch::new();
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stored"));
    let failed = command.args(["--file", "text"]).current_dir(scratch.0.path()).stdout(full).output().expect("a run");
    let stderr = String::from_utf8_lossy(&failed.stderr);
    let resume = format!("to write the output: `stored --resume {}`", scratch.only_run());
    assert_eq!(failed.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write to standard output") && stderr.contains(&resume), "{stderr}");
    let resumed = scratch.run("", "--resume");
    assert_eq!((units(&resumed), &resumed.json()["count"]), (Vec::new(), &json!(8)));
    let again = scratch.run("", "--resume");
    assert!(again.failure(2).contains("all of them succeeded"), "{}", again.stderr);
}

#[test]
fn a_run_that_is_killed_while_it_writes_its_output_can_be_resumed() {
    let scratch = Scratch::new();
    // A pipe that is full and that nobody reads.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let capacity = rustix::pipe::fcntl_getpipe_size(&writer).expect("the size of a pipe");
    writer.write_all(&vec![b' '; capacity]).expect("room");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stored"));
    let command = command.args(["--file", "text"]).current_dir(scratch.0.path()).stdout(writer);
    let mut program = command.spawn().expect("a run");
    let is_writing = || {
        let waits_in = fs::read_to_string(format!("/proc/{}/wchan", program.id())).unwrap_or_default();
        waits_in.contains("pipe_write").then_some(())
    };
    wait_for("a full pipe", is_writing);
    program.kill().expect("a signal");
    program.wait().expect("an end");
    drop(reader);
    let resumed = scratch.run("", "--resume");
    assert_eq!((units(&resumed), &resumed.json()["count"]), (Vec::new(), &json!(8)));
}

#[test]
fn another_build_of_the_same_code_continues_the_run() {
    let scratch = Scratch::new();
    scratch.run("fail", "--file text");
    let run = scratch.only_run();
    let program = |run: &str| {
        let shown = scratch.run("", &format!("runs show {run}")).stdout;
        shown.lines().find_map(|line| line.strip_prefix("program")).expect("a line").to_owned()
    };
    let first = program(&run);
    let other = scratch.path("stored");
    // A program may have more bytes than it needs.
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_stored")).expect("the program");
    bytes.push(0);
    fs::copy(env!("CARGO_BIN_EXE_stored"), &other).expect("a copy");
    fs::write(&other, bytes).expect("another build");

    let outlook = scratch.program(&other, "", "--resume --dry-run").run();
    let runs = outlook.stdout.lines().filter(|line| line.contains("would run:")).count();
    assert_eq!(runs, 2, "the two that had not ended: {}", outlook.stdout);
    let resumed = scratch.program(&other, "", "--resume").run();
    assert!(resumed.stderr.contains("the program is another build"), "{}", resumed.stderr);
    assert_eq!((units(&resumed), resumed.json()["count"].clone()), (vec!["sum"], json!(8)), "{}", resumed.stderr);
    assert_ne!(program(&run), first, "the run belongs to the build that recorded last");
}

#[test]
fn a_run_that_goes_on_is_not_resumed_by_another_process_and_once_that_is_killed_it_is() {
    let scratch = Scratch::new();
    let running = scratch.program(env!("CARGO_BIN_EXE_stored"), "hang", "--file text").start();
    // What is before a node is recorded before it starts.
    wait_for("the gate", || running.stderr().contains("it hangs").then_some(()));
    let second = scratch.run("", "--resume");
    let refused = second.failure(2);
    let holder = format!("run `{}` is in use by process {}", scratch.only_run(), running.pid());
    assert!(refused.contains(&holder), "{refused}");
    assert!(scratch.run("", "runs").stdout.contains("is running"));
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    assert!(scratch.run("", "runs").stdout.contains("was killed; can be resumed"));
    let resumed = scratch.run("", "--resume");
    assert_eq!((units(&resumed), resumed.json()["count"].clone()), (vec!["sum"], json!(8)), "{}", resumed.stderr);
}

#[test]
fn records_of_another_user_are_refused() {
    let scratch = Scratch::new();
    scratch.run("fail", "--file text");
    let store = scratch.path(".tea");
    let is_root = fs::metadata(&store).expect("a store").uid() == 0;
    if !is_root || chown(&store, Some(12_345), None).is_err() {
        println!("only root can give a directory away: nothing is tested");
        return;
    }
    for args in ["--resume", "--resume --dry-run", "runs", "--file text"] {
        let refused = scratch.run("", args);
        let message = refused.failure(2);
        assert!(message.contains("`.tea` belongs to user 12345, and this is user 0"), "{args}: {message}");
        assert!(message.contains("--state-dir") && units(&refused).is_empty(), "{args}: {message}");
    }
    assert_eq!(scratch.run("", "--file text --no-state").json()["count"], 8);
}
