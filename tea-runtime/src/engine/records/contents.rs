//! What a run has recorded, by the names of its nodes, for people.

use std::{collections::BTreeMap, fmt};

use super::{branch, items};
use crate::{
    position::Position,
    result::ParallelFlowResult,
    store::{Folder, Kind, Recorder, RunFolder, StoreError},
    words::counted,
};

/// What has been recorded of a node or branch.
#[derive(Debug)]
pub(crate) struct Content {
    /// How many branches it is in.
    pub(crate) depth: usize,
    pub(crate) name: String,
    pub(crate) tally: Tally,
}

/// So many results are kept of what is in one place.
const MOST_RESULTS: usize = 1000;

/// What there are records of.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The number of times that it was done: more than one in a loop.
    pub(crate) done: u64,
    pub(crate) items: u64,
    pub(crate) failed_items: u64,
    /// The results of a branch.
    pub(crate) branches: Vec<ParallelFlowResult>,
    /// Those of items that failed, which the workflow allows, by their indexes.
    pub(crate) failures: Vec<(u64, ParallelFlowResult)>,
}

/// What a run has recorded.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn contents(store: Folder, run: RunFolder) -> Result<Vec<Content>, StoreError> {
    let recorder = Recorder::look(store, run)?;
    let log = recorder.log();
    let mut tallies: BTreeMap<Vec<u64>, Tally> = BTreeMap::new();
    for (kind, key, found) in log.singles() {
        let (true, Some(position)) = (matches!(kind, Kind::Step | Kind::Branch), Position::decode(key)) else {
            continue;
        };
        let tally = tallies.entry(position.path()).or_default();
        tally.done += 1;
        if kind == Kind::Branch && tally.branches.len() < MOST_RESULTS {
            tally.branches.extend(branch::result(log.read(found)?.about(), String::new()));
        }
    }
    for (kind, key, count) in log.item_counts() {
        // The name of what the items read follows the position.
        let position = key.len().checked_sub(16).and_then(|end| Position::decode(&key[..end]));
        let Some(position) = position else { continue };
        let tally = tallies.entry(position.path()).or_default();
        let all = if kind == Kind::ItemFailed { &mut tally.failed_items } else { &mut tally.items };
        *all += count;
        let room = MOST_RESULTS.saturating_sub(tally.failures.len());
        for done in log.items(Kind::ItemFailed, key).iter().filter(|_| kind == Kind::ItemFailed).take(room) {
            tally.failures.extend(items::failure(log.read(done.found)?.about()).map(|failure| (done.first, failure)));
        }
    }
    let content = |(path, name): (Vec<u64>, String)| {
        let (depth, tally) = ((path.len() - 1) / 2, tallies.remove(&path).unwrap_or_default());
        Content { depth, name, tally }
    };
    Ok(recorder.manifest().names.into_iter().map(content).collect())
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { done, items, failed_items, branches, .. } = &self.tally;
        let failure = branches.iter().rev().find_map(|result| result.error.as_ref());
        let mut words = vec![match (done, items + failed_items) {
            (0, 0) => "not done".to_owned(),
            (0, _) => "not finished".to_owned(),
            (1, _) => "done".to_owned(),
            _ => format!("done {done} times"),
        }];
        if *items > 0 {
            words.push(counted(*items, "item", "items"));
        }
        if *failed_items > 0 {
            words.push(format!("{failed_items} failed"));
        }
        f.write_str(&words.join(", "))?;
        let Some(failure) = failure else { return Ok(()) };
        write!(f, ", and failed, which the workflow allows: {}", failure.message.lines().next().unwrap_or_default())
    }
}
