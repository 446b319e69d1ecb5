//! The record of a branch: what it wrote, where it continues, and how it ran.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Entry, Records,
    files::{FileState, changed_files, file_of},
    is_recorded,
    names::Name,
    stored,
};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::wire::ResultHead,
    failure::Failure,
    plan::Task,
    position::Position,
    result::{CircuitState, ParallelFlowResult},
    state::{KeySpec, Value, View},
    store::{Kind, Span, plain},
};

/// What a record says about a branch besides its values.
#[derive(Debug, Serialize, Deserialize)]
struct About<'a> {
    /// The name of what it read.
    asks: Name,
    goes_to: Cow<'a, [u32]>,
    flags: Flags,
    files: Cow<'a, [(u32, FileState)]>,
    label: Cow<'a, Option<String>>,
    error: Cow<'a, Option<Box<Failure>>>,
    attempts: u32,
    attempt_errors: Cow<'a, [Failure]>,
    elapsed: Duration,
    circuit: Option<CircuitState>,
    pid: u32,
    worker: Option<u32>,
    host: Cow<'a, Option<String>>,
    cpu: Option<Duration>,
    peak_memory: Option<u64>,
}

/// Several answers in one byte.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Flags(u8);

impl Flags {
    /// It wrote keys that are not recorded, so it has to run again.
    const UNRECORDED: u8 = 1;
    /// It lacks values that only whoever takes the whole state needs.
    const PARTIAL: u8 = 1 << 1;
    const SUCCESS: u8 = 1 << 2;
    const SKIPPED: u8 = 1 << 3;

    fn of(all: [(u8, bool); 4]) -> Self {
        Self(all.iter().map(|(flag, is)| flag * u8::from(*is)).sum())
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

impl About<'_> {
    /// The result of the branch, which this task was.
    fn result(self, branch: Cow<'static, str>) -> ParallelFlowResult {
        ParallelFlowResult {
            branch,
            label: self.label.into_owned(),
            success: self.flags.has(Flags::SUCCESS),
            skipped: self.flags.has(Flags::SKIPPED),
            restored: true,
            error: self.error.into_owned(),
            attempts: self.attempts,
            attempt_errors: self.attempt_errors.into_owned(),
            elapsed: self.elapsed,
            circuit: self.circuit,
            pid: self.pid,
            worker: self.worker,
            host: self.host.into_owned(),
            cpu: self.cpu,
            peak_memory: self.peak_memory,
        }
    }
}

/// A valid record of a branch.
pub(in crate::engine) struct BranchRecord {
    pub(in crate::engine) values: Vec<(u32, Value)>,
    pub(in crate::engine) names: Vec<(u32, Name)>,
    pub(in crate::engine) goes_to: Vec<u32>,
    pub(in crate::engine) result: ParallelFlowResult,
}

/// How a branch ended: its view if it succeeded, what it wrote as bytes and whether some of that
/// is left out, and its result.
type Done<'a> = (Option<&'a View>, (&'a ResultHead, &'a [u8], bool), &'a ParallelFlowResult);

impl Records {
    /// The record of a branch, if it is valid.
    pub(in crate::engine) fn branch(
        &self,
        position: &Position,
        task: &'static Task,
        specs: &'static [KeySpec],
        asks: Name,
    ) -> Option<BranchRecord> {
        let (_, record) = self.find(Kind::Branch, position)?;
        let about: About<'_> = postcard::from_bytes(record.about()).ok()?;
        let (flags, files) = (about.flags, &about.files);
        let lacks = flags.has(Flags::UNRECORDED) || (flags.has(Flags::PARTIAL) && !self.is_for_output());
        if about.asks != asks || lacks || (about.error.is_some() && self.retries_failures) {
            return None;
        }
        let values = record.values().map(|value| stored(specs, value)).collect::<Option<Vec<_>>>()?;
        if changed_files(files, values.iter()).next().is_some() {
            return None;
        }
        let name = |(key, span): (u32, Span)| (key, Name::of_value(span.hash(), file_of(files, key)));
        let names = record.values().map(name).collect();
        let goes_to = about.goes_to.to_vec();
        Some(BranchRecord { values, names, goes_to, result: about.result(task.name.into()) })
    }

    /// Records that a branch has ended. Returns the names of what it wrote.
    pub(in crate::engine) fn branch_done(
        &self,
        position: &Position,
        (task, asks): (&'static Task, Name),
        (view, (head, written, partial), result): Done<'_>,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<Vec<(u32, Name)>, Box<Failure>> {
        let mut rest = written;
        let mut values = Vec::with_capacity(head.values.len());
        for value in &head.values {
            let length = usize::try_from(value.length).unwrap_or(usize::MAX);
            let Some((bytes, after)) = rest.split_at_checked(length) else {
                self.fail(format!("what branch `{}` wrote is cut short", task.name), events)?;
                return Ok(unknown(task));
            };
            values.push((value.key, bytes));
            rest = after;
        }
        let keys = || task.writes.iter().map(|write| write.key);
        let unrecorded = |key: &u32| {
            view.is_some_and(|view| {
                !is_recorded(&view.specs()[*key as usize]) && view.keys().contains(key) && view.value(*key).is_some()
            })
        };
        let unrecorded: Vec<u32> = keys().filter(unrecorded).collect();
        let file = |key: u32| Some((key, FileState::of(view?.keys().contains(&key).then(|| view?.value(key))??)?));
        let files: Vec<_> = values.iter().filter_map(|(key, _)| file(*key)).collect();
        let flags = Flags::of([
            (Flags::UNRECORDED, !unrecorded.is_empty()),
            (Flags::PARTIAL, partial),
            (Flags::SUCCESS, result.success),
            (Flags::SKIPPED, result.skipped),
        ]);
        let about = plain(&About {
            asks,
            goes_to: (&head.goes_to).into(),
            flags,
            files: (&files).into(),
            label: Cow::Borrowed(&result.label),
            error: Cow::Borrowed(&result.error),
            attempts: result.attempts,
            attempt_errors: (&result.attempt_errors).into(),
            elapsed: result.elapsed,
            circuit: result.circuit,
            pid: result.pid,
            worker: result.worker,
            host: Cow::Borrowed(&result.host),
            cpu: result.cpu,
            peak_memory: result.peak_memory,
        });
        let entry = Entry { kind: Kind::Branch, asks: None, items: (0, 0), about: &about, values: &values };
        let Some(hashes) = self.append(position, &entry, (token, events))? else { return Ok(unknown(task)) };
        let named = values.iter().zip(hashes);
        let named = named.map(|((key, _), hash)| (*key, Name::of_value(hash, file_of(&files, *key))));
        // What has no bytes is named after what made it.
        Ok(named.chain(unrecorded.into_iter().map(|key| (key, Name::of(&(asks, key))))).collect())
    }
}

/// The result of a branch with this name, according to what its record says about it.
#[cfg(feature = "cli")]
pub(super) fn result(about: &[u8], name: String) -> Option<ParallelFlowResult> {
    Some(postcard::from_bytes::<About<'_>>(about).ok()?.result(name.into()))
}

/// Names for what a branch may have written, about which nothing is known.
pub(in crate::engine) fn unknown(task: &Task) -> Vec<(u32, Name)> {
    task.writes.iter().map(|write| (write.key, Name::unknown())).collect()
}
