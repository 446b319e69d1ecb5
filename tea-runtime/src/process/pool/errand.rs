//! An attempt on its way through the pool: what is sent for it, and how its end is told.

use std::{sync::Arc, time::Duration};

use crate::{
    engine::{self, Run},
    executor::{Attempt, BranchEnd, ItemsEnd, Job, JobWork},
    failure::Failure,
    policy::ParallelConfig,
    process::{
        frame::HEADER,
        message::{self, ToWorker, ValueHead},
        payload::{self, Bytes, Encoded, transport},
    },
    state::{Value, View},
};

/// An attempt that the pool has taken.
pub(crate) struct Errand {
    /// Its number, in the order in which attempts came.
    pub(crate) id: u64,
    pub(crate) job: Job,
    /// Of a batch: the items that are done with, from the first on, and those of them that failed.
    items_done: usize,
    /// Of a batch: the items that the current worker was sent end before this one.
    items_sent: usize,
    /// Bytes received for it from the current worker.
    received: u64,
    failures: Vec<(usize, Box<Failure>)>,
    /// It was being sent to a worker when that was lost.
    pub(crate) excused: bool,
}

/// Where an attempt ran, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) pid: u32,
    pub(crate) worker: Option<u32>,
    pub(crate) elapsed: Duration,
}

impl Ran {
    /// Nowhere: it ended before it was given to a worker.
    pub(crate) fn nowhere() -> Self {
        Self { pid: std::process::id(), worker: None, elapsed: Duration::ZERO }
    }
}

/// A message, behind room for a frame's header, and the values behind it.
pub(crate) struct Parcel {
    pub(crate) head: Vec<u8>,
    pub(crate) values: Bytes,
}

impl Parcel {
    pub(crate) fn new(message: &ToWorker<'_>, values: Bytes) -> Self {
        let mut head = vec![0; HEADER];
        message::append(message, &mut head);
        Self { head, values }
    }

    /// How large it is.
    pub(crate) fn bytes(&self) -> u64 {
        (self.head.len() - HEADER + self.values.len()) as u64
    }
}

/// The view that a worker got last for items, and still has.
#[derive(Debug, Default)]
pub(crate) struct KeptView(Option<Arc<View>>);

impl Errand {
    pub(crate) fn new(id: u64, job: Job) -> Box<Self> {
        Box::new(Self { id, job, items_done: 0, items_sent: 0, received: 0, failures: Vec::new(), excused: false })
    }

    /// Only workers with the same limit run it.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        self.job.config.memory_limit
    }

    pub(crate) fn config(&self) -> &'static ParallelConfig {
        self.job.config
    }

    /// Tells errands of the same kind: they take about as long as each other.
    pub(crate) fn kind(&self) -> usize {
        match &self.job.work {
            JobWork::Branch { region, task, .. } => std::ptr::from_ref(&region.tasks[*task]).addr(),
            JobWork::Items { map, .. } => std::ptr::from_ref(*map).addr(),
        }
    }

    /// The message that has it run, and the values behind it.
    ///
    /// # Errors
    /// If a value cannot be sent.
    pub(crate) fn parcel(&mut self, kept: &mut KeptView) -> Result<Parcel, Box<Failure>> {
        let max_payload = self.job.config.max_payload;
        let (message, values) = match &self.job.work {
            JobWork::Branch { region, task, view, .. } => {
                let branch = &region.tasks[*task];
                let reads = branch.reads.iter().filter_map(|read| Some((read.key, view.value(read.key)?)));
                let Encoded { heads, bytes } = payload::encode(view.plan(), reads, max_payload)?;
                let message = ToWorker::Branch(message::Branch {
                    task: self.id,
                    module: view.plan().module,
                    workflow: view.plan().name,
                    region: region.id,
                    index: u32::try_from(*task).expect("tasks are numbered in u32"),
                    attempt: self.job.attempt,
                    max_payload,
                    values: heads,
                });
                (message, bytes)
            }
            JobWork::Items { map, view, batch, .. } => {
                let plan = view.plan();
                let known = kept.0.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, view));
                let reads = map.reads.iter().filter(|_| !known).filter_map(|key| Some((*key, view.value(*key)?)));
                let Encoded { heads, bytes: mut values } = payload::encode(plan, reads, max_payload)?;
                let before_end = values.len() - values.end().len();
                let bytes = values.end();
                let mut lengths = Vec::with_capacity(batch.len() - self.items_done);
                for at in self.items_done..batch.len() {
                    let before = bytes.len();
                    let sent = payload::guarded(|| batch.encode_item(at, bytes)).and_then(|()| {
                        let length = (before_end + bytes.len()) as u64;
                        if length <= max_payload { Ok(()) } else { Err(payload::over_limit(length, max_payload)) }
                    });
                    match sent {
                        Ok(()) => lengths.push((bytes.len() - before) as u64),
                        // It is the first again once those before it are done with.
                        Err(_) if !lengths.is_empty() => {
                            bytes.truncate(before);
                            break;
                        }
                        Err(error) => {
                            let index = batch.start() + at;
                            return Err(transport(format!("item {index} of `{}` cannot be sent: {error}", map.name)));
                        }
                    }
                }
                kept.0 = Some(Arc::clone(view));
                self.items_sent = self.items_done + lengths.len();
                let message = ToWorker::Items(message::Items {
                    task: self.id,
                    module: plan.module,
                    workflow: plan.name,
                    map: map.id,
                    first: self.items_done as u64,
                    start: (batch.start() + self.items_done) as u64,
                    attempt: self.job.attempt,
                    max_payload,
                    view: (!known).then_some(heads),
                    lengths,
                });
                (message, values)
            }
        };
        Ok(Parcel::new(&message, values))
    }

    /// Whether nothing of it is left to run.
    pub(crate) fn is_done(&self) -> bool {
        matches!(&self.job.work, JobWork::Items { batch, .. } if self.items_done == batch.len())
    }

    /// Whether all items that the worker was sent are done with.
    pub(crate) fn is_sent(&self) -> bool {
        self.items_done >= self.items_sent
    }

    /// What runs now: the branch, or an item as `map[3]`.
    pub(crate) fn running(&self) -> String {
        match &self.job.work {
            JobWork::Branch { .. } => self.job.name().to_owned(),
            JobWork::Items { batch, .. } => format!("{}[{}]", self.job.name(), batch.start() + self.items_done),
        }
    }

    /// Bytes that the current worker sent for it; the next one starts at none.
    pub(crate) fn take_received(&mut self) -> u64 {
        std::mem::take(&mut self.received)
    }

    /// Why the first item that failed did so, if one did.
    pub(crate) fn first_failure(&self) -> Option<&Failure> {
        self.failures.first().map(|(_, failure)| &**failure)
    }

    /// The next item of the batch ended so.
    ///
    /// # Errors
    /// If that is not the item whose turn it is.
    pub(crate) fn item(&mut self, at: u64, outcome: Result<&[u8], Box<Failure>>, received: u64) -> Result<(), String> {
        let JobWork::Items { map, batch, .. } = &mut self.job.work else {
            return Err("the result of an item came for a branch".to_owned());
        };
        let position = self.items_done;
        if at != position as u64 || position == batch.len() {
            return Err(format!("the result of item {at} came for item {position}"));
        }
        let index = batch.start() + position;
        let outcome = outcome.and_then(|bytes| {
            payload::guarded(|| batch.put_result(position, bytes)).map_err(|error| {
                transport(format!("the result of item {index} of `{}` cannot be decoded: {error}", map.name))
            })
        });
        self.failures.extend(outcome.err().map(|failure| (position, failure)));
        self.items_done += 1;
        self.received += received;
        Ok(())
    }

    /// What was running failed so: the branch, or the next item. Gives the errand back if there is more of it.
    pub(crate) fn fail_current(mut self: Box<Self>, failure: Box<Failure>, ran: Ran) -> Option<Box<Self>> {
        if let JobWork::Items { .. } = &self.job.work {
            self.failures.push((self.items_done, failure));
            self.items_done += 1;
            if !self.is_done() {
                return Some(self);
            }
            self.end_items(ran).tell();
        } else {
            self.end_branch(Err(failure), ran).tell();
        }
        None
    }

    /// All of it that has not ended fails so.
    pub(crate) fn fail(mut self, failure: &Failure, ran: Ran) {
        if let JobWork::Items { batch, .. } = &self.job.work {
            let rest = self.items_done..batch.len();
            self.failures.extend(rest.map(|at| (at, Box::new(failure.clone()))));
            self.items_done = batch.len();
            self.end_items(ran).tell();
        } else {
            self.end_branch(Err(Box::new(failure.clone())), ran).tell();
        }
    }

    /// All items of the batch ended.
    pub(crate) fn end_items(self, ran: Ran) -> Ending {
        let JobWork::Items { batch, done, .. } = self.job.work else { unreachable!("only of batches") };
        let outcome = ItemsEnd { batch: Some(batch), failures: self.failures };
        let attempt = Attempt { outcome, pid: ran.pid, worker: ran.worker, elapsed: ran.elapsed };
        Ending { run: self.job.run, tell: Box::new(move || done(attempt)) }
    }

    /// The branch ended. Values are decoded on this thread.
    pub(crate) fn end_branch(self, outcome: Result<(message::BranchEnd, &[u8]), Box<Failure>>, ran: Ran) -> Ending {
        let JobWork::Branch { mut view, done, .. } = self.job.work else { unreachable!("only of branches") };
        let outcome = outcome.and_then(|(message::BranchEnd { goes_to, values }, bytes)| {
            for (key, value) in received(&view, &values, bytes)? {
                view.replace(key, value);
            }
            Ok(BranchEnd { view, goes_to })
        });
        let attempt = Attempt { outcome, pid: ran.pid, worker: ran.worker, elapsed: ran.elapsed };
        Ending { run: self.job.run, tell: Box::new(move || done(attempt)) }
    }
}

/// The end of an attempt, to be told.
pub(crate) struct Ending {
    run: Arc<Run>,
    tell: Box<dyn FnOnce() + Send>,
}

impl Ending {
    /// Tells it. Should that panic, the run ends, which would wait for it for ever, and the worker's thread goes on.
    pub(crate) fn tell(self) {
        if let Err(failure) = engine::guard(self.tell) {
            self.run.lose(failure);
        }
    }

    /// Tells it, and runs on this thread the rest of the block that waited for it, if there is one.
    pub(crate) fn go_on(self) {
        self.run.lend(self.tell);
    }
}

fn received(view: &View, heads: &[ValueHead], bytes: &[u8]) -> Result<Vec<(u32, Value)>, Box<Failure>> {
    payload::decode(view.plan(), view.keys(), heads, bytes)
}
