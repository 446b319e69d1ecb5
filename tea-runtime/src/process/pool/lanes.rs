//! The [lanes](crate::process::frame::LaneReader) between the parent and a worker: made here once the worker is started,
//! which gets its ends with the first message.

use std::{
    io::{self, PipeReader, PipeWriter},
    os::unix::net::UnixStream,
};

use rustix::{io::ioctl_fionbio, net::sockopt::set_socket_send_buffer_size};

use crate::process::spawn;

/// How much of long frames may be on its way in one direction.
const BUFFER: usize = 1 << 20;

/// All ends. Those that the parent uses do not block.
#[derive(Debug)]
pub(super) struct Lanes {
    /// For short frames to the worker. The worker gets a copy of the reading end; the parent keeps it too.
    pub(super) there: (PipeReader, PipeWriter),
    /// For short frames from the worker.
    pub(super) back: PipeReader,
    /// For long ones, both ways.
    pub(super) socket: UnixStream,
    /// The other ends of these two, which are the worker's alone.
    pub(super) theirs: (PipeWriter, UnixStream),
}

impl Lanes {
    pub(super) fn new() -> io::Result<Self> {
        let (there, (back, their_back)) = (io::pipe()?, io::pipe()?);
        let (socket, their_socket) = spawn::pair()?;
        for end in [&socket, &their_socket] {
            // Fewer turns for large values. Where the system allows less, it is slower, no more.
            let _ = set_socket_send_buffer_size(end, BUFFER);
        }
        ioctl_fionbio(&there.1, true)?;
        ioctl_fionbio(&back, true)?;
        Ok(Self { there, back, socket, theirs: (their_back, their_socket) })
    }
}
