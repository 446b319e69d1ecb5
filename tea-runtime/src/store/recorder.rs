//! The recorder of a run: what is done is written by it, and what was done before is found by it.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    StoreError,
    blobs::Blobs,
    folder::{Folder, Held, RunFolder},
    index::{Done, Found, Index},
    log::{self, Reader, Recovered, Writer},
    manifest::{Manifest, Status},
    record::{self, Kind, Record, Span, Written},
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
    /// How many frames there are.
    frames: AtomicU64,
    /// What was there when the run was opened.
    index: Index,
    /// How many frames there were then.
    before: u64,
    reader: Reader,
    blobs: Arc<Blobs>,
    failed: Arc<Failed>,
    _held: Held,
}

#[derive(Debug)]
struct Writing {
    log: Writer,
    syncer: Syncer,
}

/// Why recording ended, and who is told.
struct Failed {
    why: OnceLock<StoreError>,
    tell: Box<dyn Fn(&StoreError) + Send + Sync>,
}

impl Recorder {
    /// Begins a run. `tell` is told the first failure of recording, on any thread.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn begin(
        store: &Path,
        manifest: Manifest,
        options: Options,
        tell: impl Fn(&StoreError) + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let store = Folder::create(store)?;
        let run = store.new_run()?;
        let held = store.hold(&run)?;
        manifest.write(&run.path)?;
        Self::new(store, run, held, manifest, Index::default(), Recovered::default(), options, Box::new(tell))
    }

    /// Goes on with a run. Gives also how many bytes at the end of its log are not valid, and were kept aside.
    ///
    /// # Errors
    /// If the store cannot be read or written, or another process has the run.
    pub(crate) fn go_on(
        store: Folder,
        run: RunFolder,
        options: Options,
        tell: impl Fn(&StoreError) + Send + Sync + 'static,
    ) -> Result<(Self, u64), StoreError> {
        let held = store.hold(&run)?;
        // Read under the lock: nobody changes it any more.
        let manifest = run.manifest()?;
        let mut index = Index::default();
        let recovered = log::recover(&run.path, true, |kind, payload, location| index.add(kind, payload, location))?;
        let new = Self::new(store, run, held, manifest, index, recovered, options, Box::new(tell))?;
        Ok((new, recovered.aside))
    }

    #[expect(clippy::too_many_arguments, reason = "both ways to make one know all of them")]
    fn new(
        store: Folder,
        run: RunFolder,
        held: Held,
        manifest: Manifest,
        index: Index,
        before: Recovered,
        options: Options,
        tell: Box<dyn Fn(&StoreError) + Send + Sync>,
    ) -> Result<Self, StoreError> {
        let log = Writer::start(&run.path, before)?;
        let failed = Arc::new(Failed { why: OnceLock::new(), tell });
        let of_thread = (Arc::clone(&failed), run.path.clone());
        let syncer = Syncer::start(log.file(), options.sync, move |error| {
            of_thread.0.fail(StoreError::io("sync the log in", &of_thread.1, error));
        })
        .map_err(|error| StoreError::new(format!("cannot start the thread that syncs the log: {error}")))?;
        Ok(Self {
            reader: Reader::new(&run.path),
            blobs: Arc::new(store.blobs()),
            manifest: Mutex::new(manifest),
            writer: Mutex::new(Some(Writing { log, syncer })),
            frames: AtomicU64::new(index.frames),
            before: index.frames,
            store,
            run,
            index,
            failed,
            _held: held,
        })
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

    /// The run ended so: what was written last is on the disk when it returns.
    pub(crate) fn end(&self, status: Status) {
        drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner).take());
        let manifest = Manifest { status, ..self.manifest() };
        if let Err(error) = self.set_manifest(manifest) {
            self.failed.fail(error);
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

    /// Why nothing is recorded any more.
    pub(crate) fn failure(&self) -> Option<&StoreError> {
        self.failed.why.get()
    }

    /// Records something, and gives its number. Once it has failed, nothing is recorded any more.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn append(&self, written: &Written<'_>) -> Result<u64, &StoreError> {
        let appended = || {
            let mut frame = record::encode(written, &self.blobs)?;
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = self.failure() {
                return Err(error.clone());
            }
            let Some(Writing { log, syncer }) = &mut *writer else { return Err(StoreError::new("the run has ended")) };
            let before = log.file();
            log.append(written.kind as u8, &mut frame)?;
            if !Arc::ptr_eq(&before, &log.file()) {
                syncer.goes_on_with(log.file());
            }
            syncer.written();
            Ok(self.frames.fetch_add(1, Ordering::Relaxed))
        };
        match self.failure() {
            Some(error) => Err(error),
            None => appended().map_err(|error| self.failed.fail(error)),
        }
    }

    /// How many records there were when the run was opened.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// The number of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
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
    pub(crate) fn values<'a>(&self, record: &'a Record) -> impl Iterator<Item = (u32, Span)> + use<'a> {
        record.values(&self.blobs).collect::<Vec<_>>().into_iter()
    }

    /// How many records of before there are of each kind.
    pub(crate) fn counts(&self) -> [(Kind, u64); 4] {
        self.index.counts()
    }
}

impl Failed {
    /// Keeps the first failure, and tells it.
    fn fail(&self, error: StoreError) -> &StoreError {
        let mut first = false;
        let why = self.why.get_or_init(|| {
            first = true;
            error
        });
        if first {
            (self.tell)(why);
        }
        why
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("run", &self.run).field("failed", &self.failure()).finish_non_exhaustive()
    }
}
