//! The report of a recorded run, from its records. They do not tell when something ran.

use std::time::SystemTime;

use super::{Book, Ending, facts, page, rows::Kind};
use crate::{plan::Plan, result::ParallelFlowResult};

/// What has been recorded of a node, branch or map.
pub(crate) struct Recorded {
    pub(crate) name: String,
    /// How often it was done.
    pub(crate) done: u64,
    /// The items of a map that succeeded and that failed.
    pub(crate) items: u64,
    pub(crate) failed_items: u64,
    /// The results of a branch.
    pub(crate) branches: Vec<ParallelFlowResult>,
    /// Those of items that failed, by their indexes.
    pub(crate) failures: Vec<(u64, ParallelFlowResult)>,
}

/// The page of a run that began at this time.
pub(crate) fn of_records(
    plan: &'static Plan,
    began: SystemTime,
    ending: &Ending<'_>,
    recorded: impl IntoIterator<Item = Recorded>,
) -> String {
    let mut book = Book::default();
    recorded.into_iter().for_each(|recorded| book.recorded(plan, &recorded));
    page::render(&facts::facts(plan, &book, ending, (began, None, None)), plan)
}

impl Book {
    fn recorded(&mut self, plan: &Plan, recorded: &Recorded) {
        let &Recorded { ref name, done, items, failed_items, ref branches, ref failures } = recorded;
        let place = facts::place_of(plan, name);
        let kind = match (branches.is_empty(), items + failed_items) {
            (false, _) => Kind::Branch,
            (true, 0) => Kind::Node,
            (true, _) => Kind::Map,
        };
        let row = self.rows.at(kind, name, place);
        for result in branches {
            self.result(row, result);
            self.rows.branch(row, &ParallelFlowResult { restored: false, ..result.clone() });
            self.failed(name, result);
        }
        match kind {
            Kind::Branch => {}
            Kind::Node => self.rows.done(row, done),
            Kind::Map => self.rows.map(row, [items, failed_items, 0], [0, 0]),
        }
        // Of items that succeeded, only that they did is recorded, so nothing is told of times.
        for (index, result) in failures {
            self.failed(&format!("{name}[{index}]"), result);
        }
        self.failures_in_all += failed_items.saturating_sub(failures.len() as u64);
    }

    /// Adds what a result says of its attempts.
    fn result(&mut self, row: u32, result: &ParallelFlowResult) {
        let retries = u64::from(result.attempts.saturating_sub(1));
        (0..retries).for_each(|_| self.rows.retry(row));
        self.totals.retries += retries;
        self.totals.attempts += u64::from(result.attempts);
        self.totals.peak_memory = self.totals.peak_memory.max(result.peak_memory);
        if result.attempts > 0 {
            self.rows.attempt(row, 1, result.elapsed, result.cpu, result.peak_memory);
        }
    }
}
