//! Items that need not run, because records of this run or the cache have their results.

use super::{Items, MANY};
use crate::{engine::fan_out::Driver, map::Batch};

impl Items<'_> {
    /// How many items are taken at once: items of before cost little.
    pub(super) fn wanted(&self, wanted: usize) -> usize {
        let has = self.recording.as_ref().is_some_and(|recording| recording.has(self.given));
        if has { wanted.max(MANY) } else { wanted }
    }

    /// The first `count` of these items; the others come next.
    pub(super) fn cut(&mut self, batch: Box<dyn Batch>, count: usize) -> Box<dyn Batch> {
        let count = self.wanted(count);
        if batch.len() <= count {
            return batch;
        }
        self.rest.push(batch.slice(count, batch.len() - count));
        batch.slice(0, count)
    }

    /// Takes those items at the start of a batch from records which have one that holds. Gives some of the others; the
    /// rest comes next.
    pub(super) fn restore(&mut self, batch: Box<dyn Batch>, wanted: usize) -> Option<Box<dyn Batch>> {
        let Some(recording) = &mut self.recording else { return Some(batch) };
        let (done, len) = recording.leading(&*batch, wanted);
        let taken = if len < batch.len() {
            self.rest.push(batch.slice(len, batch.len() - len));
            batch.slice(0, len)
        } else {
            batch
        };
        if !done {
            return Some(taken);
        }
        let (start, mut taken) = (taken.start(), taken);
        let Some(failures) = recording.put_results(&mut *taken) else {
            // It cannot be read after all: those items are not done.
            self.rest.push(taken.slice(0, len));
            return None;
        };
        self.given += len;
        self.done += len;
        self.restored += len;
        self.failed += failures.len();
        self.failures.extend(failures.into_iter().map(|(index, mut result)| {
            result.branch = format!("{}[{index}]", self.map.name).into();
            (index, result)
        }));
        self.collect.landed(start, len, None, Some(taken), 0);
        self.error = self.error.take().or(self.collect.collect().err());
        None
    }

    /// Takes those items at the start of a batch from the cache that it has. Returns some of the others; the rest comes next.
    pub(super) fn take_cached(&mut self, batch: Box<dyn Batch>, driver: &Driver<'_>) -> Option<Box<dyn Batch>> {
        let Some(caching) = &mut self.caching else { return Some(batch) };
        let (has, len) = caching.leading(&*batch);
        let mut taken = batch;
        if len < taken.len() {
            self.rest.push(taken.slice(len, taken.len() - len));
            taken = taken.slice(0, len);
        }
        if !has {
            return Some(taken);
        }
        if !caching.put_results(&mut *taken) {
            self.rest.push(taken.slice(0, len));
            return None;
        }
        if let Some(recording) = &mut self.recording {
            let recorded = recording.record(&*taken, &[], &[], &[], driver.outer);
            self.error = self.error.take().or(recorded.err());
        }
        self.given += len;
        self.done += len;
        self.cached += len;
        self.collect.landed(taken.start(), len, None, Some(taken), 0);
        self.error = self.error.take().or(self.collect.collect().err());
        None
    }
}
