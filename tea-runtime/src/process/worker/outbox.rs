//! What the worker tells its parent: one whole frame at a time, through the lane or the pipe.

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
        frame::{HEADER, Header, SEND, SHORT, mark},
        message::{self, FromWorker, Hello, WORK},
        payload::Piece,
        pool::MOST,
    },
};

/// Nanoseconds, a third of what a `fork` takes at the least: what took no longer cannot have come back in a copy of the
/// process. To ask the system for the process's number costs half as much as to leave a short message.
const FORK: u64 = 15_000;

/// How much is left in the pipe until the parent is called: half of what a pipe holds where pages are small.
const LEFT: usize = 32 << 10;

/// How many messages are left there for a [while](Outbox::leave_a_while): half of what this process may have to do, so
/// that the parent sends more while the rest is done.
const SOME: usize = MOST / 2;

/// How many nanoseconds a while is at the most.
const WHILE: u64 = 250_000;

/// The way to the parent.
pub(crate) struct Outbox {
    /// Both ways of the lane: for short frames, and for long ones.
    lane: OwnedFd,
    socket: Arc<OwnedFd>,
    /// Read by the parent when something has come through the lane, or when this process has ended.
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
    /// Messages and bytes in the pipe that the parent was not called for.
    messages: usize,
    left: usize,
    /// When it was called, as `told`.
    called: u64,
}

/// Says hello, behind what was written to standard output before. From now on nothing waits for the pipe: what it does
/// not take goes through the lane.
pub(crate) fn say_hello(pipe: &OwnedFd, hello: Hello) {
    let mut bytes = vec![0; HEADER];
    message::append(&FromWorker::Hello(hello), &mut bytes);
    Header::seal(WORK, 0, &mut bytes, []);
    let told = write_all(pipe, &bytes).and_then(|()| ioctl_fionbio(pipe, true));
    if let Err(error) = told {
        give_up(&format!("its standard output is no pipe: {}", io::Error::from(error)));
    }
}

impl Outbox {
    /// The way that leads through these, behind the hello.
    pub(crate) fn new(lane: OwnedFd, socket: Arc<OwnedFd>, pipe: OwnedFd) -> Self {
        let next = Mutex::new(Next { number: 1, bytes: Vec::new(), messages: 0, left: 0, called: 0 });
        Self { lane, socket, pipe, next, process: process::id(), start: Instant::now(), told: AtomicU64::new(0) }
    }

    /// Sends a message and the values that it announces. Ends the process if the parent cannot be reached.
    pub(crate) fn send(&self, message: &FromWorker, values: &[u8], rest: &[Piece]) {
        self.tell(message, values, rest, |_, _| false);
    }

    /// Leaves a message and the values that it announces where the parent finds them with the next one that is sent, or
    /// when this process has ended. That wakes nobody, and costs a third.
    pub(crate) fn leave(&self, message: &FromWorker, values: &[u8]) {
        self.tell(message, values, &[], |_, _| true);
    }

    /// Leaves it there, or sends it if the parent was not called for a while.
    pub(crate) fn leave_a_while(&self, message: &FromWorker, values: &[u8], rest: &[Piece]) {
        self.tell(message, values, rest, |next, now| next.messages < SOME && now.saturating_sub(next.called) < WHILE);
    }

    fn tell(&self, message: &FromWorker, values: &[u8], rest: &[Piece], leave: impl FnOnce(&Next, u64) -> bool) {
        let now = self.refuse_copies();
        let next = &mut *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let leave = leave(next, now);
        let Next { number, bytes, messages, left, called } = next;
        bytes.clear();
        bytes.resize(HEADER, 0);
        message::append(message, bytes);
        let parts = std::iter::once(values).chain(rest.iter().map(|piece| &**piece));
        Header::seal(WORK, *number, bytes, parts);
        *number += 1;
        let length = bytes.len() + values.len() + rest.iter().map(|piece| piece.len()).sum::<usize>();
        if length <= SHORT {
            bytes.extend_from_slice(values);
            // What is sent from where it lies is longer.
            debug_assert!(rest.is_empty());
        }
        // Up to this size the pipe takes a frame as a whole or not at all.
        if leave && *left < LEFT && length <= PIPE_BUF && retry_on_intr(|| write(&self.pipe, bytes)).is_ok() {
            *messages += 1;
            *left += length;
            return;
        }
        (*messages, *left, *called) = (0, 0, now);
        let sent = if length <= SHORT {
            write_all(&self.lane, bytes)
        } else {
            write_all(&self.lane, &mark(*number - 1))
                .and_then(|()| self.send_long(&mut [IoSlice::new(bytes), IoSlice::new(values)]))
                .and_then(|()| rest.iter().try_for_each(|piece| self.send_long(&mut [IoSlice::new(piece)])))
        };
        match sent {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => watch::end(),
            Err(error) => give_up(&format!("its parent cannot be reached: {}", io::Error::from(error))),
        }
    }

    /// Ends this process if it is a copy of the worker. Gives what time it is, in nanoseconds from the start on.
    fn refuse_copies(&self) -> u64 {
        let now = nanos(self.start.elapsed());
        let since = now.saturating_sub(self.told.swap(now, Ordering::Relaxed));
        if since > FORK && process::id() != self.process {
            give_up("user code made a copy of it (`fork`), which came back and would answer a second time");
        }
        now
    }

    fn send_long(&self, mut parts: &mut [IoSlice<'_>]) -> Result<(), Errno> {
        while parts.iter().any(|part| !part.is_empty()) {
            let sent = retry_on_intr(|| sendmsg(&self.socket, parts, &mut SendAncillaryBuffer::default(), SEND))?;
            IoSlice::advance_slices(&mut parts, sent);
        }
        Ok(())
    }
}

fn write_all(pipe: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = retry_on_intr(|| write(pipe, bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}
