//! Sends to an agent without waiting for it. What is not accepted at once is sent by the host's thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::{fd::BorrowedFd, io::Errno};

use crate::{
    executor::wire::{self, Piece},
    process::{
        frame::{HEADER, Header, Unsent},
        message::MESSAGE,
    },
    remote::{
        message::ToAgent,
        transport::{Sealing, Sender},
    },
};

/// The sending side of the stream to an agent.
pub(super) struct Outbox {
    sender: Sender,
    queue: Mutex<Queue>,
}

/// Frames in the order of their numbers.
#[derive(Debug, Default)]
struct Queue {
    number: u64,
    unsent: Unsent,
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

    /// Adds a message that values follow. Returns its size.
    pub(super) fn add_with(&self, message: &ToAgent<'_>, values: Vec<Piece>) -> usize {
        let mut start = vec![0; HEADER];
        wire::write(message, &mut start);
        let size = start.len() + values.iter().map(|piece| piece.len()).sum::<usize>();
        let mut queue = self.lock();
        if queue.closed {
            return size;
        }
        Header::seal(MESSAGE, queue.number, &mut start, values.iter().map(|piece| &**piece));
        queue.number += 1;
        queue.unsent.write(start);
        for value in values {
            match value {
                Piece::Written(bytes) => queue.unsent.write(bytes),
                value @ Piece::InPlace(..) => queue.unsent.push(value),
            }
        }
        size
    }

    /// Sends as much as is accepted now. Returns whether that was everything.
    pub(super) fn flush(&self) -> bool {
        let mut queue = self.lock();
        while queue.is_waiting() {
            let queue = &mut *queue;
            match self.sender.send(&mut queue.sealing, &queue.unsent.slices()) {
                Ok(sent) => queue.unsent.advance(sent),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return false,
                // The host's thread notices it too.
                Err(_) => queue.close(),
            }
        }
        true
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
    fn is_waiting(&self) -> bool {
        !self.closed && (!self.unsent.is_empty() || self.sealing.is_waiting())
    }

    fn close(&mut self) {
        self.closed = true;
        self.unsent.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::{
        process::frame::FrameReader,
        remote::{lease::Terms, message::Setup},
    };

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
        let (bytes, mut frames) = (reader.join().unwrap(), FrameReader::new(u64::MAX));
        frames.push(&bytes);
        for folder in folders {
            let frame = frames.next().unwrap().unwrap();
            let (ToAgent::Setup(setup), values) = wire::read(&frame.payload).unwrap() else { panic!("it was that") };
            assert!(setup.folder == folder && values == folder);
        }
        assert_eq!(frames.next(), Ok(None));
    }
}
