//! Ends this process at a given time, whatever it is doing then.

#[cfg(not(target_os = "linux"))]
pub(super) use self::other::{Watchdog, now};
#[cfg(target_os = "linux")]
pub(super) use self::system::{Watchdog, now};

/// A timer of the system that kills. It also ends a process that is stopped, which can do nothing itself.
#[cfg(target_os = "linux")]
mod system {
    use std::{io, time::Duration};

    use nix::{
        sys::{
            signal::{SigEvent, SigevNotify, Signal},
            time::TimeSpec,
            timer::{Expiration, Timer, TimerSetTimeFlags},
        },
        time::{ClockId, clock_gettime},
    };

    /// A clock that goes on while the machine sleeps.
    const CLOCK: ClockId = ClockId::CLOCK_BOOTTIME;

    /// The moment, by the clock of [`Watchdog`].
    ///
    /// # Errors
    /// If the system has no such clock.
    pub(in super::super) fn now() -> io::Result<Duration> {
        Ok(clock_gettime(CLOCK)?.into())
    }

    /// Ends this process at a given time.
    #[derive(Debug)]
    pub(in super::super) struct Watchdog(Timer);

    impl Watchdog {
        /// One that waits for its time.
        ///
        /// # Errors
        /// If the system has no such timer.
        pub(in super::super) fn new() -> io::Result<Self> {
            let kill = SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 };
            Ok(Self(Timer::new(CLOCK, SigEvent::new(kill))?))
        }

        /// It ends this process at this moment, and not at the one that was set before.
        ///
        /// # Errors
        /// If the system does not do that.
        pub(in super::super) fn set(&mut self, until: Duration) -> io::Result<()> {
            let at = Expiration::OneShot(TimeSpec::from_duration(until));
            Ok(self.0.set(at, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
        }
    }
}

/// A thread. A process that is stopped ends when it continues.
#[cfg(not(target_os = "linux"))]
mod other {
    use std::{
        io,
        sync::{Arc, LazyLock, Mutex, PoisonError},
        thread,
        time::{Duration, Instant},
    };

    use rustix::process::{Signal, getpid, kill_process};

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    #[expect(clippy::unnecessary_wraps, reason = "elsewhere there may be no clock")]
    pub(in super::super) fn now() -> io::Result<Duration> {
        Ok(START.elapsed())
    }

    #[derive(Debug)]
    pub(in super::super) struct Watchdog(Arc<Mutex<Duration>>);

    impl Watchdog {
        pub(in super::super) fn new() -> io::Result<Self> {
            let until = Arc::new(Mutex::new(Duration::MAX));
            let watched = Arc::clone(&until);
            let watch = move || loop {
                let left = watched.lock().unwrap_or_else(PoisonError::into_inner).saturating_sub(START.elapsed());
                if left.is_zero() {
                    let _ = kill_process(getpid(), Signal::KILL);
                }
                thread::sleep(left.min(Duration::from_millis(100)));
            };
            thread::Builder::new().name("tea-watchdog".into()).spawn(watch)?;
            Ok(Self(until))
        }

        #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
        pub(in super::super) fn set(&mut self, until: Duration) -> io::Result<()> {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
            Ok(())
        }
    }
}
