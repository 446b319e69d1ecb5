//! Programs that keep a log of what ran.

use std::path::PathBuf;

use tests::{program::Program, trace};

/// One workflow of the program `policies`, with a log of its own.
pub(crate) struct Logged {
    directory: tempfile::TempDir,
    flow: &'static str,
}

impl Logged {
    pub(crate) fn new(flow: &'static str) -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), flow }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    pub(crate) fn program(&self) -> Program {
        policies(self.flow).arg("--log").arg(self.path())
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        trace::lines(&self.path())
    }

    /// How many lines start with this word.
    pub(crate) fn count(&self, word: &str) -> usize {
        self.lines().iter().filter(|line| line.split(' ').next() == Some(word)).count()
    }
}

/// A workflow of the program `policies`.
pub(crate) fn policies(flow: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_policies")).env("FLOW", flow)
}

/// A workflow of the program `edges`.
pub(crate) fn edges(flow: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_edges")).env("FLOW", flow)
}

/// The options for processes, as compiled, and for threads.
pub(crate) const STRATEGIES: [&str; 2] = ["", "--parallel-strategy thread"];
