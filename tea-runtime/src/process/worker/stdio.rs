//! The first thing that a worker does: it moves the descriptors that lead to the parent out of the way of user code.

use std::{fs::File, io, sync::Arc};

use rustix::{
    fd::{AsFd, OwnedFd},
    io::{fcntl_dupfd_cloexec, ioctl_fionbio},
    process::{Resource, getrlimit},
    stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout},
};
use signal_hook::consts::SIGPIPE;

/// A descriptor above those that user code reaches when it closes "all" descriptors.
const PRIVATE: u64 = 200;

/// Moves the streams to the parent, which are standard input and output, to separate, non-blocking descriptors.
/// From then on, standard input is empty, and standard output goes to standard error.
pub(crate) fn take() -> io::Result<(OwnedFd, OwnedFd)> {
    let (socket, pipe) = take_blocking()?;
    ioctl_fionbio(&socket, true)?;
    ioctl_fionbio(&pipe, true)?;
    Ok((socket, pipe))
}

/// The same, with the streams as they are.
pub(crate) fn take_blocking() -> io::Result<(OwnedFd, OwnedFd)> {
    let (socket, pipe) = (private(stdin())?, private(stdout())?);
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(stderr())?;
    // Writing when the parent is gone must be an error, whatever `main` has done with this signal.
    signal_hook::flag::register(SIGPIPE, Arc::default())?;
    Ok((socket, pipe))
}

/// A duplicate of a descriptor that user code does not find, and that the processes it starts do not inherit.
pub(crate) fn private(end: impl AsFd) -> io::Result<OwnedFd> {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // If so few descriptors are allowed that there is no 200, the middle of the allowed range.
    let private = if most > PRIVATE + 8 { PRIVATE } else { most / 2 };
    Ok(fcntl_dupfd_cloexec(end, i32::try_from(private).expect("a small number"))?)
}
