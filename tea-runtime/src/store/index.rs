//! The positions that have records, and the places of these. A later record replaces an earlier one.

use std::{
    collections::BTreeMap,
    ops::Bound::{Included, Unbounded},
};

use super::{
    frame::Location,
    record::{self, Kind},
};

/// The positions that have records.
#[derive(Debug, Default)]
pub(super) struct Index {
    single: BTreeMap<Key, Found>,
    items: BTreeMap<Key, Vec<Done>>,
    /// The number of frames.
    pub(super) frames: u64,
}

/// By position, so that everything below a unit is together.
type Key = (Box<[u8]>, Kind);

/// A record of an earlier process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its number: the records that it depends on have smaller ones.
    pub(crate) number: u64,
    pub(super) location: Location,
}

/// A record of consecutive items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    /// The first item.
    pub(crate) first: u64,
    /// The number of items.
    pub(crate) count: u64,
    /// Where to read it.
    pub(crate) found: Found,
}

impl Index {
    /// Adds the record in a frame. Returns whether it is a record.
    pub(super) fn add(&mut self, kind: u8, payload: &[u8], location: Location) -> bool {
        let Some((kind, head)) = Kind::of(kind).zip(record::head(payload)) else { return false };
        let found = Found { number: self.frames, location };
        self.frames += 1;
        let key = (head.position.into(), kind);
        if kind.is_of_items() {
            let (first, count) = head.items;
            self.items.entry(key).or_default().push(Done { first, count, found });
        } else {
            self.single.insert(key, found);
        }
        true
    }

    /// The record of this position.
    pub(super) fn single(&self, kind: Kind, position: &[u8]) -> Option<Found> {
        self.single.get(&(Box::from(position), kind)).copied()
    }

    /// The records of the items of a map.
    pub(super) fn items(&self, kind: Kind, position: &[u8]) -> &[Done] {
        self.items.get(&(Box::from(position), kind)).map_or(&[], |ranges| ranges)
    }

    /// All records except those of items.
    pub(super) fn singles(&self) -> impl Iterator<Item = (Kind, &[u8], Found)> {
        self.single.iter().map(|((position, kind), found)| (*kind, &**position, *found))
    }

    /// The number of items of each position.
    pub(super) fn item_counts(&self) -> impl Iterator<Item = (Kind, &[u8], u64)> {
        self.items.iter().map(|((position, kind), done)| (*kind, &**position, count(done)))
    }

    /// The records below a position, oldest first.
    pub(super) fn below(&self, position: &[u8]) -> Vec<(Kind, Found)> {
        let single = below(&self.single, position).map(|((_, kind), found)| (*kind, *found));
        let items = below(&self.items, position);
        let items = items.flat_map(|((_, kind), all)| all.iter().map(|done| (*kind, done.found)));
        let mut found: Vec<_> = single.chain(items).collect();
        found.sort_unstable_by_key(|(_, found)| found.number);
        found
    }

    /// Removes the records below a position.
    pub(super) fn remove_below(&mut self, position: &[u8]) {
        let is_below = |key: &Key| key.0.len() > position.len() && key.0.starts_with(position);
        self.single.retain(|key, _| !is_below(key));
        self.items.retain(|key, _| !is_below(key));
    }

    /// The number of records of each kind.
    pub(super) fn counts(&self) -> [(Kind, u64); 4] {
        let single = |kind| self.single.keys().filter(|key| key.1 == kind).count() as u64;
        let items = |kind: Kind| {
            let counts = self.item_counts().filter(|counted| counted.0 == kind);
            counts.fold(0_u64, |all, (.., count)| all.saturating_add(count))
        };
        [
            (Kind::Step, single(Kind::Step)),
            (Kind::Branch, single(Kind::Branch)),
            (Kind::Items, items(Kind::Items)),
            (Kind::ItemFailed, items(Kind::ItemFailed)),
        ]
    }
}

/// The number of items in these records. An item may be in several.
fn count(done: &[Done]) -> u64 {
    let mut ranges: Vec<(u64, u64)> = done.iter().map(|done| (done.first, done.first + done.count)).collect();
    ranges.sort_unstable();
    let (mut count, mut end) = (0, 0);
    for (first, after) in ranges {
        count += after.saturating_sub(first.max(end));
        end = end.max(after);
    }
    count
}

/// The entries below a position, without that of the position itself.
fn below<'a, T>(map: &'a BTreeMap<Key, T>, position: &'a [u8]) -> impl Iterator<Item = (&'a Key, &'a T)> {
    let first = (Box::from(position), Kind::Session);
    let within = map.range((Included(first), Unbounded)).take_while(|(key, _)| key.0.starts_with(position));
    within.filter(|(key, _)| key.0.len() > position.len())
}
