//! Determines which tasks of a fan-out may start.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::ends::{Ends, TaskEnd};
use crate::{
    engine::site::Site,
    plan::{Region, Task},
};

/// The tasks that have ended, and those that may start.
pub(super) struct Ready {
    region: &'static Region,
    ends: Vec<TaskEnd>,
    remaining: usize,
    queue: Queue,
}

/// The tasks that were not started.
enum Queue {
    /// In the order of the list.
    Listed(VecDeque<usize>),
    /// Each when its needs are done, and those with the longest path to the end first.
    Graph { free: BinaryHeap<(usize, Reverse<usize>)>, waiting: Vec<Waiting> },
}

/// A task that may still have to wait.
struct Waiting {
    /// The number of needs that are not done.
    needs: usize,
    /// Whether one of its needs continued with it, or this does not depend on its needs.
    led_to: bool,
    /// Whether one of its needs failed, or was not started for that reason.
    barred: bool,
}

impl Ready {
    /// Tasks in `skipped` (ascending) are not started, because their conditions are false.
    pub(super) fn new(region: &'static Region, site: &Site, skipped: &[usize]) -> Self {
        let tasks = region.tasks;
        let queue = match &site.graph {
            None => Queue::Listed((0..tasks.len()).filter(|task| skipped.binary_search(task).is_err()).collect()),
            Some(graph) => {
                let waiting = |task: &Task| Waiting { needs: task.needs.len(), led_to: region.dataflow, barred: false };
                let free = (0..tasks.len()).filter(|&task| tasks[task].needs.is_empty());
                Queue::Graph {
                    free: free.map(|task| graph.priority(task)).collect(),
                    waiting: tasks.iter().map(waiting).collect(),
                }
            }
        };
        let ends = tasks.iter().map(|_| TaskEnd::Open).collect();
        let mut ready = Self { region, ends, remaining: tasks.len(), queue };
        for &task in skipped {
            ready.end(task, TaskEnd::skipped(&tasks[task]), &[], site);
        }
        ready
    }

    /// Whether all tasks have ended.
    pub(super) fn is_done(&self) -> bool {
        self.remaining == 0
    }

    /// The next task that may start.
    pub(super) fn next(&mut self) -> Option<usize> {
        let free = match &mut self.queue {
            Queue::Listed(listed) => loop {
                let task = listed.pop_front()?;
                if self.ends[task].is_open() {
                    return Some(task);
                }
            },
            Queue::Graph { free, .. } => free,
        };
        loop {
            let task = free.pop()?.1.0;
            if self.ends[task].is_open() {
                return Some(task);
            }
        }
    }

    /// The outcome of all tasks.
    pub(super) fn into_ends(self) -> Ends {
        Ends { tasks: self.region.tasks, ends: self.ends }
    }

    /// Records that a task has ended, which releases or skips the tasks that waited for it.
    pub(super) fn end(&mut self, task: usize, end: TaskEnd, goes_to: &[u32], site: &Site) {
        let bars = end.failed().is_some_and(|result| result.is_waiting() || !site.config(task).allow_failure);
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
                    self.ends[index] = TaskEnd::skipped(&self.region.tasks[index]);
                    self.remaining -= 1;
                    led.push((index, &[], state.barred));
                }
            }
        }
    }
}
