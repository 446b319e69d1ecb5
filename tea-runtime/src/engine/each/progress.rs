//! How far a map is: what runs, what waits, and what has come in.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Try;
use crate::{
    engine::{
        frame::Frame,
        map::{Batch, Collector},
        panic::guard,
    },
    executor::thread::Seat,
    failure::Failure,
    policy::Strategy,
    result::{ItemFailure, ParallelFlowResult},
    state::View,
};

/// How many failures a failed map tells one by one.
const TOLD: usize = 1_000;

/// How often progress is told.
const NEWS: Duration = Duration::from_millis(50);

/// How far a map is.
pub(super) struct Progress {
    frame: Option<Box<Frame>>,
    /// The frame's. Not the map's, which another thread may still hold when it joins: then it owns the values.
    view: Option<Arc<View>>,
    in_flight: usize,
    /// Items that wait to be tried again.
    waiting: usize,
    /// Items whose wait is over.
    again: VecDeque<Try>,
    exhausted: bool,
    joined: bool,
    /// How many items the next batch holds.
    chunk: usize,
    total: Option<usize>,
    /// How many were asked for.
    given: usize,
    done: usize,
    failed: usize,
    told: Instant,
    failures: Vec<ItemFailure>,
    branches: Vec<(usize, ParallelFlowResult)>,
    error: Option<Box<Failure>>,
    /// Batches with items that are tried again, and how many, by start.
    unfinished: BTreeMap<usize, (Box<dyn Batch>, usize)>,
    /// Batches that are done but cannot be collected yet, by start.
    landed: BTreeMap<usize, Box<dyn Batch>>,
    /// The start of the batch that is collected next.
    next: usize,
    /// `None` while somebody collects.
    collector: Option<Box<dyn Collector>>,
}

/// What is to be done now.
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// Try an item again.
    Again(Try),
    /// Start a batch of this many new items.
    Pull(usize),
    /// All items have ended. Said once.
    Join,
}

/// What is left of a map when all items have ended.
pub(super) struct End {
    pub(super) frame: Box<Frame>,
    pub(super) view: Arc<View>,
    pub(super) collector: Box<dyn Collector>,
    pub(super) done: usize,
    pub(super) failed: usize,
    /// What failed though it may.
    pub(super) failures: Vec<ItemFailure>,
    /// What failed and fails the map.
    pub(super) branches: Vec<ParallelFlowResult>,
    /// What else fails the map.
    pub(super) error: Option<Box<Failure>>,
}

/// Batches that are next to be collected, and who collects them.
pub(super) struct Collecting {
    collector: Box<dyn Collector>,
    batches: Vec<Box<dyn Batch>>,
}

impl Progress {
    pub(super) fn new(collector: Box<dyn Collector>, total: Option<usize>, mut frame: Box<Frame>) -> Self {
        Self {
            view: Some(Arc::new(frame.walk.take_view())),
            frame: Some(frame),
            in_flight: 0,
            waiting: 0,
            again: VecDeque::new(),
            exhausted: false,
            joined: false,
            chunk: 1,
            total,
            given: 0,
            done: 0,
            failed: 0,
            told: Instant::now(),
            failures: Vec::new(),
            branches: Vec::new(),
            error: None,
            unfinished: BTreeMap::new(),
            landed: BTreeMap::new(),
            next: 0,
            collector: Some(collector),
        }
    }

    /// What the items read.
    pub(super) fn view(&self) -> Arc<View> {
        self.view.clone().expect("nothing starts once all has ended")
    }

    /// What is to be done, if `limit` batches may be in flight.
    pub(super) fn step(&mut self, limit: usize, alone: bool) -> Step {
        if self.in_flight < limit {
            if let Some(again) = self.again.pop_front() {
                self.in_flight += 1;
                return Step::Again(again);
            }
            // What comes in faster than it is collected must not pile up. Whoever collects drives on afterwards.
            let piled_up = self.collector.is_none() && self.landed.len() >= 2 * limit;
            if !self.exhausted && !piled_up {
                self.in_flight += 1;
                let count = if alone { 1 } else { self.chunk };
                self.given += count;
                return Step::Pull(count);
            }
        }
        let idle = self.exhausted && self.in_flight == 0 && self.waiting == 0 && self.again.is_empty();
        let collected = self.collector.is_some() && (self.landed.is_empty() || self.error.is_some());
        if idle && collected && !self.joined {
            self.joined = true;
            return Step::Join;
        }
        Step::Wait
    }

    /// The items asked for are not there: there are no more, or getting them failed.
    pub(super) fn exhausted(&mut self, failure: Option<Box<Failure>>) {
        self.in_flight -= 1;
        self.exhausted = true;
        self.error = self.error.take().or(failure);
    }

    /// A batch of `items` took `elapsed`: the next ones hold as many items as run in a time that is long beside what
    /// a batch costs, and short beside the rest of the map.
    pub(super) fn took(&mut self, items: usize, elapsed: Duration, strategy: Strategy, workers: usize) {
        let aim = match strategy {
            Strategy::Thread => Duration::from_micros(250),
            Strategy::Process => Duration::from_millis(1),
        };
        let fit = aim.as_nanos() * items as u128 / elapsed.as_nanos().max(1);
        let fit = usize::try_from(fit).unwrap_or(usize::MAX).min(self.chunk.saturating_mul(4));
        let share = self.total.map_or(usize::MAX, |total| total.saturating_sub(self.given) / (4 * workers));
        self.chunk = fit.min(share).max(1);
    }

    /// A batch ended, of which `again` items wait to be tried again; or, with `home`, another attempt at one item.
    pub(super) fn landed(&mut self, batch: Box<dyn Batch>, home: Option<(usize, usize)>, again: usize) {
        self.in_flight -= 1;
        self.waiting += again;
        self.done += batch.len() - again;
        let Some((start, at)) = home else {
            if again == 0 {
                self.landed.insert(batch.start(), batch);
            } else {
                self.unfinished.insert(batch.start(), (batch, again));
            }
            return;
        };
        if again > 0 {
            return;
        }
        let Some((mut whole, left)) = self.unfinished.remove(&start) else { return };
        whole.adopt(at, batch);
        if left == 1 {
            self.landed.insert(start, whole);
        } else {
            self.unfinished.insert(start, (whole, left - 1));
        }
    }

    /// The wait of an item is over.
    pub(super) fn again(&mut self, attempt: Try) {
        self.waiting -= 1;
        self.again.push_back(attempt);
    }

    /// An item failed for good.
    pub(super) fn failed(&mut self, index: usize, result: ParallelFlowResult, allowed: bool) {
        self.failed += 1;
        if allowed {
            self.failures.push(ItemFailure::of(index, result));
        } else if self.branches.len() < TOLD {
            self.branches.push((index, result));
        }
    }

    /// The batches that come next, if they are there and nobody collects.
    pub(super) fn collectable(&mut self) -> Option<Collecting> {
        if self.error.is_some() || !self.landed.contains_key(&self.next) {
            return None;
        }
        let collector = self.collector.take()?;
        let mut batches = Vec::new();
        while let Some(batch) = self.landed.remove(&self.next) {
            self.next += batch.len();
            batches.push(batch);
        }
        Some(Collecting { collector, batches })
    }

    /// They were collected.
    pub(super) fn collected(&mut self, (collector, outcome): (Box<dyn Collector>, Result<(), Box<Failure>>)) {
        self.collector = Some(collector);
        if let Err(failure) = outcome {
            self.exhausted = true;
            self.error.get_or_insert(failure);
        }
    }

    /// Done, failed and total, if it is time to tell.
    pub(super) fn news(&mut self) -> Option<(u64, u64, Option<u64>)> {
        if self.told.elapsed() < NEWS {
            return None;
        }
        self.told = Instant::now();
        Some((self.done as u64, self.failed as u64, self.total.map(|total| total as u64)))
    }

    /// The place of the attempt that the node stands in.
    pub(super) fn parent_seat(&self) -> Option<Seat> {
        self.frame.as_ref()?.walk.context.seat.clone()
    }

    /// Takes what is joined.
    pub(super) fn take(&mut self) -> Option<End> {
        let mut failures = std::mem::take(&mut self.failures);
        failures.sort_by_key(|failure| failure.index);
        let mut branches = std::mem::take(&mut self.branches);
        branches.sort_by_key(|branch| branch.0);
        Some(End {
            frame: self.frame.take()?,
            view: self.view.take()?,
            collector: self.collector.take()?,
            done: self.done,
            failed: self.failed,
            failures,
            branches: branches.into_iter().map(|branch| branch.1).collect(),
            error: self.error.take(),
        })
    }
}

impl Collecting {
    /// Whether no Rust of the user's runs.
    pub(super) fn is_quick(&self) -> bool {
        self.collector.is_quick()
    }

    /// Collects.
    pub(super) fn run(mut self) -> (Box<dyn Collector>, Result<(), Box<Failure>>) {
        let outcome = guard(|| self.batches.drain(..).try_for_each(|batch| self.collector.add(batch)));
        (self.collector, outcome.flatten())
    }
}
