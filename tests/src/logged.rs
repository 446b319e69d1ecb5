//! Programs that keep a log of what ran.

use std::{ffi::OsStr, path::PathBuf};

use tempfile::TempDir;

use crate::{program::Program, trace};

/// One workflow of a program that holds several, and a directory for its log and whatever else its test needs.
pub struct Logged {
    directory: TempDir,
    program: &'static str,
    flow: &'static str,
}

impl Logged {
    /// The workflow `flow` of `program`, usually `env!("CARGO_BIN_EXE_name")`.
    ///
    /// # Panics
    /// If no temporary directory can be made.
    #[must_use]
    pub fn new(program: &'static str, flow: &'static str) -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), program, flow }
    }

    /// A path in its directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where its log is.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path("log")
    }

    /// The program, told to run this workflow and to keep the log.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program_at(self.program)
    }

    /// The same, without arguments.
    #[must_use]
    pub fn bare(&self) -> Program {
        Program::new(self.program).env("FLOW", self.flow)
    }

    /// The same, of a copy of the program.
    #[must_use]
    pub fn program_at(&self, path: impl AsRef<OsStr>) -> Program {
        Program::new(path).env("FLOW", self.flow).arg("--log").arg(self.log())
    }

    /// The log's lines, in the order in which they were written.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        trace::lines(&self.log())
    }

    /// How many lines start with this word.
    ///
    /// # Panics
    /// If the log cannot be read.
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        self.lines().iter().filter(|line| line.split(' ').next() == Some(word)).count()
    }
}
