//! The cache: results of nodes and items with `cache`, by everything that they were made from. All runs share it.
//!
//! The key of a result is a hash of the identity of the code and of the contents of all that this read. Failures are not kept.
//! What is kept may be wrong, if the code read what nothing sees; `verify` finds that out for a share of it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::records::{FileState, Surroundings, identity, is_recorded, program, results_name};
use crate::{
    context::Context,
    event::Events,
    executor::{payload, wire},
    failure::{Failure, FailureKind},
    plan::{Body, Checkpoint, Plan, RESULTS, Step},
    state::{self, KeySpec, Stored, Value, View},
    store::{CacheFolder, Found, Hash, StoreError},
};

/// The cache of a run.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: CacheFolder,
    /// The name of the workflow.
    workflow: String,
    program: Hash,
    surroundings: Surroundings,
    /// The share of what is found that is computed again, and compared.
    verify: f64,
    /// Something was kept.
    wrote: AtomicBool,
    /// A warning was given, for each kind of it.
    warned: [AtomicBool; 3],
}

/// The cache of a run, for a worker.
#[derive(Debug, Serialize, Deserialize)]
struct Sent {
    store: String,
    workflow: String,
    program: Hash,
    surroundings: Surroundings,
    verify: f64,
}

/// What is warned of once.
#[derive(Debug, Clone, Copy)]
enum Warning {
    Damaged,
    NotWritten,
    NotCached,
}

/// A value that a node wrote.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    key: String,
    bytes: Vec<u8>,
    /// The state of the files at the paths in it.
    files: Option<FileState>,
}

impl Cache {
    /// The cache in a store, for a run of this plan.
    ///
    /// # Errors
    /// If it cannot be made, or a source that a node names cannot be read.
    pub(crate) fn open(plan: &Plan, store: &Path, verify: f64) -> Result<Self, StoreError> {
        let (folder, surroundings) = (CacheFolder::create(store)?, Surroundings::read(plan)?);
        let (workflow, program) = (plan.stable_name(), program(store)?);
        let (wrote, warned) = (AtomicBool::new(false), Default::default());
        Ok(Self { folder, workflow, program, surroundings, verify, wrote, warned })
    }

    /// The cache as bytes for a worker.
    pub(super) fn to_send(&self) -> Vec<u8> {
        let store = std::path::absolute(self.folder.store()).ok();
        let Some(store) = store.and_then(|store| store.into_os_string().into_string().ok()) else { return Vec::new() };
        let Self { workflow, program, surroundings, verify, .. } = self;
        let (workflow, surroundings) = (workflow.clone(), surroundings.clone());
        let mut bytes = Vec::new();
        wire::write(&Sent { store, workflow, program: *program, surroundings, verify: *verify }, &mut bytes);
        bytes
    }

    /// The cache from the bytes of [`to_send`](Self::to_send), if there are any.
    ///
    /// # Errors
    /// If the bytes are invalid.
    pub(super) fn received(bytes: &[u8]) -> Result<Option<Arc<Self>>, String> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (Sent { store, workflow, program, surroundings, verify }, _) = wire::read(bytes)?;
        let (folder, wrote, warned) = (CacheFolder::at(Path::new(&store)), AtomicBool::new(false), Default::default());
        Ok(Some(Arc::new(Self { folder, workflow, program, surroundings, verify, wrote, warned })))
    }

    /// Removes what was not used for longest if there is too much, unless nothing was kept.
    ///
    /// # Errors
    /// If the cache cannot be read, or something cannot be removed.
    pub(crate) fn clean_up(&self, plan: &Plan) -> Result<(), StoreError> {
        // What workers have kept is not known.
        if !self.wrote.load(Ordering::Relaxed) && plan.sites.is_empty() {
            return Ok(());
        }
        let max_size = plan.checkpoint.unwrap_or(Checkpoint::DEFAULT).max_size;
        self.folder.prune(max_size).map(drop)
    }

    /// Runs a node, unless the cache has what it would write, which is written then. Returns whether that is so.
    ///
    /// # Errors
    /// If the node fails, or it wrote something else than what the cache has.
    pub(super) fn run(
        &self,
        step: &Step,
        body: &dyn Body,
        view: &mut View,
        context: &Context,
    ) -> Result<bool, Box<Failure>> {
        let events = &context.events;
        let key = match self.key(step, step.reads, view) {
            Ok(key) => key.with(&[]),
            Err(why) => {
                self.not_cached(step.name, &why, events);
                return body.run(view, context).map(|()| false);
            }
        };
        let found = self.node(key, view.specs(), events);
        let found = match found {
            Some(values) if !self.is_verified() => {
                for (key, value, _) in values {
                    view.write(key, value)?;
                }
                return Ok(true);
            }
            found => found,
        };
        let before = view.journal().map(Vec::len);
        if before.is_none() {
            view.start_journal();
        }
        let outcome = body.run(view, context);
        let written = view
            .journal()
            .and_then(|journal| journal.get(before.unwrap_or_default()..))
            .map(|written| bytes_of(written, view.specs()));
        if before.is_none() {
            view.take_journal();
        }
        outcome?;
        let written = match written.unwrap_or_else(|| Ok(Vec::new())) {
            Ok(written) => written,
            Err(why) => {
                self.not_cached(step.name, &why, events);
                return Ok(false);
            }
        };
        for (key, _, bytes) in found.into_iter().flatten() {
            let name = view.specs()[key as usize].name;
            if !written.iter().any(|written| written.key == name && is_same(&written.bytes, &bytes)) {
                return Err(differs(&format!("`{}` wrote another `{name}`", step.name)));
            }
        }
        self.put(key, &postcard::to_stdvec(&written).expect("it is plain data"), events);
        Ok(false)
    }

    /// The key of what some code makes of keys of a view, without the item.
    ///
    /// # Errors
    /// If something that it reads cannot be written as bytes.
    pub(super) fn key(&self, step: &Step, reads: &[u32], view: &View) -> Result<CacheKey, String> {
        let mut all = Vec::with_capacity(reads.len());
        let mut buffer = Vec::new();
        for &key in reads {
            if key == RESULTS {
                all.push(("parallel_results", Some((Hash::of(&results_name(view).bytes()), None))));
                continue;
            }
            let spec = &view.specs()[key as usize];
            let content = match view.value(key) {
                None => None,
                Some(value) => {
                    buffer.clear();
                    let wire = spec.kind.wire.filter(|_| is_recorded(spec));
                    let wire = wire.ok_or_else(|| format!("`{}` has no codec", spec.name))?;
                    payload::guarded(|| (wire.encode)(Stored::behind(value), &mut buffer))
                        .map_err(|error| format!("`{}` cannot be written as bytes: {error}", spec.name))?;
                    Some((Hash::of(&buffer), FileState::of(value)))
                }
            };
            all.push((spec.name, content));
        }
        // Other nodes may have the same version, and all have the same program.
        let name = (step.pinned || step.code.hash == 0).then_some((&*self.workflow, step.name));
        let code = identity(self.program, &self.surroundings, &[step.code]);
        Ok(CacheKey(Hash::of_data(&(FORM, code, name, all)).first()))
    }

    /// What the cache has of a node: keys, values and their bytes.
    fn node(&self, key: Hash, specs: &'static [KeySpec], events: &Events) -> Option<Vec<(u32, Value, Vec<u8>)>> {
        let bytes = self.get(key, events)?;
        let written: Vec<Written> = postcard::from_bytes(&bytes).ok()?;
        let mut values = Vec::with_capacity(written.len());
        for Written { key, bytes, files } in written {
            let (number, spec) = (0..).zip(specs).find(|(_, spec)| spec.name == key)?;
            let decode = spec.kind.wire?.decode;
            let value = payload::guarded(|| decode(&bytes)).ok()?;
            // A file that is gone or has changed has to be written again.
            if FileState::of(&value) != files {
                return None;
            }
            values.push((number, value, bytes));
        }
        Some(values)
    }

    /// The bytes of an entry.
    pub(super) fn get(&self, key: Hash, events: &Events) -> Option<Vec<u8>> {
        match self.folder.get(key) {
            Found::Entry(bytes) => Some(bytes),
            Found::Nothing => None,
            Found::Damaged(path) => {
                self.damaged(&path, events);
                None
            }
        }
    }

    /// Removes an entry that cannot be read.
    pub(super) fn remove(&self, key: Hash, events: &Events) {
        if let Found::Damaged(path) = self.folder.remove(key) {
            self.damaged(&path, events);
        }
    }

    fn damaged(&self, path: &Path, events: &Events) {
        self.warn(Warning::Damaged, events, || {
            format!("an entry of the cache was damaged, and is removed: {}", path.display())
        });
    }

    /// Keeps the bytes of an entry.
    pub(super) fn put(&self, key: Hash, bytes: &[u8], events: &Events) {
        match self.folder.put(key, bytes) {
            Ok(()) => self.wrote.store(true, Ordering::Relaxed),
            Err(error) => {
                self.warn(Warning::NotWritten, events, || format!("a result cannot be kept in the cache: {error}"));
            }
        }
    }

    /// Says that the results of a node cannot be cached.
    pub(super) fn not_cached(&self, node: &str, why: &str, events: &Events) {
        self.warn(Warning::NotCached, events, || format!("node `{node}` runs without the cache: {why}"));
    }

    fn warn(&self, what: Warning, events: &Events, message: impl FnOnce() -> String) {
        if !self.warned[what as usize].swap(true, Ordering::Relaxed) {
            events.warn(&message());
        }
    }

    /// Whether what was found now is computed again.
    pub(super) fn is_verified(&self) -> bool {
        self.verify > 0.0 && fastrand::f64() < self.verify
    }
}

/// Changes with what keys are made from.
const FORM: u32 = 1;

/// The key of what some code makes of what it reads, without the item.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key with an item.
    pub(super) fn with(self, item: &[u8]) -> Hash {
        Hash::of_parts(&[&self.0, item])
    }
}

/// Whether two values are the same, as far as their bytes tell: sets and maps may be written in another order.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    one == other || (one.len() == other.len() && sorted(one) == sorted(other))
}

/// The failure of a node or item that gave something else than what the cache has.
pub(super) fn differs(what: &str) -> Box<Failure> {
    let message = format!(
        "{what} than what the cache has, for the same code and the same inputs: it depends on something that the cache does not \
         see, such as the time, the network, random numbers, or a file or variable that is not in its `sources` or `env`"
    );
    Box::new(Failure::new(FailureKind::Error, message))
}

fn bytes_of(journal: &[(u32, state::Entry)], specs: &[KeySpec]) -> Result<Vec<Written>, String> {
    let written = journal.iter().map(|(key, entry)| {
        let spec = &specs[*key as usize];
        let failed = |error: String| format!("`{}` cannot be written as bytes: {error}", spec.name);
        let wire = spec.kind.wire.ok_or_else(|| failed("it has no codec".to_owned()))?;
        let (bytes, files) = match entry {
            state::Entry::Value(value) => {
                let mut buffer = Vec::new();
                payload::guarded(|| (wire.encode)(value, &mut buffer)).map_err(failed)?;
                (buffer, FileState::of(value))
            }
            state::Entry::Bytes(bytes) => (bytes.clone().map_err(failed)?, None),
        };
        Ok(Written { key: spec.name.to_owned(), bytes, files })
    });
    written.collect()
}
