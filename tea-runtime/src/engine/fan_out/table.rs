//! The table of a driver: units in flight, and those that wait to be retried.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{super::attempt::Attempts, Start};
use crate::{
    event::Scope,
    executor::{ParallelExecutor, UnitId, work::Work},
    failure::Failure,
    timer,
};

/// The table of a driver.
pub(super) struct Table<K> {
    pub(super) in_flight: FxHashMap<UnitId, InFlight<K>>,
    /// Trials whose wait is over.
    pub(super) again: VecDeque<Trial<K>>,
    waiting: BinaryHeap<Waiting<K>>,
    waits: u64,
    /// How long the unit that ended last took. The next ones probably take about as long.
    pub(super) took: Duration,
    /// The time until which units that have been told to end are waited for.
    pub(super) leave_at: Option<Instant>,
    /// Why nothing can be run.
    pub(super) refused: Option<Box<Failure>>,
}

/// The attempts at a unit.
pub(super) struct Trial<K> {
    pub(super) start: Start<K>,
    pub(super) attempts: Attempts,
}

/// A unit that an executor has.
pub(super) struct InFlight<K> {
    pub(super) key: K,
    pub(super) scope: Scope,
    pub(super) part: u64,
    pub(super) parts: usize,
    pub(super) attempts: Attempts,
    /// What another attempt would start with, if there may be one.
    pub(super) kept: Option<Box<dyn Work>>,
    /// The label of an item that may be left behind, and could not be asked for it then.
    pub(super) item_label: Option<String>,
    /// Its name in events, if there are listeners.
    pub(super) label: String,
    /// `None` if it failed before it got one.
    pub(super) executor: Option<Arc<dyn ParallelExecutor>>,
}

/// A trial that waits for its next attempt.
struct Waiting<K> {
    due: Instant,
    number: u64,
    trial: Trial<K>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            in_flight: FxHashMap::default(),
            again: VecDeque::new(),
            waiting: BinaryHeap::new(),
            waits: 0,
            took: Duration::ZERO,
            leave_at: None,
            refused: None,
        }
    }
}

impl<K> Table<K> {
    /// Whether nothing is running, and nothing waits to be retried.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty() && self.again.is_empty() && self.waiting.is_empty()
    }

    /// Lets a trial wait before its next attempt.
    pub(super) fn wait(&mut self, delay: Duration, trial: Trial<K>) {
        if delay.is_zero() {
            return self.again.push_back(trial);
        }
        self.waits += 1;
        self.waiting.push(Waiting { due: timer::later(Instant::now(), delay), number: self.waits, trial });
    }

    /// The next trial whose wait is over; or any, if all waits are `cut` short.
    pub(super) fn ready(&mut self, now: Instant, cut: bool) -> Option<Trial<K>> {
        if let Some(trial) = self.again.pop_front() {
            return Some(trial);
        }
        let due = self.waiting.peek().is_some_and(|first| cut || first.due <= now);
        if due { self.waiting.pop().map(|waiting| waiting.trial) } else { None }
    }

    /// The time when the next wait is over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.peek().map(|first| first.due)
    }
}

impl<K> Ord for Waiting<K> {
    /// The trial that is due first is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.number).cmp(&(self.due, self.number))
    }
}

impl<K> PartialOrd for Waiting<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Waiting<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K> Eq for Waiting<K> {}
