//! Determines how many tasks a worker may have in flight. Several short tasks are sent at once, because one would end
//! before the next could reach the worker. A long task would only delay those after it while other workers are idle.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::{pacing::process::AHEAD, timer::nanos};

/// The maximum number of tasks in flight on one worker.
pub(crate) const MOST: usize = 32;

/// The number of tasks in flight while it is unknown how long they take: one that waits there can be recalled.
const UNKNOWN: usize = 2;

/// The number of bytes in flight that is useful.
const BYTES: u64 = 1 << 20;

/// The recent durations and sizes of tasks of each kind.
#[derive(Debug, Default)]
pub(crate) struct Paces(FxHashMap<usize, Pace>);

#[derive(Debug)]
struct Pace {
    nanos: u64,
    bytes: u64,
    /// The time of a part, rather too little than too much.
    part: u64,
}

impl Paces {
    /// Records how long a task of this kind with so many parts took its worker, and the number of bytes that were sent
    /// for it.
    pub(crate) fn add(&mut self, kind: usize, elapsed: Duration, parts: usize, bytes: u64) {
        let nanos = nanos(elapsed);
        let part = nanos / (parts as u64).max(1);
        let pace = self.0.entry(kind).or_insert(Pace { nanos, bytes, part });
        pace.bytes = bytes;
        // Faster at once, slower gradually, because a worker must not be left alone for longer than it has work.
        pace.part = if part < pace.part { part } else { pace.part + (part - pace.part) / 4 };
        // Slower at once, faster gradually, because a window must not delay others behind one long task among short
        // ones.
        pace.nanos = if nanos > pace.nanos { nanos } else { pace.nanos - (pace.nanos - nanos) / 4 };
    }

    /// Records that a task of this kind takes longer than this.
    pub(crate) fn takes(&mut self, kind: usize, elapsed: Duration) {
        let nanos = nanos(elapsed);
        let pace = self.0.entry(kind).or_insert(Pace { nanos, bytes: 0, part: 0 });
        pace.nanos = pace.nanos.max(nanos);
    }

    /// How long this many parts of a kind will take at least; nothing if that is unknown.
    pub(crate) fn at_least(&self, kind: usize, parts: usize) -> Duration {
        let part = self.0.get(&kind).map_or(0, |pace| pace.part);
        Duration::from_nanos(part.saturating_mul(parts as u64))
    }

    /// The number of tasks of this kind that a worker may have.
    pub(crate) fn window(&self, kind: usize) -> usize {
        self.known_window(kind).unwrap_or(UNKNOWN)
    }

    /// The same, if something is known of tasks of this kind.
    pub(crate) fn known_window(&self, kind: usize) -> Option<usize> {
        let pace = self.0.get(&kind)?;
        let by_time = usize::try_from(nanos(AHEAD) / pace.nanos.max(1)).unwrap_or(MOST);
        let by_size = usize::try_from(BYTES / pace.bytes.max(1)).unwrap_or(MOST);
        Some((1 + by_time.min(by_size)).min(MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tasks_travel_together_and_long_ones_alone() {
        let mut paces = Paces::default();
        assert_eq!(paces.window(1), UNKNOWN);
        paces.add(1, Duration::from_micros(1), 1, 100);
        assert_eq!(paces.window(1), MOST);
        paces.add(1, Duration::from_millis(1), 1, 100);
        assert_eq!(paces.window(1), 1, "one long task is enough");
        for _ in 0..40 {
            paces.add(1, Duration::from_micros(1), 1, 100);
        }
        assert_eq!(paces.window(1), MOST);
        paces.add(2, Duration::from_micros(1), 1, 64 << 20);
        assert_eq!(paces.window(2), 1, "a large one fills the way alone");
    }
}
