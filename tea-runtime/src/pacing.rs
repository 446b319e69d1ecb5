//! All times that pace a run, and the reason for each: on threads, in processes, on other hosts.
//!
//! Where a time is based on a measurement, the comment says so. `BENCHMARKS.md` explains how to measure. What a user sets has its
//! default in `policy`, and what a terminal shows its times in `program`.

use std::time::Duration;

// Threads.

/// How long a thread looks for something before it sleeps: as long as being woken may take. With it, three branches of 10 µs on
/// threads took 30 µs in place of 73, three of 100 µs 219 in place of 321, and a branch to a warm process and back 21 in place of
/// 87 (two cores, `BENCHMARKS.md`).
pub(crate) const SOON: Duration = Duration::from_micros(40);

/// How long a thread lives on when it is idle: much longer than the time between two fan-outs, and much less than a second.
pub(crate) const LINGER: Duration = Duration::from_millis(200);

/// The interval at which the timer looks at the clock while something waits.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// If the timer looks at the clock this much later than intended, the process was stopped or did not get a processor.
pub(crate) const LATE_TICK: Duration = Duration::from_millis(100);

// Fan-outs.

/// How long a batch of items should run: long beside what a batch costs, and short beside the rest of the map.
pub(crate) const BATCH: Duration = Duration::from_micros(250);

/// The same for batches that go to another process.
pub(crate) const CROSSING_BATCH: Duration = Duration::from_millis(1);

/// How long the end of a unit may wait for others before it is recorded.
pub(crate) const UNRECORDED: Duration = Duration::from_millis(1);

/// The interval at which progress is told, of a node and of a map. People cannot see more, and a tight loop must not flood
/// whoever listens.
pub(crate) const PROGRESS: Duration = Duration::from_millis(50);

/// The time beyond the grace period of units that have been told to end, for executors to end those that did not.
pub(crate) const SLACK: Duration = Duration::from_millis(500);

/// Times of worker processes.
#[cfg(unix)]
pub(crate) mod process {
    use std::time::Duration;

    // The worker.

    /// How long a worker may take from its start to its hello, unless somebody says otherwise.
    pub(crate) const HANDSHAKE: Duration = Duration::from_secs(30);

    /// When a unit has been running for this long (twice as long at most), another thread reads the parent's messages. A
    /// cancellation need not arrive sooner, and waking that thread for each unit would take longer than many units (about 10 µs).
    pub(crate) const WATCH: Duration = Duration::from_millis(1);

    /// The interval of checks for the end of the parent, if the system has no descriptor that reports it.
    pub(crate) const PARENT_LOOK: Duration = Duration::from_secs(1);

    /// A look at the memory takes 10 µs, so that of shorter units is not measured.
    pub(crate) const MEMORY_LOOK: Duration = Duration::from_millis(1);

    /// After a unit that took this long, or when enough time has passed since the last check, a worker checks whether
    /// signal handling in its process has changed. This takes about 10 µs, a twentieth of such a unit.
    pub(crate) const SURROUNDINGS_UNIT: Duration = Duration::from_micros(200);
    /// See [`SURROUNDINGS_UNIT`].
    pub(crate) const SURROUNDINGS_LOOK: Duration = Duration::from_millis(1);

    // The parent.

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
}

/// Times of other hosts.
#[cfg(feature = "remote")]
pub(crate) mod remote {
    use std::time::Duration;

    // The agent.

    /// How long a worker may take from its start to its hello: a network file system may have to load the program first.
    pub(crate) const HANDSHAKE: Duration = Duration::from_mins(1);

    /// How long one attempt to connect to the program may take, and each step of it.
    pub(crate) const DIAL: Duration = Duration::from_secs(10);

    /// How long it is attempted.
    pub(crate) const DIALLING: Duration = Duration::from_mins(1);

    /// The least interval between two heartbeats. A shorter one would be nothing but work.
    pub(crate) const HEARTBEAT: Duration = Duration::from_millis(10);

    /// How long a failure by a signal from outside is kept back. Whoever ends a host (`scancel`, the end of a step of Slurm) may end
    /// the agent a moment later than its worker, and then the host is lost, which is nobody's failure.
    pub(crate) const HELD: Duration = Duration::from_millis(200);

    // The program.

    /// How long a connection may take until it is known to be that of an agent.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

    /// How long no connection is accepted after the system refused to give one.
    pub(crate) const PAUSE: Duration = Duration::from_millis(100);

    /// How long a unit waits on a host before it is asked back.
    pub(crate) const RECALL: Duration = Duration::from_millis(100);

    /// What must be left of a walltime at least for an outcome to be on its way.
    pub(crate) const MARGIN: Duration = Duration::from_secs(5);

    /// How often it is said that an agent has not come yet. The command that starts it may have to wait for a machine.
    pub(crate) const NOT_YET: Duration = Duration::from_secs(30);

    /// How long an agent may take to end, with its workers, once it is told to.
    pub(crate) const GOODBYE: Duration = Duration::from_secs(10);

    /// How long a command may take from closing its streams to its end.
    pub(crate) const ENDING: Duration = Duration::from_secs(1);

    /// How often it is looked for the end of a process where the system does not report it.
    pub(crate) const ENDED_LOOK: Duration = Duration::from_millis(50);

    /// How long a command may take that says something of a host, or gives it back.
    pub(crate) const COMMAND: Duration = Duration::from_secs(15);
}
