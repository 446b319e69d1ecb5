//! Deadlines and delays of this process. One thread handles all of them, and exists only while something waits.
//!
//! They are measured in [this process's time](now), which pauses while the whole process is stopped (`SIGSTOP`,
//! Ctrl-Z), so that nothing times out because of that. To notice stops, the thread looks at the clock frequently.

use std::{
    collections::BTreeMap,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    pacing::{LATE_TICK, LINGER, TICK},
    stderr, user_code,
};

/// Called when the time has come, on the timer's thread. It may only wake a thread or leave a message.
pub(crate) type Alarm = Box<dyn FnOnce() + Send>;

struct Timer {
    alarms: BTreeMap<Key, Alarm>,
    last_id: u64,
    running: bool,
}

/// The time, in this process's time, and the number of the alarm.
type Key = (Instant, u64);

static TIMER: Mutex<Timer> = Mutex::new(Timer { alarms: BTreeMap::new(), last_id: 0, running: false });
static CHANGED: Condvar = Condvar::new();

/// The total time for which the process has been stopped, in nanoseconds.
static STOPPED: AtomicU64 = AtomicU64::new(0);

/// An alarm that has been set.
#[derive(Debug)]
pub(crate) struct Handle(Key);

impl Handle {
    /// Cancels the alarm, unless it has already gone off.
    pub(crate) fn cancel(&self) {
        let alarm = timer().alarms.remove(&self.0);
        drop(alarm);
    }
}

/// This process's time: that of the clock, minus the time for which the process was stopped while something waited.
pub(crate) fn now() -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_nanos(STOPPED.load(Ordering::Acquire))).unwrap_or(now)
}

/// Sets an alarm.
pub(crate) fn after(delay: Duration, alarm: Alarm) -> Handle {
    at(later(now(), delay), alarm)
}

/// The moment `delay` after `moment`, or a century after it if an `Instant` cannot represent that.
pub(crate) fn later(moment: Instant, delay: Duration) -> Instant {
    moment.checked_add(delay).unwrap_or(moment + Duration::from_hours(24 * 36_525))
}

/// Sets an alarm for a moment in this process's time.
pub(crate) fn at(due: Instant, alarm: Alarm) -> Handle {
    let mut timer = timer();
    timer.last_id += 1;
    let key = (due, timer.last_id);
    let first = timer.alarms.first_key_value().is_none_or(|(first, _)| key < *first);
    timer.alarms.insert(key, alarm);
    if !timer.running {
        match std::thread::Builder::new().name("tea-timer".to_owned()).spawn(run) {
            Ok(_) => timer.running = true,
            // The next alarm will try again.
            Err(error) => {
                stderr::line(format_args!("warning: no thread can be started to keep deadlines: {error}"));
            }
        }
    } else if first {
        CHANGED.notify_one();
    }
    Handle(key)
}

/// Stops this process with `stop`, which returns when the process continues.
pub(crate) fn stopped_by(stop: impl FnOnce()) {
    // The thread that would notice the stop by the clock has to wait for this lock first.
    let timer = timer();
    let since = Instant::now();
    stop();
    add_stop(since.elapsed());
    drop(timer);
}

fn add_stop(time: Duration) {
    STOPPED.fetch_add(nanos(time), Ordering::AcqRel);
}

/// The duration in nanoseconds, at most 584 years.
pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn timer() -> MutexGuard<'static, Timer> {
    TIMER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run() {
    user_code::forbid();
    let mut timer = timer();
    let mut quiet = Duration::ZERO;
    loop {
        let now = now();
        let wait = match timer.alarms.first_entry() {
            Some(entry) if entry.key().0 <= now => {
                let alarm = entry.remove();
                drop(timer);
                // A panic must not prevent other alarms from going off. The panic hook has reported it.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(alarm));
                timer = self::timer();
                continue;
            }
            Some(entry) => {
                quiet = Duration::ZERO;
                (entry.key().0 - now).min(TICK)
            }
            None if quiet >= LINGER => {
                timer.running = false;
                return;
            }
            None => {
                quiet += TICK;
                TICK
            }
        };
        timer = CHANGED.wait_timeout(timer, wait).unwrap_or_else(PoisonError::into_inner).0;
        let asleep = self::now() - now;
        if asleep > wait + LATE_TICK {
            // All of the delay counts, because it is unknown when the stop began.
            add_stop(asleep);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn alarms_go_off_in_order_and_not_early() {
        let (sender, receiver) = mpsc::channel();
        let start = Instant::now();
        for delay in [60, 20, 40] {
            let sender = sender.clone();
            after(Duration::from_millis(delay), Box::new(move || sender.send((delay, start.elapsed())).unwrap()));
        }
        for expected in [20, 40, 60] {
            let (delay, elapsed) = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(delay, expected);
            assert!(elapsed >= Duration::from_millis(delay));
        }
    }

    #[test]
    fn a_cancelled_alarm_is_dropped_at_once() {
        let (sender, receiver) = mpsc::channel::<()>();
        let handle = after(Duration::from_hours(1), Box::new(move || sender.send(()).unwrap()));
        handle.cancel();
        assert_eq!(receiver.recv(), Err(mpsc::RecvError));
        after(Duration::MAX, Box::new(|| ())).cancel();
    }
}
