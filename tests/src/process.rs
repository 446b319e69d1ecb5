//! Looking at processes from outside, through `/proc`.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    time::{ClockId, clock_gettime},
};

/// How long anything may take that should be immediate. Generous: the machine may be busy with other things.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The processes, zombies aside, whose environment holds `name=value`, ascending. Children inherit it, so it finds
/// whatever a program started, directly or not.
#[must_use]
pub fn marked(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let holds = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|variables| variables.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()))
    };
    let mut pids: Vec<u32> = all().filter(holds).collect();
    pids.sort_unstable();
    pids
}

/// The processes whose program is a file in this folder, zombies aside, ascending.
#[must_use]
pub fn of_programs_in(folder: &Path) -> Vec<u32> {
    let is_there = |pid: &u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.starts_with(folder));
    let mut pids: Vec<u32> = all().filter(is_there).collect();
    pids.sort_unstable();
    pids
}

/// The children of `parent`, zombies included, ascending.
#[must_use]
pub fn children(parent: u32) -> Vec<u32> {
    let mut pids: Vec<u32> = all().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect();
    pids.sort_unstable();
    pids
}

/// The parent of a process, unless it is gone.
#[must_use]
pub fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.parent)
}

/// The number by which a process knows itself, in its own name space.
#[must_use]
pub fn inner_id(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().next_back()?.parse().ok()
}

/// The number of open descriptors of a process; 0 if it is gone.
#[must_use]
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The number of threads of a process; 0 if it is gone.
#[must_use]
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// The most memory that this process has had, in kilobytes.
///
/// # Panics
/// If the system does not say.
#[must_use]
pub fn peak_kilobytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// What processes are doing, for a report: `12 S (of 3), 13 T (of 12)`.
#[must_use]
pub fn states(pids: &[u32]) -> String {
    let of = |pid: &u32| stat(*pid).map(|stat| format!("{pid} {} (of {})", stat.state, stat.parent));
    pids.iter().filter_map(of).collect::<Vec<_>>().join(", ")
}

/// Whether a process is stopped (`SIGSTOP`, `SIGTSTP`).
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state == 'T')
}

/// Whether a process has ended, reaped or not: none of its threads holds anything open any more.
#[must_use]
pub fn is_ended(pid: u32) -> bool {
    stat(pid).is_none_or(|stat| stat.state == 'Z' && threads(pid) <= 1)
}

/// Sends a signal.
///
/// # Errors
/// If there is no such process.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, signal)?)
}

/// Waits until `condition` gives something.
///
/// # Panics
/// After [`DEADLINE`], with `what` it waited for.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Seconds of processor time that this process has used, on all its threads.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

struct Stat {
    state: char,
    parent: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything.
    let mut fields = text[text.rfind(')')? + 1..].split_whitespace();
    Some(Stat { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

fn all() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_are_counted_until_they_are_reaped() {
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        assert!(children(std::process::id()).contains(&pid));
        assert!(descriptors(pid) > 0 && threads(pid) == 1);

        signal(pid, Signal::STOP).unwrap();
        wait_for("the stop", || is_stopped(pid).then_some(()));
        signal(pid, Signal::KILL).unwrap();
        wait_for("the end", || stat(pid).is_some_and(|stat| stat.state == 'Z').then_some(()));
        assert!(children(std::process::id()).contains(&pid), "a zombie is a child");
        child.wait().unwrap();
        assert!(!children(std::process::id()).contains(&pid));
        assert!(signal(pid, Signal::KILL).is_err());
    }
}
