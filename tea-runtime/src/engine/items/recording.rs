//! What a map records of its items, and takes from their records.

use std::sync::Arc;

use super::MANY;
use crate::{
    cancel::CancellationToken,
    engine::{
        block::BlockRun,
        call::Recorded,
        records::{
            Given, ItemRecords, MapDone, Name, Records, Restored, StepRecord, failure_hash, hash, hashes, is_recorded,
        },
    },
    event::Events,
    executor::{
        outcome::{self, Received},
        payload,
    },
    failure::Failure,
    map::Batch,
    plan::{CodeId, Map},
    position::Position,
    result::{ItemFailure, ParallelFlowResult},
    store::RawRecord,
};

/// What a map records.
pub(super) struct Recording {
    records: Arc<Records>,
    map: &'static Map,
    position: Position,
    events: Events,
    /// The identity of their code.
    code: CodeId,
    /// The name of their code and of what they read.
    asks: Name,
    /// The items that are done.
    done: Option<ItemRecords>,
    /// What the items gave; `None` if it is not known of all of them.
    given: Option<Given>,
    /// For items as bytes, one at a time.
    buffer: Vec<u8>,
}

impl Recording {
    /// `None` if the run is not recorded, or the map's output is not. `asks` is the name of what the whole map reads.
    pub(super) fn new(map: &'static Map, asks: Name, block: &BlockRun<'_>) -> Option<Self> {
        let records = Arc::clone(block.records()?);
        let specs = block.view.specs();
        if !map.writes.iter().all(|key| is_recorded(&specs[*key as usize])) {
            return None;
        }
        let code = block.code();
        let asks =
            if map.spec.is_in_place() { asks } else { records.asks(&[code], &block.names, map.reads, &block.view) };
        let (position, events) = (block.position(), block.context.events.clone());
        let done = records.items(&position, asks, &block.names);
        Some(Self {
            records,
            map,
            position,
            events,
            code,
            asks,
            done,
            given: Some(Given::default()),
            buffer: Vec::new(),
        })
    }

    /// The name of what the items read, without their code.
    pub(super) fn read(&self) -> [u8; 16] {
        self.records.read(self.asks, &[self.code])
    }

    /// With what the steps of a workflow are recorded that each item calls.
    pub(super) fn of_steps(&self, block: &BlockRun<'_>) -> Option<Arc<Recorded>> {
        self.map.workflow?;
        let (records, passed) = (Arc::clone(&self.records), self.map.passed);
        let names = block.names.passed(passed, &records, &block.view);
        Some(Arc::new(Recorded { records, passed, names, position: self.position.clone() }))
    }

    /// Records what a worker has sent that runs an item, if it still counts.
    ///
    /// # Errors
    /// If it cannot be recorded, and the run must not go on without.
    pub(super) fn relay(&self, index: usize, raw: RawRecord, token: &CancellationToken) -> Result<(), Box<Failure>> {
        self.records.relay(&self.position.at_part(index as u64), raw, token, &self.events)
    }

    /// Forgets what workers have recorded of an item in this session.
    pub(super) fn forget(&self, index: usize) {
        self.records.forget(&self.position.at_part(index as u64));
    }

    /// What is recorded about the map as a whole after its end.
    pub(super) fn end(&self, items: u64) -> MapDone {
        let name = self.given.as_ref().map_or_else(Name::unknown, Given::name);
        let outputs = self.map.writes.iter().map(|key| (*key, name)).collect();
        MapDone { items, moved: self.done.as_ref().is_some_and(ItemRecords::have_moved), outputs }
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
        let Some(done) = &mut self.done else { return false };
        if self.map.spec.is_in_place() {
            return done.has(index);
        }
        hash(batch, at, &mut self.buffer).is_some_and(|hash| done.find(index, hash, !self.map.indexed))
    }

    /// Puts the results of items that are done into their batch. Gives the failures among them; or nothing, if something
    /// cannot be read: that item is not done then.
    pub(super) fn put_results(&mut self, batch: &mut dyn Batch) -> Option<Vec<(usize, ParallelFlowResult)>> {
        let done = self.done.as_mut()?;
        let (mut failures, mut given) = (Vec::new(), Vec::new());
        for at in 0..batch.len() {
            let index = batch.start() + at;
            let put = match done.item(index) {
                Some(Restored::Done(span)) => {
                    given.push((index, span.quick_hash()));
                    payload::guarded(|| span.with(|bytes| batch.put_result(at, bytes))).is_ok()
                }
                Some(Restored::Failed(result)) => {
                    given.push((index, failure_hash(&result)));
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
        if let Some(all) = &mut self.given {
            for (index, gave) in given {
                all.add(index, gave);
            }
        }
        Some(failures)
    }

    /// Writes what a map gives whose items are all done, as its record says: its items are not even asked for. Gives whether
    /// that was possible.
    pub(super) fn restore_all(&mut self, found: &StepRecord, block: &mut BlockRun<'_>) -> Result<bool, Box<Failure>> {
        // Files may have changed that belong to items of an expression, so those are asked for.
        if self.map.spec.has_paths() && !self.map.spec.is_in_place() {
            return Ok(false);
        }
        let MapDone { items, moved, .. } = found.done.map;
        let count = usize::try_from(items).unwrap_or(usize::MAX);
        // Other items may have had these indexes since then.
        let is_last = |done: &ItemRecords| self.map.spec.is_in_place() || (!moved && done.last() < found.number);
        if !self.done.as_ref().map_or(count == 0, |done| done.are_all(items) && is_last(done)) {
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
        let hashes = if self.map.spec.is_in_place() { Some(Vec::new()) } else { hashes(batch, &mut self.buffer) };
        let Some(hashes) = hashes else {
            // An item that cannot be known again is run again.
            self.given = None;
            return Ok(());
        };
        let came = outcome::by_part(received, batch.len());
        let mut from = 0;
        for end in failing.iter().copied().chain([batch.len()]) {
            if from < end {
                self.record_done(batch, from..end, &came, hashes.get(from..end).unwrap_or_default(), token)?;
            }
            from = end + 1;
        }
        for (index, result) in failed {
            let hash = hashes.get(index - batch.start()).copied();
            if let Some(given) = &mut self.given {
                given.add(*index, failure_hash(result));
            }
            let (position, item) = ((&self.position, self.asks), (*index as u64, hash));
            self.records.item_failed(position, item, result, token, &self.events)?;
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
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(items.len()));
        if came.is_empty() {
            let encode = |at| {
                batch.encode_result(at, &mut bytes)?;
                ends.push(bytes.len());
                Ok(())
            };
            if let Err(error) = payload::guarded(|| items.clone().try_for_each(encode)) {
                let (name, index) = (self.map.name, batch.start() + items.start + ends.len());
                let why = format!("the result of item {index} of `{name}` cannot be recorded: {error}");
                self.given = None;
                return self.records.fail(why, &self.events);
            }
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let own = starts.zip(&ends).map(|(start, end)| &bytes[start..*end]);
        let results: Vec<(u32, &[u8])> = if came.is_empty() {
            (0..).zip(own).collect()
        } else {
            (0..).zip(came[items.clone()].iter().map(|came| came.unwrap_or_default())).collect()
        };
        let first = batch.start() + items.start;
        let (position, results) = ((&self.position, self.asks), (&results[..], hashes));
        let gave = self.records.items_done(position, first as u64, results, token, &self.events)?;
        match (&mut self.given, gave) {
            (Some(given), Some(gave)) => (first..).zip(gave).for_each(|(index, gave)| given.add(index, gave)),
            _ => self.given = None,
        }
        Ok(())
    }
}
