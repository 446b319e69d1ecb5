//! Starts agents by a command line of the user's.

use std::{io, process::Command};

use super::{Agent, Connection, Launcher, spawn};
use crate::failure::Failure;

/// Starts agents by a command line.
pub(crate) struct ByCommand {
    /// The words, `{agent}` replaced.
    words: Vec<String>,
}

impl ByCommand {
    /// A launcher of this command.
    ///
    /// # Errors
    /// If this program cannot be an agent.
    pub(crate) fn new(launch: &[String]) -> Result<Self, Box<Failure>> {
        let agent = Agent::new()?;
        let line = agent.line(&agent.file());
        Ok(Self { words: launch.iter().map(|word| word.replace("{agent}", &line)).collect() })
    }
}

impl Launcher for ByCommand {
    fn name(&self, at: usize) -> String {
        format!("host {}", at + 1)
    }

    fn start(&self, _: usize) -> io::Result<Connection> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        spawn(command, None)
    }
}
