//! The identity of values. A record says what its unit read by one name, and is valid while that name stays the same.
//!
//! A recorded value is named by a hash of its bytes, so a unit that runs again and gives the same bytes does not affect
//! what follows it. A value without bytes is named after what made it: the code, and the names of what that read.
//! Results of a reducer are named after what they were combined from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Records, files::FileState};
use crate::{
    context::Item,
    plan::Passed,
    state::{KeySpec, Value, View},
    store::{Hash, SMALL},
};

/// The identity of a value, or of everything that some code read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct Name([u8; 16]);

impl Name {
    /// A name for something that plain data describes.
    pub(super) fn of(what: &impl Serialize) -> Self {
        Self(Hash::of_data(what).first())
    }

    /// The name of what these keys have.
    pub(super) fn of_keys(keys: impl Iterator<Item = (u32, Option<Self>)>) -> Self {
        let mut bytes = Vec::with_capacity(SMALL);
        for (key, name) in keys {
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.push(name.is_some().into());
            bytes.extend_from_slice(&name.map_or([0; 16], |name| name.0));
        }
        // Nobody can choose the bytes of names.
        Self(Hash::quick(&bytes).first())
    }

    /// The name of a value with these bytes, which may be the path of a file.
    pub(super) fn of_value(bytes: Hash, file: Option<FileState>) -> Self {
        file.map_or_else(|| Self(bytes.first()), |file| Self::of(&(bytes, file)))
    }

    /// A name that nothing else has, for a value about which nothing is known.
    pub(in crate::engine) fn unknown() -> Self {
        Self(fastrand::u128(..).to_le_bytes())
    }

    /// This name with the identity of the code that read what it names; or without, if it was with.
    #[must_use]
    pub(super) fn with_code(self, code: [u8; 16]) -> Self {
        Self((u128::from_le_bytes(self.0) ^ u128::from_le_bytes(code)).to_le_bytes())
    }

    /// Its bytes.
    pub(in crate::engine) fn bytes(&self) -> [u8; 16] {
        self.0
    }
}

/// The names of the values that a block works with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::engine) struct Names {
    of: BTreeMap<u32, Name>,
    /// Whether no record of an earlier session is valid any more, because everything from here on is to run again.
    pub(in crate::engine) renewed: bool,
}

impl Names {
    /// The names of the inputs of a workflow that a block calls, as far as they do not depend on the item that does. Each
    /// follows from its own Rust and what that reads.
    pub(in crate::engine) fn passed(&self, passed: &[Passed], records: &Records, view: &View) -> Self {
        let name = |of: &Passed| (of.key, records.asks(&[of.code], self, of.reads, view));
        Self { of: passed.iter().map(name).collect(), renewed: self.renewed }
    }

    /// The names of these inputs in one call: with the item that calls, and with the state of the files that they name.
    pub(in crate::engine) fn for_call(&self, passed: &[Passed], inputs: &[(u32, Value)], item: Option<&Item>) -> Self {
        let mut names = self.clone();
        let item = item.filter(|_| passed.iter().any(|of| of.of_item)).map(item_name);
        for of in passed.iter().filter(|of| of.made) {
            let value = inputs.iter().find(|input| input.0 == of.key);
            let file = value.and_then(|(_, value)| FileState::of(value));
            let item = item.filter(|_| of.of_item);
            if let Some(name) = self.get(of.key) {
                names.set(of.key, Name::of(&(name, item, file)));
            }
        }
        names
    }

    /// The name of a key's value; `None` if it is unset.
    pub(in crate::engine) fn get(&self, key: u32) -> Option<Name> {
        self.of.get(&key).copied()
    }

    /// Gives a key another value.
    pub(in crate::engine) fn set(&mut self, key: u32, name: Name) {
        self.of.insert(key, name);
    }

    /// Notes that a value was written, which is combined with an existing one if the key has `reduce`.
    pub(in crate::engine) fn write(&mut self, specs: &[KeySpec], key: u32, name: Name) {
        let before = self.get(key).filter(|_| specs[key as usize].reduce.is_some());
        self.set(key, before.map_or(name, |before| Name::of(&(before, name))));
    }

    /// What these keys have, and whether everything is renewed.
    pub(in crate::engine) fn only(&self, keys: impl Iterator<Item = u32>) -> Self {
        Self { of: keys.filter_map(|key| Some((key, self.get(key)?))).collect(), renewed: self.renewed }
    }
}

/// The name of an item, whose index is part of the position of what it calls. The items of a key follow from the key.
fn item_name(item: &Item) -> Name {
    let Some(identity) = &item.identity else { return Name::of(&()) };
    let files = identity.paths(item.index).iter().map(|path| FileState::of_path(path)).collect::<Vec<_>>();
    identity.hash(item.index).map_or_else(Name::unknown, |hash| Name::of(&(hash.first::<16>(), files)))
}

/// The name of what a map gave, in the making. It does not depend on the order in which items end.
#[derive(Debug, Default)]
pub(in crate::engine) struct Given {
    items: u64,
    sum: u128,
}

impl Given {
    /// Adds an item, which gave this.
    pub(in crate::engine) fn add(&mut self, index: usize, gave: Hash) {
        self.items += 1;
        // Multiplied with an odd number that tells the index, so that two items cannot change places.
        let factor = (index as u128) << 1 | 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(gave.first()).wrapping_mul(factor));
    }

    /// The name of what all of them gave.
    pub(in crate::engine) fn name(&self) -> Name {
        Name::of(&(self.items, self.sum))
    }
}
