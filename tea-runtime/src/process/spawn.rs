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

use super::{
    group::Group,
    identity::{self, Entry},
};

/// How much may be on its way in one direction.
const BUFFER: usize = 1 << 20;

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
    /// Its standard input, both ways; does not block.
    pub(crate) socket: UnixStream,
    /// Its standard output; does not block.
    pub(crate) stdout: PipeReader,
    /// Its standard error; does not block.
    pub(crate) stderr: ChildStderr,
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
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        for end in [&socket, &theirs] {
            // Fewer turns for large values. Where the system allows less, it is slower, no more.
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, BUFFER);
            // Elsewhere that is asked for with everything that is sent.
            #[cfg(target_vendor = "apple")]
            rustix::net::sockopt::set_socket_nosigpipe(end, true)?;
        }
        let (stdout, their_stdout) = io::pipe()?;
        let mut command = Command::new(&self.path);
        if let Some(name) = &self.first_argument {
            command.arg0(name);
        }
        let mut child = command
            .args(&self.arguments)
            .env(identity::MARK, identity::child_mark())
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(OwnedFd::from(theirs))
            .stdout(their_stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stderr = child.stderr.take().expect("it is piped");
        let group = Group::new(child);
        rustix::io::ioctl_fionbio(&stdout, true)?;
        rustix::io::ioctl_fionbio(&stderr, true)?;
        Ok(Started { group, socket, stdout, stderr })
    }
}
