//! All times of the process strategy, and the reason for each.
//!
//! Where a time is based on a measurement, the comment says so. `BENCHMARKS.md` explains how to measure.

use std::time::Duration;

// Times of the worker.

/// The minimum interval between progress reports of a worker. People cannot see more, and a tight loop must not flood
/// the parent.
pub(crate) const PROGRESS: Duration = Duration::from_millis(50);

/// When a unit has been running for this long (twice as long at most), another thread reads the parent's messages. A
/// cancellation need not arrive sooner, and waking that thread for each unit would take longer than many units (about 10 µs).
pub(crate) const WATCH: Duration = Duration::from_millis(1);

/// The interval of checks for the end of the parent, if the system has no descriptor that reports it.
pub(crate) const PARENT_LOOK: Duration = Duration::from_secs(1);

/// After a unit that took this long, or when enough time has passed since the last check, a worker checks whether
/// signal handling in its process has changed. This takes about 10 µs, a twentieth of such a unit.
pub(crate) const SURROUNDINGS_UNIT: Duration = Duration::from_micros(200);
/// See [`SURROUNDINGS_UNIT`].
pub(crate) const SURROUNDINGS_LOOK: Duration = Duration::from_millis(1);

// Times of the parent.

/// The amount of work in flight that is useful beyond the current unit. A message to a worker and back takes about 20
/// µs, more between cores, and a driver is woken for many outcomes at once.
pub(crate) const AHEAD: Duration = Duration::from_micros(500);

/// Units that wait on a worker behind one that has been running for this long are given to an idle worker. It is long compared
/// with the time that the first message about a unit takes, and short compared with the start of a worker.
pub(crate) const RECALL: Duration = Duration::from_millis(2);

/// The supervisor does not read from a worker that has several short parts to run, for half of the time that they will take:
/// being woken for each end takes longer than such a part, on a processor that could run others. The first is the minimum,
/// because timers are not more exact. The second is the maximum, in case the worker is faster than expected.
pub(crate) const REST: (Duration, Duration) = (Duration::from_micros(50), Duration::from_micros(200));

/// If a deadline is checked later than this, the unit may have ended in time, and its message not been read yet.
pub(crate) const LATE: Duration = Duration::from_millis(20);

/// The time from the second signal to the third, for a cancelled unit whose grace period is over.
pub(crate) const LAST_GRACE: Duration = Duration::from_millis(250);

/// The interval of checks of workers that are running something and are silent. There is no other way to find out
/// whether they have been stopped.
pub(crate) const PULSE: Duration = Duration::from_millis(250);

/// How long after the system has killed a process to free memory a worker may still be found dead because of that. It
/// may have a lot of memory to release.
pub(crate) const RECENT: Duration = Duration::from_secs(2);

/// How many times in a row a worker may be found stopped. A stop of two seconds is not caused by accident, by a
/// debugger or a terminal.
pub(crate) const STOPPED_PULSES: u32 = 8;

/// How long a process may take from closing its connection to its end.
pub(crate) const ENDING: Duration = Duration::from_millis(200);

/// How long a worker may take from a goodbye to its end.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// How long a killed process may take to end. It may have a lot of memory to release.
pub(crate) const KILLED: Duration = Duration::from_secs(5);

/// The number of messages that may wait for a driver before the workers that run its units are no longer read. In this
/// way, a flood of lines slows down whoever causes it.
pub(crate) const FLOOD: usize = 1_000;

/// How soon a worker that was not read for that reason is checked again.
pub(crate) const FLOODED: Duration = Duration::from_millis(5);

/// The wait before another start after a failed one: 10 ms, doubled each time, up to 320 ms.
pub(crate) fn start_delay(failed: u32) -> Duration {
    match failed {
        0 => Duration::ZERO,
        failed => Duration::from_millis(5 << failed.min(6)),
    }
}
