//! Waiting awake for what is about to come. To be woken on a core that sleeps takes as long as a short task and more; so
//! whoever expects something at once does not go to sleep before it has waited as long as that takes.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, Timespec, poll};

/// What comes later than this is waited for asleep: about what a wake-up takes where it crosses cores.
pub(crate) const AWAKE: Duration = Duration::from_micros(30);

/// Whether anything can come while this thread is awake: it has more than one core.
pub(crate) fn is_possible() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

/// Waits until something can be read there, or for so long.
pub(crate) fn wait(sources: &mut [PollFd<'_>]) -> bool {
    let start = Instant::now();
    while start.elapsed() < AWAKE {
        if poll(sources, Some(&Timespec::default())) != Ok(0) {
            return true;
        }
        // Who is to say it may be waiting for this core.
        thread::yield_now();
    }
    false
}
