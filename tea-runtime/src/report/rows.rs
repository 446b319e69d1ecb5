//! The rows of the table: nodes, branches and maps, each once, however often and in however many items it ran.

use std::{collections::HashMap, time::Duration};

use super::{spread::Spread, timeline::micros};
use crate::{event::Scope, failure::Failure, place::Place, result::ParallelFlowResult, words::of_all_items};

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Node,
    Branch,
    Map,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) place: Option<Place>,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) unfinished: u64,
    pub(super) skipped: u64,
    pub(super) restored: u64,
    pub(super) cached: u64,
    pub(super) retries: u64,
    /// Times of attempts in microseconds; of an item that was run together with others, its share.
    pub(super) time: Spread,
    pub(super) cpu: Spread,
    pub(super) memory: Spread,
}

impl Row {
    /// The count of what ended like this.
    fn ended(&mut self, failure: Option<&Failure>) -> &mut u64 {
        match failure {
            None => &mut self.done,
            Some(failure) if failure.kind.is_unfinished() => &mut self.unfinished,
            Some(_) => &mut self.failed,
        }
    }
}

/// All rows, in the order in which they first came.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) all: Vec<Row>,
    index: HashMap<(Kind, String), u32>,
    /// The names of the maps that run, with the items that they are in.
    maps: HashMap<Scope, String>,
}

impl Rows {
    /// The row of what has this name, apart from the items that it is in.
    pub(super) fn at(&mut self, kind: Kind, name: &str, place: Option<Place>) -> u32 {
        let key = (kind, of_all_items(name));
        if let Some(at) = self.index.get(&key) {
            return *at;
        }
        let at = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let (done, failed, unfinished, skipped, restored, cached, retries, time, cpu, memory) = Default::default();
        let name = key.1.clone();
        let row =
            Row { kind, name, place, done, failed, unfinished, skipped, restored, cached, retries, time, cpu, memory };
        self.all.push(row);
        self.index.insert(key, at);
        at
    }

    fn get(&mut self, row: u32) -> &mut Row {
        &mut self.all[row as usize]
    }

    pub(super) fn name(&self, row: u32) -> &str {
        &self.all[row as usize].name
    }

    /// A node ended.
    pub(super) fn node(&mut self, row: u32, elapsed: Duration, failure: Option<&Failure>, cached: bool) {
        let row = self.get(row);
        *row.ended(failure) += 1;
        row.cached += u64::from(cached);
        row.time.add(micros(elapsed), 1);
    }

    /// A node was done so often.
    #[cfg(feature = "cli")]
    pub(super) fn done(&mut self, row: u32, times: u64) {
        self.get(row).done += times;
    }

    /// A branch ended, after all its attempts.
    pub(super) fn branch(&mut self, row: u32, result: &ParallelFlowResult) {
        let row = self.get(row);
        *(if result.skipped { &mut row.skipped } else { row.ended(result.error.as_deref()) }) += 1;
        row.restored += u64::from(result.restored);
    }

    /// A map ended: so many of its items succeeded, failed, and did neither.
    pub(super) fn map(&mut self, row: u32, [done, failed, unfinished]: [u64; 3], [restored, cached]: [u64; 2]) {
        let row = self.get(row);
        row.done += done;
        row.failed += failed;
        row.unfinished += unfinished;
        row.restored += restored;
        row.cached += cached;
    }

    pub(super) fn retry(&mut self, row: u32) {
        self.get(row).retries += 1;
    }

    /// An attempt at a branch, or at so many items together, ended.
    pub(super) fn attempt(
        &mut self,
        row: u32,
        parts: u64,
        elapsed: Duration,
        cpu: Option<Duration>,
        memory: Option<u64>,
    ) {
        let row = self.get(row);
        row.time.add(micros(elapsed) / parts, parts);
        if let Some(cpu) = cpu {
            row.cpu.add(micros(cpu) / parts, parts);
        }
        if let Some(memory) = memory {
            row.memory.add(memory, 1);
        }
    }

    /// A map that runs has this name.
    pub(super) fn name_of(&mut self, scope: Scope, name: &str) {
        self.maps.insert(scope, name.to_owned());
    }

    /// The name of a map that runs.
    pub(super) fn shown(&self, scope: Scope) -> &str {
        self.maps.get(&scope).map_or("", String::as_str)
    }

    /// A map has ended.
    pub(super) fn forget(&mut self, scope: Scope) {
        self.maps.remove(&scope);
    }

    /// Where something with this name is in the workflow file.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        let name = of_all_items(name);
        let row = |kind| self.index.get(&(kind, name.clone()));
        let row = [Kind::Branch, Kind::Map, Kind::Node].into_iter().find_map(row)?;
        self.all[*row as usize].place
    }
}

/// The number of items that an attempt is about: four for `each[3..7]`.
pub(super) fn parts(name: &str) -> u64 {
    let range =
        name.strip_suffix(']').and_then(|name| name.rsplit_once('[')).and_then(|(_, range)| range.split_once(".."));
    let ends = range.and_then(|(from, to)| Some((from.parse::<u64>().ok()?, to.parse::<u64>().ok()?)));
    ends.map_or(1, |(from, to)| to.saturating_sub(from).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_about_as_many_items_as_its_name_says() {
        assert_eq!(
            ["each", "each[3]", "each[3..7]", "each[3]/in[0..2]", "odd[x..y]", "back[7..3]"].map(parts),
            [1, 1, 4, 2, 1, 1]
        );
    }
}
