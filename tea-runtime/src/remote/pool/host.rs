//! The thread of a host: it starts the agent, reads what that sends, and makes sure that it ends.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd as _, OwnedFd},
    io::Errno,
    process::Signal,
};

use super::{Pool, Side, check::Check, dials::Dial, outbox::Outbox};
use crate::{
    executor::{message::Note, wire},
    failure::ExitStatus,
    panic::guard,
    process::{
        frame::FrameReader,
        group::Group,
        identity,
        loss::signal_name,
        pacing::{KILLED, start_delay},
        pool::output::Output,
        remains::PipeId,
    },
    remote::{
        build,
        launch::{Connection, NOT_THERE, way_out},
        lease::Terms,
        message::{FromAgent, Hello, PROTOCOL, Setup, ToAgent},
    },
    user_code,
};

/// How many agents in a row may end before they have done anything, until the host is not used any more.
const FAILED_STARTS: u32 = 3;

/// The maximum number of bytes before the hello, which a shell or a test harness may print.
const NOISE: usize = 64 << 10;

/// How long an agent may take to end, with its workers, once it is told to.
const GOODBYE: Duration = Duration::from_secs(10);

/// How long a command may take from closing its streams to its end.
const ENDING: Duration = Duration::from_secs(1);

/// How often it is looked for the end of a process where the system does not report it.
const ENDED_LOOK: Duration = Duration::from_millis(50);

/// How often it is said that an agent has not come yet. The command that starts it may have to wait for a machine.
const NOT_YET: Duration = Duration::from_secs(30);

/// Runs agents on a host, one after the other, until the host is not needed or cannot be used.
pub(super) fn run(pool: &Arc<Pool>, at: usize) {
    let outcome = guard(|| {
        user_code::forbid();
        lives(pool, at);
    });
    if let Err(panic) = outcome {
        // Everything that it held has been dropped: the connection is closed, and the command is killed.
        let why = format!("the thread that looks after it panicked: {}", panic.message);
        pool.unfenced(at);
        while let Some(over) = pool.unfenced_until(at) {
            pause(pool, at, over);
        }
        pool.lock().unusable(at, why.clone());
        pool.gone(at, &End::unserved(why));
    }
}

fn lives(pool: &Arc<Pool>, at: usize) {
    let mut failed = 0;
    loop {
        let end = life(pool, at);
        failed = if end.useful || end.by_us { 0 } else { failed + 1 };
        if failed >= FAILED_STARTS {
            pool.lock().unusable(at, end.why.clone());
        }
        if !pool.gone(at, &end) {
            return;
        }
        // Until then, it may be closed.
        let until = Instant::now() + start_delay(failed);
        while Instant::now() < until {
            if pool.lock().closing {
                return;
            }
            pause(pool, at, until);
        }
    }
}

/// Waits until then, or until it is woken.
fn pause(pool: &Pool, at: usize, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    wait(&[PollFd::from_borrowed_fd(pool.wakes[at].read.as_fd(), PollFlags::IN)], Some(left));
    pool.wakes[at].clear();
}

/// The life of an agent, until nothing that it was given can be running there any more.
pub(super) fn life(pool: &Arc<Pool>, at: usize) -> End {
    let mut staged = false;
    loop {
        let Some(dial) = pool.dials.dial() else { return End::unserved(String::new()) };
        match pool.launcher.start(at).map(|connection| agent(pool, at, connection, dial)) {
            Err(error) => return End::unserved(error.to_string()),
            Ok(End { served: false, exit: Some(ExitStatus::Code(NOT_THERE)), .. }) if !staged => staged = true,
            Ok(end) => return end,
        }
        match pool.launcher.stage(at) {
            None => return End::unserved("its program is not there".to_owned()),
            Some(Err(error)) => return End::unserved(error.to_string()),
            Some(Ok(connection)) => {
                if let Err(why) = stage(pool, at, connection) {
                    return End::unserved(why);
                }
            }
        }
    }
}

/// Waits until the program has been copied to a host.
///
/// # Errors
/// If it could not be: why.
fn stage(pool: &Arc<Pool>, at: usize, connection: Connection) -> Result<(), String> {
    let Connection { group, output, stderr, .. } = connection;
    let (ended, mut lines) = (group.open(), Output::new(stderr));
    let wake = &pool.wakes[at];
    while !group.has_ended() && !pool.lock().closing {
        let mut fds = vec![PollFd::from_borrowed_fd(wake.read.as_fd(), PollFlags::IN)];
        fds.extend(lines.pipe().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(ended.as_ref().map(|ended| PollFd::new(ended, PollFlags::IN)));
        // The end of a process is not reported everywhere.
        wait(&fds, ended.is_none().then_some(ENDED_LOOK));
        wake.clear();
        lines.read(|_| {});
    }
    drop(output);
    group.signal(Signal::KILL);
    group.wait(KILLED);
    let exit = group.reap();
    lines.read(|_| {});
    if exit == Some(ExitStatus::Code(0)) {
        return Ok(());
    }
    let lines = lines.last_lines(|_| {}).join(" / ");
    Err(format!("the program cannot be copied there ({}): {lines}", exit.map_or_else(String::new, in_words)))
}

/// How the life of an agent ended.
pub(super) struct End {
    /// Whether it was ready at some time.
    pub(super) served: bool,
    /// Whether it has done something, or had nothing to do.
    useful: bool,
    pub(super) why: String,
    /// Whether the program itself was away for so long that this may be the reason.
    pub(super) by_us: bool,
    exit: Option<ExitStatus>,
}

impl End {
    fn unserved(why: String) -> Self {
        Self { served: false, useful: false, why, by_us: false, exit: None }
    }
}

/// The life of an agent on this connection.
fn agent<'a>(pool: &'a Arc<Pool>, at: usize, connection: Connection, dial: Dial<'a>) -> End {
    let Connection { group, input, output, stderr } = connection;
    let ended = group.open();
    let outbox = Arc::new(Outbox::new(input.expect("an agent's input is a pipe")));
    let mut link = Link {
        pool,
        at,
        outbox,
        output,
        lines: Output::new(stderr),
        frames: FrameReader::new(u64::MAX >> 1),
        noise: Vec::new(),
        stage: Greeting::Hello,
        dial: Some(dial),
        provable: false,
        heard: Instant::now(),
        woke: None,
    };
    let why = link.serve(&group, ended.as_ref());
    let (served, useful) = pool.unfenced(at);
    if why.is_none() {
        // Its exit status says more than its end.
        group.wait(ENDING);
    }
    // An agent that this command started on this machine is in its group.
    group.signal(Signal::KILL);
    group.wait(KILLED);
    let exit = group.reap();
    link.drain();
    let why = link.tell_end(why, exit, &group);
    let by_us = link.woke.is_some_and(|woke| woke.elapsed() < pool.terms.lease);
    link.fence(&why);
    End { served, useful, why, by_us, exit }
}

/// `status 3`, or the signal.
fn in_words(exit: ExitStatus) -> String {
    match exit {
        ExitStatus::Code(code) => format!("status {code}"),
        ExitStatus::Signal(signal) => signal_name(signal),
    }
}

/// What was read from an agent.
enum Received {
    Something,
    Nothing,
    End,
}

/// What is expected of an agent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Hello,
    /// The hash of its file.
    Build,
    /// It has been told how to work.
    Done,
}

/// The streams of an agent.
struct Link<'a> {
    pool: &'a Arc<Pool>,
    at: usize,
    outbox: Arc<Outbox>,
    output: OwnedFd,
    lines: Output,
    frames: FrameReader,
    noise: Vec<u8>,
    stage: Greeting,
    /// Until it has come.
    dial: Option<Dial<'a>>,
    /// Whether the agent and its workers hold the pipe of `lines`, so that the end of all of them shows there.
    provable: bool,
    /// When something was heard of it last.
    heard: Instant,
    /// When this thread ran again after it had not for too long: the program was stopped, or its machine was.
    woke: Option<Instant>,
}

impl Link<'_> {
    /// Serves the agent until it ends. Returns why, if its end does not say so.
    fn serve(&mut self, group: &Group, ended: Option<&OwnedFd>) -> Option<String> {
        let (mut goodbye, mut told, mut silent) = (None, 0, false);
        loop {
            if goodbye.is_none() && self.is_over() {
                if !self.greeted() {
                    return None;
                }
                goodbye = Some(Instant::now() + GOODBYE);
                self.outbox.add(&ToAgent::Goodbye);
            }
            self.outbox.flush();
            let wake = &self.pool.wakes[self.at];
            let mut fds = vec![
                PollFd::from_borrowed_fd(wake.read.as_fd(), PollFlags::IN),
                PollFd::new(&self.output, PollFlags::IN),
            ];
            if let Some(ended) = ended {
                fds.push(PollFd::new(ended, PollFlags::IN));
            }
            if let Some(pipe) = self.lines.pipe() {
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
            if self.outbox.is_waiting() {
                fds.push(PollFd::from_borrowed_fd(self.outbox.stream(), PollFlags::OUT));
            }
            let over = self.over();
            let until = match (goodbye, over) {
                (Some(goodbye), _) => goodbye,
                (None, Some(over)) if silent => over,
                (None, Some(_)) => self.heard + self.pool.terms.patience(),
                (None, None) => self.heard + NOT_YET * (told + 1),
            };
            wait(&fds, Some(until.saturating_duration_since(Instant::now())));
            wake.clear();
            let now = Instant::now();
            if now > until + self.pool.terms.heartbeat {
                self.woke = Some(now);
            }
            self.print();
            match self.receive() {
                // A command that has ended may have left its streams to others: what it started is not served.
                Ok(Received::Nothing) if group.has_ended() => return None,
                Ok(Received::Something) => {
                    (self.heard, told) = (now, 0);
                    if std::mem::take(&mut silent) {
                        self.pool.silent(self.at, false);
                    }
                    // What it has said is heard before it is given up.
                    continue;
                }
                Ok(Received::Nothing) => {}
                Ok(Received::End) => return None,
                Err(why) => return Some(why),
            }
            if goodbye.is_some_and(|goodbye| goodbye <= now) {
                return Some("it did not end when it was told to".to_owned());
            }
            let silence = now - self.heard;
            match over {
                Some(over) if over <= now => {
                    return Some(expired(silence));
                }
                Some(_) if !silent && silence >= self.pool.terms.patience() => {
                    silent = true;
                    self.pool.silent(self.at, true);
                }
                None if silence >= NOT_YET * (told + 1) => {
                    told += 1;
                    let way_out = "if its machine is gone, end the process that leads there";
                    let (seconds, pid) = (silence.as_secs(), group.pid());
                    self.warn(&format!("its agent has not come for {seconds} s: {way_out}, which is {pid}"));
                }
                _ => {}
            }
        }
    }

    /// When the lease of the agent is over, if it was granted one.
    fn over(&self) -> Option<Instant> {
        self.pool.lock().hosts[self.at].over
    }

    /// Waits until nothing that the agent was given can be running any more: its lease is over, or that is proved before.
    fn fence(&mut self, why: &str) {
        let mut told = self.provable;
        while let Some(over) = self.pool.unfenced_until(self.at) {
            self.print();
            if self.provable && self.lines.pipe().is_none() {
                return;
            }
            let left = over.saturating_duration_since(Instant::now());
            if !std::mem::replace(&mut told, true) {
                let seconds = tenths(left);
                self.warn(&format!("{why}; what it had begun runs elsewhere when its lease is over, in {seconds} s"));
            }
            let wake = &self.pool.wakes[self.at];
            let mut fds = vec![PollFd::from_borrowed_fd(wake.read.as_fd(), PollFlags::IN)];
            fds.extend(self.lines.pipe().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            wait(&fds, Some(left));
            wake.clear();
        }
    }

    /// Whether the agent is not needed any more.
    fn is_over(&self) -> bool {
        let inner = self.pool.lock();
        inner.closing || inner.hosts[self.at].check.as_ref().is_some_and(Check::is_done)
    }

    /// Reads once what is available, and handles it.
    fn receive(&mut self) -> Result<Received, String> {
        match self.frames.fill(&self.output) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(_) => return Ok(Received::End),
        }
        if !self.greeted() && !self.greet()? {
            return Ok(Received::Something);
        }
        while let Some(frame) = self.frames.next().map_err(|error| error.to_string())? {
            self.pool.hear(self.at, &frame)?;
        }
        Ok(Received::Something)
    }

    fn greeted(&self) -> bool {
        self.stage == Greeting::Done
    }

    /// Handles what comes before and with the hello. Returns whether it was there.
    fn greet(&mut self) -> Result<bool, String> {
        if self.stage == Greeting::Hello {
            self.noise.extend(self.frames.skip_noise());
        }
        if self.noise.len() > NOISE {
            return Err(format!("what was started is no agent of this program: it wrote {}", quoted(&self.noise)));
        }
        let Some(frame) = self.frames.next().map_err(|error| format!("what was started is no agent: {error}"))? else {
            return Ok(false);
        };
        let another = || "another build of this program runs there: put this one in its place".to_owned();
        match (wire::read(&frame.payload).map(|(message, _)| message), self.stage) {
            (Ok(FromAgent::Hello(Hello { protocol, fingerprint, stderr, .. })), Greeting::Hello) => {
                self.provable = stderr.is_some() && stderr == self.lines.pipe().and_then(PipeId::of);
                if protocol != PROTOCOL {
                    return Err(another());
                }
                if fingerprint != identity::fingerprint() {
                    // It may be a copy of the same file.
                    self.stage = Greeting::Build;
                    self.outbox.add(&ToAgent::Identify);
                    return self.greet();
                }
            }
            (Ok(FromAgent::Build(build)), Greeting::Build) => {
                let ours = build::id().map_err(|error| format!("this program's own file cannot be read: {error}"))?;
                if build != ours {
                    return Err(another());
                }
            }
            _ => return Err("what was started speaks another protocol: its first message is not a hello".to_owned()),
        }
        self.stage = Greeting::Done;
        self.dial = None;
        let mut inner = self.pool.lock();
        let folder = inner.folder.clone();
        let host = &mut inner.hosts[self.at];
        let terms = self.pool.terms;
        let setup = Setup { slots: host.slots, most: host.share, folder: folder.clone(), terms };
        self.outbox.add(&ToAgent::Setup(setup));
        let outbox = Arc::clone(&self.outbox);
        host.side = Some(Side { outbox, known: Vec::new(), views: HashMap::new(), folder });
        Ok(true)
    }

    /// Handles what is left of the streams of an agent that has ended.
    fn drain(&mut self) {
        while let Ok(Received::Something) = self.receive() {}
        self.print();
    }

    /// Passes on the lines that the agent, or the command that started it, wrote.
    fn print(&mut self) {
        let mut lines = Vec::new();
        self.lines.read(|line| lines.push(line.to_owned()));
        // Until it is there, they may say why it does not come.
        for line in lines.into_iter().filter(|_| self.greeted()) {
            self.warn(&line);
        }
    }

    fn warn(&self, text: &str) {
        let name = self.pool.lock().hosts[self.at].name;
        self.pool.tell(Note::Warning { message: format!("host `{name}`: {text}") });
    }

    /// Why the agent ended, in words.
    fn tell_end(&mut self, why: Option<String>, exit: Option<ExitStatus>, group: &Group) -> String {
        let silence = self.heard.elapsed();
        let killed = exit == Some(ExitStatus::Signal(Signal::KILL.as_raw()));
        // The lease started when it was asked for, which was a little before that was heard.
        let Terms { heartbeat, .. } = self.pool.terms;
        let expired = (killed && silence + heartbeat >= self.pool.terms.held()).then(|| expired(silence));
        let mut said = why.or(expired).unwrap_or_else(|| {
            let what = if self.greeted() { "its agent" } else { "the command that starts its agent" };
            match exit {
                Some(ExitStatus::Code(code)) => format!("{what} ended with status {code}"),
                Some(ExitStatus::Signal(signal)) => {
                    format!("{what} was ended by {}", signal_name(signal))
                }
                None => format!("{what} (process {}) closed its connection", group.pid()),
            }
        });
        if !self.greeted() && !self.noise.is_empty() {
            let _ = write!(said, ", after it wrote {}", quoted(&self.noise));
        }
        let lines = self.lines.last_lines(|_| {});
        if !lines.is_empty() {
            let _ = write!(said, ": {}{}", lines.join(" / "), way_out(&lines));
        }
        said
    }
}

/// Waits until one of these is ready, or that much time has passed.
fn wait(fds: &[PollFd<'_>], limit: Option<Duration>) {
    let mut fds = fds.to_vec();
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    });
    // What is wrong shows when it is read.
    let _ = poll(&mut fds, limit.as_ref());
}

/// Why an agent ends that was silent for so long.
fn expired(silence: Duration) -> String {
    format!("nothing was heard of it for {} s: its lease is over", tenths(silence))
}

/// A time in seconds.
fn tenths(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

/// The start of what arrived instead of a hello.
fn quoted(noise: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&noise[..noise.len().min(200)]))
}
