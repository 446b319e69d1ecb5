//! What the worker tells its parent: one whole frame at a time.

use std::{
    io::{self, IoSlice},
    process,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    fd::OwnedFd,
    net::{SendAncillaryBuffer, sendmsg},
};

use super::give_up;
use crate::process::{
    frame::{Header, SEND},
    message::{self, FromWorker, WORK},
};

/// The way to the parent.
pub(crate) struct Outbox {
    socket: Arc<OwnedFd>,
    number: Mutex<u64>,
    process: u32,
}

impl Outbox {
    pub(crate) fn new(socket: Arc<OwnedFd>) -> Self {
        Self { socket, number: Mutex::new(0), process: process::id() }
    }

    /// Sends a message and the values that it announces. Ends the process if the parent cannot be reached.
    pub(crate) fn send(&self, message: &FromWorker, values: &[u8]) {
        if process::id() != self.process {
            give_up("user code made a copy of it (`fork`), which came back and would answer a second time");
        }
        let message = message::encode(message);
        let mut number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        let header = Header::of(WORK, *number, [&message[..], values]).to_bytes();
        *number += 1;
        if let Err(error) = self.write(&mut [IoSlice::new(&header), IoSlice::new(&message), IoSlice::new(values)]) {
            give_up(&format!("its parent cannot be reached: {error}"));
        }
    }

    fn write(&self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        while parts.iter().any(|part| !part.is_empty()) {
            match sendmsg(&self.socket, parts, &mut SendAncillaryBuffer::default(), SEND) {
                Ok(sent) => IoSlice::advance_slices(&mut parts, sent),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
