//! What a worker says, in order: through the socket, which wakes its thread here, or through a pipe, which nobody waits at.
//!
//! The pipe is the worker's standard output. It holds what need not be known at once; what comes through the socket next
//! has a higher number. What stands in the pipe outlives the worker.

use std::io::{self, PipeReader};

use rustix::{fd::AsFd, net::RecvFlags};

use crate::process::frame::{Frame, FrameError, FrameReader};

/// Puts the frames of both in the order of their numbers.
pub(super) struct Frames {
    socket: FrameReader,
    pipe: FrameReader,
    source: PipeReader,
}

impl Frames {
    /// Of a worker that has said nothing. Its hello comes through the pipe, and may have `noise` bytes.
    pub(super) fn new(source: PipeReader, noise: usize) -> Self {
        let mut socket = FrameReader::new(u64::MAX >> 1);
        socket.set_number(1);
        Self { socket, pipe: FrameReader::new(noise as u64), source }
    }

    pub(super) fn pipe(&self) -> &PipeReader {
        &self.source
    }

    /// Receives what the socket has, once. `Ok(0)` is the end of the stream.
    pub(super) fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.socket.fill(socket, RecvFlags::DONTWAIT)
    }

    /// Takes what is in the pipe, once. `Ok(0)` is the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        self.pipe.fill_from(&self.source)
    }

    /// Drops bytes of the pipe up to the first frame. Gives what was dropped.
    pub(super) fn skip_noise(&mut self) -> Vec<u8> {
        self.pipe.skip_noise()
    }

    /// The hello, if it has been [taken](Self::fill) as a whole. What comes meanwhile may be noise.
    pub(super) fn hello(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        self.pipe.next()
    }

    /// The next frame, if it is known to be there: it has come through the socket, or one with a higher number has.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        match self.socket.arrive() {
            Ok(true) => Ok(self.socket.take()),
            Ok(false) => Ok(None),
            Err(error @ FrameError::Number { expected, found }) if expected < found => {
                self.left()?.ok_or(error).map(Some)
            }
            Err(error) => Err(error),
        }
    }

    /// The next frame, if it is in the pipe.
    pub(super) fn left(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let number = self.socket.number();
        self.pipe.set_number(number);
        loop {
            match self.pipe.arrive() {
                Ok(true) => {
                    self.socket.set_number(number + 1);
                    return Ok(self.pipe.take());
                }
                // One that has come through the socket stands before it.
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
