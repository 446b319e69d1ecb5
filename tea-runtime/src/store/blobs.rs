//! Large values, stored by content: a value that occurs in several records or runs is stored once.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::{
    StoreError,
    folder::{create_private, private},
    plain,
};

/// The size from which a value is stored as a blob.
pub(super) const LARGE: usize = 1 << 20;

/// The hash of the content of a blob or value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// The hash of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A hash that takes a fraction of the time for few bytes. It is for the results of items, of which there may be millions.
    /// Different bytes have different hashes, unless somebody crafts them.
    pub(crate) fn quick(bytes: &[u8]) -> Self {
        if bytes.len() >= LARGE {
            // It is the hash of its blob as well.
            return Self::of(bytes);
        }
        let mut hash = [0; 32];
        hash[..16].copy_from_slice(&XxHash3_128::oneshot(bytes).to_le_bytes());
        Self(hash)
    }

    /// The hash of several things, one after the other. Their lengths do not count.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The hash of plain data.
    pub(crate) fn of_data(data: &impl Serialize) -> Self {
        Self::of(&plain(data))
    }

    /// The hash of everything that `from` returns.
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

    /// The directory of the store.
    pub(super) fn store(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// Stores the bytes with this hash. They survive the end of the process, and a loss of power once what is returned has
    /// been [settled](Unsettled::settle).
    pub(super) fn put(&self, hash: Hash, bytes: &[u8]) -> Result<Option<Unsettled>, StoreError> {
        let path = self.path(hash);
        if is_file_of(&path, bytes.len() as u64) {
            return Ok(None);
        }
        let unsettled = Unsettled { path };
        if !unsettled.has(hash, bytes.len() as u64) {
            let written = self.write(&unsettled.aside(), bytes);
            written.map_err(|error| StoreError::io("write", &unsettled.path, &error))?;
        }
        Ok(Some(unsettled))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let folder = path.parent().unwrap_or(&self.folder);
        create_private(folder)?;
        let name = format!(".new-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let new = folder.join(name);
        let written = || {
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?.write_all(bytes)?;
            fs::rename(&new, path)
        };
        let outcome = written();
        if outcome.is_err() {
            // A file that was written in part is useless.
            let _ = fs::remove_file(&new);
        }
        outcome
    }

    /// Whether the blob exists with this length. One that may not have reached the disk before a loss of power is read to
    /// find out.
    pub(super) fn has(&self, hash: Hash, length: u64) -> bool {
        let path = self.path(hash);
        is_file_of(&path, length) || Unsettled { path }.has(hash, length)
    }

    /// The bytes of a blob.
    pub(super) fn get(&self, hash: Hash) -> Result<Vec<u8>, StoreError> {
        let path = self.path(hash);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::read(Unsettled { path: path.clone() }.aside())
                    // It may have been settled in the meantime.
                    .or_else(|_| fs::read(&path))
            }
            read => read,
        };
        let bytes = bytes.map_err(|error| StoreError::io("read", &path, &error))?;
        if Hash::of(&bytes) == hash {
            Ok(bytes)
        } else {
            Err(StoreError::new(format!("`{}` is damaged: it does not hold what its name says", path.display())))
        }
    }

    /// Removes all blobs that are not in `used`. Returns the number of bytes that this freed.
    pub(super) fn retain(&self, used: impl Fn(&Path) -> bool) -> Result<u64, StoreError> {
        let mut freed = 0;
        for path in files(&self.folder).map_err(|error| StoreError::io("read", &self.folder, &error))? {
            // A blob that has not been settled counts too.
            if used(&path) || (path.extension() == Some(UNSETTLED.as_ref()) && used(&path.with_extension(""))) {
                continue;
            }
            let length = fs::metadata(&path).map_or(0, |there| there.len());
            match fs::remove_file(&path) {
                // A run that has just ended has renamed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => {
                    removed.map_err(|error| StoreError::io("remove", &path, &error))?;
                    freed += length;
                }
            }
        }
        Ok(freed)
    }

    pub(super) fn path(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        let (folder, name) = name.split_at(2);
        self.folder.join(folder).join(name)
    }
}

/// The end of the name of a blob that may not have reached the disk.
const UNSETTLED: &str = "unsettled";

/// A blob that may not have reached the disk. Until then its name says so: after a loss of power it may have the right
/// length and wrong bytes, so whoever finds it under this name reads it before it is relied on.
#[derive(Debug)]
pub(super) struct Unsettled {
    /// Its final path.
    path: PathBuf,
}

impl Unsettled {
    fn aside(&self) -> PathBuf {
        self.path.with_extension(UNSETTLED)
    }

    fn has(&self, hash: Hash, length: u64) -> bool {
        let aside = self.aside();
        let read = || Hash::of_reader(File::open(&aside).ok()?).ok();
        is_file_of(&aside, length) && read() == Some(hash)
    }

    /// Waits until it is on the disk, and gives it its final name.
    pub(super) fn settle(&self) -> io::Result<()> {
        let aside = self.aside();
        let settle = || {
            File::open(&aside)?.sync_data()?;
            fs::rename(&aside, &self.path)
        };
        match settle() {
            // Another process or record had the same value.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.exists() => {}
            outcome => outcome?,
        }
        self.path.parent().map_or(Ok(()), sync_folder)
    }
}

fn is_file_of(path: &Path, length: u64) -> bool {
    fs::metadata(path).is_ok_and(|there| there.len() == length)
}

/// All files in the folders of a folder.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
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

/// Makes renames in a folder survive a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
