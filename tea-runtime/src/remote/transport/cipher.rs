//! The cipher of a connection: the Noise protocol, with a secret that both sides know.
//!
//! Each side sends one message of [`GREETING`] bytes. Then each piece of the stream is a message: its size in two bytes, and
//! the sealed bytes. Messages are numbered, so none can be left out, repeated or moved.

use std::{io, net::TcpStream};

use rustix::{
    buffer::spare_capacity,
    io::{Errno, read, retry_on_intr},
};
use snow::{Builder, HandshakeState, StatelessTransportState};

use super::secret::Secret;
use crate::process::frame::FrameReader;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// What both sides must be speaking.
const PROLOGUE: &[u8] = b"tea agent 1";

/// The size of a message of the handshake: a key, and the proof that its sender knows the secret.
pub(super) const GREETING: usize = 32 + TAG;

/// The size of the proof that a message comes from the other side.
const TAG: usize = 16;

/// The size of the first message after the handshake, which the agent sends: an empty one. It proves that the agent itself is
/// there, and not somebody who repeats its greeting.
pub(super) const CONFIRMATION: usize = SIZE + TAG;

/// The size of a size.
const SIZE: usize = 2;

/// The most bytes that a message holds.
const MOST: usize = 65_535 - TAG;

/// The number of messages that are sealed at once.
const TOGETHER: usize = 4;

/// How much is read at once, and opened before something is done with it.
const CHUNK: usize = 64 << 10;

/// The keys of a connection.
pub(super) struct Cipher(StatelessTransportState);

/// The start of a connection, on either side.
pub(super) struct Handshake(HandshakeState);

/// The other side does not know the secret.
#[derive(Debug)]
pub(super) struct Stranger;

impl Handshake {
    /// The side that dials.
    pub(super) fn dialling(secret: &Secret) -> Self {
        Self(builder(secret).build_initiator().expect("the pattern needs no more"))
    }

    /// The side that is dialled.
    pub(super) fn dialled(secret: &Secret) -> Self {
        Self(builder(secret).build_responder().expect("the pattern needs no more"))
    }

    /// The message to send.
    pub(super) fn greet(&mut self) -> [u8; GREETING] {
        let mut greeting = [0; GREETING];
        let written = self.0.write_message(&[], &mut greeting);
        assert_eq!(written.ok(), Some(GREETING), "it is this side's turn, and greetings have this size");
        greeting
    }

    /// Takes the message of the other side.
    pub(super) fn greeted(&mut self, greeting: &[u8; GREETING]) -> Result<(), Stranger> {
        match self.0.read_message(greeting, &mut [0; GREETING]) {
            Ok(0) => Ok(()),
            _ => Err(Stranger),
        }
    }

    /// The keys, when both messages have been exchanged.
    pub(super) fn keys(self) -> Cipher {
        Cipher(self.0.into_stateless_transport_mode().expect("both messages have been exchanged"))
    }
}

fn builder(secret: &Secret) -> Builder<'_> {
    let builder = Builder::new(PATTERN.parse().expect("it is a pattern"));
    builder.psk(0, secret.bytes()).and_then(|builder| builder.prologue(PROLOGUE)).expect("they are given once")
}

impl Cipher {
    fn seal(&self, number: u64, plain: &[u8], into: &mut Vec<u8>) {
        let start = into.len() + SIZE;
        into.extend_from_slice(&u16::try_from(plain.len() + TAG).expect("a message is short").to_be_bytes());
        into.resize(start + plain.len() + TAG, 0);
        self.0.write_message(number, plain, &mut into[start..]).expect("it fits, and 2^64 messages are never sent");
    }

    /// Opens a message. Returns how many bytes were in it, which `into` then has.
    fn open(&self, number: u64, sealed: &[u8], into: &mut [u8]) -> Result<usize, Stranger> {
        self.0.read_message(number, sealed, into).map_err(|_| Stranger)
    }

    /// The first message after the handshake.
    pub(super) fn confirmation(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(CONFIRMATION);
        self.seal(0, &[], &mut message);
        message
    }

    /// Whether this is what the other side gives as [`confirmation`](Self::confirmation).
    pub(super) fn confirms(&self, message: &[u8; CONFIRMATION]) -> bool {
        let (size, sealed) = message.split_at(SIZE);
        let expected = u16::try_from(TAG).expect("a tag is short").to_be_bytes();
        size == expected && self.open(0, sealed, &mut [0; TAG]).is_ok()
    }
}

/// What is sealed and has not been sent. The agent's first message is its confirmation, and so number 0 is left out on both sides.
#[derive(Debug, Default)]
pub(crate) struct Sealing {
    number: u64,
    sealed: Vec<u8>,
    sent: usize,
}

impl Sealing {
    /// Seals the start of these bytes. Returns how many of them.
    pub(super) fn seal(&mut self, cipher: &Cipher, bytes: &[u8]) -> usize {
        let now = &bytes[..bytes.len().min(TOGETHER * MOST)];
        for plain in now.chunks(MOST) {
            self.number += 1;
            cipher.seal(self.number, plain, &mut self.sealed);
        }
        now.len()
    }

    /// Sends what is sealed.
    ///
    /// # Errors
    /// If not all of it was accepted.
    pub(super) fn send(&mut self, mut write: impl FnMut(&[u8]) -> Result<usize, Errno>) -> Result<(), Errno> {
        while self.sent < self.sealed.len() {
            match write(&self.sealed[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        self.sealed.clear();
        self.sent = 0;
        Ok(())
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.sealed.is_empty()
    }
}

/// What has arrived and has not been opened.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    number: u64,
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

impl Opening {
    /// Reads once what is available, and opens it.
    pub(super) fn fill(&mut self, stream: &TcpStream, cipher: &Cipher, frames: &mut FrameReader) -> io::Result<usize> {
        self.sealed.reserve(CHUNK);
        let read = retry_on_intr(|| read(stream, spare_capacity(&mut self.sealed)))?;
        self.open_all(cipher, |plain| frames.push(plain))?;
        Ok(read)
    }

    /// Adds bytes that were received in some other way, and opens them.
    #[cfg(test)]
    pub(super) fn open(&mut self, bytes: &[u8], cipher: &Cipher, take: impl FnMut(&[u8])) -> io::Result<()> {
        self.sealed.extend_from_slice(bytes);
        self.open_all(cipher, take)
    }

    /// Opens all messages that have arrived.
    ///
    /// # Errors
    /// If one is not what the other side sent next.
    fn open_all(&mut self, cipher: &Cipher, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        self.plain.resize(MOST, 0);
        let mut opened = 0;
        while let Some((size, rest)) = self.sealed[opened..].split_first_chunk::<SIZE>() {
            let Some(message) = rest.get(..usize::from(u16::from_be_bytes(*size))) else { break };
            self.number += 1;
            let plain = cipher.open(self.number, message, &mut self.plain).map_err(|Stranger| damaged())?;
            take(&self.plain[..plain]);
            opened += SIZE + message.len();
        }
        self.sealed.drain(..opened);
        Ok(())
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "something else arrived from the agent than it sent")
}
