//! Sends to a worker without waiting for it. What is not accepted at once is sent by the supervisor.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::{Errno, ioctl_fionread},
    net::{SendAncillaryBuffer, SendFlags, sendmsg},
};

use super::{pace::MOST, unsent::Unsent};
use crate::{
    executor::wire::{self, Piece},
    process::{
        frame::{HEADER, Header, SEND},
        message::{MESSAGE, ToWorker},
    },
};

/// The sending side of the stream to a worker.
#[derive(Debug)]
pub(super) struct Outbox {
    stream: Arc<OwnedFd>,
    /// A copy of the worker's end, which shows what the worker has not read, even when it is gone.
    theirs: OwnedFd,
    queue: Mutex<Queue>,
}

/// Frames in the order of their numbers.
#[derive(Debug, Default)]
struct Queue {
    number: u64,
    unsent: Unsent,
    /// The number of bytes that were added, and that the system has accepted.
    added: u64,
    taken: u64,
    /// The positions at which the last units end, and the number of units before them.
    ends: VecDeque<u64>,
    others: u64,
    /// Whether the reader is gone.
    closed: bool,
}

/// Space for the header of a frame, in front of a message.
pub(super) fn room() -> Vec<u8> {
    vec![0; HEADER]
}

impl Outbox {
    pub(super) fn new(stream: Arc<OwnedFd>, theirs: OwnedFd) -> Self {
        Self { stream, theirs, queue: Mutex::default() }
    }

    /// Adds a message, to be sent with the next [`flush`](Self::flush).
    pub(super) fn add(&self, message: &ToWorker<'_>) {
        let mut start = room();
        wire::write(message, &mut start);
        self.lock().add(start, Vec::new());
    }

    /// Adds a unit, whose message has [room] for a header in front.
    pub(super) fn add_unit(&self, (start, pieces): (Vec<u8>, Vec<Piece>)) {
        let mut queue = self.lock();
        queue.add(start, pieces);
        // No more than these can be in flight.
        if queue.ends.len() > MOST {
            queue.ends.pop_front();
            queue.others += 1;
        }
        let end = queue.added;
        queue.ends.push_back(end);
    }

    /// Sends as much as is accepted now. Returns whether that was everything.
    pub(super) fn flush(&self) -> bool {
        let mut queue = self.lock();
        while !queue.unsent.is_empty() && !queue.closed {
            let (next, flags) = (queue.unsent.slices(), SEND | SendFlags::DONTWAIT);
            match sendmsg(&self.stream, &next, &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => {
                    queue.unsent.advance(sent);
                    queue.taken += sent as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN | Errno::NOBUFS) => return false,
                // The supervisor notices it too.
                Err(_) => queue.closed = true,
            }
        }
        if queue.closed {
            queue.unsent.clear();
        }
        true
    }

    /// Copies what has not been sent, so that it does not keep values alive anymore.
    pub(super) fn own(&self) {
        self.lock().unsent.own();
    }

    /// Discards what has not been sent.
    pub(super) fn clear(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.unsent.clear();
    }

    /// Whether there is something left to send.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lock().unsent.is_empty()
    }

    pub(super) fn stream(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The number of units that the worker may have started, because it has read all of their bytes.
    pub(super) fn units_read(&self) -> u64 {
        let queue = self.lock();
        let unread = ioctl_fionread(&self.theirs).unwrap_or(0);
        let read = queue.taken.saturating_sub(unread);
        queue.others + queue.ends.iter().take_while(|end| **end <= read).count() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn add(&mut self, mut start: Vec<u8>, pieces: Vec<Piece>) {
        Header::seal(MESSAGE, self.number, &mut start, pieces.iter().map(|piece| &**piece));
        self.number += 1;
        self.added += (start.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>()) as u64;
        self.unsent.write(start);
        for piece in pieces {
            self.unsent.push(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, os::unix::net::UnixStream};

    use super::*;

    fn outbox() -> (Outbox, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let copy = theirs.try_clone().unwrap();
        (Outbox::new(Arc::new(ours.into()), copy.into()), theirs)
    }

    fn unit(size: usize) -> (Vec<u8>, Vec<Piece>) {
        (room(), vec![Piece::Written(vec![7; size])])
    }

    #[test]
    fn a_unit_that_was_not_read_was_not_begun() {
        let (outbox, mut theirs) = outbox();
        outbox.add_unit(unit(10));
        assert_eq!(outbox.units_read(), 0, "it is kept for the next flush");
        assert!(outbox.flush());
        assert_eq!(outbox.units_read(), 0, "nobody has read it");
        theirs.read_exact(&mut [0; HEADER + 10]).unwrap();
        assert_eq!(outbox.units_read(), 1);
        outbox.add_unit(unit(10));
        outbox.flush();
        drop(theirs);
        assert_eq!(outbox.units_read(), 1, "nobody reads it any more");
    }

    #[test]
    fn what_does_not_fit_is_sent_later() {
        const LARGE: usize = 8 << 20;
        let (outbox, mut theirs) = outbox();
        outbox.add_unit(unit(LARGE));
        outbox.add_unit(unit(1));
        assert!(!outbox.flush() && outbox.is_waiting());
        assert_eq!(outbox.units_read(), 0);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| theirs.read_exact(&mut vec![0; 2 * HEADER + LARGE + 1]).unwrap());
            while !outbox.flush() {
                std::thread::yield_now();
            }
            reader.join().unwrap();
        });
        assert_eq!(outbox.units_read(), 2);
    }

    #[test]
    fn units_are_counted_though_others_are_forgotten() {
        let (outbox, mut theirs) = outbox();
        for count in 1..=3 * MOST {
            outbox.add_unit(unit(1));
            outbox.flush();
            theirs.read_exact(&mut [0; HEADER + 1]).unwrap();
            assert_eq!(outbox.units_read(), count as u64);
        }
    }
}
