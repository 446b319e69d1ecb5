//! The input and output of one worker, and its process. Only the supervisor uses it.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rustix::{fd::OwnedFd, io::Errno};

use super::{outbox::Outbox, output::Output};
use crate::{
    executor::{run_info::RunInfo, tokens::Token},
    pacing::process::{ENDING, GOODBYE, KILLED},
    process::{
        frame::{Frame, FrameError, FrameReader},
        group::Group,
        identity,
        message::{FromWorker, Hello, PROTOCOL},
        spawn::Started,
    },
};

/// The maximum number of bytes before the hello, which a test harness or a library may print when the program starts.
const NOISE: usize = 64 << 10;

/// The input and output of a worker.
pub(super) struct Link {
    pub(super) number: u32,
    pub(super) group: Arc<Group>,
    pub(super) outbox: Arc<Outbox>,
    stream: Arc<OwnedFd>,
    answers: OwnedFd,
    frames: FrameReader,
    pub(super) output: Output,
    /// Becomes readable when the process has ended, if the system supports that.
    pub(super) ended: Option<OwnedFd>,
    pub(super) phase: Phase,
    pub(super) started: Instant,
    /// The run for which it was started, or whose unit it ran last.
    pub(super) run: Weak<RunInfo>,
    /// The tokens that it got for fan-outs inside its unit.
    pub(super) granted: VecDeque<Token>,
    /// Whether its unit has changed the process for good, so that nothing else may run there.
    pub(super) spoilt: bool,
    /// The processor time that it has told of.
    pub(super) told_cpu: Duration,
    /// How many times in a row it was found stopped.
    pub(super) stopped: u32,
    /// Until when nothing is read from it, because it has enough to do.
    pub(super) rests_until: Option<Instant>,
    /// When it last sent something, or was checked.
    pub(super) looked: Instant,
    /// When to end it, if it has not ended by itself after it was told to.
    pub(super) goodbye_until: Option<Instant>,
}

/// What the supervisor waits for.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its hello.
    Hello { noise: Vec<u8>, by_clock: Instant },
    /// Its messages.
    Serving,
    /// The end of its process.
    Ending(Ending),
}

/// The process of a worker that is about to end or to be ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) why: Why,
    /// When to kill it, unless it has been killed.
    kill_at: Option<Instant>,
    /// When to give it up.
    give_up_at: Option<Instant>,
    pub(super) killed_by_us: bool,
    /// Whether it had said hello.
    pub(super) serving: bool,
}

/// Why a worker ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// It said goodbye.
    Goodbye,
    /// It closed its stream, or the process ended.
    Closed,
    /// It sent invalid data.
    Broken(String),
    /// It was stopped by this signal, and has not been continued.
    Stopped(i32),
    /// It did not say hello, for this reason.
    NoHello(String),
    /// It is a different program.
    Wrong(String),
}

impl Link {
    pub(super) fn new(number: u32, started: Started, run: Weak<RunInfo>, until: Instant) -> Self {
        let Started { group, stream, answers, theirs, stderr } = started;
        let stream = Arc::new(OwnedFd::from(stream));
        let ended = group.open();
        let phase = Phase::Hello { noise: Vec::new(), by_clock: until };
        Self {
            number,
            group: Arc::new(group),
            outbox: Arc::new(Outbox::new(Arc::clone(&stream), theirs)),
            stream,
            answers: answers.into(),
            // Lengths from the other side are trusted once it has said hello, because it is the same program.
            frames: FrameReader::of_two(u64::MAX >> 1),
            output: Output::new(stderr),
            ended,
            phase,
            started: Instant::now(),
            run,
            granted: VecDeque::new(),
            spoilt: false,
            told_cpu: Duration::ZERO,
            stopped: 0,
            rests_until: None,
            looked: Instant::now(),
            goodbye_until: None,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.group.pid()
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_))
    }

    /// The stream on which the next bytes come.
    pub(super) fn source(&self) -> &OwnedFd {
        self.frames.source(&self.answers, &self.stream)
    }

    /// Receives once what is available. `Ok(false)` is the end of the stream.
    pub(super) fn receive(&mut self) -> io::Result<bool> {
        match self.fill() {
            Ok(0) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Like [`receive`](Self::receive), but returns the number of bytes.
    pub(super) fn drain(&mut self) -> usize {
        self.fill().unwrap_or(0)
    }

    fn fill(&mut self) -> io::Result<usize> {
        let source = self.frames.source(&self.answers, &*self.stream);
        self.frames.fill(source)
    }

    /// The next frame, if it is complete.
    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        self.frames.next()
    }

    /// Whether it has said hello, judging by what has arrived.
    pub(super) fn hello(&mut self) -> Result<bool, Why> {
        let Phase::Hello { noise, .. } = &mut self.phase else { return Ok(true) };
        noise.extend(self.frames.skip_noise());
        if noise.len() > NOISE {
            let noise = quoted(noise).unwrap_or_default();
            return Err(Why::Wrong(format!("the started program is not a worker of this workflow: it wrote {noise}")));
        }
        match self.frames.next() {
            Ok(None) => Ok(false),
            Ok(Some(frame)) => check(&frame.payload).map(|()| true),
            Err(error) => Err(Why::Wrong(format!("the started program is not a worker: {error}"))),
        }
    }

    /// What arrived instead of a hello, as a part of a sentence.
    pub(super) fn after_noise(&self) -> String {
        match &self.phase {
            Phase::Hello { noise, .. } => quoted(noise).map(|noise| format!(", after {noise}")).unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// Starts to end the process: at once, or in the time that it has for that.
    pub(super) fn end(&mut self, why: Why) {
        if self.is_ending() {
            return;
        }
        let now = Instant::now();
        let time = match why {
            Why::Goodbye => Some(GOODBYE),
            Why::Closed => Some(ENDING),
            Why::NoHello(_) | Why::Broken(_) | Why::Stopped(_) | Why::Wrong(_) => None,
        };
        let kill_at = Some(time.map_or(now, |time| now + time));
        let serving = matches!(self.phase, Phase::Serving);
        self.phase = Phase::Ending(Ending { why, kill_at, give_up_at: None, killed_by_us: false, serving });
    }

    /// Continues to end the process. Returns whether this is finished: the process has ended or has been given up.
    pub(super) fn go_on_ending(&mut self) -> bool {
        let Phase::Ending(ending) = &mut self.phase else { return false };
        let now = Instant::now();
        if self.group.has_ended() || ending.give_up_at.is_some_and(|at| at <= now) {
            return true;
        }
        if ending.kill_at.is_some_and(|at| at <= now) {
            ending.kill_at = None;
            ending.killed_by_us = true;
            ending.give_up_at = Some(now + KILLED);
            self.group.signal(rustix::process::Signal::KILL);
        }
        false
    }

    /// The time of the next check, by the clock.
    pub(super) fn due(&self) -> Option<Instant> {
        let goodbye = self.goodbye_until;
        let phase = match &self.phase {
            Phase::Hello { by_clock, .. } => Some(*by_clock),
            Phase::Serving => None,
            Phase::Ending(ending) => {
                let next = ending.kill_at.or(ending.give_up_at);
                // If the system does not report the end of a process, it has to be checked for.
                let soon = self.ended.is_none().then(|| Instant::now() + Duration::from_millis(2));
                next.into_iter().chain(soon).min()
            }
        };
        goodbye.into_iter().chain(phase).min()
    }
}

fn check(payload: &[u8]) -> Result<(), Why> {
    let Ok((FromWorker::Hello(hello), _)) = crate::executor::wire::read(payload) else {
        return Err(Why::Wrong("the started program speaks another protocol: its first message is not a hello".into()));
    };
    let Hello { protocol, fingerprint, pid: _ } = hello;
    let ours = (PROTOCOL, identity::fingerprint());
    if (protocol, fingerprint) == ours {
        return Ok(());
    }
    Err(Why::Wrong(format!(
        "the started program is another build: its protocol is {protocol} and its fingerprint {fingerprint:016x}; \
         this program's are {} and {:016x}",
        ours.0, ours.1,
    )))
}

/// The start of what arrived instead of a hello.
fn quoted(noise: &[u8]) -> Option<String> {
    let start = &noise[..noise.len().min(200)];
    (!noise.is_empty()).then(|| format!("{:?}", String::from_utf8_lossy(start)))
}
