//! Determines from the end of a lost worker why its task failed.

use std::time::Instant;

use crate::pacing::process::{PULSE, RECENT};
use crate::{
    executor::payload::size,
    failure::{ExitStatus, Failure, FailureKind},
};

/// What is known about a worker that ended before its task.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) exit: Option<ExitStatus>,
    /// The last lines that it printed.
    pub(crate) output: Vec<String>,
    pub(crate) memory_limit: Option<u64>,
    /// Whether the system reports that it killed one of our processes to free memory.
    pub(crate) killed_for_memory: bool,
    /// What was wrong with it, if its end does not say so.
    pub(crate) reason: Option<String>,
    /// Whether it sent invalid data.
    pub(crate) damaged: bool,
}

/// What Rust's standard library prints on a stack overflow.
const STACK_OVERFLOW: &str = "has overflowed its stack";

impl Loss {
    /// The failure of the task that the worker was running.
    pub(crate) fn failure(self) -> Box<Failure> {
        let says = |text: &str| self.output.iter().any(|line| line.contains(text));
        let mut causes = Vec::new();
        // Without its number: a message is in the output of programs, which should not differ from run to run.
        let worker = "the worker process";
        let ended = match self.exit {
            Some(ExitStatus::Signal(signal)) => format!("was ended by {}", signal_name(signal)),
            Some(ExitStatus::Code(0)) => "exited with status 0 before its task was done".to_owned(),
            Some(ExitStatus::Code(code)) => format!("exited with status {code}"),
            None => {
                "ended, and how is not known: this program ignores SIGCHLD, or waits for all children elsewhere".into()
            }
        };
        let (kind, message) = if self.killed_for_memory && self.exit == Some(ExitStatus::Signal(9)) {
            (FailureKind::OutOfMemory, format!("{worker} was killed by the system, which had run out of memory"))
        } else if self.exit == Some(ExitStatus::Signal(ABORT)) && self.output.iter().any(|line| is_alloc_error(line)) {
            let limit = match self.memory_limit {
                Some(limit) => format!("its `memory_limit` is {}", size(limit)),
                None => "it has no `memory_limit`".to_owned(),
            };
            causes.push(format!("it {ended}"));
            (FailureKind::OutOfMemory, format!("{worker} ran out of memory: {limit}"))
        } else if says(STACK_OVERFLOW) {
            causes.push(
                "hint: recurse less, or run the work on a thread with a larger stack \
                (`std::thread::Builder::stack_size`)"
                    .to_owned(),
            );
            (FailureKind::Crash, format!("{worker} {ended}: a stack overflowed"))
        } else if let Some(reason) = self.reason {
            causes.push(format!("it {ended}"));
            // A worker that is stopped, held up or disconnected is lost like any other.
            let kind = if self.damaged { FailureKind::Transport } else { FailureKind::Crash };
            (kind, format!("{worker} was lost: {reason}"))
        } else {
            (FailureKind::Crash, format!("{worker} {ended}"))
        };
        Box::new(Failure { causes, exit: self.exit, output: self.output, ..Failure::new(kind, message) })
    }
}

/// `signal 9 (SIGKILL)`.
pub(crate) fn signal_name(signal: i32) -> String {
    match signal_hook::low_level::signal_name(signal) {
        Some(name) => format!("signal {signal} ({name})"),
        None => format!("signal {signal}"),
    }
}

/// `SIGABRT`, which ends a process that runs out of memory.
const ABORT: i32 = rustix::process::Signal::ABORT.as_raw();

/// Whether this is exactly the line that Rust's handler prints before it aborts because an allocation failed. Log
/// messages may contain similar words.
fn is_alloc_error(line: &str) -> bool {
    let bytes = line.strip_prefix("memory allocation of ").and_then(|rest| rest.strip_suffix(" bytes failed"));
    bytes.is_some_and(|bytes| bytes.parse::<u64>().is_ok())
}

/// Notices when the system kills processes to free memory.
#[derive(Debug)]
pub(crate) struct MemoryKills {
    count: u64,
    looked: Instant,
    /// When the last kill was noticed.
    noticed: Option<Instant>,
}

impl MemoryKills {
    /// Starts to watch now.
    pub(crate) fn now() -> Self {
        Self { count: memory_kills(), looked: Instant::now(), noticed: None }
    }

    /// Checks again, if some time has passed since the last check.
    pub(crate) fn look(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.looked);
        if since < PULSE {
            return;
        }
        let count = memory_kills();
        // If the last check was long ago, the time of the kill is unknown.
        if count > self.count && since < RECENT {
            self.noticed = Some(now);
        }
        (self.count, self.looked) = (count, now);
    }

    /// Whether there was a kill recently, which may have been that of a process that has just been found dead.
    /// Processes take some time to end.
    pub(crate) fn was_one(&mut self) -> bool {
        let now = Instant::now();
        let count = memory_kills();
        if count > self.count {
            self.noticed = Some(now);
        }
        (self.count, self.looked) = (count, now);
        self.noticed.take_if(|noticed| now.saturating_duration_since(*noticed) >= RECENT);
        self.noticed.is_some()
    }
}

/// The number of processes that the system has killed to free memory, in our control group if it is known, or anywhere.
fn memory_kills() -> u64 {
    let count = |text: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("oom_kill "));
        lines.next().and_then(|count| count.trim().parse().ok())
    };
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let files = [format!("/sys/fs/cgroup{group}/memory.events"), "/proc/vmstat".to_owned()];
    files.iter().find_map(|file| count(&std::fs::read_to_string(file).ok()?)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(exit: ExitStatus, output: &[&str]) -> Loss {
        let output = output.iter().map(|&line| line.to_owned()).collect();
        Loss { exit: Some(exit), output, memory_limit: None, killed_for_memory: false, reason: None, damaged: false }
    }

    #[test]
    fn each_end_has_its_name() {
        let failure = loss(ExitStatus::Signal(11), &["last words"]).failure();
        assert_eq!(failure.message, "the worker process was ended by signal 11 (SIGSEGV)");
        assert_eq!((failure.kind, failure.output), (FailureKind::Crash, vec!["last words".to_owned()]));
        let failure = loss(ExitStatus::Code(0), &[]).failure();
        assert_eq!(failure.message, "the worker process exited with status 0 before its task was done");
        let failure = loss(ExitStatus::Signal(6), &["thread 'main' has overflowed its stack"]).failure();
        assert_eq!(failure.message, "the worker process was ended by signal 6 (SIGABRT): a stack overflowed");
        assert!(failure.causes[0].starts_with("hint: "));
    }

    #[test]
    fn memory_is_told_with_its_limit() {
        let mut limited = loss(ExitStatus::Signal(6), &["memory allocation of 800 bytes failed"]);
        limited.memory_limit = Some(512 << 20);
        let failure = limited.failure();
        assert_eq!(failure.kind, FailureKind::OutOfMemory);
        assert_eq!(failure.message, "the worker process ran out of memory: its `memory_limit` is 512 MiB");
        let failure = loss(ExitStatus::Code(3), &["memory allocation of 800 bytes failed"]).failure();
        assert_eq!(failure.kind, FailureKind::Crash, "it went on after that");
        for words in ["recovered from MemoryError, went on", "memory allocation of 3 blocks was fine", "std::bad_alloc"]
        {
            assert_eq!(loss(ExitStatus::Signal(6), &[words]).failure().kind, FailureKind::Crash, "{words}");
        }
        let killed = Loss { killed_for_memory: true, ..loss(ExitStatus::Signal(9), &[]) };
        assert_eq!(killed.failure().kind, FailureKind::OutOfMemory);
    }
}
