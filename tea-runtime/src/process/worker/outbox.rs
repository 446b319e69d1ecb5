//! What the worker tells its parent: one whole frame at a time, through the socket or the pipe.

use std::{
    io::{self, IoSlice},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rustix::{
    fd::OwnedFd,
    io::{Errno, ioctl_fionbio, retry_on_intr, write},
    net::{SendAncillaryBuffer, sendmsg},
    pipe::PIPE_BUF,
};

use super::{give_up, watch};
use crate::{
    engine::timer::nanos,
    process::{
        frame::{HEADER, Header, SEND},
        message::{self, FromWorker, Hello, WORK},
        payload::Piece,
    },
};

/// Nanoseconds, fewer by far than a `fork` takes: what took no longer cannot have come back in a copy of the process. To
/// ask the system for the process's number costs half as much as to leave a short message.
const FORK: u64 = 5_000;

/// How much is left in the pipe until the parent is called: half of what a pipe holds where pages are small.
const LEFT: usize = 32 << 10;

/// The way to the parent.
pub(crate) struct Outbox {
    socket: Arc<OwnedFd>,
    /// Read by the parent when something has come through the socket, or when this process has ended.
    pipe: OwnedFd,
    next: Mutex<Next>,
    process: u32,
    start: Instant,
    /// When something was told last, in nanoseconds from the start on.
    told: AtomicU64,
}

/// The next frame.
struct Next {
    number: u64,
    /// It is put together here.
    bytes: Vec<u8>,
    /// Bytes in the pipe that the parent was not called for.
    left: usize,
}

impl Outbox {
    pub(crate) fn new(socket: Arc<OwnedFd>, pipe: OwnedFd) -> Self {
        let next = Mutex::new(Next { number: 0, bytes: Vec::new(), left: 0 });
        Self { socket, pipe, next, process: process::id(), start: Instant::now(), told: AtomicU64::new(0) }
    }

    /// Says hello, behind what was written to standard output before.
    pub(crate) fn say_hello(&self, hello: Hello) {
        self.leave(&FromWorker::Hello(hello), &[]);
        // From now on nothing waits for the pipe: what it does not take goes through the socket.
        if let Err(error) = ioctl_fionbio(&self.pipe, true) {
            give_up(&format!("its standard output is no pipe: {error}"));
        }
    }

    /// Sends a message and the values that it announces. Ends the process if the parent cannot be reached.
    pub(crate) fn send(&self, message: &FromWorker, values: &[u8], rest: &[Piece]) {
        self.tell(message, values, rest, false);
    }

    /// Leaves a message and the values that it announces where the parent finds them with the next one that is sent, or
    /// when this process has ended. That wakes nobody, and costs a third.
    pub(crate) fn leave(&self, message: &FromWorker, values: &[u8]) {
        self.tell(message, values, &[], true);
    }

    fn tell(&self, message: &FromWorker, values: &[u8], rest: &[Piece], leave: bool) {
        self.refuse_copies();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Next { number, bytes, left } = &mut *next;
        bytes.clear();
        bytes.resize(HEADER, 0);
        message::append(message, bytes);
        let payload = [&bytes[HEADER..], values].into_iter().chain(rest.iter().map(|piece| &**piece));
        let header = Header::of(WORK, *number, payload).to_bytes();
        bytes[..HEADER].copy_from_slice(&header);
        *number += 1;
        // Up to this size the pipe takes a frame as a whole or not at all.
        if leave && *left < LEFT && bytes.len() + values.len() <= PIPE_BUF {
            bytes.extend_from_slice(values);
            if retry_on_intr(|| write(&self.pipe, bytes)).is_ok() {
                *left += bytes.len();
                return;
            }
            bytes.truncate(bytes.len() - values.len());
        }
        *left = 0;
        let start = self.write(&mut [IoSlice::new(bytes), IoSlice::new(values)]);
        match start.and_then(|()| rest.iter().try_for_each(|piece| self.write(&mut [IoSlice::new(piece)]))) {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => watch::end(),
            Err(error) => give_up(&format!("its parent cannot be reached: {}", io::Error::from(error))),
        }
    }

    /// Ends this process if it is a copy of the worker.
    fn refuse_copies(&self) {
        let now = nanos(self.start.elapsed());
        let since = now.saturating_sub(self.told.swap(now, Ordering::Relaxed));
        if since > FORK && process::id() != self.process {
            give_up("user code made a copy of it (`fork`), which came back and would answer a second time");
        }
    }

    fn write(&self, mut parts: &mut [IoSlice<'_>]) -> Result<(), Errno> {
        while parts.iter().any(|part| !part.is_empty()) {
            let sent = retry_on_intr(|| sendmsg(&self.socket, parts, &mut SendAncillaryBuffer::default(), SEND))?;
            IoSlice::advance_slices(&mut parts, sent);
        }
        Ok(())
    }
}
