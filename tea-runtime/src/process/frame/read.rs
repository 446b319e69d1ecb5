//! Reading frames from a stream that may say anything.
//!
//! A length is a claim until the bytes are there: the buffer grows with what has arrived, at most twofold. It is kept
//! from frame to frame.

use std::io;

use rustix::{
    buffer::spare_capacity,
    fd::AsFd,
    io::{read, retry_on_intr},
};

use super::{FrameError, HEADER, Header, KEEP, MAGIC};

/// How much is asked of the system at once, at the least.
const CHUNK: usize = 64 << 10;

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) payload: &'a [u8],
}

/// Takes bytes as they come, and gives whole frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    /// Where what has not been given out begins.
    start: usize,
    /// The frame that is arriving, once its header is there, and its payload's checksum so far.
    arriving: Option<(Header, crc32fast::Hasher, usize)>,
    number: u64,
    limit: u64,
}

impl FrameReader {
    /// A reader at the start of a stream, for payloads of at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { buffer: Vec::new(), start: 0, arriving: None, number: 0, limit }
    }

    /// Reads what is there, once. `Ok(0)` is the end of the stream.
    pub(crate) fn fill(&mut self, source: impl AsFd) -> io::Result<usize> {
        self.make_room();
        Ok(retry_on_intr(|| read(&source, spare_capacity(&mut self.buffer)))?)
    }

    /// Takes bytes that came some other way.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.make_room();
        self.buffer.extend_from_slice(bytes);
    }

    /// Drops bytes up to the first frame, as long as none was read. Gives what was dropped.
    pub(crate) fn skip_noise(&mut self) -> Vec<u8> {
        let waiting = self.waiting();
        let found = waiting.windows(MAGIC.len()).position(|window| window == MAGIC);
        // A magic that is cut at the end must stay.
        let noise = found.unwrap_or_else(|| {
            let tail = (1..MAGIC.len()).rev().find(|&n| waiting.ends_with(&MAGIC[..n])).unwrap_or(0);
            waiting.len() - tail
        });
        let dropped = waiting[..noise].to_vec();
        self.start += noise;
        dropped
    }

    /// The next frame, if it is there as a whole.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        Ok(if self.arrive()? { self.take() } else { None })
    }

    /// The number of the next frame.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Frames up to this one came some other way.
    pub(crate) fn set_number(&mut self, number: u64) {
        self.number = number;
    }

    /// Looks at what has come of the next frame. Gives whether it is there as a whole.
    pub(crate) fn arrive(&mut self) -> Result<bool, FrameError> {
        let waiting = &self.buffer[self.start..];
        let (header, hasher, done) = if let Some(arriving) = &mut self.arriving {
            arriving
        } else {
            let Some(bytes) = waiting.first_chunk() else {
                // Noise is told at its first byte, not once there is a header's worth of it.
                let start = &waiting[..waiting.len().min(MAGIC.len())];
                return if MAGIC.starts_with(start) { Ok(false) } else { Err(not_a_frame(start)) };
            };
            let header = Header::from_bytes(bytes)?;
            if header.number != self.number {
                return Err(FrameError::Number { expected: self.number, found: header.number });
            }
            if header.length > self.limit || usize::try_from(header.length).is_err() {
                return Err(FrameError::TooLarge { length: header.length, limit: self.limit });
            }
            self.arriving.insert((header, crc32fast::Hasher::new(), 0))
        };
        let length = length(header);
        let payload = &waiting[HEADER..waiting.len().min(HEADER + length)];
        hasher.update(&payload[*done..]);
        *done = payload.len();
        if payload.len() < length {
            return Ok(false);
        }
        if hasher.clone().finalize() == header.checksum { Ok(true) } else { Err(FrameError::Payload) }
    }

    /// The kind of the frame that is arriving, once its header is there.
    pub(crate) fn kind(&self) -> Option<u8> {
        self.arriving.as_ref().map(|(header, ..)| header.kind)
    }

    /// Takes the frame that has [arrived](Self::arrive).
    pub(crate) fn take(&mut self) -> Option<Frame<'_>> {
        let (header, ..) = self.arriving.take()?;
        self.number += 1;
        let payload = self.start + HEADER..self.start + HEADER + length(&header);
        self.start = payload.end;
        Some(Frame { kind: header.kind, payload: &self.buffer[payload] })
    }

    fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Makes room for as much as has arrived of the current frame, but no more than it claims.
    fn make_room(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            if self.buffer.capacity() > KEEP {
                self.buffer = Vec::new();
            }
        }
        let here = self.waiting().len();
        let missing = match &self.arriving {
            Some((header, ..)) => usize::try_from(header.length).unwrap_or(usize::MAX).saturating_add(HEADER) - here,
            None => 0,
        };
        let room = missing.min(here).max(CHUNK);
        if self.buffer.capacity() - self.buffer.len() >= room {
            return;
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(room);
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

fn length(header: &Header) -> usize {
    usize::try_from(header.length).expect("checked when it arrived")
}

fn not_a_frame(start: &[u8]) -> FrameError {
    let mut bytes = [0; 4];
    bytes[..start.len()].copy_from_slice(start);
    FrameError::NotAFrame(bytes)
}
