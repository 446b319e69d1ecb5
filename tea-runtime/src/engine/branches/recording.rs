//! What a fan-out records about its branches, and takes from their records.

use std::{collections::BTreeMap, sync::Arc};

use super::work::BranchWork;
use crate::{
    cancel::CancellationToken,
    engine::{
        Run,
        block::BlockRun,
        records::{BranchRecord, Name, Names, Records, is_needed, is_recorded, unknown},
        site::Site,
    },
    event::Events,
    executor::{
        outcome::{self, Received},
        payload,
        wire::ResultHead,
    },
    failure::Failure,
    plan::{Plan, Region, Task},
    position::Position,
    result::ParallelFlowResult,
    state::KeySpec,
    store::RawRecord,
};

/// What a fan-out records.
pub(super) struct Recording<'a> {
    records: &'a Arc<Records>,
    plan: &'static Plan,
    region: &'static Region,
    events: Events,
    /// The names of the values with which tasks start, like the values of [`Base`](super::base::Base).
    names: Names,
    /// The number of writers of a key whose values are included.
    included: BTreeMap<u32, usize>,
    /// The names of everything else that was written, by task and key.
    written: BTreeMap<(usize, u32), Name>,
    /// After which tasks everything runs again.
    renewed: Vec<bool>,
    /// The name of the code of each task and of what it reads, once it has started.
    asks: Vec<Option<Name>>,
    /// Whether ends of branches wait to be written.
    waits: bool,
}

impl<'a> Recording<'a> {
    pub(super) fn new(records: &'a Arc<Records>, region: &'static Region, block: &BlockRun<'_>) -> Self {
        Self {
            records,
            plan: block.run.plan,
            region,
            events: block.context.events.clone(),
            names: block.names.clone(),
            included: BTreeMap::new(),
            written: BTreeMap::new(),
            renewed: region.tasks.iter().map(|task| records.renews_within(block.run.plan, task.block)).collect(),
            asks: vec![None; region.tasks.len()],
            waits: false,
        }
    }

    /// What a task needs whose steps are recorded one by one: the records, and the names of what it reads.
    pub(super) fn of_steps(&self, task: usize) -> (Arc<Records>, Names) {
        let task = &self.region.tasks[task];
        let mut names = self.names.only(task.reads.iter().map(|read| read.key));
        names.renewed |= task.needs.iter().any(|need| self.renewed[*need as usize]);
        (Arc::clone(self.records), names)
    }

    /// The names of what the block works with after the fan-out.
    pub(super) fn join(mut self, specs: &[KeySpec]) -> Names {
        self.names.renewed |= self.renewed.contains(&true);
        for ((task, key), name) in std::mem::take(&mut self.written) {
            self.merge(task, key, name, specs);
        }
        self.names
    }

    /// The record of a task that may start, if it is valid. The task then counts as ended. One that is not needed only counts if it
    /// has failed.
    pub(super) fn restore(
        &mut self,
        task: usize,
        position: &Position,
        run: &Run,
        is_needed: bool,
    ) -> Option<BranchRecord> {
        self.include(task, run.region(self.region), self.region.keys);
        let needs = self.region.tasks[task].needs.iter();
        self.renewed[task] |= needs.fold(self.names.renewed, |renewed, need| renewed | self.renewed[*need as usize]);
        if self.renewed[task] {
            return None;
        }
        let (position, of) = (position.at_part(task as u64), &self.region.tasks[task]);
        let asks = self.asks(task);
        let record = self.records.branch(&position, of, self.region.keys, asks)?;
        if record.result.success && !is_needed {
            return None;
        }
        self.keep(task, record.names.clone());
        Some(record)
    }

    /// The name of what a task reads, without its code.
    pub(super) fn read(&mut self, task: usize) -> [u8; 16] {
        let asks = self.asks(task);
        self.records.read(asks, &[self.region.tasks[task].code])
    }

    /// The name of a task's code and of what it reads, which is what there is when it starts.
    fn asks(&mut self, task: usize) -> Name {
        let (records, names, Task { reads, code, .. }) = (self.records, &self.names, &self.region.tasks[task]);
        let name = || records.asked(&[*code], reads.iter().map(|read| (read.key, names.get(read.key))));
        *self.asks[task].get_or_insert_with(name)
    }

    /// Writes what waits to be written, before anything that follows from it starts.
    ///
    /// # Errors
    /// If it cannot be recorded, and the run must not continue without records.
    pub(super) fn flush(&mut self) -> Result<(), Box<Failure>> {
        if std::mem::take(&mut self.waits) { self.records.flush(&self.events) } else { Ok(()) }
    }

    /// Includes the names of what `task` reads of finished tasks.
    fn include(&mut self, task: usize, site: &Site, specs: &[KeySpec]) {
        let Some(graph) = &site.graph else { return };
        for read in self.region.tasks[task].reads.iter().filter(|read| read.after > 0) {
            let included = self.included.get(&read.key).copied().unwrap_or_default();
            for writer in graph.writers(read.key).take(read.after as usize).skip(included) {
                *self.included.entry(read.key).or_default() += 1;
                if let Some(name) = self.written.remove(&(writer, read.key)) {
                    self.merge(writer, read.key, name, specs);
                }
            }
        }
    }

    fn merge(&mut self, task: usize, key: u32, name: Name, specs: &[KeySpec]) {
        match self.region.tasks[task].writes.iter().find(|write| write.key == key) {
            Some(write) if write.combine => self.names.write(specs, key, name),
            Some(_) => self.names.set(key, name),
            // Nothing outside the branch uses the key.
            None => {}
        }
    }

    fn keep(&mut self, task: usize, names: Vec<(u32, Name)>) {
        self.written.extend(names.into_iter().map(|(key, name)| ((task, key), name)));
    }

    /// Records what a worker has sent that runs a task.
    ///
    /// # Errors
    /// If it cannot be recorded, and the run must not continue without records.
    pub(super) fn relay(
        &self,
        task: usize,
        position: &Position,
        raw: RawRecord,
        token: &CancellationToken,
    ) -> Result<(), Box<Failure>> {
        self.records.relay(&position.at_part(task as u64), raw, token, &self.events)
    }

    /// Forgets what workers have recorded of a task in this session.
    pub(super) fn forget(&self, task: usize, position: &Position) {
        if self.region.tasks[task].block.is_by_steps() {
            self.records.forget(&position.at_part(task as u64));
        }
    }

    /// Notes that nothing is known of what a task has written.
    pub(super) fn forgets(&mut self, task: usize) {
        self.keep(task, unknown(&self.region.tasks[task]));
    }

    /// Records that a task ended; `work` is what it wrote, also if it failed.
    ///
    /// # Errors
    /// If it cannot be recorded, and the run must not continue without records.
    pub(super) fn record(
        &mut self,
        task: usize,
        position: &Position,
        work: Option<&BranchWork>,
        received: &[Received],
        result: &ParallelFlowResult,
        token: &CancellationToken,
    ) -> Result<(), Box<Failure>> {
        let (position, of) = (position.at_part(task as u64), &self.region.tasks[task]);
        let (head, mut bytes);
        let came = outcome::results(received).next();
        // The records of its steps do not tell what it wrote when it failed.
        let by_steps = result.success && of.block.is_by_steps() && self.records.is_for_output();
        let is_left_out = |key: u32| by_steps && !is_needed(self.plan, self.region, of, key);
        let written = match (work, &came) {
            (None, _) => {
                head = ResultHead::default();
                &[][..]
            }
            (Some(_), Some((_, came, bytes))) => {
                head = ResultHead { goes_to: came.goes_to.clone(), values: came.values.clone() };
                bytes
            }
            (Some(work), None) => {
                let specs = work.view.specs();
                let outlives = |key: u32| of.writes.iter().any(|write| write.key == key);
                let written =
                    work.view.written().filter(|(key, _)| outlives(*key) && is_recorded(&specs[*key as usize]));
                let needed = written.filter(|(key, _)| !is_left_out(*key));
                let values = match payload::encode(specs, needed, u64::MAX, None) {
                    Ok(values) => values,
                    Err(failure) => {
                        self.records.fail(failure.message, &self.events)?;
                        self.keep(task, unknown(of));
                        return Ok(());
                    }
                };
                bytes = values.bytes.start;
                values.bytes.rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
                head = ResultHead { goes_to: work.goes_to.clone(), values: values.heads };
                &bytes[..]
            }
        };
        // Values may also be missing that a fan-out inside it, in this process or in a worker, has left out.
        let is_missing = |key: u32| !head.values.iter().any(|value| value.key == key);
        let mut writes = of.writes.iter().map(|write| write.key);
        let partial = work.is_some() && writes.any(|key| is_left_out(key) && is_missing(key));
        let view = work.map(|work| &work.view);
        let done = (view, (&head, written, partial), result);
        let asks = self.asks(task);
        self.waits = true;
        let names = self.records.branch_done(&position, (of, asks), done, token, &self.events)?;
        self.keep(task, names);
        Ok(())
    }
}
