//! Starts agents: a command that leads to a host, with the command line of an agent in it.

mod command;
mod slurm;
mod ssh;

pub(super) use self::{command::ByCommand, slurm::Slurm, ssh::Ssh};

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    },
    path::PathBuf,
    process::{ChildStderr, Command, Stdio},
    time::Duration,
};

use rustix::io::ioctl_fionbio;

use super::{
    build,
    file::{Binary, Setting},
    transport::{self, BY_FILE, BY_INPUT, Lifeline, Listen, Listener, Receiver, Sender},
};
use crate::{
    failure::{Failure, FailureKind},
    pacing::remote::COMMAND,
    process::{group::Group, identity},
};

/// The mark of an agent that is connected by its standard input and output.
const BY_STDIO: &str = "1";

/// The exit status of a command that finds no program on its host: it has to be copied there first.
pub(crate) const NOT_THERE: i32 = 93;

/// The exit status where `before` fails.
pub(crate) const NOT_PREPARED: i32 = 94;

/// The variable by which the shell that runs `before` learns the program's file.
const FILE: &str = "TEA_AGENT_FILE";

/// Starts agents.
pub(crate) trait Launcher: Send + Sync {
    /// The name of host number `at`, for people.
    fn name(&self, at: usize) -> String;

    /// Starts an agent on host number `at`.
    ///
    /// # Errors
    /// If the command that leads there cannot be started.
    fn start(&self, at: usize) -> io::Result<Connection>;

    /// The hash of the program's file on hosts.
    ///
    /// # Errors
    /// If it cannot be read.
    fn build(&self) -> io::Result<[u8; 32]> {
        build::id()
    }

    /// How many hosts are looked at to know of all. They are the first.
    fn differ(&self) -> usize {
        usize::MAX
    }

    /// How many agents may be on their way at once.
    fn dials(&self) -> usize {
        usize::MAX
    }

    /// Starts to copy the program to host number `at`, where a command ended with [`NOT_THERE`]; `None` if that is not done.
    ///
    /// # Errors
    /// If the command that does it cannot be started.
    fn stage(&self, at: usize) -> Option<io::Result<Process>> {
        let _ = at;
        None
    }
}

/// A process that leads to a host, and its streams, which are non-blocking.
pub(crate) struct Process {
    pub(crate) group: Group,
    /// `None` if it reads from a file.
    input: Option<OwnedFd>,
    /// `None` if it goes where standard error does.
    output: Option<OwnedFd>,
    pub(crate) stderr: ChildStderr,
}

/// An agent on its way, or already there.
pub(crate) struct Connection {
    /// The command that starts it.
    pub(crate) group: Group,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) stderr: ChildStderr,
    pub(crate) allocation: Allocation,
}

/// What lasts as long as an agent, beside the command that starts it.
#[derive(Default)]
pub(crate) struct Allocation {
    /// The agent's standard input, which ends with this, if it is not its connection.
    lifeline: Option<OwnedFd>,
    /// The file with its secret.
    file: Option<SecretFile>,
    /// Whether the command only asks for the agent, and may end before that has come.
    pub(crate) asked_only: bool,
    /// Gives the host back, if the agent did not end in order.
    cancel: Option<Command>,
    /// Says how long the host may be used.
    lasts: Option<Lasts>,
}

/// A command that says how long a host may be used, and how that is read.
struct Lasts {
    command: Command,
    read: fn(&str) -> Option<Duration>,
}

impl Allocation {
    /// Whether it can be given back.
    pub(crate) fn can_cancel(&self) -> bool {
        self.cancel.is_some()
    }

    /// Gives the host back, where the end of the agent may not have done that. The program waits for it, but not forever.
    pub(crate) fn cancel(&mut self) {
        if let Some(command) = self.cancel.take() {
            said(command);
        }
    }

    /// How long the host may be used, if that is known. It is asked once.
    pub(crate) fn lasts(&mut self) -> Option<Duration> {
        let Lasts { command, read } = self.lasts.take()?;
        read(&said(command))
    }
}

/// What a short command says.
fn said(mut command: Command) -> String {
    let mut text = String::new();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn();
    if let Ok(mut child) = child {
        let output = child.stdout.take();
        let group = Group::new(child);
        if group.wait(COMMAND)
            && let Some(mut output) = output
        {
            // What is no text is no answer.
            let _ = output.read_to_string(&mut text);
        }
    }
    text
}

/// Starts a command that leads to a host, in its own process group: a Ctrl-C is for the program alone. It reads from `input`, or
/// else from a pipe. If it is not `apart`, what it writes on its standard output goes where standard error does.
fn start(mut command: Command, input: Option<Stdio>, apart: bool) -> io::Result<Process> {
    let program = command.get_program().to_string_lossy().into_owned();
    let (read, write) = io::pipe()?;
    let output = if apart { Stdio::piped() } else { Stdio::from(write.try_clone()?) };
    let mut child = command
        .stdin(input.unwrap_or_else(Stdio::piped))
        .stdout(output)
        .stderr(write)
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("`{program}` cannot be started: {error}")))?;
    // It holds the ends of the pipes that are the child's.
    drop(command);
    let input = child.stdin.take().map(OwnedFd::from);
    let output = child.stdout.take().map(OwnedFd::from);
    let stderr = ChildStderr::from(OwnedFd::from(read));
    let group = Group::new(child);
    for stream in input.iter().chain(&output) {
        ioctl_fionbio(stream, true)?;
    }
    ioctl_fionbio(&stderr, true)?;
    Ok(Process { group, input, output, stderr })
}

/// Starts a command whose standard input and output become those of an agent.
pub(super) fn spawn(command: Command) -> io::Result<Connection> {
    let Process { group, input, output, stderr } = start(command, None, true)?;
    let (input, output) = (input.expect("it is piped"), output.expect("it is piped"));
    let (sender, receiver) = (Sender::Plain(input), Receiver::Plain(output));
    Ok(Connection { group, sender, receiver, stderr, allocation: Allocation::default() })
}

/// Starts a command that copies a file to a host, which it reads from its standard input.
fn copy(command: Command, file: File) -> io::Result<Process> {
    start(command, Some(file.into()), false)
}

/// How an agent learns how to dial back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// On its standard input, which ends when the program does.
    Input,
    /// On its standard input, which ends at once.
    InputAlone,
    /// In a file.
    File,
}

/// Starts a command that starts an agent, which dials back. `command` makes it, from the agent's mark in the environment.
fn dialled(listen: &Listen, told: Told, command: impl FnOnce(&str) -> Command) -> io::Result<Connection> {
    let lifeline = if told == Told::Input { Lifeline::Input } else { Lifeline::None };
    let (listener, bootstrap) = Listener::new(listen, lifeline)?;
    let mut allocation = Allocation::default();
    let mark = if told == Told::File {
        let file = SecretFile::new(&bootstrap.line())?;
        let mark = format!("{BY_FILE}{}", file.0.display());
        allocation.file = Some(file);
        mark
    } else {
        BY_INPUT.to_owned()
    };
    let input = (told == Told::File).then(Stdio::null);
    let Process { group, input, stderr, .. } = start(command(&mark), input, false)?;
    if let Some(input) = input {
        let mut input = File::from(input);
        // It is shorter than what a pipe keeps. If the command has ended already, that is noticed.
        let _ = input.write_all(bootstrap.line().as_bytes());
        allocation.lifeline = (told == Told::Input).then(|| input.into());
    }
    let (sender, receiver) = transport::awaited(listener);
    Ok(Connection { group, sender, receiver, stderr, allocation })
}

/// A file that only this user can read, until this is dropped. It lies in the current directory, which hosts see.
struct SecretFile(PathBuf);

impl SecretFile {
    fn new(text: &str) -> io::Result<Self> {
        let path = std::env::current_dir()?.join(format!(".tea-lease-{:016x}", fastrand::u64(..)));
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
            let this = Self(path.clone());
            file.write_all(text.as_bytes())?;
            Ok(this)
        });
        written.map_err(|error| io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display())))
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// How an instance of this program becomes an agent.
struct Agent {
    /// The file on this machine of the program for hosts.
    path: PathBuf,
    /// Whether that is another file than the one that runs here.
    other: bool,
    arguments: Vec<String>,
    before: Option<String>,
}

impl Agent {
    /// This program, or the build of it for hosts with this setting.
    ///
    /// # Errors
    /// If it cannot be an agent.
    fn new(setting: &Setting) -> Result<Self, Box<Failure>> {
        identity::can_have_workers(false)?;
        let entry = identity::entry().ok_or_else(|| Box::new(identity::no_entry()))?;
        let (path, other) = match &setting.binary {
            Binary::Stage | Binary::Shared => (identity::image().map_err(|error| failed(&error))?, false),
            Binary::Other(path) => (std::path::absolute(path).map_err(|error| failed(&error))?, true),
        };
        Ok(Self { path, other, arguments: entry.arguments(), before: setting.before.clone() })
    }

    /// The command line of an agent for a shell, in which `program` stands for the file, and `mark` says how it connects.
    fn line(&self, program: &str, mark: &str) -> String {
        let mark = format!("{}={}", identity::AGENT_MARK, quoted(mark));
        let arguments: Vec<_> = self.arguments.iter().map(|argument| quoted(argument)).collect();
        let arguments = arguments.join(" ");
        let Some(before) = &self.before else { return format!("exec env {mark} {program} {arguments}") };
        let ended = format!(
            "printf '%s %s\\n' {} \"$?\" >&2; exit {NOT_PREPARED}",
            quoted(&format!("`{before}` ended with status"))
        );
        let script = format!(
            "trap {} 0\n{before}\ncase $? in 0) ;; *) exit ;; esac\ntrap - 0\nexec env -u {FILE} {mark} \"${FILE}\" {arguments}",
            quoted(&ended)
        );
        // A login shell knows `module` and the like. What it prints comes before the hello, and is skipped.
        format!("exec env {FILE}={program} sh -lc {}", quoted(&script))
    }

    /// Its file on this machine, for a shell.
    fn file(&self) -> String {
        quoted(&self.path.to_string_lossy())
    }

    /// The hash of its file, by which it is recognized.
    fn build(&self) -> io::Result<[u8; 32]> {
        if self.other { build::of(&self.path) } else { build::id() }
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
