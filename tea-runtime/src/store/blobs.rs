//! Large values, by content: a value that several records hold, or several runs, is there once.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    folder::{create_private, private},
};

/// From this size on, a value is a blob.
pub(super) const LARGE: usize = 1 << 20;

/// What a blob holds, in short.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// Of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Of all that `from` gives.
    pub(crate) fn of_reader(from: impl io::Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(from)?;
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The first `N` bytes, at most 32.
    pub(crate) fn first<const N: usize>(self) -> [u8; N] {
        *self.0.first_chunk().expect("a hash has 32 bytes")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The folder of blobs.
#[derive(Debug, Clone)]
pub(super) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    pub(super) fn new(store: &Path) -> Self {
        Self { folder: store.join("blobs") }
    }

    /// Keeps the bytes with this hash. They are on the disk when it returns.
    pub(super) fn put(&self, hash: Hash, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path(hash);
        if self.has(hash, bytes.len() as u64) {
            return Ok(());
        }
        self.write(&path, bytes).map_err(|error| StoreError::io("write", &path, &error))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().unwrap_or(&self.folder);
        create_private(folder)?;
        let name = format!(".new-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let aside = folder.join(name);
        let written = || {
            let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&aside)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&aside, path)?;
            sync_folder(folder)
        };
        let outcome = written();
        if outcome.is_err() {
            // What was half written is of no use to anybody.
            let _ = fs::remove_file(&aside);
        }
        outcome
    }

    /// Whether it is there, with so many bytes.
    pub(super) fn has(&self, hash: Hash, length: u64) -> bool {
        fs::metadata(self.path(hash)).is_ok_and(|there| there.len() == length)
    }

    /// Its bytes.
    pub(super) fn get(&self, hash: Hash) -> Result<Vec<u8>, StoreError> {
        let path = self.path(hash);
        let bytes = fs::read(&path).map_err(|error| StoreError::io("read", &path, &error))?;
        if Hash::of(&bytes) == hash {
            Ok(bytes)
        } else {
            Err(StoreError::new(format!("`{}` is damaged: it does not hold what its name says", path.display())))
        }
    }

    /// Removes all that are not in `used`. Gives how many bytes that freed.
    pub(super) fn retain(&self, used: impl Fn(&Path) -> bool) -> Result<u64, StoreError> {
        let mut freed = 0;
        for path in files(&self.folder).map_err(|error| StoreError::io("read", &self.folder, &error))? {
            if used(&path) {
                continue;
            }
            let length = fs::metadata(&path).map_or(0, |there| there.len());
            fs::remove_file(&path).map_err(|error| StoreError::io("remove", &path, &error))?;
            freed += length;
        }
        Ok(freed)
    }

    pub(super) fn path(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        let (folder, name) = name.split_at(2);
        self.folder.join(folder).join(name)
    }
}

/// All files in the folders of a folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folders = match fs::read_dir(folder) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for folder in folders {
        for file in fs::read_dir(folder?.path())? {
            files.push(file?.path());
        }
    }
    Ok(files)
}

/// What was renamed in a folder survives a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
