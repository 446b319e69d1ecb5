//! The state and the decisions of a pool: which unit goes to which worker, and which workers to start and to end.
//!
//! This is plain data without clocks, files or threads, so that a model checker can try every order of events: see
//! `tests/tests/schedules`. Each worker is in one of these states; workers are not counted anywhere else.
//!
//! ```text
//! starting ──hello──► ready ──unit──► busy ──last end──► ready
//!    │                  │               │
//!    └──────────────────┴───────────────┴──► retiring (gets no more units) ──► gone (removed)
//! ```

use std::collections::{BTreeMap, VecDeque};

/// What the pool needs to know about a unit.
pub(crate) trait Task {
    /// It runs only on workers with the same limit.
    fn memory_limit(&self) -> Option<u64>;

    /// Whether it must not wait behind other units, nor others behind it.
    fn alone(&self) -> bool;

    /// Units of the same kind take about the same time.
    fn kind(&self) -> usize;

    /// The number of units after which its worker is replaced.
    fn max_tasks(&self) -> Option<u32>;
}

/// The waiting units, and the workers.
pub(crate) struct State<T, F> {
    /// The waiting units, by the memory limit that the worker must have, then by age.
    queues: BTreeMap<Option<u64>, BTreeMap<u64, T>>,
    pub(crate) workers: BTreeMap<u32, Worker<F>>,
    /// The maximum number of workers; fewer than requested if the system cannot provide more.
    pub(crate) limit: usize,
    next_age: u64,
    next_worker: u32,
}

/// A worker.
pub(crate) struct Worker<F> {
    pub(crate) stage: Stage,
    pub(crate) memory_limit: Option<u64>,
    /// Its units in the order in which it runs them. The first one is running.
    pub(crate) in_flight: VecDeque<F>,
    /// The number of units that it has been given.
    pub(crate) given: u64,
}

/// The state of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not said hello.
    Starting,
    /// It accepts units.
    Ready,
    /// It gets no more units, and ends when it has none.
    Retiring,
}

/// A unit that can be given to a worker now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) age: u64,
    pub(crate) limit: Option<u64>,
    pub(crate) worker: u32,
}

impl<T: Task, F> State<T, F> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { queues: BTreeMap::new(), workers: BTreeMap::new(), limit: limit.max(1), next_age: 0, next_worker: 0 }
    }

    /// The age of the next unit, which is younger than all others.
    pub(crate) fn next_age(&mut self) -> u64 {
        self.next_age += 1;
        self.next_age
    }

    /// Adds a unit of this age, or puts it back in its old place.
    pub(crate) fn put(&mut self, age: u64, task: T) {
        self.queues.entry(task.memory_limit()).or_default().insert(age, task);
    }

    /// Removes a unit.
    pub(crate) fn remove(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        for queue in self.queues.values_mut() {
            if let Some(age) = queue.iter().find(|(_, task)| is_it(task)).map(|(age, _)| *age) {
                return queue.remove(&age);
            }
        }
        None
    }

    /// Removes all waiting units.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let queues = std::mem::take(&mut self.queues);
        let mut all: Vec<_> = queues.into_values().flatten().collect();
        all.sort_by_key(|(age, _)| *age);
        all.into_iter().map(|(_, task)| task).collect()
    }

    /// Whether any unit is waiting.
    pub(crate) fn waits(&self) -> bool {
        self.queues.values().any(|queue| !queue.is_empty())
    }

    /// Whether a unit waits for which a worker should be started, or make room. All others go to a worker when that has
    /// room for them.
    pub(crate) fn wants_worker(&self) -> bool {
        let limits = self.limits();
        let unserved = |limit: &Option<u64>| self.with(*limit, Stage::Ready) == 0;
        !limits.is_empty() && (self.workers.len() < self.limit || limits.iter().any(unserved))
    }

    /// The oldest unit that waits for a worker with this limit.
    pub(crate) fn oldest(&self, limit: Option<u64>) -> Option<&T> {
        self.queues.get(&limit)?.first_key_value().map(|(_, task)| task)
    }

    /// The limits for which units are waiting, sorted by the age of the oldest unit.
    fn limits(&self) -> Vec<Option<u64>> {
        let firsts = self.queues.iter().filter_map(|(limit, queue)| Some((*queue.first_key_value()?.0, *limit)));
        let mut firsts: Vec<_> = firsts.collect();
        firsts.sort_unstable();
        firsts.into_iter().map(|(_, limit)| limit).collect()
    }

    /// The oldest unit for which a worker has room, according to `window`, which says how many units of a kind a worker
    /// may have. An idle worker must be able to get a token, according to `may_begin`.
    pub(crate) fn next_place(
        &self,
        window: impl Fn(usize) -> usize,
        mut may_begin: impl FnMut(&T, u32) -> bool,
    ) -> Option<Place> {
        self.limits().into_iter().find_map(|limit| {
            let (age, task) = self.queues.get(&limit)?.first_key_value()?;
            let window = if task.alone() { 1 } else { window(task.kind()) };
            let fits = |(number, worker): &(&u32, &Worker<F>)| {
                worker.stage == Stage::Ready
                    && worker.memory_limit == limit
                    && worker.in_flight.len() < window
                    && may_begin(task, **number)
            };
            let worker = self.workers.iter().filter(fits).min_by_key(|(_, worker)| worker.in_flight.len())?;
            Some(Place { age: *age, limit, worker: *worker.0 })
        })
    }

    /// Removes the unit for which there is a place, and counts it there. The caller then adds it to `in_flight`.
    pub(crate) fn take(&mut self, place: Place) -> Option<(T, &mut Worker<F>)> {
        let task = self.queues.get_mut(&place.limit)?.remove(&place.age)?;
        let worker = self.workers.get_mut(&place.worker)?;
        worker.given += 1;
        if task.max_tasks().is_some_and(|most| worker.given >= u64::from(most)) {
            worker.stage = Stage::Retiring;
        }
        Some((task, worker))
    }

    /// The limits of the workers to start for waiting units; `carefully`, one at a time, if starts have failed.
    pub(crate) fn starts(&self, carefully: bool) -> Vec<Option<u64>> {
        let mut starts = Vec::new();
        let mut room = self.limit.saturating_sub(self.workers.len());
        for limit in self.limits() {
            let coming = self.with(limit, Stage::Starting);
            let waiting = self.queues.get(&limit).map_or(0, BTreeMap::len);
            let mut wanted = waiting.saturating_sub(coming);
            if carefully {
                wanted = wanted.min(1_usize.saturating_sub(coming + starts.len()));
            }
            let wanted = wanted.min(room);
            starts.extend(std::iter::repeat_n(limit, wanted));
            room -= wanted;
        }
        starts
    }

    /// A worker is being started.
    pub(crate) fn start(&mut self, memory_limit: Option<u64>) -> u32 {
        let number = self.next_worker;
        self.next_worker += 1;
        let worker = Worker { stage: Stage::Starting, memory_limit, in_flight: VecDeque::new(), given: 0 };
        self.workers.insert(number, worker);
        number
    }

    /// If all places are taken, and there is no worker for the oldest unit of a limit: retires a worker of another
    /// limit, preferably an idle one.
    pub(crate) fn make_room(&mut self) {
        if self.workers.len() < self.limit {
            return;
        }
        // A worker that is already retiring makes room for one.
        let mut retiring = self.workers.values().filter(|worker| worker.stage == Stage::Retiring).count();
        for limit in self.limits() {
            let served = self.with(limit, Stage::Starting) + self.with(limit, Stage::Ready) > 0;
            if served {
                continue;
            }
            if retiring > 0 {
                retiring -= 1;
                continue;
            }
            let others = self.workers.values_mut().filter(|worker| worker.stage == Stage::Ready);
            if let Some(worker) = others.min_by_key(|worker| worker.in_flight.len()) {
                worker.stage = Stage::Retiring;
            }
        }
    }

    fn with(&self, limit: Option<u64>, stage: Stage) -> usize {
        self.workers.values().filter(|worker| worker.memory_limit == limit && worker.stage == stage).count()
    }
}
