//! How many items a batch holds. It follows from how long items take, so that cheap ones cost little each and dear ones
//! travel alone.

use std::time::Duration;

use super::Items;
use crate::{
    pacing::{BATCH, CROSSING_BATCH},
    policy::Strategy,
};

/// The last batches of a map are smaller, so that all threads end together, but not by more than this: smaller ones would
/// cost more than is lost while a thread waits for the last one.
const LEAST: usize = 8;

impl Items<'_> {
    /// A batch of `items` took `elapsed`, from which the size of the next ones follows.
    pub(super) fn pace(&mut self, items: usize, elapsed: Duration) {
        let aim = match self.run.strategy(self.site.config(0)) {
            Strategy::Thread => BATCH,
            Strategy::Process | Strategy::Remote => CROSSING_BATCH,
        };
        let fit = aim.as_nanos() * items as u128 / elapsed.as_nanos().max(1);
        let fit = usize::try_from(fit).unwrap_or(usize::MAX).min(self.chunk.saturating_mul(4));
        let left = |total: usize| (total.saturating_sub(self.given) / (4 * self.site.workers)).max(fit / LEAST);
        self.chunk = fit.min(self.total.map_or(usize::MAX, left)).max(1);
    }
}
