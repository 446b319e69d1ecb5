//! What the pool knows: the attempts that wait, the workers, and which attempt goes to which worker.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{errand::Errand, lend::Lent, link::Link, pace::Paces};
use crate::failure::Failure;

/// The attempts that wait, and the workers.
#[derive(Default)]
pub(super) struct State {
    /// What waits, by the memory limit that its worker must have, then in the order in which it came.
    pub(super) queues: BTreeMap<Option<u64>, BTreeMap<u64, Box<Errand>>>,
    pub(super) slots: Vec<Slot>,
    /// Workers that are being started, by memory limit.
    pub(super) starting: BTreeMap<Option<u64>, usize>,
    /// Workers at once; fewer than asked for where the system has no more.
    pub(super) limit: usize,
    pub(super) failed_starts: u32,
    /// The last start was one alone, since those before had failed for what the system lacks.
    pub(super) tried_alone: bool,
    pub(super) last_errand: u64,
    pub(super) next_worker: u32,
    pub(super) paces: Paces,
    /// Why nothing can run.
    pub(super) refusal: Option<Box<Failure>>,
    pub(super) closing: bool,
    /// An alarm is set that looks at lent threads.
    pub(super) watched: bool,
    /// The threads of the links, by number; not those whose place another took.
    pub(super) threads: Vec<(u32, JoinHandle<()>)>,
}

/// A worker that is ready, as the queue sees it.
pub(super) struct Slot {
    pub(super) link: Arc<Link>,
    pub(super) in_flight: usize,
    pub(super) given: u32,
    /// It gets nothing more, and is told to end once it has nothing.
    pub(super) retiring: bool,
    pub(super) lent: Option<Lent>,
}

impl Slot {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, in_flight: 0, given: 0, retiring: false, lent: None }
    }
}

impl State {
    /// Starts a thread for link `number`.
    pub(super) fn spawn(&mut self, number: u32, serve: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let thread = thread::Builder::new().name(format!("tea-worker-{number}")).spawn(serve)?;
        self.threads.retain(|(_, thread)| !thread.is_finished());
        self.threads.push((number, thread));
        Ok(())
    }

    /// How many workers there are, or are being started.
    pub(super) fn workers(&self) -> usize {
        self.slots.len() + self.starting.values().sum::<usize>()
    }

    /// Whether any attempt waits for a worker.
    pub(super) fn waits(&self) -> bool {
        self.queues.values().any(|queue| !queue.is_empty())
    }

    pub(super) fn slot(&mut self, link: &Arc<Link>) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.link, link))
    }

    pub(super) fn started(&mut self, memory_limit: Option<u64>) {
        let starting = self.starting.entry(memory_limit).or_default();
        *starting = starting.saturating_sub(1);
    }

    pub(super) fn take_queue(&mut self) -> impl Iterator<Item = Box<Errand>> + use<> {
        std::mem::take(&mut self.queues).into_values().flat_map(BTreeMap::into_values)
    }

    /// Work for workers that have room for it: the least busy first.
    pub(super) fn assign(&mut self) -> Vec<(Arc<Link>, Box<Errand>)> {
        let mut given = Vec::new();
        for (limit, queue) in &mut self.queues {
            while let Some(first) = queue.first_entry() {
                // What waits in a worker would begin though a circuit has opened meanwhile.
                let alone = first.get().config().circuit_breaker.is_some();
                let window = if alone { 1 } else { self.paces.window(first.get().kind()) };
                let fits = |slot: &&mut Slot| {
                    !slot.retiring
                        && slot.lent.is_none()
                        && slot.link.memory_limit() == *limit
                        && slot.in_flight < window
                };
                let Some(slot) = self.slots.iter_mut().filter(fits).min_by_key(|slot| slot.in_flight) else { break };
                let errand = first.remove();
                slot.in_flight += 1;
                slot.given += 1;
                slot.retiring = errand.config().max_tasks_per_worker.is_some_and(|most| slot.given >= most);
                given.push((Arc::clone(&slot.link), errand));
            }
        }
        given
    }

    /// The memory limits of workers to start for what waits.
    pub(super) fn starts(&mut self) -> Vec<Option<u64>> {
        let mut starts = Vec::new();
        let mut all = self.workers();
        for (limit, queue) in &self.queues {
            let coming = self.starting.get(limit).copied().unwrap_or(0);
            let mut wanted = queue.len().saturating_sub(coming);
            if self.failed_starts > 0 {
                // One at a time until one is ready again.
                wanted = wanted.min(1_usize.saturating_sub(coming));
            }
            let room = self.limit.saturating_sub(all);
            starts.extend(std::iter::repeat_n(*limit, wanted.min(room)));
            all += wanted.min(room);
            let served = coming > 0 || self.slots.iter().any(|slot| slot.link.memory_limit() == *limit);
            if wanted > 0 && room == 0 && !served {
                // A worker with another limit makes room.
                if let Some(slot) = self.slots.iter_mut().find(|slot| slot.in_flight == 0 && !slot.retiring) {
                    slot.retiring = true;
                    slot.link.say_goodbye();
                }
            }
        }
        starts
    }
}
