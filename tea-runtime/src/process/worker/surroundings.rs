//! The parts of the process that user code may change, but that must be unchanged for the next unit: the current
//! directory, the umask, limits, and signal handling.

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::ffi::OsStrExt,
    time::{Duration, Instant},
};

use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, open},
    process::{Resource, Rlimit, fchdir, getrlimit, umask},
};

use super::stdio;
use crate::pacing::process::{SURROUNDINGS_LOOK, SURROUNDINGS_UNIT};

/// The limits that programs may lower, with an effect on what runs after them.
const LIMITS: [(Resource, &str); 8] = [
    (Resource::Nofile, "of open files"),
    (Resource::Data, "of memory (data)"),
    (Resource::As, "of address space"),
    (Resource::Stack, "of the stack"),
    (Resource::Fsize, "of the size of files"),
    (Resource::Cpu, "of processor time"),
    (Resource::Nproc, "of processes"),
    (Resource::Core, "of core dumps"),
];

/// The state of the process at the start of a unit.
pub(crate) struct Surroundings {
    /// The directory in which units run; `None` if it could not be opened.
    folder: Option<OwnedFd>,
    mask: Mode,
    limits: [Rlimit; LIMITS.len()],
    signals: signals::Signals,
    /// When signals were last checked.
    looked: Instant,
}

impl Surroundings {
    /// The current state. Nothing else may be running in this process.
    pub(crate) fn new() -> Self {
        // The umask cannot be read without being set.
        let mask = umask(Mode::from_raw_mode(0o77));
        umask(mask);
        Self {
            folder: current_folder().ok(),
            mask,
            limits: limits(),
            signals: signals::Signals::new(),
            looked: Instant::now(),
        }
    }

    /// Changes to a directory, in which units run from now on.
    pub(crate) fn go_to(&mut self, folder: &[u8]) -> io::Result<()> {
        env::set_current_dir(OsStr::from_bytes(folder))?;
        self.folder = Some(current_folder()?);
        Ok(())
    }

    /// Restores what one item of many has changed and the next one would see: the directory and the umask.
    ///
    /// # Errors
    /// If there is no way back to the directory.
    pub(crate) fn go_back(&self) -> io::Result<()> {
        umask(self.mask);
        // To ask where it is takes longer than to go there.
        self.folder.as_ref().map_or(Ok(()), |folder| Ok(fchdir(folder)?))
    }

    /// Restores what a unit, which took this long, has changed. Returns what cannot be restored.
    pub(crate) fn restore(&mut self, took: Duration) -> Option<String> {
        if let Err(error) = self.go_back() {
            return Some(format!("it changed the current folder, and there is no way back: {error}"));
        }
        let changed = |&((limit, _), now, before): &((Resource, _), Rlimit, Rlimit)| {
            // A pool for a fan-out inside the unit has raised the limit of descriptors.
            let raised = matches!(limit, Resource::Nofile) && now.maximum == before.maximum && is_above(now, before);
            now != before && !raised
        };
        let mut all =
            LIMITS.into_iter().zip(limits()).zip(self.limits).map(|((limit, now), before)| (limit, now, before));
        if let Some(((_, what), ..)) = all.find(changed) {
            return Some(format!("it changed the limit {what} of its process"));
        }
        let now = Instant::now();
        if took < SURROUNDINGS_UNIT && now.duration_since(self.looked) < SURROUNDINGS_LOOK {
            return None;
        }
        self.looked = now;
        self.signals.changed().then(|| "it changed what becomes of signals in its process".to_owned())
    }
}

/// The current directory, wherever it will be moved.
fn current_folder() -> io::Result<OwnedFd> {
    // This needs no permission to list it.
    #[cfg(target_os = "linux")]
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    #[cfg(not(target_os = "linux"))]
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    stdio::private(open(".", flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn is_above(now: Rlimit, before: Rlimit) -> bool {
    before.current.is_some_and(|before| now.current.is_none_or(|now| now > before))
}

fn limits() -> [Rlimit; LIMITS.len()] {
    LIMITS.map(|(limit, _)| getrlimit(limit))
}

#[cfg(target_os = "linux")]
mod signals {
    use std::fs::File;

    use rustix::{fd::OwnedFd, io::pread};
    use signal_hook::consts::SIGTSTP;

    use crate::process::{pause, worker::stdio};

    /// Signal handling as reported by the system: which signals are blocked, ignored and caught. The descriptor is kept
    /// open, because opening it takes longer than reading it.
    pub(crate) struct Signals {
        stat: Option<OwnedFd>,
        before: Option<[u64; 3]>,
    }

    impl Signals {
        pub(crate) fn new() -> Self {
            let stat = File::open("/proc/thread-self/stat").and_then(stdio::private).ok();
            let mut signals = Self { stat, before: None };
            signals.before = signals.now();
            signals
        }

        pub(crate) fn changed(&self) -> bool {
            // A pool for a fan-out inside the unit catches this one.
            let ours = if pause::is_watching() { 1 << (SIGTSTP - 1) } else { 0 };
            let theirs = |[blocked, ignored, caught]: [u64; 3]| [blocked, ignored, caught & !ours];
            self.before.is_some() && self.now().map(theirs) != self.before.map(theirs)
        }

        fn now(&self) -> Option<[u64; 3]> {
            let mut text = [0; 1 << 10];
            let length = pread(self.stat.as_ref()?, &mut text, 0).ok()?;
            parse(str::from_utf8(text.get(..length)?).ok()?)
        }
    }

    /// Fields 32 to 34 of `proc_pid_stat(5)`. Field 2, in parentheses, may be any text.
    fn parse(stat: &str) -> Option<[u64; 3]> {
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(32 - 3).map(str::parse);
        let mut next = || fields.next()?.ok();
        Some([next()?, next()?, next()?])
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn signals_are_read_where_they_stand() {
            let fields: Vec<_> = (3..=52).map(|field| field.to_string()).collect();
            let stat = format!("17 (a ) name) {}\n", fields.join(" "));
            assert_eq!(parse(&stat), Some([32, 33, 34]));
            assert_eq!(parse("17 (a) S 1"), None);
            assert!(Signals::new().before.is_some());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod signals {
    /// Other systems do not report this.
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn new() -> Self {
            Self
        }

        pub(crate) fn changed(&self) -> bool {
            false
        }
    }
}
