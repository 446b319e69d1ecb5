//! Starting a worker process.

use std::{
    io::{self, PipeReader},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{ChildStderr, Command, Stdio},
};

use rustix::io::ioctl_fionbio;

use super::{
    group::Group,
    identity::{self, Entry},
};

/// What is started as a worker.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    first_argument: Option<String>,
    threads: usize,
}

/// A process that was just started, and has not said anything.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) group: Group,
    /// Its standard input; does not block.
    pub(crate) control: UnixStream,
    /// Its standard output; does not block.
    pub(crate) stdout: PipeReader,
    /// Its standard error; does not block.
    pub(crate) stderr: ChildStderr,
}

/// Both ends of a socket: ours, which does not block, and theirs.
pub(crate) fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    #[cfg(target_vendor = "apple")]
    for end in [&ours, &theirs] {
        // Elsewhere that is asked for with everything that is sent.
        rustix::net::sockopt::set_socket_nosigpipe(end, true)?;
    }
    Ok((ours, theirs))
}

impl Program {
    /// This very program, whose workers take `threads` threads each.
    pub(crate) fn current(entry: &Entry, threads: usize) -> io::Result<Self> {
        let arguments = match entry {
            Entry::Main => Vec::new(),
            Entry::Test(name) => [name, "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned).into(),
        };
        Ok(Self { path: identity::image()?, arguments, first_argument: std::env::args().next(), threads })
    }

    /// Another program.
    pub(crate) fn other(path: PathBuf, threads: usize) -> Self {
        Self { path, arguments: Vec::new(), first_argument: None, threads }
    }

    /// Starts it in a process group of its own. There is no `pre_exec`: what it needs set, it sets itself.
    pub(crate) fn start(&self) -> io::Result<Started> {
        let (control, their_control) = pair()?;
        let (stdout, their_stdout) = io::pipe()?;
        let mut command = Command::new(&self.path);
        if let Some(name) = &self.first_argument {
            command.arg0(name);
        }
        let mut child = command
            .args(&self.arguments)
            .env(identity::MARK, identity::child_mark())
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(OwnedFd::from(their_control))
            .stdout(their_stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stderr = child.stderr.take().expect("it is piped");
        let group = Group::new(child);
        ioctl_fionbio(&stdout, true)?;
        ioctl_fionbio(&stderr, true)?;
        Ok(Started { group, control, stdout, stderr })
    }
}
