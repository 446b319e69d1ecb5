//! Recorded runs that lose a worker, or are killed, and go on: what was done is not done again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use rustix::process::Signal;
use tempfile::TempDir;
use tests::{
    process::wait_for,
    program::{Finished, Program, Running},
};

/// A directory for the records, and for a file for each node and item with a byte for each execution.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(scratch.calls()).expect("a new directory");
        scratch
    }

    fn calls(&self) -> PathBuf {
        self.0.path().join("calls")
    }

    fn program(&self) -> Program {
        self.flow("nested")
    }

    fn flow(&self, name: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_resumed")).env("FLOW", name).directory(self.0.path())
    }

    /// The keys that were noted, by name, and how often; all notes of a name have the same one.
    fn keys(&self) -> BTreeMap<String, (String, u32)> {
        let mut keys: BTreeMap<String, (String, u32)> = BTreeMap::new();
        for line in fs::read_to_string(self.calls().join("keys")).expect("keys").lines() {
            let (name, key) = line.split_once(": ").expect("a name and a key");
            assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            let (before, count) = keys.entry(name.to_owned()).or_insert_with(|| (key.to_owned(), 0));
            assert_eq!(before, key, "{name}");
            *count += 1;
        }
        fs::remove_file(self.calls().join("keys")).expect("a file");
        keys
    }

    /// Starts it, or resumes it. With one worker, it is known what is done before the item that `kills`.
    fn start(&self, args: &str, kills: &str) -> Running {
        let program = self.program().env("KILLS", kills).args("--max-workers 1 --folder").arg(self.calls());
        program.args(args).start()
    }

    /// Waits until the item that kills waits, and all that was done before it is recorded.
    fn wait(&self, recorded: &str) {
        wait_for("the item that kills", || self.calls().join("waits").exists().then_some(()));
        let mut runs = fs::read_dir(self.0.path().join(".tea/runs")).expect("the runs");
        let run = runs.next().expect("a run").expect("a run").file_name();
        let mut shown = String::new();
        wait_for(&format!("{recorded} in the records"), || {
            shown = self.program().args("runs verify").arg(&run).run().stdout;
            shown.contains(recorded).then_some(())
        });
    }

    /// Lets the item kill that waits.
    fn go(&self) {
        fs::write(self.calls().join("go"), "").expect("a directory to write");
    }

    /// How often each node and item was executed that was not executed once.
    fn not_once(&self) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for name in ["number", "plain", "seed", "beside", "sum", "total"] {
            counts.insert(name.to_owned(), 0);
        }
        counts.extend((0..20).flat_map(|n| [(format!("shallow-{n}"), 0), (format!("deep-{}", 3 * n), 0)]));
        for file in fs::read_dir(self.calls()).expect("a directory") {
            let file = file.expect("a file");
            let length = file.metadata().expect("a file").len();
            if length > 0 {
                counts.insert(file.file_name().into_string().expect("text"), length);
            }
        }
        counts.retain(|_, count| *count != 1);
        counts
    }
}

fn check(finished: &Finished) {
    let shallow: u64 = (0..20).map(|n| n * n).sum();
    assert_eq!(finished.json()["total"], shallow + 9 * shallow + 6, "{}", finished.stderr);
}

/// What is recorded when item 10 of either map runs.
const SHALLOW: &str = " 1 step, 10 items";
const DEEP: &str = " 4 steps, 1 branch, 30 items";

fn twice<const N: usize>(items: [&str; N]) -> BTreeMap<String, u64> {
    items.map(|item| (item.to_owned(), 2)).into()
}

/// The workers of the branch, of the branch in it, and of both.
#[test]
fn an_attempt_after_a_crash_runs_only_what_was_in_flight() {
    for (item, kills, recorded) in [
        ("shallow-10", "shallow-10-worker", SHALLOW),
        ("deep-30", "deep-30-worker", DEEP),
        ("deep-30", "deep-30-parent", DEEP),
    ] {
        let scratch = Scratch::new();
        let running = scratch.start("", kills);
        scratch.wait(recorded);
        scratch.go();
        check(&running.finish());
        assert_eq!(scratch.not_once(), twice([item]), "{kills}");
    }
}

#[test]
fn a_killed_run_resumes_inside_the_branches_of_workers() {
    for (item, kills, recorded) in [("shallow-10", "shallow-10-worker", SHALLOW), ("deep-30", "deep-30-worker", DEEP)] {
        let scratch = Scratch::new();
        let running = scratch.start("", kills);
        scratch.wait(recorded);
        running.signal(Signal::KILL);
        assert_eq!(running.finish().signal, Some(9));
        let outlook = scratch.program().args("--resume --dry-run --folder").arg(scratch.calls()).run().stdout;
        assert!(outlook.contains("\n  branches after __start__  would run: "), "{outlook}");
        check(&scratch.start("--resume", "").finish());
        assert_eq!(scratch.not_once(), twice([item]), "{kills}");
    }
}

/// What was done before the run was killed, and what was done after it was resumed and before a worker was.
#[test]
fn an_attempt_after_a_crash_in_a_resumed_run_knows_both_sessions() {
    let scratch = Scratch::new();
    let running = scratch.start("", "deep-15-worker");
    scratch.wait(" 4 steps, 1 branch, 25 items");
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    fs::remove_file(scratch.calls().join("waits")).expect("the item waited");
    let running = scratch.start("--resume", "deep-30-parent");
    scratch.wait(DEEP);
    scratch.go();
    check(&running.finish());
    assert_eq!(scratch.not_once(), twice(["deep-15", "deep-30"]));
}

/// An error may come from what the branch has computed, so the next attempt computes all of it anew.
#[test]
fn an_attempt_after_an_error_runs_all_of_its_branch_again() {
    for strategy in ["", "--parallel-strategy thread"] {
        let scratch = Scratch::new();
        let program = scratch.program().env("FAILS", "plain").args("--max-workers 1 --folder").arg(scratch.calls());
        check(&program.args(strategy).run());
        let items: Vec<_> = (0..20).map(|n| format!("shallow-{n}")).collect();
        let all = items.into_iter().chain(["number".to_owned(), "plain".to_owned()]);
        assert_eq!(scratch.not_once(), all.map(|name| (name, 2)).collect(), "{strategy}");
    }
}

/// `ctx.unit_key()`.
#[test]
fn a_unit_has_the_same_key_in_each_attempt_and_session_and_no_other_has_it() {
    for strategy in ["", "--parallel-strategy thread"] {
        let scratch = Scratch::new();
        let start = |args: &str| {
            let program = scratch.flow("keys").args("--folder").arg(scratch.calls());
            program.args(args).args(strategy)
        };
        let failed = start("").env("FAIL", "1").run();
        assert_eq!(failed.code, Some(1), "{}", failed.stderr);
        let first = scratch.keys();
        // What fails is tried again; that branch from its first node on.
        let tries = |name: &str| if name.starts_with("turn") || name == "number" { 1 } else { 2 };
        let names = ["turn 0", "turn 1", "turn 2", "number", "left", "before", "right", "indexed 0 7", "indexed 1 7"];
        let items = ["listed", "given"].into_iter().flat_map(|map| (10..13).map(move |item| format!("{map} {item}")));
        let names = names.map(str::to_owned).into_iter().chain(items);
        let expected: BTreeMap<String, u32> = names.map(|name| (name.clone(), tries(&name))).collect();
        let counts: BTreeMap<String, u32> = first.iter().map(|(name, of)| (name.clone(), of.1)).collect();
        assert_eq!(counts, expected, "{strategy}");
        let different: BTreeSet<&String> = first.values().map(|of| &of.0).collect();
        assert_eq!(different.len(), first.len(), "{strategy}: {first:?}");

        let resumed = start("--resume").run();
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        let again = scratch.keys();
        // All that failed, and what is not recorded by itself.
        assert_eq!(again.len(), 11, "{strategy}: {again:?}");
        assert!(again.iter().all(|(name, of)| first[name].0 == of.0), "{strategy}: {first:?}, {again:?}");

        let other = start("").run();
        assert_eq!(other.code, Some(0), "{}", other.stderr);
        assert!(scratch.keys().values().all(|of| !different.contains(&of.0)), "{strategy}: keys of another run");
    }
}
