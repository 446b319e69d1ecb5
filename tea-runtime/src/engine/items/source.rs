//! A running map as the source of its driver: which items it gets next, and what becomes of those that have ended.

use std::{borrow::Cow, time::Instant};

use super::{BatchKey, Items, ended::Ended, supply::Taken, work::ItemsWork};
use crate::{
    engine::fan_out::{Driver, End, Next, Source, Start},
    event::{Event, Scope},
    executor::message::Pulled,
    failure::{Failure, cancelled},
    pacing::PROGRESS,
    store::RawRecord,
};

/// How many batches, for each that may be in flight, may wait behind one that has not ended, where a reducer combines
/// the results: they would else pile up for as long as that takes.
const BACKLOG: usize = 8;

impl Source for Items<'_> {
    type Key = BatchKey;

    fn next(&mut self, driver: &Driver<'_>) -> Next<BatchKey> {
        if self.stops(driver) {
            self.supply.stop();
            return Next::Exhausted;
        }
        // What comes in faster than it is combined must not pile up behind a batch that takes long.
        let backlog = self.chunk.saturating_mul(self.site.limit.saturating_mul(BACKLOG));
        if !self.collect.is_quick() && self.given - self.collect.next() >= backlog.max(self.site.limit) {
            return Next::Wait;
        }
        let wanted = if self.alone { 1 } else { self.chunk };
        loop {
            let batch = match self.rest.pop() {
                Some(rest) => self.cut(rest, wanted),
                None => match self.supply.take(self.wanted(wanted), wanted * self.site.limit) {
                    Taken::Batch(batch) => batch,
                    Taken::Later => return Next::Wait,
                    Taken::Nothing => return Next::Exhausted,
                },
            };
            let batch = self.restore(batch, wanted).and_then(|batch| self.take_cached(batch, driver));
            let Some(batch) = batch else {
                if self.error.is_some() {
                    return Next::Exhausted;
                }
                continue;
            };
            self.given += batch.len();
            let (start, scope) = (batch.start(), self.scope);
            let work = Box::new(ItemsWork::new(self.run, &self.shared, self.recorded.as_ref(), batch));
            return Next::Start(Start { key: BatchKey { start, home: None }, work, scope, part: start as u64 });
        }
    }

    fn index(&self, _: BatchKey) -> usize {
        0
    }

    fn name(&self, _: BatchKey) -> &'static str {
        self.map.name
    }

    fn label(&self, key: BatchKey, at: usize) -> Cow<'static, str> {
        format!("{}[{}]", self.map.name, key.start + at).into()
    }

    fn scope(&self, _: BatchKey) -> Scope {
        self.scope
    }

    fn part_key(&self, key: BatchKey, at: usize) -> BatchKey {
        BatchKey { start: key.start + at, home: key.home.or(Some((key.start, at))) }
    }

    fn rest_key(&self, key: BatchKey, at: usize) -> BatchKey {
        BatchKey { start: key.start + at, home: None }
    }

    fn ended(&mut self, _: &Driver<'_>, key: BatchKey, end: End) {
        let End { work, parts, received, failing, failed, again, elapsed, .. } = end;
        if let (Some(elapsed), None, false) = (elapsed, key.home, self.alone) {
            self.pace(parts, elapsed);
        }
        if again == 0 {
            self.starts_over(key);
        }
        self.done += parts - again;
        let failures = failed.iter().filter(|(_, result)| result.is_failure()).count();
        self.failed += failures;
        self.unfinished += failed.len() - failures;
        let batch = work.and_then(|work| work.into_any().downcast::<ItemsWork>().ok()).map(|work| work.into_batch());
        let from = self.failures.len();
        for (at, mut result) in failed {
            result.error = result.error.map(|failure| failure.at(self.map.name, self.map.place));
            let (scope, index) = (self.scope, key.start + at);
            if result.is_failure() {
                self.run.info.events.emit(|| Event::ItemFailed { scope, index: index as u64, result: &result });
            }
            self.failures.push((index, result));
        }
        let ended = Ended { key, parts, batch, received, failing, failed: from..self.failures.len(), again };
        if self.recording.is_some() || self.caching.is_some() {
            self.ended.push(ended);
        } else {
            self.collect.landed(key.start, parts, key.home, ended.batch, again);
        }
    }

    fn recorded(&mut self, driver: &Driver<'_>, key: BatchKey, raw: RawRecord) {
        let relayed = self.recording.as_ref().map_or(Ok(()), |recording| recording.relay(key.start, raw, driver.outer));
        self.error = self.error.take().or(relayed.err());
    }

    fn starts_over(&mut self, key: BatchKey) {
        if let (Some(recording), Some(_)) = (&self.recording, &self.recorded) {
            recording.forget(key.start);
        }
    }

    fn pulled(&mut self, pulled: Pulled) {
        self.error = self.error.take().or(self.supply.pulled(pulled));
    }

    fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    fn started(&mut self, driver: &Driver<'_>) -> bool {
        let any = self.keep_ended(driver);
        if any {
            self.settle(driver);
        }
        any
    }

    fn settle(&mut self, _: &Driver<'_>) {
        if self.error.is_none()
            && let Err(failure) = self.collect.collect()
        {
            self.error = Some(failure);
        }
        if self.run.info.events.is_active() && self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            let (scope, done, failed) = (self.scope, self.done as u64, self.failed as u64);
            let total = self.total.map(|total| total as u64);
            self.run.info.events.emit(|| Event::MapProgress { scope, done, failed, total });
        }
    }

    fn settle_at(&self) -> Option<Instant> {
        None
    }

    fn give_up(&mut self, failure: &Failure) {
        if self.supply.stop() {
            self.error.get_or_insert_with(|| Box::new(failure.clone()));
        }
    }
}

impl Items<'_> {
    /// Whether no more items are started.
    fn stops(&mut self, driver: &Driver<'_>) -> bool {
        if let Some(reason) = driver.outer.reason() {
            self.error.get_or_insert_with(|| cancelled(reason));
        }
        // With `allow_failure` each item is accounted for, also those that `fail_fast` keeps from starting.
        self.error.is_some() || driver.cancel().is_cancelled() && !self.site.config(0).allow_failure
    }
}
