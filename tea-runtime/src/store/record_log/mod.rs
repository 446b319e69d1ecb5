//! Records are appended and found here: in the log of a run, or, in a worker, through its parent.
//!
//! A worker has no log, because each run has one writer. Records of a worker are sent to its parent, which appends them,
//! and earlier records arrive with the unit.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{
    StoreError,
    blobs::{Blobs, Hash, Unsettled},
    frame::{HEADER, Location},
    index::{Done, Found, Index},
    log::{Reader, Writer},
    record::{self, Kind, Prepared, Record, Written},
    sync::Syncer,
};

/// A record as bytes, with its kind: as it is in the log, or, from a worker, with all of its values in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRecord {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

impl RawRecord {
    /// The kind of a message that says why the worker can record nothing more.
    const FAILED: u8 = 0;
}

/// Sends a record from a worker to its parent.
pub(crate) type SendRecord = Arc<dyn Fn(&RawRecord) + Send + Sync>;

/// The records of a run or, in a worker, of a unit.
pub(crate) struct RecordLog {
    /// The records of earlier processes.
    index: Index,
    /// What workers have recorded, below units that have not ended.
    below: Mutex<Index>,
    medium: Medium,
    blobs: Option<Arc<Blobs>>,
    /// Why nothing is recorded any more.
    pub(super) failed: Arc<OnceLock<StoreError>>,
}

/// Where records are kept.
enum Medium {
    Disk {
        reader: Reader,
        /// `None` if nothing is written: the run has ended, or is only looked at.
        writing: Mutex<Option<Writing>>,
    },
    Parent {
        send: SendRecord,
        known: Mutex<Vec<Arc<Vec<u8>>>>,
    },
}

#[derive(Debug)]
pub(super) struct Writing {
    pub(super) log: Writer,
    pub(super) syncer: Syncer,
    /// Blobs that the records name that are not written yet.
    unsettled: Vec<Unsettled>,
}

impl Writing {
    pub(super) fn new(log: Writer, syncer: Syncer) -> Self {
        Self { log, syncer, unsettled: Vec::new() }
    }

    /// Writes what has been added.
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.log.flush()? {
            self.syncer.goes_on_with(self.log.file());
        }
        self.syncer.written(&mut self.unsettled);
        Ok(())
    }
}

impl RecordLog {
    /// The log in the directory of a run, with an index of what it contains.
    pub(super) fn on_disk(run: &Path, index: Index, blobs: Blobs) -> Self {
        let medium = Medium::Disk { reader: Reader::new(run), writing: Mutex::default() };
        Self::new(index, medium, Some(blobs))
    }

    /// The records of a unit in a worker: those that are `known`, and those that are sent to the parent. `store` is the
    /// directory of the store, from which large values are read.
    ///
    /// # Errors
    /// If the bytes are not those of records.
    pub(crate) fn of_unit(known: Vec<RawRecord>, store: Option<&Path>, send: SendRecord) -> Result<Self, StoreError> {
        let mut index = Index::default();
        let mut payloads = Vec::with_capacity(known.len());
        for RawRecord { kind, payload } in known {
            if !index.add(kind, &payload, in_memory(payloads.len())) {
                return Err(StoreError::new("what came as a record is not one"));
            }
            payloads.push(Arc::new(payload));
        }
        let medium = Medium::Parent { send, known: Mutex::new(payloads) };
        Ok(Self::new(index, medium, store.map(Blobs::new)))
    }

    fn new(index: Index, medium: Medium, blobs: Option<Blobs>) -> Self {
        let (below, failed) = (Mutex::default(), Arc::default());
        Self { index, below, medium, blobs: blobs.map(Arc::new), failed }
    }

    /// What writes to the disk.
    pub(super) fn writing(&self) -> Option<MutexGuard<'_, Option<Writing>>> {
        match &self.medium {
            Medium::Disk { writing, .. } => Some(lock(writing)),
            Medium::Parent { .. } => None,
        }
    }

    /// The directory of the store, if it is on this machine.
    pub(crate) fn store(&self) -> Option<PathBuf> {
        Some(self.blobs.as_ref()?.store().to_owned())
    }

    /// Whether there are no records from earlier processes.
    pub(crate) fn is_new(&self) -> bool {
        self.index.frames == 0
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

    /// Ends recording for this reason, unless it has ended for another. Returns why it has.
    pub(crate) fn fail(&self, error: StoreError) -> &StoreError {
        self.failed.get_or_init(|| {
            if let Medium::Parent { send, .. } = &self.medium {
                send(&RawRecord { kind: RawRecord::FAILED, payload: error.to_string().into_bytes() });
            }
            error
        })
    }

    /// Records something, if it is still `valid` when its turn comes, and returns the hashes of its values. Once it has
    /// failed, nothing is recorded any more.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn append(&self, written: &Written<'_>, valid: impl Fn() -> bool) -> Result<Vec<Hash>, &StoreError> {
        self.guarded(|| Ok(self.write(written, valid, false)?.0))
    }

    /// Like [`append`](Self::append), but the record may wait in memory for the next [`flush`](Self::flush): nothing that
    /// follows from it may start before.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn add(&self, written: &Written<'_>, valid: impl Fn() -> bool) -> Result<Vec<Hash>, &StoreError> {
        self.guarded(|| Ok(self.write(written, valid, true)?.0))
    }

    /// Writes all records that were [added](Self::add), with one write.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn flush(&self) -> Result<(), &StoreError> {
        self.guarded(|| match self.writing().as_deref_mut() {
            Some(Some(writing)) => writing.flush(),
            _ => Ok(()),
        })
    }

    /// Records what a worker has sent that runs the unit at `unit`, if it is still `valid`. It is given to the next
    /// attempt at the unit, unless it is [forgotten](Self::forget) before.
    ///
    /// # Errors
    /// If recording has ended.
    pub(crate) fn relay(&self, unit: &[u8], raw: RawRecord, valid: impl Fn() -> bool) -> Result<(), &StoreError> {
        let RawRecord { kind, payload } = raw;
        if kind == RawRecord::FAILED {
            return Err(self.fail(StoreError::new(String::from_utf8_lossy(&payload))));
        }
        let wrong = || StoreError::new("a worker sent a record that is not one");
        self.guarded(|| {
            let kind = Kind::of(kind).ok_or_else(wrong)?;
            if !record::head(&payload).is_some_and(|head| head.position.starts_with(unit)) {
                return Err(wrong());
            }
            let location = match &self.medium {
                Medium::Disk { .. } => {
                    let written = record::decode(kind, &payload, |written| self.write(written, valid, false));
                    written.ok_or_else(wrong)??.1
                }
                Medium::Parent { send, known } => valid().then(|| {
                    send(&RawRecord { kind: kind as u8, payload: payload.clone() });
                    let mut known = lock(known);
                    known.push(Arc::new(payload.clone()));
                    in_memory(known.len() - 1)
                }),
            };
            if let Some(location) = location {
                lock(&self.below).add(kind as u8, &payload, location);
            }
            Ok(())
        })
    }

    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, &StoreError> {
        match self.failure() {
            Some(error) => Err(error),
            None => work().map_err(|error| self.fail(error)),
        }
    }

    fn write(
        &self,
        written: &Written<'_>,
        valid: impl Fn() -> bool,
        waits: bool,
    ) -> Result<(Vec<Hash>, Option<Location>), StoreError> {
        let writing = match &self.medium {
            Medium::Disk { writing, .. } => writing,
            Medium::Parent { send, .. } => {
                let prepared = record::prepare(written, None)?;
                let mut frame = Vec::new();
                record::encode(written, &prepared, &mut frame)?;
                if valid() {
                    send(&RawRecord { kind: written.kind as u8, payload: frame.split_off(HEADER) });
                }
                return Ok((prepared.hashes, None));
            }
        };
        let prepared = record::prepare(written, self.blobs.as_deref())?;
        let mut writing = lock(writing);
        if let Some(error) = self.failure() {
            return Err(error.clone());
        }
        if !valid() {
            return Ok((prepared.hashes, None));
        }
        let writing = writing.as_mut().ok_or_else(|| StoreError::new("the run has ended"))?;
        let location = writing.log.add(written.kind as u8, |frame| record::encode(written, &prepared, frame))?;
        let Prepared { hashes, unsettled, .. } = prepared;
        writing.unsettled.extend(unsettled);
        if !waits {
            writing.flush()?;
        }
        Ok((hashes, Some(location)))
    }

    /// The last record of a position from an earlier process.
    pub(crate) fn find(&self, kind: Kind, position: &[u8]) -> Option<Found> {
        self.index.single(kind, position)
    }

    /// The records of the items of a map from earlier processes, oldest first.
    pub(crate) fn items(&self, kind: Kind, position: &[u8]) -> &[Done] {
        self.index.items(kind, position)
    }

    /// All records from earlier processes except those of items, by position.
    pub(crate) fn singles(&self) -> impl Iterator<Item = (Kind, &[u8], Found)> {
        self.index.singles()
    }

    /// The number of items from earlier processes, by position.
    pub(crate) fn item_counts(&self) -> impl Iterator<Item = (Kind, &[u8], u64)> {
        self.index.item_counts()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// If it cannot be read, or a blob is missing.
    pub(crate) fn read(&self, found: Found) -> Result<Record, StoreError> {
        Record::read(self.payload(found.location)?, self.blobs.as_ref())
    }

    fn payload(&self, location: Location) -> Result<Arc<Vec<u8>>, StoreError> {
        match &self.medium {
            Medium::Disk { reader, .. } => reader.read(location).map(Arc::new),
            Medium::Parent { known, .. } => {
                let at = usize::try_from(location.at).unwrap_or(usize::MAX);
                lock(known).get(at).cloned().ok_or_else(|| StoreError::new("there is no such record"))
            }
        }
    }

    /// What is known below the unit at this position, for the process that will run it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn below(&self, unit: &[u8]) -> Result<Vec<RawRecord>, StoreError> {
        let mut all = self.index.below(unit);
        all.extend(lock(&self.below).below(unit));
        let raw = |(kind, found): (Kind, Found)| {
            Ok(RawRecord { kind: kind as u8, payload: Arc::unwrap_or_clone(self.payload(found.location)?) })
        };
        all.into_iter().map(raw).collect()
    }

    /// Forgets what workers have recorded below the unit at this position: it has ended, or starts over.
    pub(crate) fn forget(&self, unit: &[u8]) {
        lock(&self.below).remove_below(unit);
    }
}

/// The place of a record that is kept in memory.
fn in_memory(at: usize) -> Location {
    Location { segment: 0, at: at as u64 }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for RecordLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordLog").field("failed", &self.failure()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
