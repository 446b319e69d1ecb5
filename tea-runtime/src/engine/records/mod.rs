//! What a run records, and what it takes from the records of before.
//!
//! A record is a unit with what was decided to follow it, and is appended before anything that follows starts. So whoever
//! walks through the plan once more, and takes what has a record from there, comes to where the run was.
//!
//! **What holds.** Records have numbers, and what depends on something has a larger number than that. A block therefore
//! keeps one number, `since`: records before it do not hold any more, since something that they followed was done again
//! and came out differently. It grows with each record that is taken or written. Tasks of a fan-out keep one each, by what
//! they need. This is what makes a record of an earlier life of a loop, a branch or a whole run harmless.

mod branch;
mod items;
mod outlook;
mod session;
mod step;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub use self::outlook::{Outlook, Prospect};
pub(super) use self::{
    branch::BranchRecord,
    items::{ItemRecords, Restored, hash},
    step::{Onward, StepRecord},
};
pub(crate) use self::{
    outlook::outlook,
    session::{Opened, Session, Which, clean_up, open, workflow},
};
use crate::{
    cancel::CancellationToken,
    event::Events,
    failure::{Failure, FailureKind},
    position::Position,
    state::{KeySpec, Stored, Value},
    store::{Kind, Recorder, Span, StoreError, Written},
};

/// The records of a run.
#[derive(Debug)]
pub(crate) struct Records {
    recorder: Arc<Recorder>,
    session: Session,
    /// Records before this number do not hold: inputs have changed since then.
    since: u64,
    /// Failures that were allowed are tried again, since the run had ended.
    retries_failures: bool,
    /// That recording ended was told.
    told: AtomicBool,
}

/// What is recorded.
pub(super) struct Entry<'a> {
    pub(super) kind: Kind,
    pub(super) items: (u64, u64),
    pub(super) about: &'a [u8],
    pub(super) values: &'a [(u32, &'a [u8])],
}

impl Records {
    /// Records before this number do not hold at the start of the run.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// Records something of a position. `token` cancels what it is a part of: what belongs to a branch that was given up
    /// is not recorded, since another attempt may have begun. Gives the number that records after it have at least.
    ///
    /// # Errors
    /// If recording has ended and the run must not go on without.
    pub(super) fn append(
        &self,
        position: &Position,
        entry: &Entry<'_>,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let mut bytes = Vec::new();
        position.encode(&mut bytes);
        let Entry { kind, items, about, values } = *entry;
        let written = Written { kind, position: &bytes, items, about, values };
        let valid = || !(position.is_in_branch() && token.is_cancelled());
        match self.recorder.append(&written, valid) {
            Ok(number) => Ok(number),
            Err(_) => self.ended(events),
        }
    }

    /// Recording ends, since something cannot be written as bytes.
    pub(super) fn fail(&self, why: String, events: &Events) -> Result<u64, Box<Failure>> {
        self.recorder.fail(StoreError::new(why));
        self.ended(events)
    }

    /// Recording has ended: that is told once. What was recorded before holds no more for what comes from now on.
    fn ended(&self, events: &Events) -> Result<u64, Box<Failure>> {
        self.tell_failure(events);
        match self.recorder.failure() {
            Some(error) if self.session.require_state => {
                let message = format!("the run can no longer be recorded, which `--require-state` requires: {error}");
                Err(Box::new(Failure::new(FailureKind::Error, message)))
            }
            _ => Ok(self.recorder.next()),
        }
    }

    /// Tells that recording has ended, if it has, and nobody has been told.
    pub(super) fn tell_failure(&self, events: &Events) {
        let Some(error) = self.recorder.failure() else { return };
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = format!("the run is no longer recorded, and continues without: {error}");
        events.warn(&message);
    }

    /// The recorder behind it.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// The bytes of a position.
fn bytes(position: &Position) -> Vec<u8> {
    let mut bytes = Vec::new();
    position.encode(&mut bytes);
    bytes
}

/// The value of a key that a record holds.
fn stored(specs: &'static [KeySpec], key: u32, span: Span) -> Option<Value> {
    let spec = specs.get(key as usize)?;
    let wire = spec.kind.wire?;
    Some(Stored::value(spec, move || span.with(wire.decode)))
}

/// Whether values of a key are recorded.
pub(super) fn is_recorded(spec: &KeySpec) -> bool {
    spec.is_recorded() && spec.kind.wire.is_some()
}
