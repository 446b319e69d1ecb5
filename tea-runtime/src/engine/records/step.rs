//! The record of a step: what a node wrote, and what follows it.

use std::{path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{Entry, Records, bytes, is_recorded, stored};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::payload,
    failure::Failure,
    position::Position,
    state::{self, Journal, KeySpec, Value, View},
    store::{Kind, Record, Span},
};

/// Where a block continues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) enum Onward {
    /// With a step of the block.
    Step(usize),
    /// Outside the block, with these tasks.
    Out(Vec<u32>),
}

/// What a record says about a step besides its values.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    onward: Onward,
    /// It wrote keys that are not recorded, so it runs again whenever its record is used.
    unrecorded: bool,
    /// For a map: the number of items.
    items: u64,
    /// The files at the paths that it wrote, if they exist.
    files: Vec<(u32, FileState)>,
}

/// The properties that tell whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    size: u64,
    changed: Option<SystemTime>,
    inode: u64,
}

impl FileState {
    /// The properties of the file at a value that is a path.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let there = std::fs::metadata(state::Stored::behind(value).downcast_ref::<PathBuf>()?).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&there);
        #[cfg(not(unix))]
        let inode = 0;
        // The size and time of a directory say nothing about its contents.
        Some(Self { size: there.len(), changed: there.modified().ok().filter(|_| !there.is_dir()), inode })
    }
}

/// The keys whose file is gone or has changed, according to the paths that are their values.
pub(super) fn changed_files<'a>(
    files: &[(u32, FileState)],
    values: impl Iterator<Item = &'a (u32, Value)> + Clone,
) -> impl Iterator<Item = u32> {
    let changed = move |(key, before): &&(u32, FileState)| {
        let value = values.clone().find(|value| value.0 == *key);
        value.is_none_or(|(_, value)| FileState::of(value) != Some(*before))
    };
    files.iter().filter(changed).map(|(key, _)| *key)
}

/// A record of a step.
pub(in crate::engine) struct StepRecord {
    pub(in crate::engine) onward: Onward,
    /// The smallest number of records after it.
    pub(in crate::engine) after: u64,
    /// For a map: the number of items.
    pub(in crate::engine) items: u64,
    unrecorded: bool,
    files: Vec<(u32, FileState)>,
    values: Vec<(u32, Span)>,
}

impl StepRecord {
    /// Puts what the node wrote into the view. Returns whether that was possible; otherwise the node has to run again.
    pub(in crate::engine) fn restore(&self, view: &mut View) -> Result<bool, Box<Failure>> {
        match self.values(view) {
            Ok(values) => values.into_iter().try_for_each(|(key, value)| view.write(key, value)).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// Why the node has to run again, if it does.
    pub(super) fn why_not(&self, view: &View) -> Option<String> {
        self.values(view).err()
    }

    /// What the node wrote.
    fn values(&self, view: &View) -> Result<Vec<(u32, Value)>, String> {
        if self.unrecorded {
            return Err("its output is not recorded".to_owned());
        }
        let specs = view.specs();
        let values = self.values.iter().cloned().map(|value| stored(specs, value)).collect::<Option<Vec<_>>>();
        let values = values.ok_or_else(|| "its record cannot be read".to_owned())?;
        // A file that is gone or has changed has to be written again.
        if let Some(key) = changed_files(&self.files, values.iter()).next() {
            return Err(format!("the file of its output `{}` has changed", specs[key as usize].name));
        }
        Ok(values)
    }
}

/// What a node wrote, as bytes.
struct Bytes {
    values: Vec<(u32, Vec<u8>)>,
    unrecorded: bool,
    files: Vec<(u32, FileState)>,
}

impl Bytes {
    fn of(journal: Journal, specs: &'static [KeySpec]) -> Result<Self, String> {
        let mut bytes = Self { values: Vec::new(), unrecorded: false, files: Vec::new() };
        for (key, entry) in journal {
            let spec = &specs[key as usize];
            let (true, Some(wire)) = (is_recorded(spec), spec.kind.wire) else {
                bytes.unrecorded = true;
                continue;
            };
            let value = match entry {
                state::Entry::Value(value) => {
                    bytes.files.extend(FileState::of(&value).map(|file| (key, file)));
                    let mut buffer = Vec::new();
                    payload::guarded(|| (wire.encode)(&value, &mut buffer)).map(|()| buffer)
                }
                state::Entry::Bytes(bytes) => bytes,
            };
            let value = value.map_err(|error| format!("state key `{}` cannot be recorded: {error}", spec.name))?;
            bytes.values.push((key, value));
        }
        Ok(bytes)
    }

    /// Whether a record contains the same.
    fn are_those_of(&self, record: &StepRecord) -> bool {
        self.unrecorded == record.unrecorded
            && self.files == record.files
            && self.values.len() == record.values.len()
            && self.values.iter().zip(&record.values).all(|((key, bytes), (of, span))| key == of && span.is(bytes))
    }
}

impl Records {
    /// The record of a step, if it is valid.
    pub(in crate::engine) fn step(&self, position: &Position, since: u64) -> Option<StepRecord> {
        let found = self.recorder.find(Kind::Step, &bytes(position)).filter(|found| found.number >= since)?;
        let record: Record = self.recorder.read(found).ok()?;
        let About { onward, unrecorded, items, files } = postcard::from_bytes(record.about()).ok()?;
        let values = self.recorder.values(&record).collect();
        Some(StepRecord { onward, after: found.number + 1, items, unrecorded, files, values })
    }

    /// Records that a step is done, which wrote what the journal says. Returns the smallest number of records after it,
    /// which is that of its record of `before` if that contains the same.
    pub(in crate::engine) fn step_done(
        &self,
        position: &Position,
        (before, onward): (Option<&StepRecord>, &Onward),
        (journal, specs): (Journal, &'static [KeySpec]),
        items: u64,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let bytes = match Bytes::of(journal, specs) {
            Ok(bytes) => bytes,
            Err(error) => return self.fail(error, events),
        };
        if let Some(before) = before
            && before.onward == *onward
            && before.items == items
            && bytes.are_those_of(before)
        {
            return Ok(before.after);
        }
        let Bytes { values, unrecorded, files } = bytes;
        let about = postcard::to_stdvec(&About { onward: onward.clone(), unrecorded, items, files });
        let about = about.expect("it is plain data");
        let values: Vec<_> = values.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
        let entry = Entry { kind: Kind::Step, items: (0, 0), about: &about, values: &values };
        self.append(position, &entry, token, events)
    }

    /// The tasks of a fan-out that do not start, according to an earlier decision.
    pub(in crate::engine) fn skipped(&self, position: &Position, since: u64) -> Option<(Vec<usize>, u64)> {
        let found = self.recorder.find(Kind::Entered, &bytes(position)).filter(|found| found.number >= since)?;
        let record = self.recorder.read(found).ok()?;
        Some((postcard::from_bytes(record.about()).ok()?, found.number + 1))
    }

    /// Records the decision that these tasks of a fan-out do not start.
    pub(in crate::engine) fn entered(
        &self,
        position: &Position,
        skipped: &[usize],
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let about = postcard::to_stdvec(skipped).expect("it is plain data");
        let entry = Entry { kind: Kind::Entered, items: (0, 0), about: &about, values: &[] };
        self.append(position, &entry, token, events)
    }
}
