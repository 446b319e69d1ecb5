//! The recorder of a run: its directory, which no other process writes to, its manifest and its log.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    StoreError,
    folder::{Folder, Held, RunFolder},
    index::Index,
    log::{self, Recovered, Writer},
    manifest::{Manifest, Status},
    record_log::{RecordLog, Writing},
    sync::Syncer,
};

/// How a run is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// The maximum time until a record survives a loss of power.
    pub(crate) sync: Duration,
}

/// The recorder of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    store: Folder,
    run: RunFolder,
    manifest: Mutex<Manifest>,
    log: Arc<RecordLog>,
    _held: Option<Held>,
}

impl Recorder {
    /// Starts a run.
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

    /// Resumes a run. Also returns the number of bytes at the end of its log that are not valid and were put aside.
    ///
    /// # Errors
    /// If the store cannot be read or written, or another process is using the run.
    pub(crate) fn go_on(store: Folder, run: RunFolder, options: Options) -> Result<(Self, u64), StoreError> {
        let held = store.hold(&run)?;
        // It is read under the lock, so that nobody else changes it.
        let manifest = run.manifest()?;
        let mut index = Index::default();
        let recovered = log::recover(&run.path, true, |kind, payload, location| index.add(kind, payload, location))?;
        let new = Self::new(store, run, held, manifest, index, recovered, options)?;
        Ok((new, recovered.aside))
    }

    /// Opens a run without writing anything.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(crate) fn look(store: Folder, run: RunFolder) -> Result<Self, StoreError> {
        let (manifest, mut index) = (run.manifest()?, Index::default());
        log::recover(&run.path, false, |kind, payload, location| index.add(kind, payload, location))?;
        Ok(Self::with(store, run, None, manifest, index))
    }

    fn with(store: Folder, run: RunFolder, held: Option<Held>, manifest: Manifest, index: Index) -> Self {
        let log = Arc::new(RecordLog::on_disk(&run.path, index, store.blobs()));
        Self { store, run, manifest: Mutex::new(manifest), log, _held: held }
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
        let new = Self::with(store, run, Some(held), manifest, index);
        let of_thread = (Arc::clone(&new.log.failed), new.run.path.clone());
        let syncer = Syncer::start(log.file(), options.sync, move |error| {
            of_thread.0.get_or_init(|| StoreError::io("sync the records in", &of_thread.1, error));
        })
        .map_err(|error| StoreError::new(format!("cannot start the thread that syncs the log: {error}")))?;
        if let Some(mut writing) = new.log.writing() {
            *writing = Some(Writing::new(log, syncer));
        }
        Ok(new)
    }

    /// The records.
    pub(crate) fn log(&self) -> &Arc<RecordLog> {
        &self.log
    }

    /// The run's name.
    pub(crate) fn name(&self) -> &str {
        &self.run.name
    }

    /// The path of the store.
    pub(crate) fn store(&self) -> &Folder {
        &self.store
    }

    /// The manifest of the run.
    pub(crate) fn manifest(&self) -> Manifest {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the manifest.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn set_manifest(&self, manifest: Manifest) -> Result<(), StoreError> {
        manifest.write(&self.run.path)?;
        *self.manifest.lock().unwrap_or_else(PoisonError::into_inner) = manifest;
        Ok(())
    }

    /// Records how the run ended. If it `waits`, everything is on the disk when this returns.
    pub(crate) fn end(&self, status: Status, waits: bool) {
        // The units that ended last may have been cancelled before anything could follow from them.
        let _ = self.log.flush();
        let writing = self.log.writing().and_then(|mut writing| writing.take());
        if let (Some(Writing { syncer, .. }), false) = (writing, waits) {
            syncer.abandon();
        }
        let manifest = Manifest { status, ..self.manifest() };
        if let Err(error) = self.set_manifest(manifest) {
            self.log.fail(error);
        }
    }

    /// Writes to another file from now on, such as one that cannot be written.
    #[cfg(test)]
    pub(super) fn divert_writes(&self, file: std::fs::File) {
        self.log.writing().unwrap().as_mut().unwrap().log.divert(file);
    }

    /// Syncs another file from now on, such as one that cannot be synced.
    #[cfg(test)]
    pub(super) fn divert_syncs(&self, file: std::fs::File) {
        self.log.writing().unwrap().as_mut().unwrap().syncer.goes_on_with(file.into());
    }
}
