//! The program's side of a connection until the agent has dialled. Whatever arrives here may come from anybody: of each
//! connection [`GREETING`] and [`CONFIRMATION`] bytes are read, and of connections there are at most [`HALF_OPEN`] at a time.
//!
//! Each agent that is on its way has a listener of its own, with a secret of its own. It is closed as soon as the agent is there.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags};

use super::{
    Channel,
    address::Listen,
    cipher::{CONFIRMATION, Cipher, GREETING, Handshake, Stranger},
    secret::{Bootstrap, Lifeline, Secret},
};

use crate::pacing::remote::{PATIENCE, PAUSE};

/// The most connections that have not proved to be the agent. When there is one more, the oldest is closed: somebody who opens
/// many must not keep the agent out, which takes two round trips.
const HALF_OPEN: usize = 16;

/// How many refusals are told one by one.
const TOLD: u32 = 3;

/// Listens for one agent.
pub(crate) struct Listener {
    socket: TcpListener,
    secret: Secret,
    half_open: Vec<HalfOpen>,
    paused: Option<Instant>,
    refused: u32,
    told: Vec<String>,
}

/// A connection that has not proved to be the agent.
struct HalfOpen {
    stream: TcpStream,
    peer: SocketAddr,
    since: Instant,
    step: Step,
}

enum Step {
    Greeting(Exactly<GREETING>),
    Confirmation(Box<Cipher>, Exactly<CONFIRMATION>),
}

/// A connection that is given up.
enum Refused {
    /// It was closed before anything was known of it.
    Closed,
    Stranger,
}

impl Listener {
    /// Starts to listen for one agent. Returns what it has to be told.
    ///
    /// # Errors
    /// If that is not possible at this address.
    pub(crate) fn new(listen: &Listen, lifeline: Lifeline) -> io::Result<(Self, Bootstrap)> {
        let socket = listen.bind()?;
        socket.set_nonblocking(true)?;
        let secret = Secret::fresh().map_err(io::Error::from)?;
        let bootstrap = Bootstrap { lifeline, secret: secret.clone(), address: socket.local_addr()? };
        let half_open = Vec::with_capacity(HALF_OPEN);
        Ok((Self { socket, secret, half_open, paused: None, refused: 0, told: Vec::new() }, bootstrap))
    }

    /// Does what can be done without waiting. Returns the connection of the agent when it is there.
    pub(super) fn step(&mut self) -> Option<Channel> {
        let now = Instant::now();
        self.accept(now);
        let mut at = 0;
        while at < self.half_open.len() {
            match self.half_open[at].step(&self.secret) {
                Ok(false) if now.saturating_duration_since(self.half_open[at].since) < PATIENCE => at += 1,
                Ok(false) => {
                    let peer = self.half_open.remove(at).peer;
                    self.refuse(|| format!("{peer} connected and did not say who it is"));
                }
                Ok(true) => {
                    let HalfOpen { stream, step, .. } = self.half_open.swap_remove(at);
                    if let Step::Confirmation(cipher, _) = step {
                        return Some(Channel { stream, cipher: *cipher });
                    }
                }
                Err(Refused::Closed) => drop(self.half_open.remove(at)),
                Err(Refused::Stranger) => {
                    let peer = self.half_open.remove(at).peer;
                    self.refuse(|| format!("{peer} connected without knowing the secret, and was refused"));
                }
            }
        }
        None
    }

    fn accept(&mut self, now: Instant) {
        if self.paused.is_some_and(|until| now < until) {
            return;
        }
        self.paused = None;
        // No more in one turn, so that those who are there have theirs.
        for _ in 0..HALF_OPEN {
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    if stream.set_nonblocking(true).is_err() || stream.set_nodelay(true).is_err() {
                        continue;
                    }
                    if self.half_open.len() == HALF_OPEN {
                        let peer = self.half_open.remove(0).peer;
                        self.refuse(|| format!("many connections came at once: that of {peer} was closed"));
                    }
                    let step = Step::Greeting(Exactly::new());
                    self.half_open.push(HalfOpen { stream, peer, since: now, step });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                // There are no more descriptors, or no memory.
                Err(_) => {
                    self.half_open.clear();
                    self.paused = Some(now + PAUSE);
                    return;
                }
            }
        }
    }

    /// Notes a refusal; when there are many, their number.
    fn refuse(&mut self, why: impl FnOnce() -> String) {
        self.refused += 1;
        if self.refused <= TOLD {
            self.told.push(why());
        } else if self.refused.is_power_of_two() {
            self.told.push(format!("{} connections were refused that are not its agent's", self.refused));
        }
    }

    /// What was refused since this was last asked for.
    pub(super) fn refused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// Adds what can be waited for.
    pub(super) fn fds<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.paused.is_none() {
            fds.push(PollFd::new(&self.socket, PollFlags::IN));
        }
        fds.extend(self.half_open.iter().map(|half| PollFd::new(&half.stream, PollFlags::IN)));
    }

    #[cfg(test)]
    pub(super) fn half_open(&self) -> usize {
        self.half_open.len()
    }
}

impl HalfOpen {
    /// Reads what has arrived. Returns whether this is the agent.
    fn step(&mut self, secret: &Secret) -> Result<bool, Refused> {
        if let Step::Greeting(greeting) = &mut self.step {
            let Some(greeting) = greeting.read(&self.stream)? else { return Ok(false) };
            let mut handshake = Handshake::dialled(secret);
            handshake.greeted(greeting)?;
            // It is the first thing that is sent, and shorter than what the system keeps.
            (&self.stream).write_all(&handshake.greet()).map_err(|_| Refused::Closed)?;
            self.step = Step::Confirmation(Box::new(handshake.keys()), Exactly::new());
        }
        let Step::Confirmation(cipher, confirmation) = &mut self.step else { return Ok(false) };
        match confirmation.read(&self.stream)? {
            None => Ok(false),
            Some(confirmation) if cipher.confirms(confirmation) => Ok(true),
            Some(_) => Err(Refused::Stranger),
        }
    }
}

impl From<Stranger> for Refused {
    fn from(Stranger: Stranger) -> Self {
        Self::Stranger
    }
}

/// So many bytes, and none behind them.
struct Exactly<const N: usize> {
    bytes: [u8; N],
    here: usize,
}

impl<const N: usize> Exactly<N> {
    fn new() -> Self {
        Self { bytes: [0; N], here: 0 }
    }

    /// Reads what has arrived. Returns the bytes if they are all there.
    fn read(&mut self, mut from: impl Read) -> Result<Option<&[u8; N]>, Refused> {
        while self.here < N {
            match from.read(&mut self.bytes[self.here..]) {
                Ok(0) => return Err(Refused::Closed),
                Ok(read) => self.here += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Refused::Closed),
            }
        }
        Ok(Some(&self.bytes))
    }
}
