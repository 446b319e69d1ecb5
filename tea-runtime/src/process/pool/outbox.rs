//! Sending to a worker without waiting for it: what the socket does not take at once is sent by the link's thread.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Read, Write},
    os::unix::net::UnixStream,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};

use crate::process::{
    frame::{Header, SEND},
    message::WORK,
    payload::{self, Bytes},
};

/// How many pieces are given to the system at once.
const VECTORED: usize = 16;

/// The way to a worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: UnixStream,
    queue: Mutex<Queue>,
    /// Written to when the link's thread has something to send.
    wake: UnixStream,
    woken: UnixStream,
}

/// Frames in the order of their numbers, the first perhaps sent in part.
#[derive(Debug, Default)]
struct Queue {
    number: u64,
    waiting: VecDeque<Piece>,
    /// Bytes of the first that are sent.
    sent: usize,
    /// Tasks that the system has taken as a whole.
    tasks: u64,
}

/// A header or a part of a payload.
#[derive(Debug)]
struct Piece {
    bytes: payload::Piece,
    /// It is the last one of a task.
    ends_task: bool,
}

impl Outbox {
    /// A way to the worker behind `socket`, which must not block.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Self { socket, queue: Mutex::new(Queue::default()), wake, woken })
    }

    pub(crate) fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Readable once [`send`](Self::send) has left something to [`flush`](Self::flush).
    pub(crate) fn woken(&self) -> &UnixStream {
        &self.woken
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a frame that is no task, or as much of it as the socket takes now.
    ///
    /// # Errors
    /// If the worker has closed its end. Then it has not read the frame as a whole.
    pub(crate) fn send(&self, kind: u8, message: Vec<u8>) -> io::Result<()> {
        self.send_parts(kind, message, Bytes::default(), false)
    }

    /// Sends a task, or as much of it as the socket takes now.
    ///
    /// # Errors
    /// If the worker has closed its end. Then it has not read the task as a whole.
    pub(crate) fn send_task(&self, message: Vec<u8>, values: Bytes) -> io::Result<()> {
        self.send_parts(WORK, message, values, true)
    }

    fn send_parts(&self, kind: u8, message: Vec<u8>, values: Bytes, ends_task: bool) -> io::Result<()> {
        let queue = &mut *self.lock();
        let idle = queue.waiting.is_empty();
        let header_at = queue.waiting.len();
        let piece = |bytes| Piece { bytes, ends_task: false };
        let written = [message, values.start].into_iter().filter(|part| !part.is_empty()).map(payload::Piece::Written);
        queue.waiting.push_back(piece(payload::Piece::Written(Vec::new())));
        queue.waiting.extend(written.chain(values.rest).map(piece));
        let payload = queue.waiting.range(header_at + 1..).map(|piece| &*piece.bytes);
        let header = Header::of(kind, queue.number, payload).to_bytes();
        queue.waiting[header_at].bytes = payload::Piece::Written(header.to_vec());
        queue.waiting.back_mut().expect("a header at least").ends_task = ends_task;
        queue.number += 1;
        if idle {
            self.flush_queue(queue)?;
            if !queue.waiting.is_empty() {
                // It is full only if the thread has been woken already.
                let _ = (&self.wake).write(&[0]);
            }
        }
        Ok(())
    }

    /// How many tasks the system has taken as a whole.
    pub(crate) fn tasks_sent(&self) -> u64 {
        self.lock().tasks
    }

    /// Sends what is left, as much as the socket takes now. Gives whether that was all.
    pub(crate) fn flush(&self) -> io::Result<bool> {
        let mut queue = self.lock();
        self.flush_queue(&mut queue)?;
        Ok(queue.waiting.is_empty())
    }

    /// Forgets that it was woken.
    pub(crate) fn clear_wake(&self) {
        let _ = (&self.woken).read(&mut [0; 64]);
    }

    fn flush_queue(&self, queue: &mut Queue) -> io::Result<()> {
        while let Some(first) = queue.waiting.front() {
            let rest = queue.waiting.iter().skip(1).take(VECTORED - 1).map(|piece| IoSlice::new(&piece.bytes));
            let parts: Vec<_> = std::iter::once(IoSlice::new(&first.bytes[queue.sent..])).chain(rest).collect();
            let flags = SEND | SendFlags::DONTWAIT;
            match sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => queue.advance(sent),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return Ok(()),
                Err(error) => {
                    // Nobody reads it any more.
                    queue.waiting.clear();
                    queue.sent = 0;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }
}

impl Queue {
    fn advance(&mut self, mut sent: usize) {
        while let Some(first) = self.waiting.front() {
            let left = first.bytes.len() - self.sent;
            if sent < left {
                self.sent += sent;
                return;
            }
            sent -= left;
            self.sent = 0;
            self.tasks += u64::from(first.ends_task);
            self.waiting.pop_front();
        }
    }
}
