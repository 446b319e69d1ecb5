//! The record of a step: what a node wrote, and what follows it.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Entry, Records,
    files::{FileState, changed_files, file_of},
    is_recorded,
    names::{Name, Names},
    stored,
};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::payload,
    failure::Failure,
    position::Position,
    state::{self, Journal, KeySpec, Value, View},
    store::{Kind, Span, plain},
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
struct About<'a> {
    /// The name of what it read; `None` for a fan-out, whose branches have their own.
    asks: Option<Name>,
    onward: Cow<'a, Onward>,
    /// The name of what the conditions read by which that was decided, if there are any.
    decided: Option<Name>,
    /// It wrote keys that are not recorded, so it runs again whenever its record is used.
    unrecorded: bool,
    map: Cow<'a, MapDone>,
    /// The files at the paths that it wrote, if they exist.
    files: Cow<'a, [(u32, FileState)]>,
}

/// What is recorded about a step that is done.
#[derive(Debug)]
pub(in crate::engine) struct Done {
    /// The name of what it read; `None` for a fan-out.
    pub(in crate::engine) asks: Option<Name>,
    /// Where the block continues.
    pub(in crate::engine) onward: Onward,
    /// The name of what the conditions read by which that was decided, if there are any.
    pub(in crate::engine) decided: Option<Name>,
    /// What it says if it is a map.
    pub(in crate::engine) map: MapDone,
}

/// What is recorded about a map that is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct MapDone {
    /// The number of items.
    pub(in crate::engine) items: u64,
    /// Whether results of items were taken from records in which these had another index.
    pub(in crate::engine) moved: bool,
    /// The names of what it wrote.
    pub(in crate::engine) outputs: Vec<(u32, Name)>,
}

impl MapDone {
    /// Of a map whose items are not recorded. What it wrote is named after what made it.
    pub(in crate::engine) fn unrecorded(asks: Name, writes: &[u32]) -> Self {
        Self { outputs: writes.iter().map(|key| (*key, Name::of(&(asks, key)))).collect(), ..Self::default() }
    }
}

/// A record of a step.
pub(in crate::engine) struct StepRecord {
    /// What it says, besides the values.
    pub(in crate::engine) done: Done,
    /// Records with a larger number are newer.
    pub(in crate::engine) number: u64,
    unrecorded: bool,
    files: Vec<(u32, FileState)>,
    values: Vec<(u32, Span)>,
}

impl StepRecord {
    /// Puts what the node wrote into the view. Returns whether that was possible; otherwise the node has to run again.
    pub(in crate::engine) fn restore(&self, view: &mut View, names: &mut Names) -> Result<bool, Box<Failure>> {
        let Ok(values) = self.values(view) else { return Ok(false) };
        for (key, value) in values {
            view.write(key, value)?;
        }
        self.name(view.specs(), names);
        Ok(true)
    }

    /// Names what the node wrote.
    pub(super) fn name(&self, specs: &[KeySpec], names: &mut Names) {
        for (key, span) in &self.values {
            names.write(specs, *key, Name::of_value(span.hash(), file_of(&self.files, *key)));
        }
    }

    /// The keys that the node wrote, as far as they are recorded.
    pub(super) fn keys(&self) -> impl Iterator<Item = u32> {
        self.values.iter().map(|value| value.0).chain(self.done.map.outputs.iter().map(|output| output.0))
    }

    /// What the node wrote, as far as that alone is what keys have.
    pub(super) fn known(&self, specs: &'static [KeySpec]) -> impl Iterator<Item = (u32, Value)> {
        let is_alone = |key: u32| specs.get(key as usize).is_some_and(|spec| spec.reduce.is_none());
        let alone = self.values.iter().filter(move |value| is_alone(value.0));
        alone.cloned().filter_map(move |value| stored(specs, value))
    }

    /// Why what the node wrote cannot be taken from here, if that is so.
    pub(super) fn missing(&self, view: &View) -> Option<Missing> {
        self.values(view).err()
    }

    /// What the node wrote.
    fn values(&self, view: &View) -> Result<Vec<(u32, Value)>, Missing> {
        if self.unrecorded {
            return Err(Missing::Output);
        }
        let specs = view.specs();
        let values = self.values.iter().cloned().map(|value| stored(specs, value)).collect::<Option<Vec<_>>>();
        let values = values.ok_or(Missing::Record)?;
        // A file that is gone or has changed has to be written again.
        if let Some(key) = changed_files(&self.files, values.iter()).next() {
            return Err(Missing::File(specs[key as usize].name));
        }
        Ok(values)
    }
}

/// What is missing, so that a node has to run again although it would write what it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Its output is of keys that are not recorded.
    Output,
    /// Its record is damaged.
    Record,
    /// The file at the path in this key, as it was. It will not be as it was after the node has run, either.
    File(&'static str),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output => f.write_str("its output is not recorded"),
            Self::Record => f.write_str("its record cannot be read"),
            Self::File(key) => write!(f, "the file of its output `{key}` has changed"),
        }
    }
}

/// The length of many values.
const SHORT: usize = 32;

/// What a node wrote, as bytes.
#[derive(Default)]
struct Bytes<'a> {
    values: Vec<(u32, Cow<'a, [u8]>)>,
    /// Keys that it wrote and that are not recorded.
    unrecorded: Vec<u32>,
    files: Vec<(u32, FileState)>,
}

impl<'a> Bytes<'a> {
    fn of(journal: &'a Journal, specs: &'static [KeySpec]) -> Result<Self, String> {
        let mut bytes = Self { values: Vec::with_capacity(journal.len()), ..Self::default() };
        for (key, entry) in journal {
            let spec = &specs[*key as usize];
            let (true, Some(wire)) = (is_recorded(spec), spec.kind.wire) else {
                bytes.unrecorded.push(*key);
                continue;
            };
            let value = match entry {
                state::Entry::Value(value) => {
                    bytes.files.extend(FileState::of(value).map(|file| (*key, file)));
                    let encode = || {
                        let mut buffer = Vec::with_capacity(SHORT);
                        payload::guarded(|| (wire.encode)(value, &mut buffer)).map(|()| buffer.into())
                    };
                    (wire.in_place)(value).map_or_else(encode, |bytes| Ok(bytes.into()))
                }
                state::Entry::Bytes(Ok(bytes)) => Ok(bytes.into()),
                state::Entry::Bytes(Err(error)) => Err(error.clone()),
            };
            let value = value.map_err(|error| format!("state key `{}` cannot be recorded: {error}", spec.name))?;
            bytes.values.push((*key, value));
        }
        Ok(bytes)
    }

    /// What a record contains.
    fn of_record(record: &StepRecord) -> Result<Self, String> {
        let bytes = |(key, span): &(u32, Span)| Ok((*key, span.with(|bytes| Ok(bytes.to_vec()))?.into()));
        let values = record.values.iter().map(bytes).collect::<Result<_, String>>()?;
        Ok(Self { values, unrecorded: Vec::new(), files: record.files.clone() })
    }

    /// Whether a record contains the same.
    fn are_those_of(&self, record: &StepRecord) -> bool {
        self.unrecorded.is_empty() != record.unrecorded
            && self.files == record.files
            && self.values.len() == record.values.len()
            && self.values.iter().zip(&record.values).all(|((key, bytes), (of, span))| key == of && span.is(bytes))
    }
}

impl Done {
    /// Whether a record says the same.
    fn is_that_of(&self, record: &StepRecord) -> bool {
        let Self { asks, onward, decided, map } = self;
        let of = &record.done;
        (asks, onward, decided, map) == (&of.asks, &of.onward, &of.decided, &of.map)
    }
}

impl Records {
    /// The last record of a step. What it says of the values is valid if what was read then has the same name as now.
    pub(in crate::engine) fn step(&self, position: &Position, names: &Names) -> Option<StepRecord> {
        if names.renewed {
            return None;
        }
        let (number, record) = self.find(Kind::Step, position)?;
        let About { asks, onward, decided, unrecorded, map, files } = postcard::from_bytes(record.about()).ok()?;
        let values = record.values().collect();
        let done = Done { asks, onward: onward.into_owned(), decided, map: map.into_owned() };
        Some(StepRecord { done, number, unrecorded, files: files.into_owned(), values })
    }

    /// Records that a step is done, which wrote what the journal says, unless it has a record that says the same. Names
    /// what was written.
    pub(in crate::engine) fn step_done(
        &self,
        position: &Position,
        (found, done): (Option<&StepRecord>, Done),
        (journal, specs): (Journal, &'static [KeySpec]),
        names: &mut Names,
        told: (&CancellationToken, &Events),
    ) -> Result<Onward, Box<Failure>> {
        let bytes = match Bytes::of(&journal, specs) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.fail(error, told.1)?;
                for (key, _) in journal {
                    names.set(key, Name::unknown());
                }
                return Ok(done.onward);
            }
        };
        // What has no bytes is named after what made it.
        for key in &bytes.unrecorded {
            names.write(specs, *key, Name::of(&(done.asks, key)));
        }
        match found.filter(|found| done.is_that_of(found) && bytes.are_those_of(found)) {
            Some(found) => found.name(specs, names),
            None => self.append_step(position, &done, bytes, specs, Some(names), told)?,
        }
        Ok(done.onward)
    }

    /// Records that a block continues differently after a step whose own record is valid.
    pub(in crate::engine) fn redecided(
        &self,
        position: &Position,
        (found, done): (&StepRecord, Done),
        specs: &'static [KeySpec],
        told: (&CancellationToken, &Events),
    ) -> Result<Onward, Box<Failure>> {
        match Bytes::of_record(found) {
            Ok(bytes) => self.append_step(position, &done, bytes, specs, None, told)?,
            Err(error) => self.fail(error, told.1)?,
        }
        Ok(done.onward)
    }

    fn append_step(
        &self,
        position: &Position,
        done: &Done,
        bytes: Bytes<'_>,
        specs: &[KeySpec],
        names: Option<&mut Names>,
        told: (&CancellationToken, &Events),
    ) -> Result<(), Box<Failure>> {
        let (Bytes { values, unrecorded, files }, Done { asks, onward, decided, map }) = (bytes, done);
        let about = About {
            asks: *asks,
            onward: Cow::Borrowed(onward),
            decided: *decided,
            unrecorded: !unrecorded.is_empty(),
            map: Cow::Borrowed(map),
            files: Cow::Borrowed(&files),
        };
        let about = plain(&about);
        let values: Vec<_> = values.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
        let entry = Entry { kind: Kind::Step, asks: None, items: (0, 0), about: &about, values: &values };
        let hashes = self.append(position, &entry, told)?;
        let Some(names) = names else { return Ok(()) };
        for (at, (key, _)) in values.iter().enumerate() {
            let name = |hashes: &Vec<_>| Name::of_value(hashes[at], file_of(&files, *key));
            names.write(specs, *key, hashes.as_ref().map_or_else(Name::unknown, name));
        }
        Ok(())
    }

    /// The tasks of a fan-out that do not start, according to an earlier decision for which the same was read.
    pub(in crate::engine) fn skipped(&self, position: &Position, asks: Name, names: &Names) -> Option<Vec<usize>> {
        if names.renewed {
            return None;
        }
        let (_, record) = self.find(Kind::Entered, position)?;
        let (asked, skipped): (Name, Vec<usize>) = postcard::from_bytes(record.about()).ok()?;
        (asked == asks).then_some(skipped)
    }

    /// Records the decision that these tasks of a fan-out do not start.
    pub(in crate::engine) fn entered(
        &self,
        position: &Position,
        (asks, skipped): (Name, &[usize]),
        token: &CancellationToken,
        events: &Events,
    ) -> Result<(), Box<Failure>> {
        let about = plain(&(asks, skipped));
        let entry = Entry { kind: Kind::Entered, asks: None, items: (0, 0), about: &about, values: &[] };
        self.append(position, &entry, (token, events)).map(drop)
    }
}
