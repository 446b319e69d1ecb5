//! A lane: one direction of the way between a parent and its worker.
//!
//! Short frames go through a pipe, which wakes whoever waits at its other end for the least; long ones through a socket,
//! which moves the most. In the pipe a mark stands for each long one: the order is the pipe's, and whoever reads waits
//! at one of the two at a time.

use std::{io, sync::Arc};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Frame, FrameError, FrameReader, HEADER, Header};

/// A frame of up to so many bytes, with its header, is short.
pub(crate) const SHORT: usize = 16 << 10;

/// Kind of a frame without a payload, in whose place one comes through the socket.
const MARK: u8 = 0;

/// The mark for the frame of this number.
pub(crate) fn mark(number: u64) -> [u8; HEADER] {
    Header::of(MARK, number, []).to_bytes()
}

/// The end of a lane where frames come out.
#[derive(Debug)]
pub(crate) struct LaneReader {
    pipe: OwnedFd,
    socket: Arc<OwnedFd>,
    short: FrameReader,
    long: FrameReader,
    /// A mark has come, and the frame in whose place it stands has not been taken.
    marked: bool,
}

impl LaneReader {
    /// A lane whose first frame has this number.
    pub(crate) fn new(pipe: OwnedFd, socket: Arc<OwnedFd>, number: u64) -> Self {
        // The other side is trusted with lengths: it is this program, and a damaged header is noticed.
        let (mut short, long) = (FrameReader::new(SHORT as u64), FrameReader::new(u64::MAX >> 1));
        short.set_number(number);
        Self { pipe, socket, short, long, marked: false }
    }

    /// What the next frame comes through.
    pub(crate) fn source(&self) -> BorrowedFd<'_> {
        if self.marked { self.socket.as_fd() } else { self.pipe.as_fd() }
    }

    /// Takes what is there of the next frame, and of those behind it, once. `Ok(0)` is the end of the lane.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        if self.marked { self.long.fill(&*self.socket) } else { self.short.fill(&self.pipe) }
    }

    /// The number of the next frame.
    pub(crate) fn number(&self) -> u64 {
        if self.marked { self.long.number() } else { self.short.number() }
    }

    /// Frames up to this one came some other way.
    pub(crate) fn set_number(&mut self, number: u64) {
        self.short.set_number(number);
    }

    /// Looks at what has come of the next frame. Gives whether it is there as a whole.
    pub(crate) fn arrive(&mut self) -> Result<bool, FrameError> {
        if !self.marked {
            let here = self.short.arrive()?;
            if !here || self.short.kind() != Some(MARK) {
                return Ok(here);
            }
            self.long.set_number(self.short.number());
            self.short.take();
            self.marked = true;
        }
        self.long.arrive()
    }

    /// Takes the frame that has [arrived](Self::arrive).
    pub(crate) fn take(&mut self) -> Option<Frame<'_>> {
        if std::mem::take(&mut self.marked) { self.long.take() } else { self.short.take() }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{PipeWriter, Write, pipe},
        os::unix::net::UnixStream,
    };

    use super::*;

    fn lane() -> (LaneReader, PipeWriter, UnixStream) {
        let ((reader, pipe), (socket, theirs)) = (pipe().unwrap(), UnixStream::pair().unwrap());
        (LaneReader::new(reader.into(), Arc::new(socket.into()), 3), pipe, theirs)
    }

    fn frame(number: u64, payload: &[u8]) -> Vec<u8> {
        [&Header::of(1, number, [payload]).to_bytes()[..], payload].concat()
    }

    fn next(lane: &mut LaneReader) -> Vec<u8> {
        while !lane.arrive().unwrap() {
            assert!(lane.fill().unwrap() > 0);
        }
        lane.take().unwrap().payload.to_vec()
    }

    #[test]
    fn long_frames_come_where_their_marks_stand() {
        let (mut lane, mut pipe, mut socket) = lane();
        // All that goes through the socket is there first.
        socket.write_all(&[frame(4, b"long"), frame(5, b"longer")].concat()).unwrap();
        pipe.write_all(&[frame(3, b"a"), mark(4).to_vec(), mark(5).to_vec(), frame(6, b"b")].concat()).unwrap();
        for (number, payload) in (3..).zip([&b"a"[..], b"long", b"longer", b"b"]) {
            assert_eq!(lane.number(), number);
            assert_eq!(next(&mut lane), payload);
        }
    }

    #[test]
    fn row_24_a_long_frame_is_cut() {
        let (mut lane, mut pipe, mut socket) = lane();
        pipe.write_all(&[&mark(3)[..], &frame(4, b"behind it")].concat()).unwrap();
        let bytes = frame(3, b"long");
        socket.write_all(&bytes[..bytes.len() - 1]).unwrap();
        drop((pipe, socket));
        while lane.fill().unwrap() > 0 {
            assert_eq!(lane.arrive(), Ok(false), "nothing overtakes it");
        }
    }

    #[test]
    fn row_24_another_long_frame_than_the_marked_one() {
        let (mut lane, mut pipe, mut socket) = lane();
        pipe.write_all(&mark(3)).unwrap();
        socket.write_all(&frame(4, b"long")).unwrap();
        lane.fill().unwrap();
        assert_eq!(lane.arrive(), Ok(false));
        lane.fill().unwrap();
        assert_eq!(lane.arrive(), Err(FrameError::Number { expected: 3, found: 4 }));
    }
}
