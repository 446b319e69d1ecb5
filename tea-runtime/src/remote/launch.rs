//! Starts agents: a command line of the user's that leads to a host, with the command line of an agent in it.

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{ChildStderr, Command, Stdio},
};

use rustix::io::ioctl_fionbio;

use crate::{
    failure::Failure,
    process::{group::Group, identity},
};

/// Starts agents.
pub(crate) trait Launcher: Send + Sync {
    /// The name of host number `at`, for people.
    fn name(&self, at: usize) -> String;

    /// Starts an agent on host number `at`.
    ///
    /// # Errors
    /// If the command that leads there cannot be started.
    fn start(&self, at: usize) -> io::Result<Connection>;
}

/// The process that leads to an agent, and its streams, which are non-blocking.
pub(crate) struct Connection {
    pub(crate) group: Group,
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
    pub(crate) stderr: ChildStderr,
}

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
        let agent = agent()?;
        Ok(Self { words: launch.iter().map(|word| word.replace("{agent}", &agent)).collect() })
    }
}

impl Launcher for ByCommand {
    fn name(&self, at: usize) -> String {
        format!("host {}", at + 1)
    }

    fn start(&self, _: usize) -> io::Result<Connection> {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        spawn(command)
    }
}

/// Starts a command that leads to an agent, in its own process group: a Ctrl-C is for the program alone.
fn spawn(mut command: Command) -> io::Result<Connection> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("`{program}` cannot be started: {error}")))?;
    let input = OwnedFd::from(child.stdin.take().expect("it is piped"));
    let output = OwnedFd::from(child.stdout.take().expect("it is piped"));
    let stderr = child.stderr.take().expect("it is piped");
    let group = Group::new(child);
    ioctl_fionbio(&input, true)?;
    ioctl_fionbio(&output, true)?;
    ioctl_fionbio(&stderr, true)?;
    Ok(Connection { group, input, output, stderr })
}

/// The command line of an agent, for a shell.
///
/// # Errors
/// If this program cannot be an agent.
fn agent() -> Result<String, Box<Failure>> {
    identity::can_have_workers(false)?;
    let entry = identity::entry().ok_or_else(|| Box::new(identity::no_entry()))?;
    let failed = |error: io::Error| Box::new(Failure::new(crate::failure::FailureKind::Error, error.to_string()));
    let path = identity::image().map_err(failed)?;
    let mut line = format!("exec env {}=1 {}", identity::AGENT_MARK, quoted(&path.to_string_lossy()));
    for argument in entry.arguments() {
        line.push(' ');
        line += &quoted(&argument);
    }
    Ok(line)
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        for word in ["plain", "two words", "it's", "$HOME `x` \\ \"", ""] {
            let script = format!("printf %s {}", quoted(word));
            let printed = Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
            assert_eq!(String::from_utf8(printed).unwrap(), word);
        }
    }
}
