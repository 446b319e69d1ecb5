//! The thread of a host: it starts agents there, one after the other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::AsFd as _,
    process::Signal,
};

use super::{
    Pool,
    link::agent,
    state::{GivenUp, Lives, Stage},
};
use crate::{
    failure::ExitStatus,
    pacing::{
        process::{KILLED, start_delay},
        remote::ENDED_LOOK,
    },
    panic::guard,
    process::{loss::signal_name, pool::output::Output},
    remote::{
        launch::{NOT_THERE, Process},
        lease::Terms,
    },
    user_code,
};

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
    let mut lives = Lives::default();
    loop {
        let end = life(pool, at);
        let left = pool.lock().hosts[at].load.stage == Stage::Leaving;
        match lives.ended(end.useful || left, end.excuse == Some(Excuse::Away)) {
            None => {}
            Some(GivenUp::Failed) => pool.lock().unusable(at, end.why.clone()),
            Some(GivenUp::Away(times)) => pool.lock().unusable(at, away(times, &end.why, pool.terms)),
        }
        if !pool.gone(at, &end) {
            return;
        }
        // Until then, it may be closed.
        let until = Instant::now() + start_delay(lives.failed());
        while Instant::now() < until {
            if pool.lock().closing {
                return;
            }
            pause(pool, at, until);
        }
    }
}

/// Why a host is given up whose agents ended so many times because the program was away.
fn away(times: u32, last: &str, Terms { lease, .. }: Terms) -> String {
    format!(
        "{times} times in a row it lost its lease of {lease:?} because this program was stopped, or got no processor, and nothing that \
         ran there ended in between: give it more time by `lease` in `[network]` of the pool file, or less to do on its own machine \
         (the last time: {last})"
    )
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

/// `status 3`, or the signal.
pub(super) fn in_words(exit: ExitStatus) -> String {
    match exit {
        ExitStatus::Code(code) => format!("status {code}"),
        ExitStatus::Signal(signal) => signal_name(signal),
    }
}

/// Waits until one of these is ready, or that much time has passed.
pub(super) fn wait(fds: &[PollFd<'_>], limit: Option<Duration>) {
    let mut fds = fds.to_vec();
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    });
    // What is wrong shows when it is read.
    let _ = poll(&mut fds, limit.as_ref());
}
