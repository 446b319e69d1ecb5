//! Reads frames from an untrusted stream.
//!
//! A length is only a claim until the bytes have arrived, so memory grows with what has arrived, to at most twice as
//! much. Many short frames are read at a time into a buffer that is reused. The payload of a large frame is read into
//! its own vector, which is handed out with the frame so that it need not be copied.

use std::{
    borrow::Cow,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::{
    buffer::spare_capacity,
    fd::AsFd,
    io::{read, retry_on_intr},
};

use super::{FrameError, HEADER, Header, LARGE, MAGIC};

/// The minimum number of bytes to read at once.
const CHUNK: usize = 64 << 10;

/// A complete frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    /// A large payload is owned, so `into_owned` does not copy it.
    pub(crate) payload: Cow<'a, [u8]>,
}

/// Receives bytes as they arrive, and returns complete frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    /// The position in the buffer up to which everything has been handed out.
    start: usize,
    arriving: Option<Arriving>,
    number: u64,
    limit: u64,
    /// What was read beyond a large payload, if those come on a stream of their own.
    beyond: Option<Vec<u8>>,
    spare: Spare,
}

/// The memory of a large payload that is not needed anymore, for the next one: each page of new memory costs more than the
/// bytes in it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Spare(Arc<Mutex<Vec<u8>>>);

impl Spare {
    /// Keeps the memory of a payload, instead of what was kept before.
    pub(crate) fn keep(&self, payload: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = payload;
    }

    /// An empty vector.
    fn take(&self) -> Vec<u8> {
        let mut spare = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        spare.clear();
        spare
    }
}

/// A frame whose header has arrived.
#[derive(Debug)]
struct Arriving {
    header: Header,
    length: usize,
    /// The checksum of the first bytes of the payload, and their number.
    hasher: crc32fast::Hasher,
    hashed: usize,
    /// The vector for a large payload.
    own: Option<Vec<u8>>,
}

impl FrameReader {
    /// A reader at the start of a stream, for payloads of at most `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self { buffer: Vec::new(), start: 0, arriving: None, number: 0, limit, beyond: None, spare: Spare::default() }
    }

    /// The same, where large payloads come on a stream of their own.
    pub(crate) fn of_two(limit: u64) -> Self {
        Self { beyond: Some(Vec::new()), ..Self::new(limit) }
    }

    /// Where it takes the memory for large payloads, if there is some.
    pub(crate) fn spare(&self) -> Spare {
        self.spare.clone()
    }

    /// The one on which the next bytes come: the stream of frames, or that of large payloads.
    pub(crate) fn source<T>(&self, frames: T, large: T) -> T {
        let missing = |arriving: &Arriving| arriving.own.as_ref().is_some_and(|own| own.len() < arriving.length);
        if self.beyond.is_some() && self.arriving.as_ref().is_some_and(missing) { large } else { frames }
    }

    /// Reads once what is available. `Ok(0)` is the end of the stream.
    pub(crate) fn fill(&mut self, source: impl AsFd) -> io::Result<usize> {
        let room = self.room();
        let read = retry_on_intr(|| read(&source, spare_capacity(room)))?;
        self.keep_what_is_behind();
        Ok(read)
    }

    /// Adds bytes that were received in some other way.
    #[cfg(any(test, fuzzing, feature = "remote"))]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.room().extend_from_slice(bytes);
        self.keep_what_is_behind();
    }

    /// Drops bytes up to the first frame, unless a frame has already been read. Returns the dropped bytes.
    pub(crate) fn skip_noise(&mut self) -> Vec<u8> {
        if self.arriving.is_some() {
            return Vec::new();
        }
        let waiting = &self.buffer[self.start..];
        let found = waiting.windows(MAGIC.len()).position(|window| window == MAGIC);
        // The start of a magic at the end must be kept.
        let noise = found.unwrap_or_else(|| {
            let tail = (1..MAGIC.len()).rev().find(|&n| waiting.ends_with(&MAGIC[..n])).unwrap_or(0);
            waiting.len() - tail
        });
        let dropped = waiting[..noise].to_vec();
        self.start += noise;
        dropped
    }

    /// The kind of the next frame, if its header has arrived.
    #[cfg(feature = "remote")]
    pub(crate) fn kind(&mut self) -> Result<Option<u8>, FrameError> {
        if self.arriving.is_none() {
            self.begin()?;
        }
        Ok(self.arriving.as_ref().map(|arriving| arriving.header.kind))
    }

    /// The next frame, if it is complete.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        if self.arriving.is_none() && !self.begin()? {
            return Ok(None);
        }
        let Some(arriving) = &mut self.arriving else { return Ok(None) };
        let length = arriving.length;
        let here = match &arriving.own {
            Some(own) => own,
            None => &self.buffer[self.start..],
        };
        let here = &here[..here.len().min(length)];
        arriving.hasher.update(&here[arriving.hashed..]);
        arriving.hashed = here.len();
        if here.len() < length {
            return Ok(None);
        }
        let Some(Arriving { header, hasher, own, .. }) = self.arriving.take() else { return Ok(None) };
        if hasher.finalize() != header.checksum {
            return Err(FrameError::Payload);
        }
        self.number += 1;
        let payload = own.map_or_else(
            || {
                let start = self.start;
                self.start += length;
                Cow::Borrowed(&self.buffer[start..self.start])
            },
            Cow::Owned,
        );
        Ok(Some(Frame { kind: header.kind, payload }))
    }

    /// Takes the next header. Returns whether it was there.
    fn begin(&mut self) -> Result<bool, FrameError> {
        let waiting = &self.buffer[self.start..];
        let Some(bytes) = waiting.first_chunk() else {
            // Noise is reported at its first byte, not only when there is enough for a header.
            let start = &waiting[..waiting.len().min(MAGIC.len())];
            return if MAGIC.starts_with(start) { Ok(false) } else { Err(not_a_frame(start)) };
        };
        let header = Header::from_bytes(bytes)?;
        if header.number != self.number {
            return Err(FrameError::Number { expected: self.number, found: header.number });
        }
        let Some(length) = usize::try_from(header.length).ok().filter(|_| header.length <= self.limit) else {
            return Err(FrameError::TooLarge { length: header.length, limit: self.limit });
        };
        self.start += HEADER;
        let mut own = None;
        if length >= LARGE {
            let mut here = self.spare.take();
            if let Some(beyond) = &mut self.beyond {
                here.extend(beyond.drain(..beyond.len().min(length)));
            } else {
                let waiting = &self.buffer[self.start..];
                here.extend_from_slice(&waiting[..waiting.len().min(length)]);
                self.start += here.len();
            }
            own = Some(here);
        }
        self.arriving = Some(Arriving { header, length, hasher: crc32fast::Hasher::new(), hashed: 0, own });
        Ok(true)
    }

    /// The vector to which the next bytes are appended. It has room for as much as has arrived, but no more than is
    /// missing.
    fn room(&mut self) -> &mut Vec<u8> {
        if let Some(Arriving { own: Some(own), length, .. }) = &mut self.arriving {
            let missing = *length - own.len();
            if missing > 0 {
                own.reserve_exact(missing.min(own.len().max(CHUNK)));
                return own;
            }
        }
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        if self.buffer.capacity() - self.buffer.len() < CHUNK {
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(CHUNK);
        }
        &mut self.buffer
    }

    /// A vector may have more room than requested: what was read after a large payload belongs to the next frame.
    fn keep_what_is_behind(&mut self) {
        if let Some(Arriving { own: Some(own), length, .. }) = &mut self.arriving
            && own.len() > *length
        {
            self.beyond.as_mut().unwrap_or(&mut self.buffer).extend_from_slice(&own[*length..]);
            own.truncate(*length);
        }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        let own = self.arriving.as_ref().and_then(|arriving| arriving.own.as_ref());
        self.buffer.capacity() + own.map_or(0, Vec::capacity)
    }
}

fn not_a_frame(start: &[u8]) -> FrameError {
    let mut bytes = [0; 4];
    bytes[..start.len()].copy_from_slice(start);
    FrameError::NotAFrame(bytes)
}
