//! Sends to the program that started this agent. A thread writes, so that nothing else here waits for the network.

use std::{
    collections::VecDeque,
    io::Write as _,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde::Serialize;

use crate::{
    executor::wire,
    process::{
        frame::{HEADER, Header},
        message::MESSAGE,
    },
    remote::transport::Writer,
    user_code,
};

/// Frames of at most this size are combined.
const SMALL: usize = 16 << 10;

/// The number of bytes that wait before outcomes are held up: what has not been sent uses memory.
const FULL: usize = 64 << 20;

/// Frames that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    /// There is something to write, or room again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    number: u64,
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    /// What is added is not sent any more.
    silent: bool,
    /// No more will come: the writer ends when it has written everything.
    closed: bool,
    /// Everything has been written, or cannot be.
    done: bool,
}

impl Outbox {
    /// Starts the thread that writes to `stream`. It calls `broken` if nobody reads any more.
    pub(super) fn start(stream: Writer, broken: fn()) -> Arc<Self> {
        let outbox = Arc::new(Self::default());
        let writer = Arc::clone(&outbox);
        let write = move || {
            user_code::forbid();
            if writer.write(stream).is_err() {
                broken();
            }
        };
        thread::Builder::new().name("tea-writer".into()).spawn(write).expect("a thread can be started");
        outbox
    }

    /// Sends a message, followed by `values`.
    pub(super) fn send<T: Serialize>(&self, message: &T, values: Vec<Vec<u8>>) {
        self.send_as(MESSAGE, message, values);
    }

    /// Sends a message in a frame of this kind, followed by `values`.
    pub(super) fn send_as<T: Serialize>(&self, kind: u8, message: &T, values: Vec<Vec<u8>>) {
        let mut start = vec![0; HEADER];
        wire::write(message, &mut start);
        let mut queue = self.lock();
        if queue.silent {
            return;
        }
        Header::seal(kind, queue.number, &mut start, values.iter().map(|values| &**values));
        queue.number += 1;
        for piece in [start].into_iter().chain(values) {
            queue.bytes += piece.len();
            match queue.frames.back_mut() {
                Some(last) if last.len() + piece.len() <= SMALL => last.extend_from_slice(&piece),
                _ => queue.frames.push_back(piece),
            }
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Sends nothing of what comes from now on.
    pub(super) fn silence(&self) {
        self.lock().silent = true;
    }

    /// Waits while very much is to be written.
    pub(super) fn wait_for_room(&self) {
        let mut queue = self.lock();
        while queue.bytes > FULL && !queue.done {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything has been written, or cannot be.
    pub(super) fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        self.changed.notify_all();
        while !queue.done {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&self, mut stream: Writer) -> std::io::Result<()> {
        loop {
            let mut queue = self.lock();
            while queue.frames.is_empty() && !queue.closed {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.frames.is_empty() {
                queue.done = true;
                drop(queue);
                self.changed.notify_all();
                return Ok(());
            }
            let frames = std::mem::take(&mut queue.frames);
            queue.bytes = 0;
            drop(queue);
            self.changed.notify_all();
            for frame in frames {
                if let Err(error) = stream.write_all(&frame) {
                    self.lock().done = true;
                    self.changed.notify_all();
                    return Err(error);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
