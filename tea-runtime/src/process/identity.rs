//! What this process is: the program that the user started, or a worker of another one.
//!
//! A worker is marked by an environment variable that names its parent. The variable cannot be removed from the
//! environment (that is `unsafe`), so grandchildren may inherit it. But the parent of a grandchild is the worker, and
//! its standard input is not the worker's socket. Both are checked, so the mark applies only to the worker.

use std::{
    fs::Metadata,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::net::{AddressFamily, SocketType, getsockname, sockopt};

use crate::{
    failure::{Failure, FailureKind},
    plan::Registered,
};

/// The mark: `PARENT:DEPTH`.
pub(crate) const MARK: &str = "TEA_WORKER";

/// Makes an instance of this program an agent, unless it is a worker: those that it starts do not inherit this.
pub(crate) const AGENT_MARK: &str = "TEA_AGENT";

/// The maximum nesting depth of process fan-outs.
pub(crate) const MAX_DEPTH: u32 = 20;

static READY: AtomicBool = AtomicBool::new(false);

static MARKED: LazyLock<Option<Mark>> = LazyLock::new(|| std::env::var(MARK).ok()?.parse().ok());

/// Determined once, before the worker moves its standard input.
static WORKER: LazyLock<bool> = LazyLock::new(|| {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    MARKED
        .is_some_and(|mark| i32::try_from(mark.parent).is_ok_and(|marked| Some(marked) == parent) && stdin_is_socket())
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    parent: u32,
    depth: u32,
}

impl std::str::FromStr for Mark {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (parent, depth) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { parent: parent.parse()?, depth: depth.parse()? })
    }
}

fn stdin_is_socket() -> bool {
    let stdin = rustix::stdio::stdin();
    getsockname(stdin).is_ok_and(|address| address.address_family() == AddressFamily::UNIX)
        && sockopt::socket_type(stdin) == Ok(SocketType::STREAM)
}

/// Whether this process was started as a worker.
pub(crate) fn is_worker() -> bool {
    *WORKER
}

/// Whether this process was started as an agent.
#[cfg(feature = "remote")]
pub(crate) fn is_agent() -> bool {
    !is_worker() && std::env::var_os(AGENT_MARK).is_some()
}

/// The number of process fan-outs that enclose this process: 0 in the program that the user started. Programs that a
/// branch starts count too, so that a program that starts itself in a branch does not do so forever.
pub(crate) fn depth() -> u32 {
    MARKED.map_or(0, |mark| mark.depth)
}

/// The mark of workers of this process.
pub(crate) fn child_mark() -> String {
    format!("{}:{}", std::process::id(), depth() + 1)
}

/// Records that this program can serve as its own worker.
pub(crate) fn set_ready() {
    READY.store(true, Ordering::Relaxed);
}

/// A test that serves as the entry point of workers in a test program: its path, made of `module_path!()` and the name
/// of the function, and what gives the name of the function's type. Generated code registers one for each workflow.
pub struct TestEntry(pub &'static str, pub fn() -> &'static str);

impl TestEntry {
    /// Whether the test harness knows it: not if it is within another function, whose name is then in that of its type.
    fn is_test(&self) -> bool {
        (self.1)() == self.0
    }
}
inventory::collect!(TestEntry);

/// How an instance of this program becomes a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Its `main` calls `tea_runtime::init`.
    Main,
    /// It is a test program, and this test calls `tea_runtime::test_entry`.
    Test(String),
}

impl Entry {
    /// The arguments with which an instance of this program gets there.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Self::Main => Vec::new(),
            Self::Test(name) => [name, "--exact", "--nocapture", "--test-threads=1"].map(str::to_owned).into(),
        }
    }
}

/// How an instance of this program would become a worker, if it can.
pub(crate) fn entry() -> Option<Entry> {
    if READY.load(Ordering::Relaxed) {
        return Some(Entry::Main);
    }
    let path = inventory::iter::<TestEntry>().find(|entry| entry.is_test())?.0;
    // The test harness names tests without their crate.
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    Some(Entry::Test(name.to_owned()))
}

/// Instances of this program do not become workers.
pub(crate) fn no_entry() -> Failure {
    let message = "this program cannot start workers of itself: call `tea_runtime::init()` first thing in `main`, or write \
                   `tea_runtime::test_workers!();` in the file of a test";
    Failure::new(FailureKind::Error, message)
}

/// Checks whether this process may start workers: instances of itself, or of another program.
///
/// # Errors
/// If it may not.
pub(crate) fn can_have_workers(other_program: bool) -> Result<(), Box<Failure>> {
    let message = if depth() >= MAX_DEPTH {
        format!("process fan-outs nest deeper than {MAX_DEPTH}: a branch seems to run its own workflow")
    } else if !other_program && entry().is_none() {
        return Err(Box::new(no_entry()));
    } else {
        return Ok(());
    };
    Err(Box::new(Failure::new(FailureKind::Error, message)))
}

/// The program to start as a worker: the running image, even if its file has been replaced.
///
/// # Errors
/// If the system does not say which program that is.
#[cfg(target_os = "linux")]
pub(crate) fn image() -> std::io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    // A debugger may say another path than the one that it lets be started: by that, its own program would be.
    let path = std::fs::read_link(running)
        .map_err(|error| std::io::Error::new(error.kind(), format!("{} cannot be read: {error}", running.display())))?;
    let file = |path: &Path| path.metadata().map(|file| (file.dev(), file.ino())).ok();
    let same = file(&path).is_some_and(|found| file(running) == Some(found));
    let named = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if same && path.file_name() == named.file_name() {
        return Ok(path);
    }
    Ok(loaded(&named).unwrap_or_else(|| if same { path } else { running.to_owned() }))
}

/// The program to start as a worker.
///
/// # Errors
/// If the system does not say which program that is.
#[cfg(not(target_os = "linux"))]
pub(crate) fn image() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The program that this process was started for, if it is not the one that the system started, but an argument of a
/// loader or a debugger. It is the program that the first argument names, if that is mapped into this process.
#[cfg(target_os = "linux")]
fn loaded(named: &Path) -> Option<PathBuf> {
    let named = named.canonicalize().ok()?;
    let maps = std::fs::read("/proc/self/maps").ok()?;
    let mut lines = maps.split(|byte| *byte == b'\n');
    lines.any(|line| line.ends_with(named.as_os_str().as_bytes())).then_some(named)
}

/// Identifies the build of a program: its workflows, and the running file.
pub(crate) fn fingerprint() -> u64 {
    static FINGERPRINT: LazyLock<u64> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        let mut plans: Vec<_> = inventory::iter::<Registered>().map(|plan| (plan.0.module, plan.0.name)).collect();
        plans.sort_unstable();
        plans.hash(&mut hasher);
        if let Ok(file) = image().and_then(std::fs::metadata) {
            let file: &Metadata = &file;
            (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()).hash(&mut hasher);
        }
        hasher.finish()
    });
    *FINGERPRINT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_written() {
        assert_eq!(child_mark().parse(), Ok(Mark { parent: std::process::id(), depth: depth() + 1 }));
        assert!("17".parse::<Mark>().is_err());
    }

    #[test]
    fn a_build_has_one_fingerprint() {
        assert_eq!(fingerprint(), fingerprint());
    }
}
