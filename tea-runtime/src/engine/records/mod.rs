//! What a run records, and what it takes from earlier records.
//!
//! A record contains a unit and the decision about what follows it. It is appended before anything that follows starts.
//! So whoever walks through the plan again, and takes from the records what they contain, arrives where the run was.
//!
//! **Which records are valid.** A record contains the [name](Name) of what its unit read: of the code, and of the value
//! of each key that the code reads. It is valid if that name is the same now. A value that is made again with the same
//! bytes keeps its name, so only units that what is new can reach run again.

mod begun;
mod branch;
mod build;
#[cfg(feature = "cli")]
mod contents;
mod end;
mod files;
mod from;
mod items;
mod names;
mod needed;
mod nested;
mod node_names;
mod outlook;
mod outside;
mod program;
mod session;
mod step;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use self::build::Before;
pub use self::outlook::{Outlook, Prospect};
pub(super) use self::program::program;
#[cfg(any(feature = "cli", test))]
pub(crate) use self::session::Which;
pub(super) use self::{
    branch::{BranchRecord, unknown},
    files::FileState,
    items::{ItemRecords, Restored, failure_hash, hash, hashes},
    names::{Given, Name, Names},
    needed::is_needed,
    outside::Surroundings,
    step::{Done, MapDone, Onward, StepRecord},
};
#[cfg(feature = "cli")]
pub(crate) use self::{
    contents::{Content, contents},
    session::workflow,
};
pub(crate) use self::{
    end::{Delivery, clean_up},
    outlook::outlook,
    session::{Opened, Session, open},
};
use crate::{
    cancel::CancellationToken,
    event::Events,
    failure::{Failure, FailureKind},
    plan::{CodeId, RESULTS},
    position::Position,
    result::ParallelFlowResult,
    state::{KeySpec, Stored, Value, View},
    store::{Hash, Kind, Record, RecordLog, Recorder, SMALL, Span, StoreError, Written},
};

/// The records of a run.
#[derive(Debug)]
pub(crate) struct Records {
    log: Arc<RecordLog>,
    /// The run to which the log belongs; `None` in a worker.
    recorder: Option<Recorder>,
    session: Session,
    /// The content of the executable: the identity of code about which nothing else is known.
    program: Hash,
    /// What was different when the records were made, if that was another build.
    before: Option<Before>,
    /// What counts as code outside of the program: now, and when the records were made.
    surroundings: Surroundings,
    surroundings_before: Surroundings,
    /// The names of the inputs.
    inputs: Names,
    /// Whether allowed failures are retried, because the run had ended.
    retries_failures: bool,
    /// Whether it has been reported that recording ended.
    told: AtomicBool,
}

/// What is recorded.
pub(super) struct Entry<'a> {
    pub(super) kind: Kind,
    /// What the items of a map read. Records of items are found by it.
    pub(super) asks: Option<Name>,
    pub(super) items: (u64, u64),
    pub(super) about: &'a [u8],
    pub(super) values: &'a [(u32, &'a [u8])],
}

impl Records {
    /// Whether whoever runs it takes only the output, and not the whole state.
    pub(in crate::engine) fn is_for_output(&self) -> bool {
        self.session.only_output
    }

    /// The names of the inputs.
    pub(super) fn inputs(&self) -> Names {
        self.inputs.clone()
    }

    /// The name of some code, and of what it reads if it reads these keys of a block.
    pub(super) fn asks(&self, code: &[CodeId], names: &Names, reads: &[u32], view: &View) -> Name {
        let name = |key: u32| if key == RESULTS { Some(results_name(view)) } else { names.get(key) };
        self.asked(code, reads.iter().map(|key| (*key, name(*key))))
    }

    /// The name of some code, and of what it reads if it reads keys with these names.
    pub(super) fn asked(&self, code: &[CodeId], reads: impl Iterator<Item = (u32, Option<Name>)>) -> Name {
        Name::of_keys(reads).with_code(self.code(code))
    }

    /// The name of what was read, of one that includes the code. An edit does not change it: so a payment that a node made
    /// is not made again after the node was mended.
    pub(super) fn read(&self, asks: Name, code: &[CodeId]) -> [u8; 16] {
        asks.with_code(self.code(code)).bytes()
    }

    /// The identity of some code.
    fn code(&self, code: &[CodeId]) -> [u8; 16] {
        identity(self.program, &self.surroundings, code)
    }

    /// Records something about a position if it counts (`counts`). Returns the hashes of the values, unless recording has ended.
    ///
    /// # Errors
    /// If recording has ended and the run must not continue without it.
    pub(super) fn append(
        &self,
        position: &Position,
        entry: &Entry<'_>,
        (token, events): (&CancellationToken, &Events),
    ) -> Result<Option<Vec<Hash>>, Box<Failure>> {
        let Entry { kind, asks, items, about, values } = *entry;
        let written = Written { kind, position: &key(position, asks), items, about, values };
        let valid = || counts(position, token);
        // Branches that end together are written together, before anything that follows from one of them starts.
        let done = if kind == Kind::Branch { self.log.add(&written, valid) } else { self.log.append(&written, valid) };
        match done {
            Ok(hashes) => Ok(Some(hashes)),
            Err(_) => self.ended(events).map(|()| None),
        }
    }

    /// Writes what is recorded of branches that have ended.
    ///
    /// # Errors
    /// If recording has ended and the run must not continue without it.
    pub(super) fn flush(&self, events: &Events) -> Result<(), Box<Failure>> {
        self.log.flush().or_else(|_| self.ended(events))
    }

    /// The last record of a position from an earlier process, and its number.
    fn find(&self, kind: Kind, position: &Position) -> Option<(u64, Record)> {
        if self.log.is_new() {
            return None;
        }
        let found = self.log.find(kind, &key(position, None))?;
        Some((found.number, self.log.read(found).ok()?))
    }

    /// Ends recording because something cannot be encoded.
    pub(super) fn fail(&self, why: String, events: &Events) -> Result<(), Box<Failure>> {
        self.log.fail(StoreError::new(why));
        self.ended(events)
    }

    /// Reports once that recording has ended.
    fn ended(&self, events: &Events) -> Result<(), Box<Failure>> {
        self.tell_failure(events);
        match self.log.failure() {
            Some(error) if self.session.require_state => {
                let message = format!("the run can no longer be recorded, which `--require-state` requires: {error}");
                Err(Box::new(Failure::new(FailureKind::Error, message)))
            }
            _ => Ok(()),
        }
    }

    /// Reports that recording has ended, unless that has been reported.
    pub(super) fn tell_failure(&self, events: &Events) {
        let Some(error) = self.log.failure() else { return };
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = format!("the run is no longer recorded, and continues without: {error}");
        events.warn(&message);
    }

    /// A number that identifies the run, however often it is resumed.
    pub(super) fn run_id(&self) -> u128 {
        let began = self.recorder.as_ref().map(|recorder| recorder.manifest().began);
        u128::from_le_bytes(Name::of(&(self.run_name(), began)).bytes())
    }

    /// The name of the run; empty in a worker.
    pub(crate) fn run_name(&self) -> &str {
        self.recorder.as_ref().map_or("", Recorder::name)
    }
}

/// The identity of some code in a program.
pub(super) fn identity(program: Hash, surroundings: &Surroundings, code: &[CodeId]) -> [u8; 16] {
    let own = match code {
        _ if code.iter().any(|of| of.hash == 0) => program.first(),
        [one] => one.hash.to_le_bytes(),
        several => Name::of(&several.iter().map(|of| of.hash).collect::<Vec<_>>()).bytes(),
    };
    surroundings.with(own, code)
}

/// Whether what was done at a position is recorded; `token` cancels what it is a part of. Nothing is recorded for an
/// abandoned branch, because another attempt may have started.
fn counts(position: &Position, token: &CancellationToken) -> bool {
    !(position.is_in_branch() && token.is_cancelled())
}

/// What records of a position are found by; those of items also by what the items read.
fn key(position: &Position, asks: Option<Name>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SMALL);
    position.encode(&mut bytes);
    bytes.extend(asks.iter().flat_map(Name::bytes));
    bytes
}

/// The name of `parallel_results`. What differs from run to run does not count.
pub(super) fn results_name(view: &View) -> Name {
    Name::of(&view.parallel_results().iter().map(ParallelFlowResult::lasting).collect::<Vec<_>>())
}

/// The value of a key in a record.
fn stored(specs: &'static [KeySpec], (key, span): (u32, Span)) -> Option<(u32, Value)> {
    let spec = specs.get(key as usize)?;
    let wire = spec.kind.wire?;
    Some((key, Stored::value(spec, move || span.with(wire.decode))))
}

/// Whether values of a key are recorded.
pub(super) fn is_recorded(spec: &KeySpec) -> bool {
    spec.is_recorded() && spec.kind.wire.is_some()
}
