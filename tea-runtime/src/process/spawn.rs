//! Starting a worker process.

use std::{
    ffi::OsString,
    fmt, io,
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
};

/// What is started as a worker.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    first_argument: Option<OsString>,
    threads: usize,
}

/// A process that was just started, and has not said anything.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) group: Group,
    /// The stream to it; does not block.
    pub(crate) stream: UnixStream,
    /// A copy of its end of that.
    pub(crate) theirs: OwnedFd,
    /// Its standard error; does not block.
    pub(crate) stderr: ChildStderr,
}

/// How much of a message may be on its way in one direction: fewer turns for large values.
const BUFFER: usize = 1 << 20;

/// Both ends of a socket: ours, which does not block, and theirs.
fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for end in [&ours, &theirs] {
        // Where the system allows less, it is slower, no more.
        let _ = set_socket_send_buffer_size(end, BUFFER);
        // Elsewhere that is asked for with everything that is sent.
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
    /// This very program, whose workers take `threads` threads each.
    pub(crate) fn current(entry: &Entry, threads: usize) -> io::Result<Self> {
        let arguments = match entry {
            Entry::Main => Vec::new(),
            Entry::Test(name) => [name, "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned).into(),
        };
        Ok(Self { path: identity::image()?, arguments, first_argument: std::env::args_os().next(), threads })
    }

    /// Another program.
    pub(crate) fn other(path: PathBuf, threads: usize) -> Self {
        Self { path, arguments: Vec::new(), first_argument: None, threads }
    }

    /// Starts it in a process group of its own. There is no `pre_exec`: what it needs set, it sets itself.
    pub(crate) fn start(&self) -> io::Result<Started> {
        let (stream, theirs) = pair()?;
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new(&self.path);
        if let Some(name) = &self.first_argument {
            command.arg0(name);
        }
        let mut child = command
            .args(&self.arguments)
            .env(identity::MARK, identity::child_mark())
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .stdin(theirs.try_clone()?)
            .stdout(theirs.try_clone()?)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{self}: {error}")))?;
        let stderr = child.stderr.take().expect("it is piped");
        let group = Group::new(child);
        ioctl_fionbio(&stderr, true)?;
        Ok(Started { group, stream, theirs, stderr })
    }
}
