//! The records of the items of a map: which are done, and their results.
//!
//! Items of a key are identified by their index. Items of an expression are identified by their index and a hash, so
//! that a directory that is listed in a different order does not mix up results.

use std::sync::Arc;

use super::{Entry, Records, bytes};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::payload,
    failure::Failure,
    map::Batch,
    position::Position,
    result::ParallelFlowResult,
    store::{Done, Hash, Kind, Record, Span},
};

/// The items of a map that are done according to earlier records.
pub(in crate::engine) struct ItemRecords {
    records: Arc<Records>,
    /// By index: the number of the record that contains the item, counted from 1.
    owners: Vec<u32>,
    done: Vec<(Kind, Done)>,
    /// The record that was last read.
    open: Option<(u32, Record)>,
}

/// What a record says about an item.
pub(in crate::engine) enum Restored {
    /// Its result as bytes, and the hash of the item if it has one.
    Done(Span, Option<u64>),
    /// It failed.
    Failed(Box<ParallelFlowResult>, Option<u64>),
}

/// The maximum plausible number of items. A greater index means that the record is corrupt.
const MOST: u64 = 1 << 40;

impl Records {
    /// The items of a map that are done, and the smallest number of records after them.
    pub(in crate::engine) fn items(self: &Arc<Self>, position: &Position, since: u64) -> Option<(ItemRecords, u64)> {
        let position = bytes(position);
        let kinds =
            [Kind::Items, Kind::ItemFailed].into_iter().filter(|kind| *kind == Kind::Items || !self.retries_failures);
        let mut done: Vec<(Kind, Done)> = kinds
            .flat_map(|kind| self.recorder.items(kind, &position).iter().map(move |done| (kind, *done)))
            .filter(|(_, done)| done.found.number >= since && done.first + done.count < MOST)
            .collect();
        done.sort_unstable_by_key(|(_, done)| done.found.number);
        let after = done.last()?.1.found.number + 1;
        let end = done.iter().map(|(_, done)| done.first + done.count).max()?;
        let mut owners = vec![0; usize::try_from(end).ok()?];
        for (owner, (_, done)) in (1..).zip(&done) {
            let (first, count) = (usize::try_from(done.first).ok()?, usize::try_from(done.count).ok()?);
            owners[first..first + count].fill(owner);
        }
        Some((ItemRecords { records: Arc::clone(self), owners, done, open: None }, after))
    }

    /// Records that these items of a batch are done and have results. Returns the smallest number of records after
    /// them.
    pub(in crate::engine) fn items_done(
        &self,
        position: &Position,
        first: u64,
        (results, hashes): (&[(u32, &[u8])], &[u64]),
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let about: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let entry = Entry { kind: Kind::Items, items: (first, results.len() as u64), about: &about, values: results };
        self.append(position, &entry, token, events)
    }

    /// Records that an item failed.
    pub(in crate::engine) fn item_failed(
        &self,
        position: &Position,
        (index, hash): (u64, Option<u64>),
        result: &ParallelFlowResult,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let result = ParallelFlowResult { branch: "".into(), ..result.clone() };
        let about = postcard::to_stdvec(&(hash, result)).expect("it is plain data");
        let entry = Entry { kind: Kind::ItemFailed, items: (index, 1), about: &about, values: &[] };
        self.append(position, &entry, token, events)
    }
}

impl ItemRecords {
    /// Notes that an item is not done after all.
    pub(in crate::engine) fn forget(&mut self, index: usize) {
        self.owners.iter_mut().skip(index).take(1).for_each(|owner| *owner = 0);
    }

    /// Whether all of the first `items` are done.
    pub(in crate::engine) fn are_all(&self, items: u64) -> bool {
        self.owners.len() as u64 == items && self.owners.iter().all(|owner| *owner > 0)
    }

    /// Whether an item is done, as far as is known without reading its record.
    pub(in crate::engine) fn has(&self, index: usize) -> bool {
        self.owners.get(index).is_some_and(|owner| *owner > 0)
    }

    /// What the record of an item says; `None` if it cannot be read, in which case the item is not done.
    pub(in crate::engine) fn item(&mut self, index: usize) -> Option<Restored> {
        let owner = *self.owners.get(index).filter(|owner| **owner > 0)?;
        let (kind, done) = self.done[owner as usize - 1];
        if self.open.as_ref().is_none_or(|open| open.0 != owner) {
            self.open = Some((owner, self.records.recorder.read(done.found).ok()?));
        }
        let record = &self.open.as_ref()?.1;
        if kind == Kind::ItemFailed {
            let (hash, mut result): (Option<u64>, ParallelFlowResult) = postcard::from_bytes(record.about()).ok()?;
            result.restored = true;
            return Some(Restored::Failed(Box::new(result), hash));
        }
        let at = index - usize::try_from(done.first).ok()?;
        let hash = record.about().chunks_exact(8).nth(at).and_then(|hash| hash.try_into().ok());
        let span = self.records.recorder.value(record, at)?;
        Some(Restored::Done(span, hash.map(u64::from_le_bytes)))
    }
}

/// The hash that identifies item `at` of a batch in a record.
pub(in crate::engine) fn hash(batch: &dyn Batch, at: usize) -> Option<u64> {
    let mut bytes = Vec::new();
    payload::guarded(|| batch.encode_item(at, &mut bytes)).ok()?;
    Some(Hash::of(&bytes).short())
}
