//! Starts worker processes.

use std::{
    ffi::OsString,
    fmt,
    io::{self, PipeReader},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{ChildStderr, Command, Stdio},
};

use rustix::{io::ioctl_fionbio, net::sockopt::set_socket_send_buffer_size};

use super::{
    group::Group,
    identity::{self, Entry},
    remains,
};

/// The program that is started as a worker.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    first_argument: Option<OsString>,
    threads: usize,
    env: Vec<(OsString, OsString)>,
}

/// A process that has just been started, and has not sent anything yet.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) group: Group,
    /// The stream to it, on which it also sends large payloads; non-blocking.
    pub(crate) stream: UnixStream,
    /// Where it sends everything else; non-blocking.
    pub(crate) answers: PipeReader,
    /// A copy of its end of `stream`.
    pub(crate) theirs: OwnedFd,
    /// Its standard error, which is non-blocking.
    pub(crate) stderr: ChildStderr,
}

/// The size of the buffer in each direction. A large one means fewer turns for large values.
const BUFFER: usize = 1 << 20;

/// Both ends of a socket: ours, which is non-blocking, and theirs.
fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for end in [&ours, &theirs] {
        // If the system allows less, this is only slower.
        let _ = set_socket_send_buffer_size(end, BUFFER);
        // No signal if the reader is gone; on other systems, this is a flag of each send.
        #[cfg(target_vendor = "apple")]
        rustix::net::sockopt::set_socket_nosigpipe(end, true)?;
    }
    Ok((ours, theirs))
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())
    }
}

impl Program {
    /// This program, whose workers use `threads` threads each.
    pub(crate) fn current(entry: &Entry, threads: usize) -> io::Result<Self> {
        Ok(Self {
            path: identity::image()?,
            arguments: entry.arguments(),
            first_argument: std::env::args_os().next(),
            threads,
            env: Vec::new(),
        })
    }

    /// Another program.
    pub(crate) fn other(path: PathBuf, threads: usize) -> Self {
        Self { path, arguments: Vec::new(), first_argument: None, threads, env: Vec::new() }
    }

    /// The same, with further variables in its environment.
    pub(crate) fn with_env(mut self, env: &[(OsString, OsString)]) -> Self {
        self.env = env.to_vec();
        self
    }

    /// Starts it in its own process group. There is no `pre_exec`: the worker sets up itself what it needs.
    pub(crate) fn start(&self) -> io::Result<Started> {
        let (stream, theirs) = pair()?;
        let theirs = OwnedFd::from(theirs);
        let (answers, their_answers) = io::pipe()?;
        ioctl_fionbio(&answers, true)?;
        let mut command = Command::new(&self.path);
        if let Some(name) = &self.first_argument {
            command.arg0(name);
        }
        let mut child = command
            .args(&self.arguments)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env(identity::MARK, identity::child_mark())
            .env_remove(identity::AGENT_MARK)
            .envs(remains::variable())
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(theirs.try_clone()?)
            .stdout(their_answers)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{self}: {error}")))?;
        let stderr = child.stderr.take().expect("it is piped");
        let group = Group::new(child);
        ioctl_fionbio(&stderr, true)?;
        Ok(Started { group, stream, answers, theirs, stderr })
    }
}
