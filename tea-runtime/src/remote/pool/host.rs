//! The thread of a host: it starts the agent, reads what that sends, and makes sure that it ends.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd as _, OwnedFd},
    io::Errno,
    process::Signal,
};

use super::{Pool, Side, outbox::Outbox, state::Stage};
use crate::{
    executor::{message::Note, wire},
    failure::ExitStatus,
    process::{
        frame::FrameReader,
        group::Group,
        loss::signal_name,
        pacing::{KILLED, start_delay},
        pool::output::Output,
    },
    remote::{
        build,
        launch::Connection,
        message::{FromAgent, Hello, PROTOCOL, Setup, ToAgent},
    },
    user_code,
};

/// How many agents in a row may end before they are ready, until the host is not used any more.
const FAILED_STARTS: u32 = 3;

/// The maximum number of bytes before the hello, which a shell or a test harness may print.
const NOISE: usize = 64 << 10;

/// How long an agent may take to end, with its workers, once it is told to.
const GOODBYE: Duration = Duration::from_secs(10);

/// How often it is said that an agent has not come: the command that starts it may have to wait for a machine.
const STILL_STARTING: Duration = Duration::from_secs(30);

/// Runs agents on a host, one after the other, until the host is not needed or cannot be used.
pub(super) fn run(pool: &Arc<Pool>, at: usize) {
    user_code::forbid();
    let mut failed = 0;
    loop {
        let (served, why) = life(pool, at);
        failed = if served { 0 } else { failed + 1 };
        if failed >= FAILED_STARTS {
            pool.lock().unusable(at, why.clone());
        }
        if !pool.gone(at, served, &why) {
            return;
        }
        // Until then, it may be closed.
        let until = Instant::now() + start_delay(failed);
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if pool.lock().closing {
                return;
            }
            wait(&[PollFd::from_borrowed_fd(pool.wakes[at].read.as_fd(), PollFlags::IN)], Some(left));
            pool.wakes[at].clear();
        }
    }
}

/// The life of an agent. Returns whether it was ready at some time, and why it ended.
fn life(pool: &Arc<Pool>, at: usize) -> (bool, String) {
    let build = match build::id() {
        Ok(build) => build,
        Err(error) => return (false, format!("this program's own file cannot be read: {error}")),
    };
    let Connection { group, input, output, stderr } = match pool.launcher.start(at) {
        Ok(connection) => connection,
        Err(error) => return (false, error.to_string()),
    };
    let ended = group.open();
    let outbox = Arc::new(Outbox::new(input));
    let mut link = Link {
        pool,
        at,
        build,
        outbox,
        output,
        lines: Output::new(stderr),
        frames: FrameReader::new(u64::MAX >> 1),
        noise: Vec::new(),
        greeted: false,
    };
    let why = link.serve(&group, ended.as_ref());
    // An agent that this command started on this machine is in its group.
    group.signal(Signal::KILL);
    group.wait(KILLED);
    let exit = group.reap();
    link.drain();
    let served = pool.lock().hosts[at].load.stage != Stage::Starting;
    (served, link.tell_end(why, exit, &group))
}

/// What was read from an agent.
enum Received {
    Something,
    Nothing,
    End,
}

/// The streams of an agent.
struct Link<'a> {
    pool: &'a Arc<Pool>,
    at: usize,
    build: [u8; 32],
    outbox: Arc<Outbox>,
    output: OwnedFd,
    lines: Output,
    frames: FrameReader,
    noise: Vec<u8>,
    greeted: bool,
}

impl Link<'_> {
    /// Serves the agent until it ends. Returns why, if its end does not say so.
    fn serve(&mut self, group: &Group, ended: Option<&OwnedFd>) -> Option<String> {
        let (mut goodbye, mut remind) = (None, Instant::now() + STILL_STARTING);
        let started = Instant::now();
        loop {
            if goodbye.is_none() && self.pool.lock().closing {
                if !self.greeted {
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
            let until = goodbye.or((!self.greeted).then_some(remind));
            wait(&fds, until.map(|until| until.saturating_duration_since(Instant::now())));
            wake.clear();
            self.print();
            match self.receive() {
                // A command that has ended may have left its streams to others: what it started is not served.
                Ok(Received::Nothing) if group.has_ended() => return None,
                Ok(Received::Something | Received::Nothing) => {}
                Ok(Received::End) => return None,
                Err(why) => return Some(why),
            }
            let now = Instant::now();
            if goodbye.is_some_and(|goodbye| goodbye <= now) {
                return Some("it did not end when it was told to".to_owned());
            }
            if !self.greeted && remind <= now {
                remind = now + STILL_STARTING;
                let waited = started.elapsed().as_secs();
                self.warn(&format!("its agent has not come yet, {waited} s after it was started"));
            }
        }
    }

    /// Reads once what is available, and handles it.
    fn receive(&mut self) -> Result<Received, String> {
        match self.frames.fill(&self.output) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(error) if Errno::from_io_error(&error) == Some(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(_) => return Ok(Received::End),
        }
        if !self.greeted && !self.greet()? {
            return Ok(Received::Something);
        }
        while let Some(frame) = self.frames.next().map_err(|error| error.to_string())? {
            self.pool.hear(self.at, &frame)?;
        }
        Ok(Received::Something)
    }

    /// Handles what comes before and with the hello. Returns whether it was there.
    fn greet(&mut self) -> Result<bool, String> {
        self.noise.extend(self.frames.skip_noise());
        if self.noise.len() > NOISE {
            return Err(format!("what was started is no agent of this program: it wrote {}", quoted(&self.noise)));
        }
        let Some(frame) = self.frames.next().map_err(|error| format!("what was started is no agent: {error}"))? else {
            return Ok(false);
        };
        let Ok((FromAgent::Hello(hello), _)) = wire::read(&frame.payload) else {
            return Err("what was started speaks another protocol: its first message is not a hello".to_owned());
        };
        let Hello { protocol, build, pid: _ } = hello;
        if (protocol, build) != (PROTOCOL, self.build) {
            return Err("another build of this program runs there: put this one in its place".to_owned());
        }
        self.greeted = true;
        let mut inner = self.pool.lock();
        let folder = inner.folder.clone();
        let host = &mut inner.hosts[self.at];
        let setup = Setup { slots: self.pool.slots, most: host.share, folder: folder.clone() };
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
        for line in lines.into_iter().filter(|_| self.greeted) {
            self.warn(&line);
        }
    }

    fn warn(&self, text: &str) {
        let name = self.pool.lock().hosts[self.at].name.clone();
        self.pool.tell(Note::Warning { message: format!("host `{name}`: {text}") });
    }

    /// Why the agent ended, in words.
    fn tell_end(&mut self, why: Option<String>, exit: Option<ExitStatus>, group: &Group) -> String {
        let mut said = why.unwrap_or_else(|| {
            let what = if self.greeted { "its agent" } else { "the command that starts its agent" };
            match exit {
                Some(ExitStatus::Code(code)) => format!("{what} ended with status {code}"),
                Some(ExitStatus::Signal(signal)) => {
                    format!("{what} was ended by {}", signal_name(signal))
                }
                None => format!("{what} (process {}) closed its connection", group.pid()),
            }
        });
        if !self.greeted && !self.noise.is_empty() {
            said += &format!(", after it wrote {}", quoted(&self.noise));
        }
        let lines = self.lines.last_lines(|_| {});
        if !lines.is_empty() {
            said += &format!(": {}", lines.join(" / "));
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

/// The start of what arrived instead of a hello.
fn quoted(noise: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&noise[..noise.len().min(200)]))
}
