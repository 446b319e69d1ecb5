//! The streams of an agent, from its start to the moment when nothing that it was given can be running any more.

mod greeting;

use std::{
    fmt::Write as _,
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd as _, OwnedFd},
    process::Signal,
};

use self::greeting::{Greeting, quoted};
use super::{
    Pool,
    check::Check,
    dials::Dial,
    host::{End, Excuse, wait},
    outbox::Outbox,
    state::{Stage, is_spare},
};
use crate::{
    executor::message::Note,
    failure::ExitStatus,
    pacing::{
        process::KILLED,
        remote::{ENDING, GOODBYE, NOT_YET},
    },
    process::{group::Group, loss::signal_name, pool::output::Output},
    remote::{
        frames::Incoming,
        launch::{Allocation, Connection, NOT_PREPARED, way_out},
        lease::Terms,
        message::ToAgent,
        transport::Receiver,
    },
};

/// The life of an agent on this connection.
pub(super) fn agent<'a>(pool: &'a Arc<Pool>, at: usize, connection: Connection, dial: Dial<'a>) -> End {
    let Connection { group, sender, receiver, stderr, allocation } = connection;
    let ended = group.open();
    let outbox = Arc::new(Outbox::new(sender));
    let mut link = Link {
        pool,
        at,
        outbox,
        receiver,
        lines: Output::new(stderr),
        incoming: Incoming::new(),
        noise: Vec::new(),
        stage: Greeting::Hello,
        dial: Some(dial),
        allocation,
        left: false,
        exit: None,
        provable: false,
        heard: Instant::now(),
        woke: None,
    };
    let why = link.serve(&group, ended.as_ref());
    let end = pool.unfenced(at);
    // Its exit status says more than its end, and a command that gives its host back must not be killed while it does.
    let ending = if link.left && link.allocation.can_cancel() { GOODBYE } else { ENDING };
    let in_order = why.is_none() && group.wait(ending) && link.left;
    if !in_order {
        link.allocation.cancel();
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

/// What was read from an agent.
enum Received {
    Something,
    Nothing,
    End,
}

/// The streams of an agent.
pub(super) struct Link<'a> {
    pool: &'a Arc<Pool>,
    at: usize,
    outbox: Arc<Outbox>,
    receiver: Receiver,
    lines: Output,
    incoming: Incoming,
    noise: Vec<u8>,
    stage: Greeting,
    /// Until it has come.
    dial: Option<Dial<'a>>,
    allocation: Allocation,
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
        let (mut asked, mut busy) = (self.allocation.asked_only, Instant::now());
        loop {
            if goodbye.is_none() && self.is_over(&mut busy) {
                if !self.greeted() {
                    return None;
                }
                goodbye = Some(Instant::now() + GOODBYE);
                self.left = true;
                self.outbox.add(&ToAgent::Goodbye);
            }
            let recall = self.pool.recall(self.at);
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
            let until = [idle, recall].into_iter().flatten().fold(until, Instant::min);
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
                Ok(Received::Nothing) if !self.allocation.asked_only && group.has_ended() => return None,
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
                    return Some(expired(silence, self.pool.terms));
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
                self.warn(&format!(
                    "{why}; what it had begun runs elsewhere when its lease is over here, in {seconds} s"
                ));
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
        match self.receiver.fill(self.incoming.frames()) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error.to_string()),
            Err(_) => return Ok(Received::End),
        }
        if !self.greeted() && !self.greet()? {
            return Ok(Received::Something);
        }
        while let Some(frame) = self.incoming.next().map_err(|error| error.to_string())? {
            self.pool.hear(self.at, frame)?;
        }
        Ok(Received::Something)
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
        let terms = self.pool.terms;
        let expired = (killed && silence + terms.heartbeat >= terms.held()).then(|| expired_there(silence, terms));
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

/// Why an agent is given up that was silent for so long.
fn expired(silence: Duration, Terms { lease, .. }: Terms) -> String {
    format!("nothing was heard of it for {} s: its lease of {lease:?} is over", tenths(silence))
}

/// Why an agent has ended by itself that was silent for so long.
fn expired_there(silence: Duration, Terms { lease, .. }: Terms) -> String {
    format!(
        "nothing was heard of it for {} s, and it ended itself: an agent holds nine tenths of its lease of {lease:?}, from when it \
         asked for it",
        tenths(silence)
    )
}

/// A time in seconds.
fn tenths(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
