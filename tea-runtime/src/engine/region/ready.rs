//! Which task of a fan-out may start.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::Range,
    sync::Arc,
};

use super::{
    Trial,
    ends::{End, Ended},
    share::Share,
};
use crate::{
    engine::{frame::Frame, site::Site},
    executor::thread::Seat,
    plan::{Region, Task},
};

/// The tasks that ended, that run, and that may start.
pub(super) struct Ready {
    region: &'static Region,
    parent: Option<Box<Frame>>,
    ends: Vec<End>,
    remaining: usize,
    in_flight: usize,
    joined: bool,
    /// Tasks that waited to be tried again.
    again: VecDeque<Trial>,
    queue: Queue,
}

/// The tasks that were not started.
enum Queue {
    /// In listed order: those that nobody took, and what threads took together.
    Listed { left: VecDeque<Range<usize>>, shares: Vec<Arc<Share>> },
    /// Each when what it needs is done, those first on which the longest way follows.
    Graph { free: BinaryHeap<(usize, Reverse<usize>)>, waiting: Vec<Waiting> },
}

/// A task that may not be free yet.
struct Waiting {
    /// Needs that are not done.
    needs: usize,
    /// One of its needs went on to it, or it is not for its needs to decide.
    led_to: bool,
    /// One of its needs failed for good, or was not started for that reason.
    barred: bool,
}

/// What may start.
pub(super) enum Claim {
    /// A task, for the first time.
    Task(usize),
    /// Several, one after the other.
    Share(Arc<Share>),
    /// Another attempt.
    Again(Trial),
}

/// What is to be done now.
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// Start this. There may be more.
    Start(Claim, bool),
    /// All tasks have ended. Said once.
    Join,
}

impl Ready {
    /// `skipped` (ascending) are not started, since their conditions do not hold.
    pub(super) fn new(region: &'static Region, site: &Site, parent: Box<Frame>, skipped: &[usize]) -> Self {
        let tasks = region.tasks;
        let queue = match &site.graph {
            None => {
                let starts = std::iter::once(0).chain(skipped.iter().map(|task| task + 1));
                let left = starts.zip(skipped.iter().copied().chain([tasks.len()])).map(|(start, end)| start..end);
                Queue::Listed { left: left.filter(|range| !range.is_empty()).collect(), shares: Vec::new() }
            }
            Some(graph) => {
                let waiting = |task: &Task| Waiting { needs: task.needs.len(), led_to: region.dataflow, barred: false };
                let free = (0..tasks.len()).filter(|&task| tasks[task].needs.is_empty());
                Queue::Graph {
                    free: free.map(|task| graph.priority(task)).collect(),
                    waiting: tasks.iter().map(waiting).collect(),
                }
            }
        };
        let mut ready = Self {
            region,
            parent: Some(parent),
            ends: tasks.iter().map(|_| End::Open).collect(),
            remaining: tasks.len(),
            in_flight: 0,
            joined: false,
            again: VecDeque::new(),
            queue,
        };
        for &task in skipped {
            ready.end(Ended { task, end: End::skipped(&tasks[task]), goes_to: Vec::new() }, site);
        }
        ready
    }

    /// Says what may start: so many tasks at most, where they are short.
    pub(super) fn step(&mut self, wanted: usize, site: &Site) -> Step {
        if self.remaining == 0 {
            return if std::mem::replace(&mut self.joined, true) { Step::Wait } else { Step::Join };
        }
        if self.in_flight >= site.limit {
            return Step::Wait;
        }
        let again = self.again.pop_front().map(Claim::Again);
        let Some(claim) = again.or_else(|| self.next(wanted, site.limit)) else { return Step::Wait };
        self.in_flight += 1;
        Step::Start(claim, self.in_flight < site.limit && self.has_more())
    }

    /// So many claims are done with.
    pub(super) fn release(&mut self, claims: usize) {
        self.in_flight -= claims;
    }

    /// Takes back tasks that were claimed, but not begun.
    pub(super) fn put_back(&mut self, tasks: Range<usize>) {
        if let (Queue::Listed { left, .. }, false) = (&mut self.queue, tasks.is_empty()) {
            left.push_front(tasks);
        }
    }

    /// The wait of a task that is tried again is over.
    pub(super) fn again(&mut self, again: Trial) {
        self.again.push_back(again);
    }

    /// The place of the attempt that the fan-out stands in.
    pub(super) fn parent_seat(&self) -> Option<Seat> {
        self.parent.as_ref()?.walk.context.seat.clone()
    }

    /// Takes what goes on after the join, and what became of the tasks.
    pub(super) fn take(&mut self) -> Option<(Box<Frame>, Vec<End>)> {
        Some((self.parent.take()?, std::mem::take(&mut self.ends)))
    }

    fn next(&mut self, wanted: usize, limit: usize) -> Option<Claim> {
        let (left, shares) = match &mut self.queue {
            Queue::Listed { left, shares } => (left, shares),
            Queue::Graph { free, .. } => loop {
                let task = free.pop()?.1.0;
                if self.ends[task].is_open() {
                    return Some(Claim::Task(task));
                }
            },
        };
        while left.is_empty() {
            left.extend(Some(shares.pop()?.take_back()).filter(|tasks| !tasks.is_empty()));
        }
        let range = left.pop_front()?;
        // The fewer are left, the fewer at once, so that all threads end together.
        let count = wanted.min(range.len().div_ceil(2 * limit));
        let (taken, rest) = (range.start..range.start + count, range.start + count..range.end);
        if !rest.is_empty() {
            left.push_front(rest);
        }
        if count == 1 {
            return Some(Claim::Task(taken.start));
        }
        let share = Arc::new(Share::new(taken));
        shares.retain(|share| share.is_open());
        shares.push(Arc::clone(&share));
        Some(Claim::Share(share))
    }

    fn has_more(&self) -> bool {
        let queued = match &self.queue {
            Queue::Listed { left, .. } => !left.is_empty(),
            Queue::Graph { free, .. } => !free.is_empty(),
        };
        queued || !self.again.is_empty()
    }

    /// A task has ended, which frees or skips what waited for it.
    pub(super) fn end(&mut self, ended: Ended, site: &Site) {
        let Ended { task, end, goes_to } = ended;
        let bars = end.failed().is_some() && !site.config(task).allow_failure;
        self.ends[task] = end;
        self.remaining -= 1;
        let (Some(graph), Queue::Graph { free, waiting }) = (&site.graph, &mut self.queue) else { return };
        let mut led = vec![(task, goes_to, bars)];
        while let Some((task, goes_to, bars)) = led.pop() {
            for &follower in graph.followers(task) {
                let index = follower as usize;
                let state = &mut waiting[index];
                state.needs -= 1;
                state.led_to |= goes_to.contains(&follower);
                state.barred |= bars;
                if state.needs > 0 || !self.ends[index].is_open() {
                    continue;
                }
                if state.led_to && !state.barred {
                    free.push(graph.priority(index));
                } else {
                    self.ends[index] = End::skipped(&self.region.tasks[index]);
                    self.remaining -= 1;
                    led.push((index, Vec::new(), state.barred));
                }
            }
        }
    }
}
