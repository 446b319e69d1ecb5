//! Starts agents: a command that leads to a host, with the command line of an agent in it.

mod command;
mod ssh;

pub(super) use self::{command::ByCommand, ssh::Ssh};

use std::{
    io,
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    path::PathBuf,
    process::{ChildStderr, Command, Stdio},
};

use rustix::io::ioctl_fionbio;

use crate::{
    failure::{Failure, FailureKind},
    process::{group::Group, identity},
};

/// The exit status of a command that finds no program on its host: it has to be copied there first.
pub(crate) const NOT_THERE: i32 = 93;

/// Starts agents.
pub(crate) trait Launcher: Send + Sync {
    /// The name of host number `at`, for people.
    fn name(&self, at: usize) -> String;

    /// Starts an agent on host number `at`.
    ///
    /// # Errors
    /// If the command that leads there cannot be started.
    fn start(&self, at: usize) -> io::Result<Connection>;

    /// How many agents may be on their way at once.
    fn dials(&self) -> usize {
        usize::MAX
    }

    /// Starts to copy the program to host number `at`, where a command ended with [`NOT_THERE`]; `None` if that is not done.
    ///
    /// # Errors
    /// If the command that does it cannot be started.
    fn stage(&self, at: usize) -> Option<io::Result<Connection>> {
        let _ = at;
        None
    }
}

/// The process that leads to a host, and its streams, which are non-blocking.
pub(crate) struct Connection {
    pub(crate) group: Group,
    /// `None` if it reads from a file.
    pub(crate) input: Option<OwnedFd>,
    pub(crate) output: OwnedFd,
    pub(crate) stderr: ChildStderr,
}

/// Starts a command that leads to a host, in its own process group: a Ctrl-C is for the program alone. It reads from `input`, or
/// else from a pipe.
pub(super) fn spawn(mut command: Command, input: Option<Stdio>) -> io::Result<Connection> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(input.unwrap_or_else(Stdio::piped))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("`{program}` cannot be started: {error}")))?;
    let input = child.stdin.take().map(OwnedFd::from);
    let output = OwnedFd::from(child.stdout.take().expect("it is piped"));
    let stderr = child.stderr.take().expect("it is piped");
    let group = Group::new(child);
    if let Some(input) = &input {
        ioctl_fionbio(input, true)?;
    }
    ioctl_fionbio(&output, true)?;
    ioctl_fionbio(&stderr, true)?;
    Ok(Connection { group, input, output, stderr })
}

/// How an instance of this program becomes an agent.
struct Agent {
    /// Its file on this machine.
    path: PathBuf,
    arguments: Vec<String>,
}

impl Agent {
    /// This program.
    ///
    /// # Errors
    /// If it cannot be an agent.
    fn new() -> Result<Self, Box<Failure>> {
        identity::can_have_workers(false)?;
        let entry = identity::entry().ok_or_else(|| Box::new(identity::no_entry()))?;
        let path = identity::image().map_err(|error| failed(&error))?;
        Ok(Self { path, arguments: entry.arguments() })
    }

    /// The command line of an agent for a shell, in which `program` stands for the file.
    fn line(&self, program: &str) -> String {
        let arguments = self.arguments.iter().map(|argument| format!(" {}", quoted(argument)));
        format!("exec env {}=1 {program}{}", identity::AGENT_MARK, arguments.collect::<String>())
    }

    /// Its file on this machine, for a shell.
    fn file(&self) -> String {
        quoted(&self.path.to_string_lossy())
    }
}

fn failed(error: &io::Error) -> Box<Failure> {
    Box::new(Failure::new(FailureKind::Error, error.to_string()))
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What to do about a program that does not run on a host, judging by what was written there.
pub(crate) fn way_out(lines: &[String]) -> &'static str {
    const OTHER_LIBRARIES: [&str; 3] = ["GLIBC_", "error while loading shared libraries", "Exec format error"];
    if lines.iter().any(|line| OTHER_LIBRARIES.iter().any(|says| line.contains(says))) {
        "; the program does not run there: build it for such hosts, with `--target x86_64-unknown-linux-musl` or the like"
    } else {
        ""
    }
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
