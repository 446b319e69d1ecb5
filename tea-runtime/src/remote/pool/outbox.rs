//! Sends to an agent without waiting for it. What is not accepted at once is sent by the host's thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::{fd::BorrowedFd, io::Errno};
use serde::Serialize;

use crate::{
    executor::wire::{self, Piece},
    process::message::MESSAGE,
    remote::{
        frames::Outgoing,
        message::{KEPT, ToAgent},
        transport::{Sealing, Sender},
    },
};

/// The sending side of the stream to an agent.
pub(super) struct Outbox {
    sender: Sender,
    queue: Mutex<Queue>,
}

/// How often frames are sent before the caller looks after other things: a question for a lease must not wait until all is encrypted.
const AT_ONCE: u32 = 2;

#[derive(Debug, Default)]
struct Queue {
    outgoing: Outgoing,
    /// Frames, and the number of their bytes that have been sent.
    frames: Vec<u8>,
    sent: usize,
    sealing: Sealing,
    /// Nobody reads any more.
    closed: bool,
}

impl Outbox {
    /// Sends to a connection, which must be non-blocking.
    pub(super) fn new(sender: Sender) -> Self {
        Self { sender, queue: Mutex::default() }
    }

    /// Adds a message, to be sent with the next [`flush`](Self::flush).
    pub(super) fn add(&self, message: &ToAgent<'_>) {
        self.add_with(message, Vec::new());
    }

    /// Adds a message that values follow.
    pub(super) fn add_with(&self, message: &ToAgent<'_>, values: Vec<Piece>) {
        self.put(message, |outgoing, message| outgoing.add(MESSAGE, message, values));
    }

    /// Adds bytes that the agent keeps under this number.
    pub(super) fn add_kept(&self, number: u64, piece: Piece) {
        self.put(&number, |outgoing, number| outgoing.add(KEPT, number, vec![piece]));
    }

    /// Adds a short message, to be sent before all that waits.
    pub(super) fn add_first(&self, message: &ToAgent<'_>) {
        self.put(message, Outgoing::add_control);
    }

    fn put<T: Serialize>(&self, message: &T, put: impl FnOnce(&mut Outgoing, Vec<u8>)) {
        let mut bytes = Vec::new();
        wire::write(message, &mut bytes);
        let mut queue = self.lock();
        if !queue.closed {
            put(&mut queue.outgoing, bytes);
        }
    }

    /// Sends as much as is accepted now, and not all if it is much. Returns whether that was everything.
    pub(super) fn flush(&self) -> bool {
        let mut queue = self.lock();
        for _ in 0..AT_ONCE {
            if !queue.is_waiting() {
                return true;
            }
            match queue.send(&self.sender) {
                Ok(()) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                // The host's thread notices it too.
                Err(_) => queue.close(),
            }
        }
        !queue.is_waiting()
    }

    /// Discards what has not been sent.
    pub(super) fn close(&self) {
        self.lock().close();
    }

    /// Whether there is something left to send.
    pub(super) fn is_waiting(&self) -> bool {
        self.lock().is_waiting()
    }

    /// What can be waited for to send more, if anything can.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.sender.fd()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn send(&mut self, sender: &Sender) -> Result<(), Errno> {
        if self.sent == self.frames.len() {
            self.frames.clear();
            self.sent = 0;
            self.outgoing.next(&mut self.frames);
        }
        self.sent += sender.send(&mut self.sealing, &self.frames[self.sent..])?;
        Ok(())
    }

    fn is_waiting(&self) -> bool {
        !self.closed && (!self.outgoing.is_empty() || self.sent < self.frames.len() || self.sealing.is_waiting())
    }

    fn close(&mut self) {
        *self = Self { closed: true, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::remote::{frames::Incoming, lease::Terms, message::Setup};

    #[test]
    fn what_does_not_fit_is_sent_later_and_in_order() {
        let (mut read, write) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&write, true).unwrap();
        let outbox = Outbox::new(Sender::Plain(write.into()));
        let folders = [vec![1; 10], vec![2; 3 << 20], vec![3; 5]];
        for folder in &folders {
            let setup = Setup {
                slots: None,
                most: None,
                folder: folder.clone(),
                terms: Terms::default(),
                probe: None,
                env: Vec::new(),
            };
            outbox.add_with(&ToAgent::Setup(setup), vec![Piece::Written(folder.clone())]);
        }
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            read.read_to_end(&mut bytes).unwrap();
            bytes
        });
        while !outbox.flush() {
            std::thread::yield_now();
        }
        assert!(!outbox.is_waiting());
        drop(outbox);
        let (bytes, mut frames) = (reader.join().unwrap(), Incoming::new());
        frames.frames().push(&bytes);
        for folder in folders {
            let frame = frames.next().unwrap().unwrap();
            let (ToAgent::Setup(setup), values) = wire::read(&frame.payload).unwrap() else { panic!("it was that") };
            assert!(setup.folder == folder && values == folder);
        }
        assert_eq!(frames.next(), Ok(None));
    }
}
