//! The connection between a program and an agent.
//!
//! It is one of two: the agent's standard input and output, where whatever started it cares for secrecy (ssh, or nothing but this
//! machine), or a connection that the agent makes to the program, which is encrypted and authenticated here. Frames are the same
//! on both.
//!
//! | module | duty |
//! |---|---|
//! | `secret` | the secret of a lease, and what an agent is told to dial back |
//! | `cipher` | the handshake, and messages that are sealed |
//! | `listener` | the program's side until the agent has dialled: what it reads comes from anybody |
//! | `dial` | the agent's side |
//! | `address` | where a program listens |

mod address;
mod cipher;
mod dial;
mod listener;
mod secret;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, OnceLock},
};

use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd as _, BorrowedFd, OwnedFd},
    io::{Errno, write},
};

use self::cipher::Cipher;
pub(crate) use self::{
    address::Listen,
    cipher::{Opening, Sealing},
    dial::{BY_FILE, BY_INPUT, agent_streams},
    listener::Listener,
    secret::Lifeline,
};
use crate::process::frame::FrameReader;

/// A connection on which both sides have proved that they know the secret.
pub(crate) struct Channel {
    stream: TcpStream,
    cipher: Cipher,
}

/// A channel, once it is there.
type Awaited = Arc<OnceLock<Channel>>;

/// The sending side of a connection.
pub(crate) enum Sender {
    Plain(OwnedFd),
    Sealed(Awaited),
}

/// The sending side of a connection, for one thread that waits until everything has been sent.
pub(crate) struct Writer {
    sender: Sender,
    sealing: Sealing,
}

/// The receiving side of a connection.
pub(crate) enum Receiver {
    Plain(OwnedFd),
    /// The agent has not dialled yet.
    Awaited(Box<Listener>, Awaited),
    Sealed(Awaited, Opening),
}

/// Both sides of a connection that an agent will make.
pub(crate) fn awaited(listener: Listener) -> (Sender, Receiver) {
    let channel = Awaited::default();
    (Sender::Sealed(Arc::clone(&channel)), Receiver::Awaited(Box::new(listener), channel))
}

/// Both sides of a connection that is there.
fn sealed(channel: Channel) -> (Sender, Receiver) {
    let channel = Arc::new(OnceLock::from(channel));
    (Sender::Sealed(Arc::clone(&channel)), Receiver::Sealed(channel, Opening::default()))
}

impl Sender {
    /// Sends the start of these bytes. Returns how many of them were taken; some of them may wait in `sealing`.
    ///
    /// # Errors
    /// `AGAIN` if nothing is accepted now, and what went wrong.
    pub(crate) fn send(&self, sealing: &mut Sealing, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Self::Plain(stream) => write(stream, bytes),
            Self::Sealed(channel) => {
                let Channel { stream, cipher } = channel.get().ok_or(Errno::AGAIN)?;
                sealing.send(|bytes| write(stream, bytes))?;
                let taken = sealing.seal(cipher, bytes);
                match sealing.send(|bytes| write(stream, bytes)) {
                    Ok(()) | Err(Errno::AGAIN) => Ok(taken),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// What can be waited for to send more, if anything can.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Plain(stream) => Some(stream.as_fd()),
            Self::Sealed(channel) => channel.get().map(|channel| channel.stream.as_fd()),
        }
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All of it is sent: the stream waits.
        Ok(self.sender.send(&mut self.sealing, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Receiver {
    /// Reads once what is available. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing, `InvalidData` if something else arrived than was sent.
    pub(crate) fn fill(&mut self, frames: &mut FrameReader) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => frames.fill(stream),
            Self::Awaited(listener, awaited) => {
                if let Some(channel) = listener.step() {
                    let awaited = Arc::clone(awaited);
                    let _ = awaited.set(channel);
                    *self = Self::Sealed(awaited, Opening::default());
                }
                Err(io::ErrorKind::WouldBlock.into())
            }
            Self::Sealed(channel, opening) => {
                let Channel { stream, cipher } = channel.get().expect("it has been set");
                opening.fill(stream, cipher, frames)
            }
        }
    }

    /// Adds what can be waited for.
    pub(crate) fn fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        match self {
            Self::Plain(stream) => fds.push(PollFd::new(stream, PollFlags::IN)),
            Self::Awaited(listener, _) => listener.fds(fds),
            Self::Sealed(channel, _) => {
                fds.extend(channel.get().map(|channel| PollFd::new(&channel.stream, PollFlags::IN)));
            }
        }
    }

    /// Ends a connection that the agent has made, whoever else holds it.
    pub(crate) fn close(&self) {
        if let Self::Sealed(channel, _) = self
            && let Some(Channel { stream, .. }) = channel.get()
        {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Those who connected and were refused, in words, since this was last asked for.
    pub(crate) fn refused(&mut self) -> Vec<String> {
        match self {
            Self::Awaited(listener, _) => listener.refused(),
            Self::Plain(_) | Self::Sealed(..) => Vec::new(),
        }
    }
}
