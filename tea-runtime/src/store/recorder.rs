//! The recorder of a run: what is done is written by it, and what was done before is found by it.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use super::{
    StoreError,
    blobs::{Blobs, Hash},
    folder::{Folder, Held, RunFolder},
    index::{Done, Found, Index},
    log::{self, Reader, Recovered, Writer},
    manifest::{Manifest, Status},
    record::{self, Encoded, Kind, Record, Span, Written},
    sync::Syncer,
};

/// How a run is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// The most time that a record may wait until it survives a loss of power.
    pub(crate) sync: Duration,
}

/// The recorder of a run.
pub(crate) struct Recorder {
    store: Folder,
    run: RunFolder,
    manifest: Mutex<Manifest>,
    writer: Mutex<Option<Writing>>,
    /// What was there when the run was opened.
    index: Index,
    reader: Reader,
    blobs: Arc<Blobs>,
    /// Why recording has ended.
    failed: Arc<OnceLock<StoreError>>,
    _held: Option<Held>,
}

#[derive(Debug)]
struct Writing {
    log: Writer,
    syncer: Syncer,
}

impl Recorder {
    /// Begins a run.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn begin(store: &Path, manifest: Manifest, options: Options) -> Result<Self, StoreError> {
        let store = Folder::create(store)?;
        let run = store.new_run()?;
        let held = store.hold(&run)?;
        manifest.write(&run.path)?;
        Self::new(store, run, held, manifest, Index::default(), Recovered::default(), options)
    }

    /// Goes on with a run. Gives also how many bytes at the end of its log are not valid, and were kept aside.
    ///
    /// # Errors
    /// If the store cannot be read or written, or another process has the run.
    pub(crate) fn go_on(store: Folder, run: RunFolder, options: Options) -> Result<(Self, u64), StoreError> {
        let held = store.hold(&run)?;
        // Read under the lock: nobody changes it any more.
        let manifest = run.manifest()?;
        let mut index = Index::default();
        let recovered = log::recover(&run.path, true, |kind, payload, location| index.add(kind, payload, location))?;
        let new = Self::new(store, run, held, manifest, index, recovered, options)?;
        Ok((new, recovered.aside))
    }

    /// Looks at a run, and writes nothing.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn look(store: Folder, run: RunFolder) -> Result<Self, StoreError> {
        let (manifest, mut index) = (run.manifest()?, Index::default());
        log::recover(&run.path, false, |kind, payload, location| index.add(kind, payload, location))?;
        Ok(Self::with(store, run, None, manifest, index, None))
    }

    fn with(
        store: Folder,
        run: RunFolder,
        held: Option<Held>,
        manifest: Manifest,
        index: Index,
        writing: Option<Writing>,
    ) -> Self {
        Self {
            reader: Reader::new(&run.path),
            blobs: Arc::new(store.blobs()),
            manifest: Mutex::new(manifest),
            writer: Mutex::new(writing),
            store,
            run,
            index,
            failed: Arc::default(),
            _held: held,
        }
    }

    fn new(
        store: Folder,
        run: RunFolder,
        held: Held,
        manifest: Manifest,
        index: Index,
        before: Recovered,
        options: Options,
    ) -> Result<Self, StoreError> {
        let log = Writer::start(&run.path, before)?;
        let new = Self::with(store, run, Some(held), manifest, index, None);
        let of_thread = (Arc::clone(&new.failed), new.run.path.clone());
        let syncer = Syncer::start(log.file(), options.sync, move |error| {
            of_thread.0.get_or_init(|| StoreError::io("sync the records in", &of_thread.1, error));
        })
        .map_err(|error| StoreError::new(format!("cannot start the thread that syncs the log: {error}")))?;
        *new.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Writing { log, syncer });
        Ok(new)
    }

    /// The run's name.
    pub(crate) fn name(&self) -> &str {
        &self.run.name
    }

    /// The store's place.
    pub(crate) fn store(&self) -> &Folder {
        &self.store
    }

    /// What the run is.
    pub(crate) fn manifest(&self) -> Manifest {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn set_manifest(&self, manifest: Manifest) -> Result<(), StoreError> {
        manifest.write(&self.run.path)?;
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = manifest;
        Ok(())
    }

    /// The run ended so. If it `waits`, what was written last is on the disk when it returns.
    pub(crate) fn end(&self, status: Status, waits: bool) {
        let writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(Writing { syncer, .. }), false) = (writing, waits) {
            syncer.abandon();
        }
        let manifest = Manifest { status, ..self.manifest() };
        if let Err(error) = self.set_manifest(manifest) {
            self.fail(error);
        }
    }

    /// What is recorded from now on goes to another file, such as one that cannot be written.
    #[cfg(test)]
    pub(super) fn divert(&self, file: std::fs::File) {
        let mut writer = self.writer.lock().unwrap();
        let Writing { log, syncer } = writer.as_mut().unwrap();
        log.divert(file);
        syncer.goes_on_with(log.file());
    }

    /// The number of records that there were when the run was opened.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.index.frames
    }

    /// Why nothing is recorded any more.
    pub(crate) fn failure(&self) -> Option<&StoreError> {
        self.failed.get()
    }

    /// Ends recording for this reason, unless it has ended for another. Gives why it has.
    pub(crate) fn fail(&self, error: StoreError) -> &StoreError {
        self.failed.get_or_init(|| error)
    }

    /// Records something, if it is still `valid` when its turn comes, and returns the hashes of its values. Once it has
    /// failed, nothing is recorded any more.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn append(&self, written: &Written<'_>, valid: impl Fn() -> bool) -> Result<Vec<Hash>, &StoreError> {
        let appended = || {
            let Encoded { mut frame, hashes, unsettled } = record::encode(written, &self.blobs)?;
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = self.failure() {
                return Err(error.clone());
            }
            if !valid() {
                return Ok(hashes);
            }
            let Some(Writing { log, syncer }) = &mut *writer else { return Err(StoreError::new("the run has ended")) };
            let before = log.file();
            log.append(written.kind as u8, &mut frame)?;
            if !Arc::ptr_eq(&before, &log.file()) {
                syncer.goes_on_with(log.file());
            }
            syncer.written(unsettled);
            Ok(hashes)
        };
        match self.failure() {
            Some(error) => Err(error),
            None => appended().map_err(|error| self.fail(error)),
        }
    }

    /// The last record of a position of before.
    pub(crate) fn find(&self, kind: Kind, position: &[u8]) -> Option<Found> {
        self.index.single(kind, position)
    }

    /// The records of the items of a map of before, the oldest first.
    pub(crate) fn items(&self, kind: Kind, position: &[u8]) -> &[Done] {
        self.index.items(kind, position)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If it cannot be read, or a blob is missing.
    pub(crate) fn read(&self, found: Found) -> Result<Record, StoreError> {
        Record::read(self.reader.read(found.location)?, &self.blobs)
    }

    /// The values of a record, in the order in which they were written.
    pub(crate) fn values(&self, record: &Record) -> impl Iterator<Item = (u32, Span)> {
        record.values(&self.blobs)
    }

    /// Value number `at` of a record.
    pub(crate) fn value(&self, record: &Record, at: usize) -> Option<Span> {
        record.value(at, &self.blobs)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("run", &self.run).field("failed", &self.failure()).finish_non_exhaustive()
    }
}
