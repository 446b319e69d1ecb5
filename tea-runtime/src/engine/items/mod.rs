//! A `dynamic_parallel` node that runs: its items are handed out in batches, and their results collected in item order.
//! An iterator is asked for items only as they are needed, on a thread of its own: it may block.

mod batch_size;
mod caching;
mod collect;
mod ended;
mod found;
mod recording;
mod source;
mod supply;
mod work;

use std::{sync::Arc, time::Instant};

pub(super) use self::work::{ItemsWork, Shared};
use self::{caching::Caching, collect::Collect, ended::Ended, recording::Recording, supply::Supply};
use super::{
    Run,
    block::BlockRun,
    branches::summary,
    call::Recorded,
    fan_out::Driver,
    records::{MapDone, Name, StepRecord},
    site::Site,
};
use crate::{
    event::{Event, Scope},
    failure::Failure,
    map::Batch,
    panic::guard,
    plan::Map,
    policy::Strategy,
    result::{ItemFailure, ParallelFlowResult},
};

/// How many failures a failed map tells one by one.
const TOLD: usize = 1_000;

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
