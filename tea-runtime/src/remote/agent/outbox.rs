//! Sends to the program that started this agent. A thread writes, so that nothing else here waits for the network.

use std::{
    io::Write as _,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde::Serialize;

use crate::{
    executor::wire::{self, Piece},
    process::message::MESSAGE,
    remote::{frames::Outgoing, transport::Writer},
    user_code,
};

/// The number of bytes that wait before outcomes are held up: what has not been sent uses memory.
const FULL: usize = 64 << 20;

/// Messages that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    /// There is something to write, or room again.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    outgoing: Outgoing,
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
    pub(super) fn send<T: Serialize>(&self, message: &T, values: Vec<Piece>) {
        self.send_as(MESSAGE, message, values);
    }

    /// Sends a message in frames of this kind, followed by `values`.
    pub(super) fn send_as<T: Serialize>(&self, kind: u8, message: &T, values: Vec<Piece>) {
        self.put(message, |outgoing, message| outgoing.add(kind, message, values));
    }

    /// Sends a short message before all that waits.
    pub(super) fn send_first<T: Serialize>(&self, message: &T) {
        self.put(message, Outgoing::add_control);
    }

    fn put<T: Serialize>(&self, message: &T, put: impl FnOnce(&mut Outgoing, Vec<u8>)) {
        let mut bytes = Vec::new();
        wire::write(message, &mut bytes);
        let mut queue = self.lock();
        if !queue.silent {
            put(&mut queue.outgoing, bytes);
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
        while queue.outgoing.bytes() > FULL && !queue.done {
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
        let mut frames = Vec::new();
        loop {
            let mut queue = self.lock();
            while queue.outgoing.is_empty() && !queue.closed {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.outgoing.next(&mut frames);
            queue.done = frames.is_empty();
            let done = queue.done;
            drop(queue);
            self.changed.notify_all();
            if done {
                return Ok(());
            }
            if let Err(error) = stream.write_all(&frames) {
                self.lock().done = true;
                self.changed.notify_all();
                return Err(error);
            }
            frames.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
