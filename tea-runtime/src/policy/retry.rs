//! Retries: what is retried, and after which wait.

use std::time::Duration;

use super::{RetryOn, RetryPolicy};
use crate::failure::FailureKind;

impl RetryPolicy {
    /// Whether failures of this kind are retried.
    #[must_use]
    pub fn covers(&self, kind: FailureKind) -> bool {
        let kind = match kind {
            FailureKind::Error => RetryOn::Error,
            FailureKind::Panic => RetryOn::Panic,
            FailureKind::Timeout => RetryOn::Timeout,
            FailureKind::Crash | FailureKind::OutOfMemory => RetryOn::Crash,
            FailureKind::Cancelled | FailureKind::CircuitOpen | FailureKind::Transport | FailureKind::Waiting => {
                return false;
            }
            FailureKind::Lost => RetryOn::Lost,
        };
        self.retry_on.contains(&kind)
    }

    /// The wait before retry number `retry`, counted from 1. With `jitter`, it is between half and all of that.
    #[must_use]
    pub fn delay(&self, retry: u32) -> Duration {
        if self.base_delay.is_zero() {
            return Duration::ZERO;
        }
        let exponent = i32::try_from(retry.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.base_delay.as_secs_f64() * self.backoff_multiplier.powi(exponent);
        // Infinite if the exponent is huge.
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or(self.max_delay).min(self.max_delay);
        if self.jitter { delay.mul_f64(0.5 + fastrand::f64() / 2.0) } else { delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy { jitter: false, ..RetryPolicy::DEFAULT };

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits = [1, 2, 3, 6, 7, 8].map(|retry| POLICY.delay(retry).as_secs());
        assert_eq!(waits, [1, 2, 4, 32, 60, 60]);
        assert_eq!(POLICY.delay(u32::MAX), POLICY.max_delay);
    }

    #[test]
    fn no_wait_stays_no_wait() {
        let policy = RetryPolicy { base_delay: Duration::ZERO, ..POLICY };
        assert_eq!(policy.delay(1), Duration::ZERO);
        assert_eq!(policy.delay(500), Duration::ZERO);
    }

    #[test]
    fn jitter_takes_up_to_half_away() {
        let policy = RetryPolicy { jitter: true, ..POLICY };
        let waits: Vec<_> = (0..200).map(|_| policy.delay(3)).collect();
        assert!(waits.iter().all(|wait| (Duration::from_secs(2)..=Duration::from_secs(4)).contains(wait)));
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }

    #[test]
    fn kinds() {
        let crash = RetryPolicy { retry_on: &[RetryOn::Crash], ..POLICY };
        assert!(crash.covers(FailureKind::Crash) && crash.covers(FailureKind::OutOfMemory));
        let lost = RetryPolicy { retry_on: &[RetryOn::Lost], ..POLICY };
        assert!(lost.covers(FailureKind::Lost) && !POLICY.covers(FailureKind::Lost), "only by its name");
        assert!(!crash.covers(FailureKind::Error) && !crash.covers(FailureKind::Timeout));
        assert!(POLICY.covers(FailureKind::Panic) && !POLICY.covers(FailureKind::Cancelled));
    }
}
