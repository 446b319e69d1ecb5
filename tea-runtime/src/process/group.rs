//! The process of a worker and its group: signals, and how it ended.

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

use crate::failure::ExitStatus;
use crate::pacing::process::KILLED;

/// Processes that were killed but have not ended (frozen, or waiting for a device). They are reaped when they do.
static LEFT: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// The process of a worker, until it is reaped. Its ID is that of its group.
#[derive(Debug)]
pub(crate) struct Group {
    pid: Pid,
    /// `None` when it has been reaped. From then on, its ID may belong to another process.
    child: Mutex<Option<Child>>,
    killed: AtomicBool,
}

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    /// It was killed but has not ended yet, or the system holds it up.
    Killed,
    /// It was stopped by this signal, and has not been continued.
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

    /// Sends a signal to the process and its group. Does nothing if it has been reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.is_some() {
            self.killed.fetch_or(signal == Signal::KILL, Ordering::Relaxed);
            // This fails only if the group is empty.
            let signalled = kill_process_group(self.pid, signal);
            if signalled.is_err() || signal == Signal::KILL {
                // The process itself may have left the group.
                let _ = kill_process(self.pid, signal);
            }
        }
    }

    /// The current state of the process.
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
            // Somebody else has reaped it, for example a handler of the caller that waits for all children.
            Err(_) => Status::Ended,
        }
    }

    /// Whether the process has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.status() == Status::Ended
    }

    /// A descriptor that becomes readable when the process has ended, if the system supports that.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        rustix::process::pidfd_open(self.pid, rustix::process::PidfdFlags::empty()).ok()
    }

    /// A descriptor that becomes readable when the process has ended, if the system supports that.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open(&self) -> Option<OwnedFd> {
        None
    }

    /// Waits for its end, but at most for the given time. Returns whether it ended.
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

    /// Kills what is left of the group. Returns whether the process ended, which it does unless the system holds it up.
    pub(crate) fn kill(&self) -> bool {
        self.signal(Signal::KILL);
        self.wait(KILLED)
    }

    /// Reaps the process if it has ended, or leaves that for later. Returns how it ended.
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
            // The processes that the worker had started are now ours to reap.
            while waitid(WaitId::Pgid(Some(self.pid)), WaitIdOptions::EXITED).is_ok() {}
        }
        exit_status(status.ok().flatten()?)
    }

    /// Kills what is left of the group and reaps the process. Returns how the process ended.
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
    /// Reaps the process, so that it does not become a zombie, whatever went wrong.
    fn drop(&mut self) {
        self.end();
    }
}

fn exit_status(status: std::process::ExitStatus) -> Option<ExitStatus> {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map(ExitStatus::Signal).or_else(|| status.code().map(ExitStatus::Code))
}
