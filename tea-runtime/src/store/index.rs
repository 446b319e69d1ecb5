//! Which positions have records, and where those stand. What was recorded later holds.

use std::collections::HashMap;

use super::{
    frame::Location,
    record::{self, Kind},
};

/// Which positions have records.
#[derive(Debug, Default)]
pub(super) struct Index {
    single: HashMap<Key, Found>,
    items: HashMap<Key, Vec<Done>>,
    /// How many frames there are.
    pub(super) frames: u64,
}

type Key = (Kind, Box<[u8]>);

/// A record of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// It is the so-manieth record: those that it depends on have smaller numbers.
    pub(crate) number: u64,
    pub(super) location: Location,
}

/// A record of consecutive items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    /// The first item.
    pub(crate) first: u64,
    /// How many items.
    pub(crate) count: u64,
    /// For reading it.
    pub(crate) found: Found,
}

impl Index {
    /// Adds the record in a frame. Gives whether it is one.
    pub(super) fn add(&mut self, kind: u8, payload: &[u8], location: Location) -> bool {
        let Some((kind, head)) = Kind::of(kind).zip(record::head(payload)) else { return false };
        let found = Found { number: self.frames, location };
        self.frames += 1;
        let key = (kind, head.position.into());
        if kind.is_of_items() {
            let (first, count) = head.items;
            self.items.entry(key).or_default().push(Done { first, count, found });
        } else {
            self.single.insert(key, found);
        }
        true
    }

    /// The record of a position.
    pub(super) fn single(&self, kind: Kind, position: &[u8]) -> Option<Found> {
        self.single.get(&(kind, Box::from(position))).copied()
    }

    /// The records of the items of a map.
    pub(super) fn items(&self, kind: Kind, position: &[u8]) -> &[Done] {
        self.items.get(&(kind, Box::from(position))).map_or(&[], |ranges| ranges)
    }

    /// How many records there are of each kind.
    pub(super) fn counts(&self) -> [(Kind, u64); 4] {
        let single = |kind| self.single.keys().filter(|key| key.0 == kind).count() as u64;
        let items = |kind: Kind| {
            let ranges = self.items.iter().filter(|(key, _)| key.0 == kind).flat_map(|(_, ranges)| ranges);
            ranges.fold(0_u64, |all, range| all.saturating_add(range.count))
        };
        [
            (Kind::Step, single(Kind::Step)),
            (Kind::Branch, single(Kind::Branch)),
            (Kind::Items, items(Kind::Items)),
            (Kind::ItemFailed, items(Kind::ItemFailed)),
        ]
    }
}
