//! A worker's process and its group: signals, and how it ended.

use std::{
    process::Child,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    fd::OwnedFd,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid},
};

use super::pacing::KILLED;
use crate::failure::ExitStatus;

/// Processes that were killed and did not end (frozen, or waiting for a device), to be reaped when they have.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// A worker's process, until it is reaped. Its number is its group's.
#[derive(Debug)]
pub(crate) struct Group {
    pid: Pid,
    /// Taken when it is reaped: from then on its number may be another process's.
    child: Mutex<Option<Child>>,
    killed: AtomicBool,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    /// It was killed and has not ended: not yet, or the system holds it.
    Killed,
    /// By this signal, and not continued.
    Stopped(i32),
    Ended,
}

impl Group {
    pub(crate) fn new(child: Child) -> Self {
        let pid =
            Pid::from_raw(i32::try_from(child.id()).expect("a process id fits")).expect("a process id is positive");
        Self { pid, child: Mutex::new(Some(child)), killed: AtomicBool::new(false) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Signals the process and all of its group; nothing if it has been reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.is_some() {
            self.killed.fetch_or(signal == Signal::KILL, Ordering::Relaxed);
            // It fails only if nobody is in the group any more.
            let signalled = kill_process_group(self.pid, signal);
            if signalled.is_err() || signal == Signal::KILL {
                // The process itself may have left it.
                let _ = kill_process(self.pid, signal);
            }
        }
    }

    /// What the process is doing now.
    pub(crate) fn status(&self) -> Status {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.is_none() {
            return Status::Ended;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid), options) {
            Ok(None) if self.killed.load(Ordering::Relaxed) => Status::Killed,
            Ok(None) => Status::Running,
            Ok(Some(status)) => {
                let stopped = status.stopping_signal().or(status.trapping_signal());
                stopped.map_or(Status::Ended, Status::Stopped)
            }
            // Somebody else has reaped it: a handler of the caller's that waits for all children.
            Err(_) => Status::Ended,
        }
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.status() == Status::Ended
    }

    /// A descriptor that is readable once the process has ended, where the system has such a thing.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        rustix::process::pidfd_open(self.pid, rustix::process::PidfdFlags::empty()).ok()
    }

    /// A descriptor that is readable once the process has ended, where the system has such a thing.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        None
    }

    /// Waits for its end, at most so long. Gives whether it ended.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.status() == Status::Ended {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.wait_for_change(left);
        }
    }

    /// Kills what is left of the group. Gives whether the process ended; it does, unless the system holds it.
    pub(crate) fn kill(&self) -> bool {
        self.signal(Signal::KILL);
        self.wait(KILLED)
    }

    /// Reaps the process once it has ended, or leaves it for later. Gives how it ended.
    pub(crate) fn reap(&self) -> Option<ExitStatus> {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let status = child.try_wait();
        if let Ok(None) = status {
            left.push(child);
        }
        drop(left);
        if std::process::id() == 1 {
            // What the worker had started is ours now: nobody else reaps it.
            while waitid(WaitId::Pgid(Some(self.pid)), WaitIdOptions::EXITED).is_ok() {}
        }
        exit_status(status.ok().flatten()?)
    }

    /// Kills what is left of the group and reaps the process. Gives how that ended.
    pub(crate) fn end(&self) -> Option<ExitStatus> {
        self.kill();
        self.reap()
    }

    #[cfg(target_os = "linux")]
    fn wait_for_change(&self, limit: Duration) {
        use rustix::event::{PollFd, PollFlags, poll};
        let limit = limit.try_into().ok();
        match rustix::process::pidfd_open(self.pid, rustix::process::PidfdFlags::empty()) {
            Ok(process) => drop(poll(&mut [PollFd::new(&process, PollFlags::IN)], limit.as_ref())),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn wait_for_change(&self, limit: Duration) {
        std::thread::sleep(limit.min(Duration::from_millis(2)));
    }
}

impl Drop for Group {
    /// Leaves no zombie, whatever went wrong.
    fn drop(&mut self) {
        self.end();
    }
}

fn exit_status(status: std::process::ExitStatus) -> Option<ExitStatus> {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map(ExitStatus::Signal).or_else(|| status.code().map(ExitStatus::Code))
}
