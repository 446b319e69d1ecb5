//! A `dynamic_parallel` node that runs: its items are handed out in batches, and their results collected in item order.
//!
//! How many items a batch holds follows from how long items take, so that cheap ones cost little each and dear ones
//! travel alone. An iterator is asked for items only as they are needed, on a thread of its own: it may block.

mod caching;
mod collect;
mod ended;
mod recording;
mod supply;
mod work;

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) use self::work::{ItemsWork, Shared};
use self::{caching::Caching, collect::Collect, ended::Ended, recording::Recording, supply::Supply};
use super::{
    Run,
    block::BlockRun,
    branches::summary,
    call::Recorded,
    fan_out::{Driver, End, Next, Source, Start},
    records::{MapDone, Name, StepRecord},
    site::Site,
};
use crate::{
    event::{Event, Scope},
    executor::message::Pulled,
    failure::{Failure, cancelled},
    map::Batch,
    panic::guard,
    plan::Map,
    policy::Strategy,
    result::{ItemFailure, ParallelFlowResult},
    store::RawRecord,
};

/// How many failures a failed map tells one by one.
const TOLD: usize = 1_000;

/// How often progress is told.
const NEWS: Duration = Duration::from_millis(50);

/// How long a batch should run: long beside what a batch costs, and short beside the rest of the map.
const BATCH: Duration = Duration::from_micros(250);

/// The same for batches that go to another process.
const CROSSING_BATCH: Duration = Duration::from_millis(1);

/// How many batches, for each that may be in flight, may wait behind one that has not ended, where a reducer combines
/// the results: they would else pile up for as long as that takes.
const BACKLOG: usize = 8;

/// How many items are taken from records at once.
const MANY: usize = 4096;

/// Runs a map of `block`. If the run is recorded, `asks` is the name of what the map reads, and it may have a record as
/// a whole, for which the same was read. Returns what is to be recorded of it.
pub(super) fn run(
    block: &mut BlockRun<'_>,
    map: &'static Map,
    asks: Option<Name>,
    found: Option<&StepRecord>,
) -> Result<MapDone, Box<Failure>> {
    let at = |failure: Box<Failure>| failure.at(map.name, map.place);
    let mut recording = asks.and_then(|asks| Recording::new(map, asks, block));
    if let (Some(recording), Some(found)) = (&mut recording, found)
        && guard(|| recording.restore_all(found, block)).flatten().map_err(at)?
    {
        return Ok(found.done.map.clone());
    }
    let caching = block.step().and_then(|step| Caching::new(map, step, block));
    let items = guard(|| map.spec.items(&block.view, block.context).map_err(Into::into)).flatten();
    let source = items.map_err(at)?;
    let (run, position) = (block.run, block.position());
    let site = run.map(map);
    let config = site.config(0);
    let (scope, parent, total) = (run.info.events.scope(), block.context.scope, source.total());
    let (strategy, name) = (run.strategy(config), block.context.shown(map.name));
    run.info.events.emit(|| {
        let (name, place, total) = (&*name, map.place, total.map(|total| total as u64));
        Event::MapStarted { scope, parent, name, place, total, strategy }
    });
    let started = Instant::now();
    let driver = Driver::new(run, site, map.id, block.context, position);
    let reads = recording.as_ref().map(Recording::read);
    let recorded = recording.as_ref().and_then(|recording| recording.of_steps(block));
    let sent = recorded.is_some() && strategy != Strategy::Thread;
    let counted = config.circuit_breaker.is_some() || config.max_tasks_per_worker.is_some();
    let mut items = Items {
        run,
        map,
        site,
        scope,
        shared: Arc::new(Shared::new(map, block.view.take_all(), reads)),
        recorded,
        supply: Supply::new(source, &driver),
        collect: Collect::new(map.spec.collector(map.keys)),
        alone: site.fail_fast || config.is_limited() || counted || sent,
        chunk: 1,
        total,
        given: 0,
        done: 0,
        failed: 0,
        unfinished: 0,
        restored: 0,
        failures: Vec::new(),
        told: Instant::now(),
        error: None,
        recording,
        caching,
        cached: 0,
        rest: Vec::new(),
        ended: Vec::new(),
    };
    let refused = driver.drive(&mut items).err();
    drop(driver);
    let Items { shared, collect, done, failed, unfinished, restored, cached, mut failures, error, recording, .. } =
        items;
    run.info.events.emit(|| Event::MapProgress {
        scope,
        done: done as u64,
        failed: failed as u64,
        total: Some(done as u64),
    });
    let elapsed = started.elapsed();
    run.info.events.emit(|| Event::MapFinished {
        scope,
        elapsed,
        done: done as u64,
        failed: failed as u64,
        unfinished: unfinished as u64,
        restored: restored as u64,
        cached: cached as u64,
    });
    // A batch that was left behind may hold the view for ever.
    block.view = Shared::into_view(shared);
    failures.sort_by_key(|failure| failure.0);
    let allowed = config.allow_failure && refused.is_none();
    let waits = failures.iter().any(|(_, result)| result.is_waiting());
    if allowed && waits {
        failures.retain(|(_, result)| result.is_waiting());
    }
    let failed = || {
        if allowed && !waits {
            return None;
        }
        let told = failures.iter().take(TOLD).map(|(_, result)| result.clone()).collect();
        summary(told, failures.len().saturating_sub(TOLD), done, "items")
    };
    let failure = refused.or(error).or_else(failed);
    let outcome = guard(|| {
        if let Some(failure) = failure {
            drop(collect);
            return Err(failure);
        }
        let failures = failures.into_iter().map(|(index, result)| ItemFailure::of(index, result)).collect();
        collect.finish(failures, &mut block.view)
    });
    outcome.flatten().map_err(at)?;
    Ok(match (recording, asks) {
        (Some(recording), _) => recording.end(done as u64),
        (None, Some(asks)) => MapDone::unrecorded(asks, map.writes),
        (None, None) => MapDone::default(),
    })
}

/// A `dynamic_parallel` node that runs.
struct Items<'a> {
    run: &'a Arc<Run>,
    map: &'static Map,
    site: &'a Site,
    scope: Scope,
    /// What all its units share.
    shared: Arc<Shared>,
    /// If the steps of a workflow that each item calls are recorded.
    recorded: Option<Arc<Recorded>>,
    supply: Supply,
    collect: Collect,
    /// Items run one by one, since something counts or limits each attempt, or a worker is sent the records of each.
    alone: bool,
    /// How many items the next batch holds.
    chunk: usize,
    total: Option<usize>,
    /// How many were handed out.
    given: usize,
    done: usize,
    failed: usize,
    /// How many were only told to end, or wait for an answer.
    unfinished: usize,
    restored: usize,
    /// What failed for good, by index.
    failures: Vec<(usize, ParallelFlowResult)>,
    /// When progress was told last.
    told: Instant,
    /// What else fails the map.
    error: Option<Box<Failure>>,
    /// What is recorded, if the run is.
    recording: Option<Recording>,
    /// What is taken from the cache and kept there, if the map has one.
    caching: Option<Caching>,
    cached: usize,
    /// Items that were taken from the supply, and not handed out; the first ones come last.
    rest: Vec<Box<dyn Batch>>,
    /// What has ended and is not recorded, or in the cache: that is done once its executor has something else to do.
    ended: Vec<Ended>,
}

/// A batch, or an item of one that is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchKey {
    /// The index of its first item.
    start: usize,
    /// Of an item that is tried again: the batch that it came with first, and its position there.
    home: Option<(usize, usize)>,
}

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
                    supply::Taken::Batch(batch) => batch,
                    supply::Taken::Later => return Next::Wait,
                    supply::Taken::Nothing => return Next::Exhausted,
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
        if self.run.info.events.is_active() && self.told.elapsed() >= NEWS {
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
    /// How many items are taken at once: items of before cost little.
    fn wanted(&self, wanted: usize) -> usize {
        let has = self.recording.as_ref().is_some_and(|recording| recording.has(self.given));
        if has { wanted.max(MANY) } else { wanted }
    }

    /// The first `count` of these items; the others come next.
    fn cut(&mut self, batch: Box<dyn Batch>, count: usize) -> Box<dyn Batch> {
        let count = self.wanted(count);
        if batch.len() <= count {
            return batch;
        }
        self.rest.push(batch.slice(count, batch.len() - count));
        batch.slice(0, count)
    }

    /// Takes those items at the start of a batch from records which have one that holds. Gives some of the others; the
    /// rest comes next.
    fn restore(&mut self, batch: Box<dyn Batch>, wanted: usize) -> Option<Box<dyn Batch>> {
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
    fn take_cached(&mut self, batch: Box<dyn Batch>, driver: &Driver<'_>) -> Option<Box<dyn Batch>> {
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

    /// Whether no more items are started.
    fn stops(&mut self, driver: &Driver<'_>) -> bool {
        if let Some(reason) = driver.outer.reason() {
            self.error.get_or_insert_with(|| cancelled(reason));
        }
        // With `allow_failure` each item is accounted for, also those that `fail_fast` keeps from starting.
        self.error.is_some() || driver.cancel().is_cancelled() && !self.site.config(0).allow_failure
    }

    /// A batch of `items` took `elapsed`, from which the size of the next ones follows.
    fn pace(&mut self, items: usize, elapsed: Duration) {
        let aim = match self.run.strategy(self.site.config(0)) {
            Strategy::Thread => BATCH,
            Strategy::Process | Strategy::Remote => CROSSING_BATCH,
        };
        let fit = aim.as_nanos() * items as u128 / elapsed.as_nanos().max(1);
        let fit = usize::try_from(fit).unwrap_or(usize::MAX).min(self.chunk.saturating_mul(4));
        let left = |total: usize| total.saturating_sub(self.given) / (4 * self.site.workers);
        self.chunk = fit.min(self.total.map_or(usize::MAX, left)).max(1);
    }
}
