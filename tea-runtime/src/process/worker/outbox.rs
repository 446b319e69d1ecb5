//! Sends messages to the parent, one complete frame at a time and in order.

use std::{
    io::{self, IoSlice},
    process,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    event::PollFlags,
    fd::OwnedFd,
    io::{Errno, retry_on_intr, write, writev},
};

use super::{
    give_up,
    parent::{self, Parent},
};
use crate::{
    executor::wire::{self, Bytes, PartEnd},
    process::{
        frame::{HEADER, Header, LARGE},
        message::{FromWorker, MESSAGE, PART_END, RECORD, RecordHead},
    },
    store::RawRecord,
};

/// The sending side of the streams to the parent.
pub(crate) struct Outbox {
    parent: Arc<Parent>,
    next: Mutex<Next>,
    process: u32,
}

/// The next frame.
#[derive(Default)]
struct Next {
    number: u64,
    /// The buffer for its header and message.
    bytes: Vec<u8>,
}

impl Outbox {
    pub(crate) fn new(parent: Arc<Parent>) -> Self {
        Self { parent, next: Mutex::default(), process: process::id() }
    }

    /// Sends a message. Ends the process if the parent cannot be reached.
    pub(crate) fn send(&self, message: &FromWorker) {
        self.send_frame(MESSAGE, |bytes| wire::write(message, bytes), &Bytes::default());
    }

    /// Sends the end of a part, with its result.
    pub(crate) fn send_end(&self, end: &PartEnd, result: &Bytes) {
        self.send_frame(PART_END, |bytes| wire::write(end, bytes), result);
    }

    /// Sends a record of something that the running unit has done.
    pub(crate) fn send_record(&self, unit: u64, raw: &RawRecord) {
        let RawRecord { kind, payload } = raw;
        let head = RecordHead { unit, kind: *kind };
        let write = |bytes: &mut Vec<u8>| {
            wire::write(&head, bytes);
            bytes.extend_from_slice(payload);
        };
        self.send_frame(RECORD, write, &Bytes::default());
    }

    fn send_frame(&self, kind: u8, message: impl FnOnce(&mut Vec<u8>), values: &Bytes) {
        if process::id() != self.process {
            give_up("user code made a copy of it (`fork`), which came back and would answer a second time");
        }
        let Next { number, bytes } = &mut *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.clear();
        bytes.resize(HEADER, 0);
        message(bytes);
        let Bytes { start, rest } = values;
        let parts = || std::iter::once(&start[..]).chain(rest.iter().map(|piece| &**piece));
        Header::seal(kind, *number, bytes, parts());
        *number += 1;
        let Parent { socket, pipe, .. } = &*self.parent;
        let sent = if bytes.len() - HEADER + values.len() >= LARGE {
            let mut slices: Vec<_> = std::iter::once(&bytes[HEADER..]).chain(parts()).map(IoSlice::new).collect();
            self.send_piece(pipe, &bytes[..HEADER]).and_then(|()| self.send_all(socket, &mut slices))
        } else {
            // To copy a little takes less than to tell the system of several pieces.
            parts().for_each(|part| bytes.extend_from_slice(part));
            self.send_piece(pipe, bytes)
        };
        match sent {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => parent::end(),
            Err(error) => give_up(&format!("its parent cannot be reached: {}", io::Error::from(error))),
        }
    }

    /// Sends one piece, which takes the system a third less than a list of one.
    fn send_piece(&self, stream: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let sent = self.when_writable(stream, || write(stream, bytes))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    fn send_all(&self, stream: &OwnedFd, mut slices: &mut [IoSlice<'_>]) -> Result<(), Errno> {
        while !slices.is_empty() {
            let few = &slices[..slices.len().min(MOST_SLICES)];
            let sent = self.when_writable(stream, || writev(stream, few))?;
            IoSlice::advance_slices(&mut slices, sent);
        }
        Ok(())
    }

    /// Writes something, and waits for room before that if there is none.
    fn when_writable(&self, stream: &OwnedFd, mut write: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
        loop {
            match retry_on_intr(&mut write) {
                Err(Errno::AGAIN) => self.parent.wait(stream, PollFlags::OUT),
                ended => return ended,
            }
        }
    }
}

/// The number of pieces that the system accepts at once (`IOV_MAX`).
const MOST_SLICES: usize = 1024;
