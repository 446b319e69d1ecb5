//! What a run records, and what it takes from earlier records.
//!
//! A record contains a unit and the decision about what follows it. It is appended before anything that follows starts.
//! So whoever walks through the plan again, and takes from the records what they contain, arrives where the run was.
//!
//! **Which records are valid.** Records have numbers, and a record has a greater number than everything that it depends
//! on. A block therefore only has to keep one number, `since`: records before it are no longer valid, because something
//! that they depend on was done again with a different result. The number grows with each record that is used or
//! written. Each task of a fan-out has its own, according to what it needs. This makes records of earlier iterations of
//! a loop, a branch or a whole run harmless.

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
#[cfg(feature = "cli")]
pub(crate) use self::session::{Which, workflow};
pub(super) use self::{
    branch::BranchRecord,
    items::{ItemRecords, Restored, hash},
    step::{Onward, StepRecord},
};
pub(crate) use self::{
    outlook::outlook,
    session::{Opened, Session, clean_up, open},
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
    /// Records before this number are invalid because inputs have changed since then.
    since: u64,
    /// Whether allowed failures are retried, because the run had ended.
    retries_failures: bool,
    /// Whether it has been reported that recording ended.
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
    /// Records before this number are invalid at the start of the run.
    pub(super) fn since(&self) -> u64 {
        self.since
    }

    /// Records something about a position. `token` cancels what it is a part of: nothing is recorded for an abandoned
    /// branch, because another attempt may have started. Returns the smallest number of records after it.
    ///
    /// # Errors
    /// If recording has ended and the run must not continue without it.
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

    /// Ends recording because something cannot be encoded.
    pub(super) fn fail(&self, why: String, events: &Events) -> Result<u64, Box<Failure>> {
        self.recorder.fail(StoreError::new(why));
        self.ended(events)
    }

    /// Reports once that recording has ended. From now on, earlier records are no longer valid.
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

    /// Reports that recording has ended, unless that has been reported.
    pub(super) fn tell_failure(&self, events: &Events) {
        let Some(error) = self.recorder.failure() else { return };
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let message = format!("the run is no longer recorded, and continues without: {error}");
        events.warn(&message);
    }

    /// The underlying recorder.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// A position as bytes.
fn bytes(position: &Position) -> Vec<u8> {
    let mut bytes = Vec::new();
    position.encode(&mut bytes);
    bytes
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
