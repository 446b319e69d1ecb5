//! All times of the process strategy, and what each comes from.
//!
//! One that came from a measurement says which; `benches` and `docs/performance.md` say how such are made.

use std::time::Duration;

// The worker's side.

/// A worker tells its parent how far a node is no more often than this: whoever watches sees no more, and a tight loop
/// must not flood the parent.
pub(crate) const PROGRESS: Duration = Duration::from_millis(50);

/// Where the system has no descriptor that tells of the parent's end, it is asked for as often as this.
pub(crate) const PARENT_LOOK: Duration = Duration::from_secs(1);

/// After a unit that took so long, or when so much time has passed since the last look, a worker looks whether what
/// becomes of signals in its process is as it was. That takes about 10 µs, a twentieth of such a unit.
pub(crate) const SURROUNDINGS_UNIT: Duration = Duration::from_micros(200);
/// See [`SURROUNDINGS_UNIT`].
pub(crate) const SURROUNDINGS_LOOK: Duration = Duration::from_millis(1);

// The parent's side.

/// Work in flight that is worth having beyond the current unit: a message to a worker and back takes some 20 µs, more
/// where it crosses cores, and a driver is woken for many outcomes at once.
pub(crate) const AHEAD: Duration = Duration::from_micros(500);

/// A deadline that is looked at later than this may be kept all the same: an end in time may wait to be read.
pub(crate) const LATE: Duration = Duration::from_millis(20);

/// From the second signal to the third, for a unit that was cancelled and had its grace.
pub(crate) const LAST_GRACE: Duration = Duration::from_millis(250);

/// How often workers that run something and say nothing are looked at: whether they are stopped is told in no other way.
pub(crate) const PULSE: Duration = Duration::from_millis(250);

/// How long after the system has killed a process to free memory a worker may be found dead by that: it may have much
/// memory to give back.
pub(crate) const RECENT: Duration = Duration::from_secs(2);

/// How often in a row a worker may be found stopped: a stop of two seconds is no accident of a debugger or a terminal.
pub(crate) const STOPPED_PULSES: u32 = 8;

/// How long a process may take from closing its connection to its end.
pub(crate) const ENDING: Duration = Duration::from_millis(200);

/// How long a worker may take from a goodbye to its end.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// How long a process may take to end that was killed: it may have much memory to give back.
pub(crate) const KILLED: Duration = Duration::from_secs(5);

/// How many messages may wait for a driver before workers that run its units are read no further: a flood of lines slows
/// down whoever makes it.
pub(crate) const FLOOD: usize = 1_000;

/// How soon a worker that was not read for that reason is looked at again.
pub(crate) const FLOODED: Duration = Duration::from_millis(5);

/// The wait before a start that follows a failed one: 10 ms, then twice as long each time, 320 ms at the most.
pub(crate) fn start_delay(failed: u32) -> Duration {
    match failed {
        0 => Duration::ZERO,
        failed => Duration::from_millis(5 << failed.min(6)),
    }
}
