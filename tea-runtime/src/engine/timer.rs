//! Deadlines and delays of this process: one thread for all of them, there only while something waits.
//!
//! Time that the whole process spends stopped (Ctrl-Z, a suspended machine) does not count, so that nothing runs over
//! its time because of it: the thread looks at the clock often enough to notice.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What is done when the time has come. It runs on the timer's thread, so it hands over anything long.
pub(crate) type Alarm = Box<dyn FnOnce() + Send>;

/// How often the clock is looked at while something waits.
const TICK: Duration = Duration::from_millis(100);

/// Looking at the clock so much later than intended means that the process was stopped.
const STOPPED: Duration = Duration::from_millis(400);

/// How long the thread stays when nothing waits any more.
const LINGER: Duration = Duration::from_millis(200);

struct Timer {
    alarms: BTreeMap<Key, Alarm>,
    last_id: u64,
    running: bool,
    /// How long the process was stopped so far. Keys count without it.
    stopped: Duration,
}

/// When, without the time spent stopped, and which.
type Key = (Instant, u64);

static TIMER: Mutex<Timer> =
    Mutex::new(Timer { alarms: BTreeMap::new(), last_id: 0, running: false, stopped: Duration::ZERO });
static CHANGED: Condvar = Condvar::new();

/// An alarm that was set.
#[derive(Debug)]
pub(crate) struct Handle(Key);

impl Handle {
    /// Forgets the alarm, unless it went off already.
    pub(crate) fn cancel(&self) {
        let alarm = timer().alarms.remove(&self.0);
        drop(alarm);
    }
}

/// Sets an alarm.
pub(crate) fn after(delay: Duration, alarm: Alarm) -> Handle {
    let mut timer = timer();
    timer.last_id += 1;
    let now = Instant::now();
    // A century is as good as what an `Instant` cannot hold.
    let due = now.checked_add(delay).unwrap_or(now + Duration::from_hours(24 * 36_525));
    let key = (due.checked_sub(timer.stopped).unwrap_or(due), timer.last_id);
    let first = timer.alarms.first_key_value().is_none_or(|(first, _)| key < *first);
    timer.alarms.insert(key, alarm);
    if !timer.running {
        timer.running = std::thread::Builder::new().name("tea-timer".to_owned()).spawn(run).is_ok();
    } else if first {
        CHANGED.notify_one();
    }
    Handle(key)
}

fn timer() -> MutexGuard<'static, Timer> {
    TIMER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run() {
    let mut timer = timer();
    let mut quiet = Duration::ZERO;
    loop {
        let now = Instant::now().checked_sub(timer.stopped).unwrap_or_else(Instant::now);
        let wait = match timer.alarms.first_entry() {
            Some(entry) if entry.key().0 <= now => {
                let alarm = entry.remove();
                drop(timer);
                alarm();
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
        let asleep = Instant::now();
        timer = CHANGED.wait_timeout(timer, wait).unwrap_or_else(PoisonError::into_inner).0;
        let late = asleep.elapsed().saturating_sub(wait);
        if late >= STOPPED {
            timer.stopped += late;
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
