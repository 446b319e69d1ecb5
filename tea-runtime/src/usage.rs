//! What attempts use: processor time and memory.
//!
//! The processor time of an attempt on a thread is that of the thread: threads that it starts do not count, and memory
//! belongs to all threads of a process. An attempt in a worker has the worker to itself. Its processor time is that of all
//! threads of the worker, of the programs that it started and waited for, and of the units of its own workers.

#[cfg(all(unix, feature = "report"))]
pub(crate) use self::unix::of_run;
#[cfg(unix)]
pub(crate) use self::unix::{Meter, of_nested, of_thread, of_zombie};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an attempt has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time, of the user and of the system.
    pub(crate) cpu: Option<Duration>,
    /// The most memory that was resident at once, in bytes.
    pub(crate) peak_memory: Option<u64>,
}

/// The processor time of the calling thread so far.
#[cfg(not(unix))]
pub(crate) fn of_thread() -> Option<Duration> {
    None
}

/// The processor time of this process and of those that it waited for, so far.
#[cfg(all(not(unix), feature = "report"))]
pub(crate) fn of_run() -> Option<Duration> {
    None
}

/// Does nothing on this system, which has no workers.
#[cfg(not(unix))]
pub(crate) fn of_nested(_: Duration) {}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{File, OpenOptions},
        os::unix::fs::FileExt,
        sync::atomic::{AtomicU64, Ordering},
        time::Duration,
    };

    use nix::sys::resource::{UsageWho, getrusage};

    use super::Usage;
    use crate::pacing::process::MEMORY_LOOK;

    /// The processor time of units of this process's own workers, in nanoseconds.
    static NESTED: AtomicU64 = AtomicU64::new(0);

    /// The processor time of the calling thread so far.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    pub(crate) fn of_thread() -> Option<Duration> {
        cpu(UsageWho::RUSAGE_THREAD)
    }

    /// The processor time of the calling thread so far, which this system does not tell.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    pub(crate) fn of_thread() -> Option<Duration> {
        None
    }

    /// The processor time of this process and of those that it waited for, so far.
    #[cfg(feature = "report")]
    pub(crate) fn of_run() -> Option<Duration> {
        Some(cpu(UsageWho::RUSAGE_SELF)? + cpu(UsageWho::RUSAGE_CHILDREN)?)
    }

    /// Adds the processor time of a unit of a worker of this process.
    pub(crate) fn of_nested(cpu: Duration) {
        NESTED.fetch_add(crate::timer::nanos(cpu), Ordering::Relaxed);
    }

    /// The processor time of a process that has ended and has not been reaped, and of the processes that it waited for.
    pub(crate) fn of_zombie(pid: u32) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may contain anything. The state follows; the 12th field from there on and the next three
        // are times.
        let times = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
        let ticks: u64 = times.map_while(|ticks| ticks.parse::<u64>().ok()).sum();
        let second = rustix::param::clock_ticks_per_second();
        Some(Duration::from_nanos(u64::try_from(u128::from(ticks) * 1_000_000_000 / u128::from(second)).ok()?))
    }

    fn cpu(of: UsageWho) -> Option<Duration> {
        let usage = getrusage(of).ok()?;
        let times = [usage.user_time(), usage.system_time()].map(|time| {
            let micros = i128::from(time.tv_sec()) * 1_000_000 + i128::from(time.tv_usec());
            Duration::from_micros(u64::try_from(micros).unwrap_or_default())
        });
        Some(times.iter().sum())
    }

    /// Measures the units that a worker runs one after the other.
    #[derive(Debug)]
    pub(crate) struct Meter {
        /// What this process, the programs that it waited for, and its own workers had used when the last unit ended.
        own: Option<Duration>,
        programs: Option<Duration>,
        nested: u64,
        status: Option<File>,
        /// Resets the mark of the most memory. Without it, what is told is the most since the worker started.
        reset: Option<File>,
    }

    impl Meter {
        /// Measures from now on. Whether this process has workers of its own is asked for later.
        pub(crate) fn new() -> Self {
            let meter = Self {
                own: cpu(UsageWho::RUSAGE_SELF),
                programs: cpu(UsageWho::RUSAGE_CHILDREN),
                nested: NESTED.load(Ordering::Relaxed),
                status: File::open("/proc/self/status").ok(),
                reset: OpenOptions::new().write(true).open("/proc/self/clear_refs").ok(),
            };
            meter.reset();
            meter
        }

        /// What the unit that ends now has used, given how long it took. What its workers used is known from them; when they
        /// are reaped is not, so programs do not count where `has_workers`.
        pub(crate) fn take(&mut self, took: Duration, has_workers: bool) -> Usage {
            let own = cpu(UsageWho::RUSAGE_SELF);
            let mut used = since(self.own, own);
            self.own = own;
            if took < MEMORY_LOOK {
                return Usage { cpu: used, peak_memory: None };
            }
            let programs = cpu(UsageWho::RUSAGE_CHILDREN);
            if !has_workers {
                used = used.zip(since(self.programs, programs)).map(|(own, programs)| own + programs);
            }
            self.programs = programs;
            let nested = NESTED.load(Ordering::Relaxed);
            used = used.map(|used| used + Duration::from_nanos(nested - self.nested));
            self.nested = nested;
            let peak_memory = self.status.as_ref().and_then(peak);
            self.reset();
            Usage { cpu: used, peak_memory }
        }

        fn reset(&self) {
            // Where it fails, the mark stays what it was.
            _ = self.reset.as_ref().map(|file| file.write_at(b"5", 0));
        }
    }

    fn since(before: Option<Duration>, now: Option<Duration>) -> Option<Duration> {
        Some(now?.saturating_sub(before?))
    }

    /// The mark of the most memory, in bytes.
    fn peak(status: &File) -> Option<u64> {
        let mut buffer = [0; 4096];
        let length = status.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(&buffer[..length]).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use std::{hint::black_box, process::Command, time::Instant};

        use super::*;

        fn spin(for_cpu: Duration) {
            let start = of_thread().unwrap();
            while of_thread().unwrap().saturating_sub(start) < for_cpu {
                black_box((0..1000).sum::<u64>());
            }
        }

        #[test]
        fn a_thread_is_told_its_own_processor_time() {
            let (before, others) = (of_thread().unwrap(), cpu(UsageWho::RUSAGE_SELF).unwrap());
            std::thread::spawn(|| spin(Duration::from_millis(30))).join().unwrap();
            assert!(of_thread().unwrap().saturating_sub(before) < Duration::from_millis(30));
            assert!(cpu(UsageWho::RUSAGE_SELF).unwrap().saturating_sub(others) >= Duration::from_millis(30));
            spin(Duration::from_millis(5));
            assert!(of_thread().unwrap().saturating_sub(before) >= Duration::from_millis(5));
        }

        #[test]
        fn a_zombie_still_tells_its_processor_time() {
            let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
            let mut child = Command::new("sh").args(["-c", spin]).spawn().unwrap();
            let pid = child.id();
            let ended = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z ");
            let deadline = Instant::now() + Duration::from_mins(1);
            while !ended() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            let told = of_zombie(pid).unwrap();
            assert!(told >= Duration::from_millis(10), "{told:?}");
            child.wait().unwrap();
            assert_eq!(of_zombie(pid), None);
        }
    }
}
