//! What a fan-out records about its branches, and takes from their records.

use std::sync::Arc;

use super::work::BranchWork;
use crate::{
    cancel::CancellationToken,
    engine::{
        Run,
        block::BlockRun,
        records::{BranchRecord, Records, is_recorded},
    },
    event::Events,
    executor::{
        outcome::{self, Received},
        payload,
        wire::ResultHead,
    },
    failure::Failure,
    plan::Region,
    position::Position,
    result::ParallelFlowResult,
};

/// What a fan-out records.
pub(super) struct Recording<'a> {
    records: &'a Arc<Records>,
    region: &'static Region,
    events: Events,
    /// At the start of the fan-out, records with this number or a later one are valid.
    since: u64,
    /// The same after each task that has ended.
    after: Vec<u64>,
    /// Why the run must not continue.
    pub(super) failure: Option<Box<Failure>>,
}

impl<'a> Recording<'a> {
    pub(super) fn new(records: &'a Arc<Records>, region: &'static Region, block: &BlockRun<'_>) -> Self {
        let (events, after) = (block.context.events.clone(), vec![0; region.tasks.len()]);
        Self { records, region, events, since: block.since, after, failure: None }
    }

    /// The smallest number of records that are valid for a task.
    pub(super) fn since(&self, task: usize) -> u64 {
        let needs = self.region.tasks[task].needs.iter().map(|need| self.after[*need as usize]);
        needs.fold(self.since, u64::max)
    }

    /// The same for what follows the fan-out.
    pub(super) fn after(&self) -> u64 {
        self.after.iter().copied().fold(self.since, u64::max)
    }

    /// The record of a task, if it is valid. The task then counts as ended.
    pub(super) fn restore(&mut self, task: usize, position: &Position, run: &Run) -> Option<BranchRecord> {
        let (position, of) = (position.at_part(task as u64), &self.region.tasks[task]);
        let (record, after) = self.records.branch(&position, of, run.plan.keys, self.since(task))?;
        self.after[task] = after;
        Some(record)
    }

    /// Records that a task ended; with `work`, it succeeded.
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
        let (mut head, mut bytes) = (ResultHead::default(), Vec::new());
        let came = outcome::results(received).next();
        let written = match (work, &came) {
            (None, _) => &[][..],
            (Some(_), Some((_, came, bytes))) => {
                head.goes_to.clone_from(&came.goes_to);
                head.values.clone_from(&came.values);
                bytes
            }
            (Some(work), None) => {
                let specs = work.view.specs();
                let outlives = |key: u32| of.writes.iter().any(|write| write.key == key);
                let written =
                    work.view.written().filter(|(key, _)| outlives(*key) && is_recorded(&specs[*key as usize]));
                let values = match payload::encode(specs, written, u64::MAX) {
                    Ok(values) => values,
                    Err(failure) => {
                        self.after[task] = self.records.fail(failure.message, &self.events)?;
                        return Ok(());
                    }
                };
                bytes.extend_from_slice(&values.bytes.start);
                values.bytes.rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
                head = ResultHead { goes_to: work.goes_to.clone(), values: values.heads };
                &bytes[..]
            }
        };
        let view = work.map(|work| &work.view);
        let done = (view, (&head, written), result);
        self.after[task] = self.records.branch_done(&position, of, done, token, &self.events)?;
        Ok(())
    }
}
