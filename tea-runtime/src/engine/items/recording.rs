//! What a map records of its items, and takes from their records.

use std::sync::Arc;

use super::MANY;
use crate::{
    cancel::CancellationToken,
    engine::{
        block::BlockRun,
        records::{ItemRecords, Records, Restored, StepRecord, hash, is_recorded},
    },
    event::Events,
    executor::{
        outcome::{self, Received},
        payload,
    },
    failure::Failure,
    map::Batch,
    plan::Map,
    position::Position,
    result::{ItemFailure, ParallelFlowResult},
};

/// What a map records.
pub(super) struct Recording {
    records: Arc<Records>,
    map: &'static Map,
    position: Position,
    events: Events,
    /// The items that are done.
    done: Option<ItemRecords>,
    /// The number that records after the map have at least.
    pub(super) after: u64,
    /// Items are known by a hash of what they hold, too.
    pub(super) hashes: bool,
}

impl Recording {
    /// `None` if the run is not recorded, or the map's output is not.
    pub(super) fn new(map: &'static Map, block: &BlockRun<'_>) -> Option<Self> {
        let records = Arc::clone(block.records()?);
        let specs = block.view.specs();
        if !map.writes.iter().all(|key| is_recorded(&specs[*key as usize])) {
            return None;
        }
        let (position, events) = (block.position(), block.context.events.clone());
        let (done, after) =
            records.items(&position, block.since).map_or((None, 0), |(done, after)| (Some(done), after));
        let after = after.max(block.since);
        Some(Self { records, map, position, events, done, after, hashes: false })
    }

    /// Whether an item seems to be done.
    pub(super) fn has(&self, index: usize) -> bool {
        self.done.as_ref().is_some_and(|done| done.has(index))
    }

    /// How many items at the start of a batch are all done, or are all not done, of which then at most `wanted`; and which
    /// of the two.
    pub(super) fn leading(&mut self, batch: &dyn Batch, wanted: usize) -> (bool, usize) {
        let first = self.is_done(batch, 0);
        let same = (1..batch.len()).take_while(|at| (first || *at < wanted) && self.is_done(batch, *at) == first);
        (first, 1 + same.count())
    }

    fn is_done(&mut self, batch: &dyn Batch, at: usize) -> bool {
        let index = batch.start() + at;
        let Some(done) = self.done.as_mut().filter(|done| done.has(index)) else { return false };
        if !self.hashes {
            return true;
        }
        let known = match done.item(index) {
            Some(Restored::Done(_, hash) | Restored::Failed(_, hash)) => hash,
            None => None,
        };
        known.is_some() && known == hash(batch, at)
    }

    /// Puts the results of items that are done into their batch. Gives the failures among them; or nothing, if something
    /// cannot be read: that item is not done then.
    pub(super) fn put_results(&mut self, batch: &mut dyn Batch) -> Option<Vec<(usize, ParallelFlowResult)>> {
        let done = self.done.as_mut()?;
        let mut failures = Vec::new();
        for at in 0..batch.len() {
            let index = batch.start() + at;
            let put = match done.item(index) {
                Some(Restored::Done(span, _)) => {
                    payload::guarded(|| span.with(|bytes| batch.put_result(at, bytes))).is_ok()
                }
                Some(Restored::Failed(result, _)) => {
                    failures.push((index, *result));
                    true
                }
                None => false,
            };
            if !put {
                done.forget(index);
                return None;
            }
        }
        Some(failures)
    }

    /// Writes what a map gives whose items are all done, as its record says: its items are not even asked for. Gives whether
    /// that was possible.
    pub(super) fn restore_all(&mut self, found: &StepRecord, block: &mut BlockRun<'_>) -> Result<bool, Box<Failure>> {
        let count = usize::try_from(found.items).unwrap_or(usize::MAX);
        let all = self.done.as_ref().map_or(count == 0, |done| done.are_all(found.items));
        if !all || found.after <= self.after {
            return Ok(false);
        }
        let mut collector = self.map.spec.collector(block.view.specs());
        let mut failures = Vec::new();
        for start in (0..count).step_by(MANY) {
            let mut batch = self.map.spec.known(start, MANY.min(count - start));
            let Some(failed) = self.put_results(&mut *batch) else { return Ok(false) };
            failures.extend(failed.into_iter().map(|(index, result)| ItemFailure::of(index, result)));
            collector.add(batch)?;
        }
        collector.finish(failures, &mut block.view)?;
        block.since = block.since.max(self.after);
        Ok(true)
    }

    /// A batch ended: its items that did not fail are done, and `failed` are those that failed for good, as they may.
    ///
    /// # Errors
    /// If it cannot be recorded, and the run must not go on without.
    pub(super) fn record(
        &mut self,
        batch: &dyn Batch,
        received: &[Received],
        failing: &[usize],
        failed: &[&(usize, ParallelFlowResult)],
        token: &CancellationToken,
    ) -> Result<(), Box<Failure>> {
        let hashes = if self.hashes { (0..batch.len()).map(|at| hash(batch, at)).collect() } else { Vec::new() };
        if hashes.contains(&None) {
            // An item that cannot be known again is run again.
            return Ok(());
        }
        let hashes: Vec<u64> = hashes.into_iter().flatten().collect();
        let mut came = vec![None; if received.is_empty() { 0 } else { batch.len() }];
        for (at, _, bytes) in outcome::results(received) {
            came.iter_mut().skip(at).take(1).for_each(|came| *came = came.or(Some(bytes)));
        }
        let mut from = 0;
        for end in failing.iter().copied().chain([batch.len()]) {
            if from < end {
                self.record_done(batch, from..end, &came, hashes.get(from..end).unwrap_or_default(), token)?;
            }
            from = end + 1;
        }
        for (index, result) in failed {
            let hash = hashes.get(index - batch.start()).copied();
            let index = *index as u64;
            self.after = self.records.item_failed(&self.position, (index, hash), result, token, &self.events)?;
        }
        Ok(())
    }

    fn record_done(
        &mut self,
        batch: &dyn Batch,
        items: std::ops::Range<usize>,
        came: &[Option<&[u8]>],
        hashes: &[u64],
        token: &CancellationToken,
    ) -> Result<(), Box<Failure>> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for at in items.clone() {
            if came.is_empty() {
                let encoded = payload::guarded(|| batch.encode_result(at, &mut bytes));
                if let Err(error) = encoded {
                    let (name, index) = (self.map.name, batch.start() + at);
                    let why = format!("the result of item {index} of `{name}` cannot be recorded: {error}");
                    self.after = self.records.fail(why, &self.events)?;
                    return Ok(());
                }
            }
            ends.push(bytes.len());
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let own = starts.zip(&ends).map(|(start, end)| &bytes[start..*end]);
        let results: Vec<(u32, &[u8])> = if came.is_empty() {
            (0..).zip(own).collect()
        } else {
            (0..).zip(came[items.clone()].iter().map(|came| came.unwrap_or_default())).collect()
        };
        let first = (batch.start() + items.start) as u64;
        self.after = self.records.items_done(&self.position, first, (&results, hashes), token, &self.events)?;
        Ok(())
    }
}
