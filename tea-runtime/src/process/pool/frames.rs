//! What a worker says, in order: through the lane, where its thread here waits, or through a pipe, which nobody waits at.
//!
//! That pipe is the worker's standard output. It holds what need not be known at once; what comes through the lane next
//! has a higher number. What stands in the pipe outlives the worker.

use std::io::{self, PipeReader};

use rustix::fd::BorrowedFd;

use crate::process::frame::{Frame, FrameError, FrameReader, LaneReader};

/// Puts the frames of both in the order of their numbers.
pub(super) struct Frames {
    lane: LaneReader,
    quiet: FrameReader,
    pipe: PipeReader,
}

impl Frames {
    /// Of a worker that has said nothing. Its hello comes through the pipe, and may have `noise` bytes.
    pub(super) fn new(lane: LaneReader, pipe: PipeReader, noise: usize) -> Self {
        Self { lane, quiet: FrameReader::new(noise as u64), pipe }
    }

    pub(super) fn pipe(&self) -> &PipeReader {
        &self.pipe
    }

    /// Where the next frame that is sent comes from.
    pub(super) fn source(&self) -> BorrowedFd<'_> {
        self.lane.source()
    }

    /// Receives what is there, once. `Ok(0)` is the end of the stream.
    pub(super) fn receive(&mut self) -> io::Result<usize> {
        self.lane.fill()
    }

    /// Takes what is in the pipe, once. `Ok(0)` is the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        self.quiet.fill(&self.pipe)
    }

    /// Drops bytes of the pipe up to the first frame. Gives what was dropped.
    pub(super) fn skip_noise(&mut self) -> Vec<u8> {
        self.quiet.skip_noise()
    }

    /// The hello, if it has been [taken](Self::fill) as a whole. What comes meanwhile may be noise.
    pub(super) fn hello(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        self.quiet.next()
    }

    /// The next frame, if it is known to be there: it has come through the lane, or one with a higher number has.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        match self.lane.arrive() {
            Ok(true) => Ok(self.lane.take()),
            Ok(false) => Ok(None),
            Err(error @ FrameError::Number { expected, found }) if expected < found => {
                self.left()?.ok_or(error).map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// The next frame, if it is in the pipe.
    pub(super) fn left(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let number = self.lane.number();
        self.quiet.set_number(number);
        loop {
            match self.quiet.arrive() {
                Ok(true) => {
                    self.lane.set_number(number + 1);
                    return Ok(self.quiet.take());
                }
                // One that has come through the lane stands before it.
                Err(FrameError::Number { expected, found }) if expected < found => return Ok(None),
                Err(error) => return Err(error),
                Ok(false) => match self.fill() {
                    Ok(1..) => {}
                    _ => return Ok(None),
                },
            }
        }
    }
}
