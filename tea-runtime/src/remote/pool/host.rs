//! The thread of a host: it starts the agent, reads what that sends, and makes sure that it ends.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fmt::Write as _,
    io::ErrorKind,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd as _, OwnedFd},
    process::Signal,
};

use super::{
    Pool, Side,
    check::Check,
    dials::Dial,
    outbox::Outbox,
    probe::ProbeFile,
    state::{Ends, Stage, is_spare},
};
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
        launch::{Connection, Lease, NOT_PREPARED, NOT_THERE, Process, way_out},
        lease::Terms,
        message::{FromAgent, Hello, PROTOCOL, Setup, ToAgent},
        transport::Receiver,
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
        let left = pool.lock().hosts[at].load.stage == Stage::Leaving;
        failed = if end.useful || end.excuse == Some(Excuse::Away) || left { 0 } else { failed + 1 };
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
            Some(Ok(process)) => {
                if let Err(why) = stage(pool, at, process) {
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
fn stage(pool: &Arc<Pool>, at: usize, process: Process) -> Result<(), String> {
    let Process { group, stderr, .. } = process;
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
    pub(super) useful: bool,
    pub(super) why: String,
    /// Why what ran there is not to blame, if that is so.
    pub(super) excuse: Option<Excuse>,
    pub(super) exit: Option<ExitStatus>,
}

impl End {
    pub(super) fn unserved(why: String) -> Self {
        Self { served: false, useful: false, why, excuse: None, exit: None }
    }
}

/// Why an agent may have ended that nothing there is to blame for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excuse {
    /// The program itself was away for so long that leases are over.
    Away,
    /// Whoever gave the host has taken it away at the time that was known.
    TimeOver,
}

/// The life of an agent on this connection.
fn agent<'a>(pool: &'a Arc<Pool>, at: usize, connection: Connection, dial: Dial<'a>) -> End {
    let Connection { group, sender, receiver, stderr, lease } = connection;
    let ended = group.open();
    let outbox = Arc::new(Outbox::new(sender));
    let mut link = Link {
        pool,
        at,
        outbox,
        receiver,
        lines: Output::new(stderr),
        frames: FrameReader::new(u64::MAX >> 1),
        noise: Vec::new(),
        stage: Greeting::Hello,
        dial: Some(dial),
        lease,
        left: false,
        exit: None,
        provable: false,
        heard: Instant::now(),
        woke: None,
    };
    let why = link.serve(&group, ended.as_ref());
    let end = pool.unfenced(at);
    // Its exit status says more than its end, and a command that gives its host back must not be killed while it does.
    let ending = if link.left && link.lease.can_cancel() { GOODBYE } else { ENDING };
    let in_order = why.is_none() && group.wait(ending) && link.left;
    if !in_order {
        link.lease.cancel();
    }
    // An agent that this command started on this machine is in its group.
    group.signal(Signal::KILL);
    group.wait(KILLED);
    let exit = link.exit.or_else(|| group.reap());
    link.drain();
    // An agent that goes on without its command is told that it is given up.
    link.receiver.close();
    let why = link.tell_end(why, exit, &group);
    let away = link.woke.is_some_and(|woke| woke.elapsed() < pool.terms.lease);
    let excuse = if away { Some(Excuse::Away) } else { end.excuse };
    link.fence(&why);
    End { why, excuse, exit, ..end }
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
    receiver: Receiver,
    lines: Output,
    frames: FrameReader,
    noise: Vec<u8>,
    stage: Greeting,
    /// Until it has come.
    dial: Option<Dial<'a>>,
    lease: Lease,
    /// Whether it was told to end.
    left: bool,
    /// How the command that starts it ended, if that is known before the end of the agent.
    exit: Option<ExitStatus>,
    /// Whether the agent and its workers hold the pipe of `lines`, so that the end of all of them shows there.
    provable: bool,
    /// When something was heard of it last.
    heard: Instant,
    /// When this thread ran again after it had not for too long: the program was stopped, or its machine was.
    woke: Option<Instant>,
}

impl Link<'_> {
    /// Serves the agent until it ends. Returns why, if its end does not say so.
    fn serve(&mut self, group: &Group, mut ended: Option<&OwnedFd>) -> Option<String> {
        let (mut goodbye, mut told, mut silent) = (None, 0, false);
        let (mut asked, mut busy) = (self.lease.asked_only, Instant::now());
        loop {
            if goodbye.is_none() && self.is_over(&mut busy) {
                if !self.greeted() {
                    return None;
                }
                goodbye = Some(Instant::now() + GOODBYE);
                self.left = true;
                self.outbox.add(&ToAgent::Goodbye);
            }
            self.outbox.flush();
            let wake = &self.pool.wakes[self.at];
            let mut fds = vec![PollFd::from_borrowed_fd(wake.read.as_fd(), PollFlags::IN)];
            self.receiver.fds(&mut fds);
            if let Some(ended) = ended {
                fds.push(PollFd::new(ended, PollFlags::IN));
            }
            if let Some(pipe) = self.lines.pipe() {
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
            if self.outbox.is_waiting() {
                fds.extend(self.outbox.fd().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
            }
            let over = self.over();
            let until = match (goodbye, over) {
                (Some(goodbye), _) => goodbye,
                (None, Some(over)) if silent => over,
                (None, Some(_)) => self.heard + self.pool.terms.patience(),
                (None, None) => self.heard + NOT_YET * (told + 1),
            };
            let idle = self.pool.idle.filter(|_| goodbye.is_none()).map(|idle| busy + idle);
            let until = idle.map_or(until, |idle| idle.min(until));
            wait(&fds, Some(until.saturating_duration_since(Instant::now())));
            wake.clear();
            let now = Instant::now();
            if now > until + self.pool.terms.heartbeat {
                self.woke = Some(now);
            }
            self.print();
            if asked && group.has_ended() {
                self.exit = group.reap();
                if self.exit != Some(ExitStatus::Code(0)) {
                    return None;
                }
                (asked, ended) = (false, None);
            }
            match self.receive() {
                // A command that has ended may have left its streams to others: what it started is not served.
                Ok(Received::Nothing) if !self.lease.asked_only && group.has_ended() => return None,
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

    /// Waits until nothing that the agent was given can be running any more: its lease is over, or that is proved before. The end of
    /// the command that started it, or of the connection, proves nothing.
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

    /// Whether the agent is not needed any more. `busy` is when it last was.
    fn is_over(&self, busy: &mut Instant) -> bool {
        let mut inner = self.pool.lock();
        let inner = &mut *inner;
        let is_needed = !inner.waiting.is_empty() || inner.hosts[self.at].load.in_flight > 0;
        if is_needed {
            *busy = Instant::now();
        } else if self.pool.idle.is_some_and(|idle| busy.elapsed() >= idle) {
            if is_spare(inner.hosts.iter().map(|host| &host.load), self.pool.least) {
                // From now on it gets no more units.
                inner.hosts[self.at].load.stage = Stage::Leaving;
            } else {
                // It is kept, and asked for again later.
                *busy = Instant::now();
            }
        }
        if let Some((_, oldest)) = inner.waiting.first_key_value()
            && inner.hosts[self.at].load.stage == Stage::Ready
            && !inner.hosts[self.at].load.lasts(inner.needs(oldest), Instant::now())
        {
            // It is given back when what runs there has ended, and asked for anew.
            inner.hosts[self.at].load.stage = Stage::Leaving;
        }
        let host = &inner.hosts[self.at];
        inner.closing
            || host.check.as_ref().is_some_and(Check::is_done)
            || host.load.stage == Stage::Leaving && host.load.in_flight == 0
    }

    /// Reads once what is available, and handles it.
    fn receive(&mut self) -> Result<Received, String> {
        match self.receiver.fill(&mut self.frames) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error.to_string()),
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
            (Ok(FromAgent::Build { file, workflows }), Greeting::Build) => {
                let ours = self
                    .pool
                    .launcher
                    .build()
                    .map_err(|error| format!("the program for hosts cannot be read: {error}"))?;
                if file != ours {
                    return Err(another());
                }
                if workflows != build::workflows() {
                    return Err("the build for hosts has other workflows: build it from the same sources".to_owned());
                }
            }
            _ => return Err("what was started speaks another protocol: its first message is not a hello".to_owned()),
        }
        self.stage = Greeting::Done;
        self.dial = None;
        let ends = self.lease.lasts().and_then(|left| Ends::after(left, Instant::now()));
        let mut inner = self.pool.lock();
        let folder = inner.folder.clone();
        let probe = match &self.pool.probe {
            None => None,
            Some(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                Some(ProbeFile::shown(&mut file, Path::new(OsStr::from_bytes(&folder)))?)
            }
        };
        let host = &mut inner.hosts[self.at];
        let terms = self.pool.terms;
        host.load.ends = ends;
        let env = self.pool.env.clone();
        let setup = Setup { slots: host.slots, most: host.share, folder: folder.clone(), terms, probe, env };
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
        if !self.greeted() {
            lines = self.receiver.refused();
        }
        for line in lines {
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
                Some(ExitStatus::Code(NOT_PREPARED)) if !self.greeted() => {
                    "the line `before` of the pool file failed there".to_owned()
                }
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
