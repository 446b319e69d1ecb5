//! Puts the results of a map into item order.

use std::collections::BTreeMap;

use crate::{
    failure::Failure,
    map::{Batch, Collector},
    panic::guard,
    result::ItemFailure,
    state::View,
};

/// Puts the results of a map into item order.
pub(super) struct Collect {
    collector: Box<dyn Collector>,
    /// Batches with items that are being retried, and their number, by start.
    unfinished: BTreeMap<usize, (Landed, usize)>,
    /// Batches that have ended before their turn, by start.
    landed: BTreeMap<usize, Landed>,
    /// The index of the item that is collected next.
    next: usize,
}

/// A finished batch.
struct Landed {
    len: usize,
    /// `None` if it was abandoned, in which case none of its items has a result.
    batch: Option<Box<dyn Batch>>,
}

impl Collect {
    pub(super) fn new(collector: Box<dyn Collector>) -> Self {
        Self { collector, unfinished: BTreeMap::new(), landed: BTreeMap::new(), next: 0 }
    }

    /// Whether the collector only stores results, and runs no reducer.
    pub(super) fn is_quick(&self) -> bool {
        self.collector.is_quick()
    }

    /// The index of the item that is collected next.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Records that a batch ended, of which `again` items are retried; or, with `home`, that a retried item did.
    pub(super) fn landed(
        &mut self,
        start: usize,
        len: usize,
        home: Option<(usize, usize)>,
        mut batch: Option<Box<dyn Batch>>,
        again: usize,
    ) {
        if let (0, Some(batch)) = (again, &mut batch) {
            batch.forget_items();
        }
        let Some((start, at)) = home else {
            let landed = Landed { len, batch };
            if again == 0 {
                self.landed.insert(start, landed);
            } else {
                self.unfinished.insert(start, (landed, again));
            }
            return;
        };
        if again > 0 {
            return;
        }
        let Some((mut whole, left)) = self.unfinished.remove(&start) else { return };
        match (&mut whole.batch, batch) {
            (Some(whole), Some(batch)) => whole.adopt(at, batch),
            // The first attempt was abandoned, with a batch of this item alone.
            (None, batch) if whole.len == 1 => whole.batch = batch,
            _ => {}
        }
        if left == 1 {
            whole.batch.iter_mut().for_each(|batch| batch.forget_items());
            self.landed.insert(start, whole);
        } else {
            self.unfinished.insert(start, (whole, left - 1));
        }
    }

    /// Collects what has arrived, up to the first batch that has not.
    ///
    /// # Errors
    /// If the output's reducer fails.
    pub(super) fn collect(&mut self) -> Result<(), Box<Failure>> {
        while let Some(Landed { len, batch }) = self.landed.remove(&self.next) {
            self.next += len;
            if let Some(batch) = batch {
                guard(|| self.collector.add(batch)).flatten()?;
            }
        }
        Ok(())
    }

    /// Writes output and failures.
    pub(super) fn finish(self, failures: Vec<ItemFailure>, view: &mut View) -> Result<(), Box<Failure>> {
        self.collector.finish(failures, view)
    }
}
