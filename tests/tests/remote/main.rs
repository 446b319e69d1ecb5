//! Branches with `remote`, through agents that a command line starts on this machine.

mod lost;
mod rows;
mod same;
mod ssh;
mod wrong;

use std::{collections::BTreeSet, fs, path::PathBuf};

use tempfile::TempDir;
use tests::{
    process::{self, wait_for},
    program::{Program, Running},
    trace,
};

const REMOTE: &str = env!("CARGO_BIN_EXE_remote");

/// A folder with a pool file, in which items leave notes and find orders.
struct Stage(TempDir);

/// A note that an item left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Note {
    what: String,
    item: u64,
    agent: u32,
    worker: u32,
}

impl Stage {
    /// A pool of agents on this machine, each of which runs that many units at once.
    fn new(hosts: u32, slots: u32) -> Self {
        Self::with(hosts, slots, "{agent}")
    }

    /// The same, with agents that a script starts.
    fn with(hosts: u32, slots: u32, script: &str) -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        let launch = format!("[\"sh\", \"-c\", {script:?}]");
        let text = format!("engine = \"command\"\nhosts = {hosts}\nslots = {slots}\n[command]\nlaunch = {launch}\n");
        fs::write(stage.path("pool.toml"), text).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A workflow of the program, with this pool.
    fn program(&self, flow: &str) -> Program {
        Program::new(REMOTE).env("FLOW", flow).env("RUST_BACKTRACE", "0").arg("--pool").arg(self.path("pool.toml"))
    }

    /// Items that leave notes here.
    fn items(&self, count: u64) -> Program {
        self.program("items").arg("--folder").arg(self.0.path()).arg(format!("--count={count}"))
    }

    fn hold(&self, item: u64) {
        fs::write(self.path(&format!("hold-{item}")), "").unwrap();
    }

    fn release(&self, item: u64) {
        fs::remove_file(self.path(&format!("hold-{item}"))).unwrap();
    }

    fn notes(&self) -> Vec<Note> {
        let note = |line: String| {
            let words: Vec<_> = line.split(' ').collect();
            let [what, item, agent, worker] = words[..] else { panic!("{line}") };
            let number = |word: &str| word.parse().unwrap();
            Note { what: what.to_owned(), item: item.parse().unwrap(), agent: number(agent), worker: number(worker) }
        };
        trace::lines(&self.path("log")).into_iter().map(note).collect()
    }

    /// The items of which there is such a note, in order.
    fn noted(&self, what: &str) -> Vec<u64> {
        self.notes().into_iter().filter(|note| note.what == what).map(|note| note.item).collect()
    }

    /// Waits until these items have begun. Gives where they run.
    fn begun(&self, running: &Running, items: &[u64]) -> Vec<Note> {
        wait_for(&format!("items {items:?} to begin\n{}", running.stderr()), || {
            let notes: Vec<_> = self.notes().into_iter().filter(|note| note.what == "begin").collect();
            let of = |item: &u64| notes.iter().rev().find(|note| note.item == *item).cloned();
            items.iter().map(of).collect()
        })
    }
}

/// What items give when nothing goes wrong.
fn squares(count: u64) -> Vec<u64> {
    (0..count).map(|item| item * item + item).collect()
}

fn agents(notes: &[Note]) -> BTreeSet<u32> {
    notes.iter().map(|note| note.agent).collect()
}
