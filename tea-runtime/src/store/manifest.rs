//! What a run is, and how it ended.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    blobs::{Hash, sync_folder},
    folder::private,
    frame::{self, HEADER, Header, Location},
};
use crate::open_question::OpenQuestion;

const FILE: &str = "manifest";

/// The kind of its only frame, which changes with its format.
const KIND: u8 = 5;

/// What a run is, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The workflow's name, by which its runs are found.
    pub(crate) workflow: String,
    /// The hash of the executable.
    pub(crate) program: Hash,
    /// The program's version, for people.
    pub(crate) version: String,
    /// When it started, and when it was last resumed.
    pub(crate) began: SystemTime,
    pub(crate) went_on: SystemTime,
    /// How often it was resumed.
    pub(crate) resumed: u32,
    /// The command line, for people.
    pub(crate) arguments: Vec<String>,
    /// The names of nodes and branches, by the steps and tasks that lead to them, for people.
    pub(crate) names: Vec<(Vec<u64>, String)>,
    /// The hash of the workflow's structure; `0` if it is not known.
    pub(crate) shape: u128,
    /// The hashes of the types of keys.
    pub(crate) keys: Vec<u128>,
    /// What the identities of the code consist of.
    pub(crate) parts: Vec<ManifestPart>,
    /// The nodes, branches and conditions, with their parts as ranges of these.
    pub(crate) codes: Vec<(String, Vec<(u32, u32)>)>,
    /// What counted as code outside of the program. What it means is the engine's affair.
    pub(crate) surroundings: Vec<u8>,
    pub(crate) status: Status,
}

/// A part of identities of the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ManifestPart {
    /// What it is.
    pub(crate) name: String,
    /// Its file; may be empty.
    pub(crate) file: String,
    /// The hash of its content.
    pub(crate) hash: u64,
}

/// How a run ended, if it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// It is running, or was killed.
    Unfinished,
    /// It was cancelled.
    Cancelled,
    /// It stopped at the node that `--until` names.
    Stopped,
    /// It failed.
    Failed(String),
    /// It succeeded.
    Done,
    /// It waits for answers to these questions.
    Waiting(Vec<OpenQuestion>),
}

impl Status {
    /// What it waits for.
    #[cfg(feature = "cli")]
    pub(crate) fn questions(&self) -> &[OpenQuestion] {
        if let Self::Waiting(questions) = self { questions } else { &[] }
    }
}

impl Manifest {
    /// Reads the manifest of a run.
    pub(super) fn read(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let bytes = fs::read(&path).map_err(|error| StoreError::io("read", &path, &error))?;
        Self::parse(&bytes).ok_or_else(|| StoreError::new(format!("`{}` is damaged", path.display())))
    }

    /// `None` if these are not the bytes of a manifest.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, payload) = bytes.split_first_chunk::<HEADER>()?;
        let header = Header::read(header)?;
        if header.kind != KIND || !header.fits(Location::ALONE, payload) {
            return None;
        }
        Self::parse_payload(payload)
    }

    /// The same without the checksum.
    pub(super) fn parse_payload(payload: &[u8]) -> Option<Self> {
        postcard::from_bytes(payload).ok()
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = postcard::to_extend(self, vec![0; HEADER]).expect("a manifest is plain data");
        frame::seal(KIND, Location::ALONE, &mut bytes);
        bytes
    }

    /// Replaces the manifest of a run.
    pub(super) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let (path, aside) = (folder.join(FILE), folder.join("manifest.new"));
        let write = || {
            let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&aside)?;
            file.write_all(&self.to_bytes())?;
            file.sync_data()?;
            fs::rename(&aside, &path)?;
            sync_folder(folder)
        };
        write().map_err(|error| StoreError::io("write", &path, &error))
    }

    /// Whether it can be resumed.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.status != Status::Done
    }
}
