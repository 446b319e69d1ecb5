//! Frames: the format of messages between a parent and its worker.
//!
//! A frame consists of a header and a payload. The header has its own checksum, so that a corrupt length is never
//! trusted, and a sequence number for each direction, so that missing and duplicate frames are noticed. The meaning of
//! payloads is defined in [`message`](super::message).
//!
//! A parent sends frames through a socket, and a worker through a pipe, since writing a short frame to a pipe takes a quarter of
//! the time (0.5 µs, not 1.9), and a worker writes one for each item. A large payload takes twice as long through a pipe, so a
//! worker sends only the header of such a frame through it, and the payload through the socket.

mod read;

pub(crate) use self::read::{Frame, FrameReader, Spare};

use std::fmt;

use rustix::net::SendFlags;

/// The first bytes of every frame. The parent also looks for them after any noise that precedes a worker's hello.
pub(crate) const MAGIC: [u8; 4] = *b"\xf7TEA";

/// The size of a header in bytes: magic, kind, three zeros, number, length, payload checksum, header checksum.
pub(crate) const HEADER: usize = 32;

/// The size from which a payload is large: it gets its own vector, and a worker sends it through the socket.
pub(crate) const LARGE: usize = 64 << 10;

/// The flags for sending frames: no signal if the reader is gone.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const SEND: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
pub(crate) const SEND: SendFlags = SendFlags::empty();

/// What is wrong with a stream of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// The bytes are not a frame.
    NotAFrame([u8; 4]),
    /// The header is corrupt.
    Header,
    /// The payload is corrupt.
    Payload,
    /// A frame is missing or duplicate.
    Number { expected: u64, found: u64 },
    /// The payload is larger than allowed.
    TooLarge { length: u64, limit: u64 },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFrame(bytes) => {
                write!(f, "expected a frame, found the bytes {:?}", bytes.escape_ascii().to_string())
            }
            Self::Header => f.write_str("a frame's header is damaged"),
            Self::Payload => f.write_str("a frame's payload is damaged"),
            Self::Number { expected, found } => write!(f, "expected frame number {expected}, found number {found}"),
            Self::TooLarge { length, limit } => {
                write!(f, "a frame of {length} bytes is over the limit of {limit} bytes")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) number: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u32,
}

impl Header {
    /// The header of a frame whose payload is `parts`, one after the other.
    pub(crate) fn of<'a>(kind: u8, number: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        let mut length = 0;
        for part in parts {
            hasher.update(part);
            length += part.len() as u64;
        }
        Self { kind, number, length, checksum: hasher.finalize() }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind;
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Writes the header of a frame into the space that `head` has for it before the message. `values` follow.
    pub(crate) fn seal<'a>(kind: u8, number: u64, head: &mut [u8], values: impl IntoIterator<Item = &'a [u8]>) {
        let (room, message) = head.split_at_mut(HEADER);
        let payload = std::iter::once(&*message).chain(values.into_iter().map(|part| -> &[u8] { part }));
        room.copy_from_slice(&Self::of(kind, number, payload).to_bytes());
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, FrameError> {
        let magic = *bytes.first_chunk().expect("a header is longer than its magic");
        if magic != MAGIC {
            return Err(FrameError::NotAFrame(magic));
        }
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        if short(28) != crc32fast::hash(&bytes[..28]) {
            return Err(FrameError::Header);
        }
        Ok(Self { kind: bytes[4], number: long(8), length: long(16), checksum: short(24) })
    }
}

#[cfg(test)]
mod tests;
