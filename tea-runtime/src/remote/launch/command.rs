//! Starts agents by a command line of the user's.

use std::{io, process::Command};

use super::{Agent, BY_STDIO, Connection, Launcher, Told, dialled, spawn};
use crate::{
    failure::Failure,
    remote::{
        file::{Setting, Template},
        transport::Listen,
    },
};

/// Starts agents by a command line.
pub(crate) struct ByCommand {
    template: Template,
    listen: Listen,
    agent: Agent,
}

impl ByCommand {
    /// A launcher of this command.
    ///
    /// # Errors
    /// If this program cannot be an agent.
    pub(crate) fn new(template: &Template, setting: &Setting, listen: &Listen) -> Result<Self, Box<Failure>> {
        Ok(Self { template: template.clone(), listen: listen.clone(), agent: Agent::new(setting)? })
    }

    /// The command of these words for this lease of host number `at`, with `line` as the command line of an agent.
    fn command(words: &[String], at: usize, lease: &str, line: &str) -> Command {
        let host = (at + 1).to_string();
        let word = |word: &String| word.replace("{host}", &host).replace("{lease}", lease).replace("{agent}", line);
        let mut words = words.iter().map(word);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

impl Launcher for ByCommand {
    fn name(&self, at: usize) -> String {
        format!("host {}", at + 1)
    }

    fn build(&self) -> io::Result<[u8; 32]> {
        self.agent.build()
    }

    fn start(&self, at: usize) -> io::Result<Connection> {
        let Template { launch, cancel, told } = &self.template;
        let lease = format!("{:016x}", fastrand::u64(..));
        let command = |mark: &str| Self::command(launch, at, &lease, &self.agent.line(&self.agent.file(), mark));
        let mut connection = match told {
            None => spawn(command(BY_STDIO))?,
            Some(told) => {
                let told = if cancel.is_some() && *told == Told::Input { Told::InputAlone } else { *told };
                dialled(&self.listen, told, command)?
            }
        };
        connection.allocation.asked_only = cancel.is_some();
        connection.allocation.cancel = cancel.as_ref().map(|words| Self::command(words, at, &lease, ""));
        Ok(connection)
    }
}
