//! The record of a branch: what it wrote, where it continues, and how it ran.

use serde::{Deserialize, Serialize};

use super::{
    Entry, Records, bytes, is_recorded,
    step::{FileState, changed_files},
    stored,
};
use crate::{
    cancel::CancellationToken,
    event::Events,
    executor::wire::ResultHead,
    failure::Failure,
    plan::Task,
    position::Position,
    result::ParallelFlowResult,
    state::{KeySpec, Value, View},
    store::Kind,
};

/// What a record says about a branch besides its values.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    goes_to: Vec<u32>,
    /// It wrote keys that are not recorded, so it has to run again.
    unrecorded: bool,
    files: Vec<(u32, FileState)>,
    result: ParallelFlowResult,
}

/// A valid record of a branch.
pub(in crate::engine) struct BranchRecord {
    pub(in crate::engine) values: Vec<(u32, Value)>,
    pub(in crate::engine) goes_to: Vec<u32>,
    pub(in crate::engine) result: ParallelFlowResult,
}

/// How a branch ended: its view if it succeeded, what it wrote as bytes, and its result.
type Done<'a> = (Option<&'a View>, (&'a ResultHead, &'a [u8]), &'a ParallelFlowResult);

impl Records {
    /// The record of a branch, if it is valid, and the smallest number of records after it.
    pub(in crate::engine) fn branch(
        &self,
        position: &Position,
        task: &'static Task,
        specs: &'static [KeySpec],
        since: u64,
    ) -> Option<(BranchRecord, u64)> {
        let found = self.recorder.find(Kind::Branch, &bytes(position)).filter(|found| found.number >= since)?;
        let record = self.recorder.read(found).ok()?;
        let About { goes_to, unrecorded, files, mut result } = postcard::from_bytes(record.about()).ok()?;
        if unrecorded || (result.error.is_some() && self.retries_failures) {
            return None;
        }
        let values = self.recorder.values(&record).map(|value| stored(specs, value)).collect::<Option<Vec<_>>>()?;
        if changed_files(&files, values.iter()).next().is_some() {
            return None;
        }
        (result.branch, result.restored) = (task.name.into(), true);
        Some((BranchRecord { values, goes_to, result }, found.number + 1))
    }

    /// Records that a branch has ended. Returns the smallest number of records after it.
    pub(in crate::engine) fn branch_done(
        &self,
        position: &Position,
        task: &'static Task,
        (view, (head, written), result): Done<'_>,
        token: &CancellationToken,
        events: &Events,
    ) -> Result<u64, Box<Failure>> {
        let mut rest = written;
        let mut values = Vec::with_capacity(head.values.len());
        for value in &head.values {
            let length = usize::try_from(value.length).unwrap_or(usize::MAX);
            let Some((bytes, after)) = rest.split_at_checked(length) else {
                return self.fail(format!("what branch `{}` wrote is cut short", task.name), events);
            };
            values.push((value.key, bytes));
            rest = after;
        }
        let keys = || task.writes.iter().map(|write| write.key);
        let set = |key: &u32| view.is_some_and(|view| view.keys().contains(key) && view.value(*key).is_some());
        let unrecorded =
            view.is_some_and(|view| keys().any(|key| !is_recorded(&view.specs()[key as usize]) && set(&key)));
        let file = |key: u32| Some((key, FileState::of(view?.keys().contains(&key).then(|| view?.value(key))??)?));
        let files = values.iter().filter_map(|(key, _)| file(*key)).collect();
        let result = ParallelFlowResult { branch: "".into(), ..result.clone() };
        let about = About { goes_to: head.goes_to.clone(), unrecorded, files, result };
        let about = postcard::to_stdvec(&about).expect("it is plain data");
        let entry = Entry { kind: Kind::Branch, items: (0, 0), about: &about, values: &values };
        self.append(position, &entry, token, events)
    }
}
