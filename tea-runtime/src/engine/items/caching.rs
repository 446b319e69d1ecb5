//! What a map takes from the cache, and keeps there.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{
    engine::{
        block::BlockRun,
        cache::{Cache, CacheKey, differs, is_same},
        records::FileState,
    },
    event::Events,
    executor::{
        outcome::{self, Received},
        payload,
    },
    failure::Failure,
    map::Batch,
    plan::{Map, Step},
    store::Hash,
};

/// What a map takes from the cache, and keeps there.
pub(super) struct Caching {
    cache: Arc<Cache>,
    map: &'static Map,
    events: Events,
    key: CacheKey,
    /// What is known of items that the cache has been asked for, by index.
    asked: FxHashMap<usize, Asked>,
    /// For items as bytes, one at a time.
    buffer: Vec<u8>,
}

/// What is known of an item.
struct Asked {
    key: Hash,
    /// What the cache has, until that is used.
    found: Option<Vec<u8>>,
    /// What the cache has, if the item runs all the same.
    expected: Option<Vec<u8>>,
}

impl Caching {
    /// `None` if the map has no `cache`.
    pub(super) fn new(map: &'static Map, step: &Step, block: &BlockRun<'_>) -> Option<Self> {
        let cache = Arc::clone(block.run.cache().filter(|_| step.cached)?);
        let events = block.context.events.clone();
        match cache.key(step, map.reads, &block.view) {
            Ok(key) => Some(Self { cache, map, events, key, asked: FxHashMap::default(), buffer: Vec::new() }),
            Err(why) => {
                cache.not_cached(map.name, &why, &events);
                None
            }
        }
    }

    /// How many items at the start of a batch are all in the cache, or are all not; and which of the two.
    pub(super) fn leading(&mut self, batch: &dyn Batch) -> (bool, usize) {
        let first = self.has(batch, 0);
        (first, 1 + (1..batch.len()).take_while(|at| self.has(batch, *at) == first).count())
    }

    /// Whether the cache has an item.
    fn has(&mut self, batch: &dyn Batch, at: usize) -> bool {
        let index = batch.start() + at;
        if let Some(asked) = self.asked.get(&index) {
            return asked.found.is_some();
        }
        self.buffer.clear();
        if payload::guarded(|| batch.encode_item(at, &mut self.buffer)).is_err() {
            return false;
        }
        for FileState(state) in batch.paths(at).into_iter().filter_map(FileState::of_path) {
            self.buffer.extend(state);
        }
        if self.map.indexed {
            self.buffer.extend((index as u64).to_le_bytes());
        }
        let key = self.key.with(&self.buffer);
        let (mut found, mut expected) = (self.cache.get(key, &self.events), None);
        if found.is_some() && self.cache.is_verified() {
            expected = found.take();
        }
        let has = found.is_some();
        self.asked.insert(index, Asked { key, found, expected });
        has
    }

    /// Puts the results of items that the cache has into their batch. Returns whether that was possible; otherwise, one of them
    /// is not in the cache any more.
    pub(super) fn put_results(&mut self, batch: &mut dyn Batch) -> bool {
        for at in 0..batch.len() {
            let index = batch.start() + at;
            let Some(asked) = self.asked.get_mut(&index) else { return false };
            let put =
                asked.found.as_ref().is_some_and(|bytes| payload::guarded(|| batch.put_result(at, bytes)).is_ok());
            if !put {
                asked.found = None;
                self.cache.remove(asked.key, &self.events);
                return false;
            }
        }
        for index in batch.start()..batch.start() + batch.len() {
            self.asked.remove(&index);
        }
        true
    }

    /// Keeps the results of those items of a batch that did not fail.
    ///
    /// # Errors
    /// If one is not what the cache has.
    pub(super) fn keep(
        &mut self,
        batch: &dyn Batch,
        received: &[Received],
        failing: &[usize],
    ) -> Result<(), Box<Failure>> {
        let came = outcome::by_part(received, batch.len());
        for at in (0..batch.len()).filter(|at| !failing.contains(at)) {
            let index = batch.start() + at;
            let Some(Asked { key, expected, .. }) = self.asked.remove(&index) else { continue };
            self.buffer.clear();
            let encode = || batch.encode_result(at, &mut self.buffer);
            let bytes = match came.get(at).copied().flatten() {
                Some(bytes) => bytes,
                None => match payload::guarded(encode) {
                    Ok(()) => &self.buffer,
                    Err(why) => {
                        let why = format!("the result of item {index} cannot be written as bytes: {why}");
                        self.cache.not_cached(self.map.name, &why, &self.events);
                        continue;
                    }
                },
            };
            if expected.is_some_and(|expected| !is_same(&expected, bytes)) {
                return Err(differs(&format!("item {index} of `{}` gave something else", self.map.name)));
            }
            self.cache.put(key, bytes, &self.events);
        }
        Ok(())
    }
}
