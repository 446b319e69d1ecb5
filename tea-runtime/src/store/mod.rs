//! Records of runs on disk: what was done, in the order in which it was done, so that a run can be resumed after anything.
//!
//! ```text
//! .tea/                        0700, a CACHEDIR.TAG, a .gitignore
//!   lock                       shared by all runs, exclusive for a process that removes blobs
//!   runs/20261128-0412-k7f2/
//!     lock                     held by the one writer
//!     manifest                 what the run is, and how it ended; replaced by rename
//!     log.0, log.1 …           segments of frames, one more each time that it is resumed
//!   program                    the content of the executable when it was last seen
//!   blobs/ab/cdef…             values of 1 MiB and more, by content
//!   cache/ab/cdef…             results of nodes with `cache`, by what they were made from
//! ```
//!
//! A record is appended before anything that follows from it starts. So every prefix of the log is a state that the run
//! was in, and recovery uses the longest valid one: there is nothing to repair. A record survives the end of the process
//! immediately, and a loss of power after [`sync`](Options::sync). The first write that fails ends recording for good.
//!
//! This module knows only positions and bytes. The engine knows what they mean.

mod blobs;
mod cache;
mod folder;
mod frame;
mod index;
mod lock;
mod log;
mod manifest;
mod program;
mod record;
mod record_log;
mod recorder;
mod sync;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    blobs::Hash,
    cache::{CacheFolder, Found},
    folder::{Folder, RunFolder},
    index::Done,
    manifest::{Manifest, ManifestPart, Status},
    program::known_program,
    record::{Kind, Record, Span, Written},
    record_log::{RawRecord, RecordLog, SendRecord},
    recorder::{Options, Recorder},
};

use std::{fmt, io, path::Path};

use serde::Serialize;

/// A size that is enough for most records with their messages, so that writing one needs a single allocation.
pub(crate) const SMALL: usize = 128;

/// Plain data as bytes.
pub(crate) fn plain(data: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(data, Vec::with_capacity(SMALL)).expect("it is plain data")
}

/// Why a store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreError(String);

impl StoreError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        Self(format!("cannot {what} `{}`: {error}", path.display()))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// Reads what a fuzz target made up as what a disk may hold.
#[cfg(any(fuzzing, all(test, unix, feature = "remote")))]
pub(crate) fn read_anything(bytes: &[u8]) {
    _ = Manifest::parse(bytes);
    // The same where the checksum is right.
    _ = Manifest::parse_payload(bytes);
    let mut index = index::Index::default();
    _ = log::valid(bytes, 0, 0, &mut Vec::new(), &mut |kind, payload, location| index.add(kind, payload, location));
    let Some((kind, payload)) = bytes.split_first() else { return };
    index::Index::default().add(*kind, payload, frame::Location::ALONE);
    assert!(record::blobs(payload).len() <= payload.len());
    _ = Record::read(std::sync::Arc::new(payload.to_vec()), None);
}
