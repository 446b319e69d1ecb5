//! Tells when nothing is left of an agent and its workers: each of them holds the agent's standard error, and whoever reads a
//! pipe sees its end when nobody holds it any more. So the program knows it at once, if it started the agent on its own machine.

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsRawFd as _, RawFd},
        unix::fs::OpenOptionsExt as _,
    },
    sync::OnceLock,
};

use rustix::{fd::OwnedFd, fs::OFlags, process::getppid};

use super::worker::stdio::private;

/// Where a worker finds what it holds: `PARENT:DESCRIPTOR`.
const HELD: &str = "TEA_HELD";

/// Which pipe it is, among those of all machines.
#[cfg(feature = "remote")]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PipeId {
    /// Which start of which machine.
    boot: String,
    device: u64,
    inode: u64,
}

#[cfg(feature = "remote")]
impl PipeId {
    /// The pipe that this descriptor leads to or from, if it is one.
    pub(crate) fn of(end: impl rustix::fd::AsFd) -> Option<Self> {
        use rustix::fs::{FileType, fstat};
        let stat = fstat(end).ok()?;
        let is_pipe = FileType::from_raw_mode(stat.st_mode) == FileType::Fifo;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "the types differ between systems")]
        is_pipe.then(|| Self { boot: boot.trim().to_owned(), device: stat.st_dev as u64, inode: stat.st_ino as u64 })
    }
}

/// The descriptor that the workers of this process hold a copy of.
static OFFERED: OnceLock<RawFd> = OnceLock::new();

/// Makes the workers of this process, and theirs, hold its standard error. Returns which pipe that is, if it is one.
#[cfg(feature = "remote")]
pub(crate) fn offer() -> Option<PipeId> {
    let stderr = rustix::stdio::stderr();
    let pipe = PipeId::of(stderr)?;
    let _ = OFFERED.set(stderr.as_raw_fd());
    Some(pipe)
}

/// The variable for a worker of this process, if it is to hold something.
pub(super) fn variable() -> Option<(&'static str, String)> {
    OFFERED.get().map(|fd| (HELD, format!("{}:{fd}", std::process::id())))
}

/// Holds what this worker is to hold, until its end.
///
/// # Errors
/// If it is not there, because the agent is gone.
pub(super) fn hold() -> io::Result<()> {
    static KEPT: OnceLock<OwnedFd> = OnceLock::new();
    // The variable may have been inherited from further up.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().to_string());
    let held = std::env::var(HELD).ok();
    let Some((parent, fd)) =
        held.as_deref().and_then(|held| held.split_once(':')).filter(|held| Some(held.0) == parent.as_deref())
    else {
        return Ok(());
    };
    // Nobody may read it any more, which is no reason to wait.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let pipe = OpenOptions::new().write(true).custom_flags(nonblocking).open(format!("/proc/{parent}/fd/{fd}"))?;
    // Where user code does not find it.
    let pipe = private(pipe)?;
    let pipe = KEPT.get_or_init(|| pipe);
    let _ = OFFERED.set(pipe.as_raw_fd());
    Ok(())
}
