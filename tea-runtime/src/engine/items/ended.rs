//! Batches that have ended are recorded and kept in the cache when their executor has got something else to do. Other items do
//! not follow from them.

use std::ops::Range;

use super::{BatchKey, Items};
use crate::{engine::fan_out::Driver, executor::outcome::Received, map::Batch};

/// An attempt at a batch that has ended.
pub(super) struct Ended {
    pub(super) key: BatchKey,
    pub(super) parts: usize,
    pub(super) batch: Option<Box<dyn Batch>>,
    pub(super) received: Vec<Received>,
    pub(super) failing: Vec<usize>,
    /// Those of the failures that are its.
    pub(super) failed: Range<usize>,
    pub(super) again: usize,
}

impl Items<'_> {
    /// Records and caches what has ended, and hands it on to be collected. Returns whether there was anything.
    pub(super) fn keep_ended(&mut self, driver: &Driver<'_>) -> bool {
        let all = std::mem::take(&mut self.ended);
        let any = !all.is_empty();
        for ended in all {
            self.keep(&ended, driver);
            let Ended { key, parts, batch, again, .. } = ended;
            self.collect.landed(key.start, parts, key.home, batch, again);
        }
        any
    }

    fn keep(&mut self, ended: &Ended, driver: &Driver<'_>) {
        let Ended { batch: Some(batch), received, failing, failed, .. } = ended else { return };
        if let Some(recording) = &mut self.recording {
            let kept = if self.site.config(0).allow_failure { &self.failures[failed.clone()] } else { &[] };
            // What was only told to end, or waits for an answer, has not failed.
            let kept: Vec<_> =
                kept.iter().filter(|(_, result)| !result.is_cancelled() && !result.is_waiting()).collect();
            let recorded = recording.record(&**batch, received, failing, &kept, driver.outer);
            self.error = self.error.take().or(recorded.err());
        }
        if let Some(caching) = &mut self.caching {
            let kept = caching.keep(&**batch, received, failing);
            self.error = self.error.take().or(kept.err());
        }
    }
}
