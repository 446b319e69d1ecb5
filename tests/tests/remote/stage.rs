//! A pool of agents on this machine, and a program whose items leave notes.

pub(crate) use std::{collections::BTreeSet, fs, path::PathBuf};

use tempfile::TempDir;
pub(crate) use tests::{
    process::{self, wait_for},
    program::{Program, Running},
    trace,
};

use super::TRANSPORT;

pub(crate) const REMOTE: &str = env!("CARGO_BIN_EXE_remote");

/// A folder with a pool file, in which items leave notes and find orders.
pub(crate) struct Stage(TempDir);

/// A note that an item left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    pub(crate) what: String,
    pub(crate) item: u64,
    pub(crate) agent: u32,
    pub(crate) worker: u32,
}

impl Stage {
    /// A pool of agents on this machine, each of which runs that many units at once.
    pub(crate) fn new(hosts: u32, slots: u32) -> Self {
        Self::with(hosts, slots, "{agent}")
    }

    /// The same, with agents that a script starts.
    pub(crate) fn with(hosts: u32, slots: u32, script: &str) -> Self {
        Self::launching(hosts, slots, |_| ["sh", "-c", script].map(str::to_owned).into())
    }

    /// The same, with agents that a command starts which may know this folder.
    pub(crate) fn launching(hosts: u32, slots: u32, command: impl FnOnce(&str) -> Vec<String>) -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        let launch = command(stage.path("").to_str().unwrap());
        let text = format!(
            "engine = \"command\"\nhosts = {hosts}\nslots = {slots}\n[command]\nlaunch = {launch:?}\n{TRANSPORT}"
        );
        fs::write(stage.path("pool.toml"), text).unwrap();
        stage
    }

    /// The same with these times.
    pub(crate) fn times(self, heartbeat: &str, lease: &str) -> Self {
        let text = fs::read_to_string(self.path("pool.toml")).unwrap();
        let times = format!("[network]\nheartbeat = \"{heartbeat}\"\nlease = \"{lease}\"\n");
        let text = if text.contains("[network]\n") { text.replace("[network]\n", &times) } else { text + &times };
        fs::write(self.path("pool.toml"), text).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A workflow of the program, with this pool.
    pub(crate) fn program(&self, flow: &str) -> Program {
        Program::new(REMOTE).env("FLOW", flow).arg("--pool").arg(self.path("pool.toml"))
    }

    /// Items that leave notes here.
    pub(crate) fn items(&self, count: u64) -> Program {
        self.program("items").arg("--folder").arg(self.0.path()).arg(format!("--count={count}"))
    }

    /// Gives this order.
    pub(crate) fn order(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    /// Takes an order back.
    pub(crate) fn withdraw(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn hold(&self, item: u64) {
        self.order(&format!("hold-{item}"));
    }

    pub(crate) fn release(&self, item: u64) {
        self.withdraw(&format!("hold-{item}"));
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        let note = |line: String| {
            let words: Vec<_> = line.split(' ').collect();
            // Of who was killed while it wrote, there is a part.
            let [what, item, agent, worker, "."] = words[..] else { return None };
            let number = |word: &str| word.parse().unwrap();
            let (item, agent, worker) = (item.parse().unwrap(), number(agent), number(worker));
            Some(Note { what: what.to_owned(), item, agent, worker })
        };
        trace::lines(&self.path("log")).into_iter().filter_map(note).collect()
    }

    /// The items of which there is such a note, in order.
    pub(crate) fn noted(&self, what: &str) -> Vec<u64> {
        self.notes().into_iter().filter(|note| note.what == what).map(|note| note.item).collect()
    }

    /// Checks that no two attempts at an item were ever alive at once: when another one has said something, the one before it says
    /// nothing more. Gives how many there were of each.
    pub(crate) fn attempts(&self, count: u64) -> Vec<usize> {
        let mut attempts = vec![Vec::new(); usize::try_from(count).unwrap()];
        for note in self.notes() {
            let attempts: &mut Vec<(u32, u32)> = &mut attempts[usize::try_from(note.item).unwrap()];
            let attempt = (note.agent, note.worker);
            if attempts.last() != Some(&attempt) {
                assert!(!attempts.contains(&attempt), "{note:?} was alive beside {attempts:?}");
                attempts.push(attempt);
            }
        }
        attempts.iter().map(Vec::len).collect()
    }

    /// Waits until an item has begun under another agent than this.
    pub(crate) fn begun_elsewhere(&self, running: &Running, item: u64, than: u32) -> Note {
        wait_for(&format!("another attempt at item {item}\n{}", running.stderr()), || {
            self.notes().into_iter().find(|note| note.what == "begin" && note.item == item && note.agent != than)
        })
    }

    /// Waits until these items have begun. Gives where they run.
    pub(crate) fn begun(&self, running: &Running, items: &[u64]) -> Vec<Note> {
        wait_for(&format!("items {items:?} to begin\n{}", running.stderr()), || {
            let notes: Vec<_> = self.notes().into_iter().filter(|note| note.what == "begin").collect();
            let of = |item: &u64| notes.iter().rev().find(|note| note.item == *item).cloned();
            items.iter().map(of).collect()
        })
    }
}

/// What items give when nothing goes wrong.
pub(crate) fn squares(count: u64) -> Vec<u64> {
    (0..count).map(|item| item * item + item).collect()
}

pub(crate) fn agents(notes: &[Note]) -> BTreeSet<u32> {
    notes.iter().map(|note| note.agent).collect()
}
