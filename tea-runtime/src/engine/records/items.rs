//! The records of the items of a map: which are done, and their results.
//!
//! Items of a key are identified by their index. Items of an expression are identified by a hash, so that a directory
//! that is listed in a different order, or has one more file, does not mix up results.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use twox_hash::XxHash3_64;

use super::{Entry, Name, Names, Records, files::FileState, key};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::payload,
    failure::Failure,
    map::Batch,
    position::Position,
    result::ParallelFlowResult,
    store::{Done, Hash, Kind, Record, Span, plain},
};

/// The items of a map that are done according to earlier records.
pub(in crate::engine) struct ItemRecords {
    records: Arc<Records>,
    /// By index: the number of the record that contains the item, counted from 1.
    owners: Vec<u32>,
    done: Vec<(Kind, Done)>,
    /// The record that was last read.
    open: Option<(u32, Record)>,
    /// Where items with a hash are recorded: the owner, and the index then. It is read when an item is not in its place.
    by_hash: Option<FxHashMap<u64, (u32, usize)>>,
    /// Items that have another index now, with the owner and the index then.
    moved: FxHashMap<usize, (u32, usize)>,
}

/// What a record says about an item.
pub(in crate::engine) enum Restored {
    /// Its result as bytes.
    Done(Span),
    /// It failed.
    Failed(Box<ParallelFlowResult>),
}

/// The maximum plausible number of items. A greater index means that the record is corrupt.
const MOST: u64 = 1 << 40;

impl Records {
    /// The items of a map that are done.
    pub(in crate::engine) fn items(
        self: &Arc<Self>,
        position: &Position,
        asks: Name,
        names: &Names,
    ) -> Option<ItemRecords> {
        if names.renewed {
            return None;
        }
        let key = key(position, Some(asks));
        let kinds =
            [Kind::Items, Kind::ItemFailed].into_iter().filter(|kind| *kind == Kind::Items || !self.retries_failures);
        let mut done: Vec<(Kind, Done)> = kinds
            .flat_map(|kind| self.log.items(kind, &key).iter().map(move |done| (kind, *done)))
            .filter(|(_, done)| done.first + done.count < MOST)
            .collect();
        done.sort_unstable_by_key(|(_, done)| done.found.number);
        let end = done.iter().map(|(_, done)| done.first + done.count).max()?;
        let mut owners = vec![0; usize::try_from(end).ok()?];
        for (owner, (_, done)) in (1..).zip(&done) {
            let (first, count) = (usize::try_from(done.first).ok()?, usize::try_from(done.count).ok()?);
            owners[first..first + count].fill(owner);
        }
        let records = Arc::clone(self);
        Some(ItemRecords { records, owners, done, open: None, by_hash: None, moved: FxHashMap::default() })
    }

    /// Records that these items of a batch are done and have results. Returns the hashes of the results, unless
    /// recording has ended.
    pub(in crate::engine) fn items_done(
        &self,
        (position, asks): (&Position, Name),
        first: u64,
        (results, hashes): (&[(u32, &[u8])], &[u64]),
        token: &CancellationToken,
        events: &Events,
    ) -> Result<Option<Vec<Hash>>, Box<Failure>> {
        let about: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        let items = (first, results.len() as u64);
        let entry = Entry { kind: Kind::Items, asks: Some(asks), items, about: &about, values: results };
        self.append(position, &entry, (token, events))
    }

    /// Records that an item failed.
    pub(in crate::engine) fn item_failed(
        &self,
        (position, asks): (&Position, Name),
        (index, hash): (u64, Option<u64>),
        result: &ParallelFlowResult,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<(), Box<Failure>> {
        let result = ParallelFlowResult { branch: "".into(), ..result.clone() };
        let about = plain(&(hash, result));
        let items = (index, 1);
        let entry = Entry { kind: Kind::ItemFailed, asks: Some(asks), items, about: &about, values: &[] };
        self.append(position, &entry, (token, events)).map(drop)
    }
}

impl ItemRecords {
    /// Notes that an item is not done after all.
    pub(in crate::engine) fn forget(&mut self, index: usize) {
        self.moved.remove(&index);
        self.owners.iter_mut().skip(index).take(1).for_each(|owner| *owner = 0);
    }

    /// The number of items that are done.
    pub(super) fn count(&self) -> u64 {
        self.owners.iter().filter(|owner| **owner > 0).count() as u64
    }

    /// Whether all of the first `items` are done.
    pub(in crate::engine) fn are_all(&self, items: u64) -> bool {
        self.owners.len() as u64 == items && self.owners.iter().all(|owner| *owner > 0)
    }

    /// The number of the last record.
    pub(in crate::engine) fn last(&self) -> u64 {
        self.done.last().map_or(0, |(_, done)| done.found.number)
    }

    /// Whether an item is done, as far as is known without reading its record.
    pub(in crate::engine) fn has(&self, index: usize) -> bool {
        self.owners.get(index).is_some_and(|owner| *owner > 0)
    }

    /// Whether an item with this hash is done: the one that had this index, or another one if `moves`.
    pub(in crate::engine) fn find(&mut self, index: usize, hash: u64, moves: bool) -> bool {
        if self.has(index) && self.hash(index) == Some(hash) {
            return true;
        }
        let Some(there) = moves.then(|| self.by_hash().get(&hash).copied()).flatten() else { return false };
        self.moved.insert(index, there);
        true
    }

    /// What the record of an item says; `None` if it cannot be read, in which case the item is not done.
    pub(in crate::engine) fn item(&mut self, index: usize) -> Option<Restored> {
        let (owner, index) = match self.moved.get(&index) {
            Some(there) => *there,
            None => (*self.owners.get(index)?, index),
        };
        let (kind, done) = *self.done.get((owner as usize).checked_sub(1)?)?;
        let record = self.open(owner)?;
        if kind == Kind::ItemFailed {
            let (_, mut result): (Option<u64>, ParallelFlowResult) = postcard::from_bytes(record.about()).ok()?;
            result.restored = true;
            return Some(Restored::Failed(Box::new(result)));
        }
        let at = index - usize::try_from(done.first).ok()?;
        let record = &self.open.as_ref()?.1;
        record.value(at).map(Restored::Done)
    }

    /// The record of an owner.
    fn open(&mut self, owner: u32) -> Option<&Record> {
        if self.open.as_ref().is_none_or(|open| open.0 != owner) {
            let (_, done) = self.done.get((owner as usize).checked_sub(1)?)?;
            self.open = Some((owner, self.records.log.read(done.found).ok()?));
        }
        self.open.as_ref().map(|open| &open.1)
    }

    /// Whether items have another index now than when they were recorded.
    pub(in crate::engine) fn have_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// The hash of the item that had this index.
    fn hash(&mut self, index: usize) -> Option<u64> {
        let owner = *self.owners.get(index)?;
        let (kind, done) = *self.done.get((owner as usize).checked_sub(1)?)?;
        let at = index.checked_sub(usize::try_from(done.first).ok()?)?;
        recorded_hash(kind, self.open(owner)?, at)
    }

    /// The hashes of the items in a record, with their indexes.
    fn hashes(&mut self, owner: u32) -> Vec<(u64, usize)> {
        let of = (owner as usize).checked_sub(1).and_then(|at| self.done.get(at)).copied();
        let Some(((kind, done), record)) = of.zip(self.open(owner)) else { return Vec::new() };
        let first = usize::try_from(done.first).unwrap_or(usize::MAX);
        (first..).enumerate().map_while(|(at, index)| Some((recorded_hash(kind, record, at)?, index))).collect()
    }

    /// Where items are recorded, by their hashes.
    fn by_hash(&mut self) -> &FxHashMap<u64, (u32, usize)> {
        if self.by_hash.is_none() {
            let mut all = FxHashMap::default();
            all.reserve(self.owners.len());
            for owner in (1..).take(self.done.len()) {
                all.extend(self.hashes(owner).into_iter().map(|(hash, index)| (hash, (owner, index))));
            }
            self.by_hash = Some(all);
        }
        self.by_hash.get_or_insert_default()
    }
}

/// The result of an item that failed, according to what its record says about it.
#[cfg(feature = "cli")]
pub(super) fn failure(about: &[u8]) -> Option<ParallelFlowResult> {
    postcard::from_bytes::<(Option<u64>, ParallelFlowResult)>(about).ok().map(|(_, result)| result)
}

/// The hash of the item at this place in a record.
fn recorded_hash(kind: Kind, record: &Record, at: usize) -> Option<u64> {
    if kind == Kind::ItemFailed {
        let (hash, _): (Option<u64>, ParallelFlowResult) = postcard::from_bytes(record.about()).ok()?;
        return hash.filter(|_| at == 0);
    }
    record.about().as_chunks().0.get(at).copied().map(u64::from_le_bytes)
}

/// The hash that identifies item `at` of a batch in a record. If the item is a path, the state of the file counts.
pub(in crate::engine) fn hash(batch: &dyn Batch, at: usize, buffer: &mut Vec<u8>) -> Option<u64> {
    payload::guarded(|| unguarded_hash(batch, at, buffer)).ok()
}

/// The hashes of all items of a batch.
pub(in crate::engine) fn hashes(batch: &dyn Batch, buffer: &mut Vec<u8>) -> Option<Vec<u64>> {
    let mut hashes = Vec::with_capacity(batch.len());
    let all = || {
        for at in 0..batch.len() {
            hashes.push(unguarded_hash(batch, at, buffer)?);
        }
        Ok(())
    };
    payload::guarded(all).ok().map(|()| hashes)
}

fn unguarded_hash(batch: &dyn Batch, at: usize, buffer: &mut Vec<u8>) -> Result<u64, String> {
    buffer.clear();
    batch.encode_item(at, buffer)?;
    for FileState(state) in batch.paths(at).into_iter().filter_map(FileState::of_path) {
        buffer.extend(state);
    }
    Ok(XxHash3_64::oneshot(buffer))
}

/// The hash of what a map says about an item that failed.
pub(in crate::engine) fn failure_hash(result: &ParallelFlowResult) -> Hash {
    let result = ParallelFlowResult { branch: "".into(), ..result.lasting() };
    Hash::of_data(&result)
}
