//! Determines how many tasks a worker may have in flight. Several short tasks are sent at once, because one would end
//! before the next could reach the worker. A long task would only delay those after it while other workers are idle.

use std::{collections::HashMap, time::Duration};

use crate::{process::pacing::AHEAD, timer::nanos};

/// The maximum number of tasks in flight on one worker.
pub(crate) const MOST: usize = 32;

/// The number of bytes in flight that is useful.
const BYTES: u64 = 1 << 20;

/// The recent durations and sizes of tasks of each kind.
#[derive(Debug, Default)]
pub(crate) struct Paces(HashMap<usize, Pace>);

#[derive(Debug)]
struct Pace {
    nanos: u64,
    bytes: u64,
}

impl Paces {
    /// Records the duration of a task of this kind, and the number of bytes that were sent for it.
    pub(crate) fn add(&mut self, kind: usize, elapsed: Duration, bytes: u64) {
        let nanos = nanos(elapsed);
        let pace = self.0.entry(kind).or_insert(Pace { nanos, bytes });
        // Slower at once, faster gradually, because a window must not delay others behind one long task among short
        // ones.
        pace.nanos = if nanos > pace.nanos { nanos } else { pace.nanos - (pace.nanos - nanos) / 4 };
        pace.bytes = bytes;
    }

    /// The number of tasks of this kind that a worker may have.
    pub(crate) fn window(&self, kind: usize) -> usize {
        let Some(pace) = self.0.get(&kind) else { return 1 };
        let by_time = usize::try_from(nanos(AHEAD) / pace.nanos.max(1)).unwrap_or(MOST);
        let by_size = usize::try_from(BYTES / pace.bytes.max(1)).unwrap_or(MOST);
        (1 + by_time.min(by_size)).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tasks_travel_together_and_long_ones_alone() {
        let mut paces = Paces::default();
        assert_eq!(paces.window(1), 1, "nothing is known");
        paces.add(1, Duration::from_micros(1), 100);
        assert_eq!(paces.window(1), MOST);
        paces.add(1, Duration::from_millis(1), 100);
        assert_eq!(paces.window(1), 1, "one long task is enough");
        for _ in 0..40 {
            paces.add(1, Duration::from_micros(1), 100);
        }
        assert_eq!(paces.window(1), MOST);
        paces.add(2, Duration::from_micros(1), 64 << 20);
        assert_eq!(paces.window(2), 1, "a large one fills the way alone");
    }
}
