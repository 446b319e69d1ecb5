//! From a worker's start to its hello.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    io::Errno,
};

use super::{frames::Frames, lanes::Lanes, outbox::Outbox, output::Output};
use crate::{
    failure::Failure,
    process::{
        frame::LaneReader,
        group::Group,
        identity,
        loss::Loss,
        message::{self, FromWorker, Hello, PROTOCOL, Setup},
        spawn::{Program, Started},
    },
};

/// How much may come before the hello: what a test harness or a library prints as the program starts.
const NOISE: usize = 64 << 10;

/// How often a silent start is asked whether it is still wanted.
const PULSE: Duration = Duration::from_millis(50);

/// Why there is no worker.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The pool is closing.
    Closing,
    /// The system did not start a process.
    System(io::Error),
    /// Something else than a worker of this build answers; trying again will not help.
    Wrong(String),
    /// The process ended, or said nothing.
    Ended(Box<Failure>),
}

/// A worker that has said hello.
pub(crate) struct Ready {
    pub(crate) group: Group,
    pub(crate) outbox: Outbox,
    pub(crate) output: Output,
    pub(super) frames: Frames,
}

/// Starts a process and waits for its hello. Lines that it writes meanwhile go to `tell`.
pub(crate) fn start(
    program: io::Result<Program>,
    setup: Setup,
    limit: Duration,
    mut tell: impl FnMut(u32, &str),
    closing: impl Fn() -> bool,
) -> Result<Ready, StartError> {
    let started = program.and_then(|program| program.start()).map_err(StartError::System)?;
    let Started { group, control, stdout, stderr } = started;
    let Lanes { there, back, socket, theirs } = Lanes::new().map_err(StartError::System)?;
    let socket = Arc::new(OwnedFd::from(socket));
    let outbox = Outbox::new(control, there, Arc::clone(&socket)).map_err(StartError::System)?;
    let memory_limit = setup.memory_limit;
    let pid = group.pid();
    // Its hello is the first.
    let frames = Frames::new(LaneReader::new(back.into(), socket, 1), stdout, NOISE);
    let mut ready = Ready { group, outbox, output: Output::new(stderr), frames };
    // If it is gone already, that shows when its hello is read.
    let _ = ready.outbox.set_up(setup, &theirs);
    drop(theirs);
    match ready.hello(limit, |line| tell(pid, line), closing) {
        Ok(()) => Ok(ready),
        Err(Broken::Closing) => Err(StartError::Closing),
        Err(Broken::Wrong(message)) => {
            ready.group.end();
            Err(StartError::Wrong(message))
        }
        Err(Broken::Lost(reason)) => {
            let killed = !ready.group.wait(Duration::from_millis(200));
            let exit = ready.group.end();
            ready.output.read(|line| tell(pid, line));
            let output = ready.output.last_lines(|line| tell(pid, line));
            let reason = killed.then_some(reason);
            Err(StartError::Ended(Loss { pid, exit, output, memory_limit, killed_for_memory: false, reason }.failure()))
        }
    }
}

enum Broken {
    Closing,
    Wrong(String),
    Lost(String),
}

impl Ready {
    fn hello(&mut self, limit: Duration, mut tell: impl FnMut(&str), closing: impl Fn() -> bool) -> Result<(), Broken> {
        let deadline = Instant::now() + limit;
        let mut noise = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = left.min(PULSE).try_into().ok();
            let mut sources = vec![PollFd::new(self.frames.pipe(), PollFlags::IN)];
            sources.extend(self.output.pipe().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            let _interrupted = poll(&mut sources, timeout.as_ref());
            let readable = !sources[0].revents().is_empty();
            drop(sources);
            self.output.read(&mut tell);
            if readable {
                self.receive(&mut noise)?;
                match self.frames.hello() {
                    Ok(None) => {}
                    Ok(Some(frame)) => return check(frame.payload),
                    Err(error) => return Err(Broken::Wrong(format!("the started program is no worker: {error}"))),
                }
            } else if closing() {
                return Err(Broken::Closing);
            }
            // Only now: this program may have been stopped, and the hello be there all the same.
            if left.is_zero() {
                let after = quoted(&noise).map(|noise| format!(", after {noise}")).unwrap_or_default();
                return Err(Broken::Lost(format!("it did not say hello within {limit:?}{after}")));
            }
        }
    }

    /// Receives what is there, and takes out what comes before the first frame.
    fn receive(&mut self, noise: &mut Vec<u8>) -> Result<(), Broken> {
        match self.frames.fill() {
            Ok(0) => return Err(Broken::Lost("it closed its connection before its hello".to_owned())),
            Ok(_) => {}
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::AGAIN)) => return Ok(()),
            Err(error) => return Err(Broken::Lost(error.to_string())),
        }
        noise.extend(self.frames.skip_noise());
        if noise.len() <= NOISE {
            return Ok(());
        }
        let noise = quoted(noise).unwrap_or_default();
        Err(Broken::Wrong(format!("the started program is no worker of this workflow: it wrote {noise}")))
    }
}

fn check(payload: &[u8]) -> Result<(), Broken> {
    let Ok((FromWorker::Hello(hello), _)) = message::decode(payload) else {
        return Err(Broken::Wrong("the started program speaks another protocol: its first message is no hello".into()));
    };
    let Hello { protocol, fingerprint, pid: _ } = hello;
    let ours = (PROTOCOL, identity::fingerprint());
    if (protocol, fingerprint) == ours {
        return Ok(());
    }
    Err(Broken::Wrong(format!(
        "the started program is another build: its protocol is {protocol} and its fingerprint {fingerprint:016x}; \
         this program's are {} and {:016x}",
        ours.0, ours.1,
    )))
}

/// The start of what came instead of a hello.
fn quoted(noise: &[u8]) -> Option<String> {
    let start = &noise[..noise.len().min(200)];
    (!noise.is_empty()).then(|| format!("{:?}", String::from_utf8_lossy(start)))
}
