//! The parent: the streams to it, and whether it still exists.

use std::process;

use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::OwnedFd,
    io::Errno,
    process::{Pid, Signal, getpid, getppid, kill_process_group},
};

use super::give_up;
use crate::pacing::process::PARENT_LOOK;

/// The parent of this worker.
pub(crate) struct Parent {
    /// Where it sends, and where it gets large payloads; non-blocking.
    pub(crate) socket: OwnedFd,
    /// Where it gets everything else; non-blocking.
    pub(crate) pipe: OwnedFd,
    pid: Option<Pid>,
    /// A descriptor of its process, if the system supports that, because a copy of the parent (`fork`) may keep the
    /// stream open after its end.
    process: Option<OwnedFd>,
}

impl Parent {
    /// The parent at the other ends of these.
    pub(crate) fn new((socket, pipe): (OwnedFd, OwnedFd)) -> Self {
        let pid = getppid();
        let process = pid.and_then(open);
        // If the parent has ended in the meantime, its ID can only belong to another parent of this process.
        if getppid() != pid {
            end();
        }
        // A worker that was stopped with its parent (Ctrl-Z) would not notice that the parent is killed. This signal
        // continues it. It has no effect on a running worker, even if only a thread of the parent ends.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::CONT));
        Self { socket, pipe, pid, process }
    }

    /// Waits until a stream to the parent can be read or written, according to `flags`. If the parent is gone, this process ends.
    pub(crate) fn wait(&self, stream: &OwnedFd, flags: PollFlags) {
        loop {
            let stream = PollFd::new(stream, flags);
            let process = self.process.as_ref().map(|process| PollFd::new(process, PollFlags::IN));
            let (mut both, mut one);
            let (sources, limit) = if let Some(process) = process {
                both = [stream, process];
                (&mut both[..], None)
            } else {
                one = [stream];
                (&mut one[..], PARENT_LOOK.try_into().ok())
            };
            match poll(sources, limit.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => give_up(&format!("it cannot wait for its parent: {}", std::io::Error::from(error))),
            }
            let gone = match sources.get(1) {
                Some(process) => !process.revents().is_empty(),
                None => getppid() != self.pid,
            };
            if gone {
                end();
            }
            if !sources[0].revents().is_empty() {
                return;
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn open(parent: Pid) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    super::stdio::private(pidfd_open(parent, PidfdFlags::empty()).ok()?).ok()
}

#[cfg(not(target_os = "linux"))]
fn open(_: Pid) -> Option<OwnedFd> {
    None
}

/// Ends this process and its group, because the parent is gone.
pub(crate) fn end() -> ! {
    // No group has this ID unless this process leads it, or did.
    let _ = kill_process_group(getpid(), Signal::KILL);
    process::abort()
}
