//! Which task of a fan-out may start.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::{TaskEnd, Trial, ends::Ends};
use crate::{
    engine::{frame::Frame, site::Site},
    executor::thread::Seat,
    plan::Region,
    result::ParallelFlowResult,
};

/// The tasks that ended, that run, and that may start.
pub(super) struct Ready {
    region: &'static Region,
    parent: Option<Box<Frame>>,
    ended: Vec<bool>,
    remaining: usize,
    in_flight: usize,
    joined: bool,
    /// Tasks that waited to be tried again.
    again: VecDeque<Trial>,
    queue: Queue,
}

/// The tasks that were not started.
enum Queue {
    /// In listed order, from this one on.
    Listed(usize),
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
    pub(super) fn new(region: &'static Region, site: &Site, parent: Box<Frame>) -> Self {
        let queue = match &site.graph {
            None => Queue::Listed(0),
            Some(graph) => {
                let waiting = |task: &crate::plan::Task| Waiting {
                    needs: task.needs.len(),
                    led_to: region.dataflow,
                    barred: false,
                };
                let free = (0..region.tasks.len()).filter(|&task| region.tasks[task].needs.is_empty());
                Queue::Graph {
                    free: free.map(|task| graph.priority(task)).collect(),
                    waiting: region.tasks.iter().map(waiting).collect(),
                }
            }
        };
        Self {
            region,
            parent: Some(parent),
            ended: vec![false; region.tasks.len()],
            remaining: region.tasks.len(),
            in_flight: 0,
            joined: false,
            again: VecDeque::new(),
            queue,
        }
    }

    /// Takes the end of a task that was in flight, and says what may start.
    pub(super) fn step(&mut self, ended: Option<usize>, ends: &Ends, site: &Site) -> Step {
        if let Some(task) = ended {
            self.in_flight -= 1;
            self.end(task, ends, site);
        }
        if self.remaining == 0 {
            return if std::mem::replace(&mut self.joined, true) { Step::Wait } else { Step::Join };
        }
        if self.in_flight >= site.limit {
            return Step::Wait;
        }
        let claim = match self.again.pop_front() {
            Some(again) => Claim::Again(again),
            None => match self.next() {
                Some(task) => Claim::Task(task),
                None => return Step::Wait,
            },
        };
        self.in_flight += 1;
        Step::Start(claim, self.in_flight < site.limit && self.has_more())
    }

    /// A task is not started, since its condition does not hold.
    pub(super) fn skip(&mut self, task: usize, ends: &Ends, site: &Site) {
        ends.put(task, self.skipped(task));
        self.end(task, ends, site);
    }

    /// A task waits to be tried again: another may run meanwhile.
    pub(super) fn release(&mut self) {
        self.in_flight -= 1;
    }

    /// Its wait is over.
    pub(super) fn again(&mut self, again: Trial) {
        self.again.push_back(again);
    }

    /// The place of the attempt that the fan-out stands in.
    pub(super) fn parent_seat(&self) -> Option<Seat> {
        self.parent.as_ref()?.walk.context.seat.clone()
    }

    /// Takes what goes on after the join.
    pub(super) fn take_parent(&mut self) -> Option<Box<Frame>> {
        self.parent.take()
    }

    fn next(&mut self) -> Option<usize> {
        loop {
            let task = match &mut self.queue {
                Queue::Listed(next) if *next < self.ended.len() => {
                    *next += 1;
                    *next - 1
                }
                Queue::Listed(_) => return None,
                Queue::Graph { free, .. } => free.pop()?.1.0,
            };
            if !self.ended[task] {
                return Some(task);
            }
        }
    }

    fn has_more(&self) -> bool {
        let queued = match &self.queue {
            Queue::Listed(next) => *next < self.ended.len(),
            Queue::Graph { free, .. } => !free.is_empty(),
        };
        queued || !self.again.is_empty()
    }

    /// A task has ended, which frees or skips what waited for it.
    fn end(&mut self, task: usize, ends: &Ends, site: &Site) {
        self.ended[task] = true;
        self.remaining -= 1;
        let Some(graph) = &site.graph else { return };
        let failed = ends.with(task, |end| !end.result.success && !end.result.skipped);
        let mut led = vec![(task, failed && !site.config(task).allow_failure)];
        while let Some((task, bars)) = led.pop() {
            for &follower in graph.followers(task) {
                let Queue::Graph { free, waiting } = &mut self.queue else { continue };
                let index = follower as usize;
                let state = &mut waiting[index];
                state.needs -= 1;
                state.led_to |= ends.with(task, |end| end.goes_to.contains(&follower));
                state.barred |= bars;
                if state.needs > 0 || self.ended[index] {
                    continue;
                }
                if state.led_to && !state.barred {
                    free.push(graph.priority(index));
                } else {
                    let bars = state.barred;
                    ends.put(index, self.skipped(index));
                    self.ended[index] = true;
                    self.remaining -= 1;
                    led.push((index, bars));
                }
            }
        }
    }

    fn skipped(&self, task: usize) -> TaskEnd {
        let result = ParallelFlowResult { skipped: true, ..ParallelFlowResult::new(self.region.tasks[task].name) };
        TaskEnd { result, view: None, goes_to: Vec::new() }
    }
}
