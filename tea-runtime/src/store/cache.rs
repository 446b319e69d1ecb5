//! Results by the hash of everything that they were made from: the cache, which all runs that use a store share.
//!
//! ```text
//! .tea/cache/ab/cdef…          an entry: a checksum, and bytes whose meaning is the engine's affair
//! ```
//!
//! There are no locks: an entry is written aside and renamed, so it is there as a whole or not at all, and whoever else writes
//! it writes the same. Nothing waits until an entry is on the disk: after a loss of power it may be damaged, which its
//! checksum tells, and then it counts as not there. The time of change of an entry is that of its last use.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use super::{
    Folder, StoreError,
    blobs::{Hash, files},
    folder::{create_private, private},
};

const FOLDER: &str = "cache";

/// What an entry starts with, which changes with its form.
const MARK: &[u8; 8] = b"teacach1";

/// The length of what comes before the bytes of an entry: the mark, and the checksum.
const HEAD: usize = MARK.len() + 32;

/// What the name of an entry starts with that is being written.
const NEW: &str = ".new-";

/// After this time, whoever began to write an entry will not end it.
const ABANDONED: Duration = Duration::from_hours(24);

/// The folder of the cache.
#[derive(Debug, Clone)]
pub(crate) struct CacheFolder {
    folder: PathBuf,
}

/// What is found of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its bytes.
    Entry(Vec<u8>),
    /// There is none.
    Nothing,
    /// There was one, which was damaged, and has been removed.
    Damaged(PathBuf),
}

impl CacheFolder {
    /// The cache of the store at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or belongs to another user.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        Folder::create(path)?;
        let cache = Self::at(path);
        create_private(&cache.folder).map_err(|error| StoreError::io("make", &cache.folder, &error))?;
        Ok(cache)
    }

    /// The cache of the store at `path`, which may not be there.
    pub(crate) fn at(path: &Path) -> Self {
        Self { folder: path.join(FOLDER) }
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// The entry of a key, which is used now.
    pub(crate) fn get(&self, key: Hash) -> Found {
        let path = self.path(key);
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
            Err(_) => return self.damaged(path),
        };
        let is_whole =
            bytes.len() >= HEAD && bytes.starts_with(MARK) && bytes[MARK.len()..HEAD] == checksum(key, &bytes[HEAD..]);
        if !is_whole {
            return self.damaged(path);
        }
        // If it cannot be noted that it was used, it is removed earlier.
        let _ = File::open(&path).and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now())));
        bytes.drain(..HEAD);
        Found::Entry(bytes)
    }

    /// Removes the entry of a key, which turned out to be wrong.
    pub(crate) fn remove(&self, key: Hash) -> Found {
        self.damaged(self.path(key))
    }

    #[expect(clippy::unused_self, reason = "it is what is done with one of its entries")]
    fn damaged(&self, path: PathBuf) -> Found {
        // Somebody else may have done so.
        let _ = fs::remove_file(&path);
        Found::Damaged(path)
    }

    /// Keeps the entry of a key.
    ///
    /// # Errors
    /// If it cannot be written. There is no entry then.
    pub(crate) fn put(&self, key: Hash, bytes: &[u8]) -> Result<(), StoreError> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        let new = folder.join(format!("{NEW}{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed)));
        let write = || {
            create_private(folder)?;
            let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
            file.write_all(MARK)?;
            file.write_all(&checksum(key, bytes))?;
            file.write_all(bytes)?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&new);
            StoreError::io("write", &path, &error)
        })
    }

    /// Removes entries until all together take at most `max_size`: those that were not used for longest first. Returns how
    /// many bytes that freed.
    ///
    /// # Errors
    /// If the cache cannot be read, or an entry cannot be removed.
    pub(crate) fn prune(&self, max_size: u64) -> Result<u64, StoreError> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        let (mut size, mut freed) = (0, 0);
        for path in files(&self.folder).map_err(|error| StoreError::io("read", &self.folder, &error))? {
            // What is gone by now is of no interest.
            let Ok(there) = fs::metadata(&path) else { continue };
            let used = there.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_new = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(NEW));
            let is_abandoned = is_new && now.duration_since(used).is_ok_and(|age| age > ABANDONED);
            if !is_new {
                size += there.len();
            }
            if !is_new || is_abandoned {
                // The first to go.
                let used = if is_abandoned { SystemTime::UNIX_EPOCH } else { used };
                entries.push((used, path, there.len(), is_abandoned));
            }
        }
        entries.sort_unstable();
        for (_, path, length, is_abandoned) in entries {
            if size <= max_size && !is_abandoned {
                break;
            }
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("remove", &path, &error));
                }
                _ => freed += length,
            }
            size -= if is_abandoned { 0 } else { length };
        }
        Ok(freed)
    }

    fn path(&self, key: Hash) -> PathBuf {
        let name = key.to_string();
        let (folder, name) = name.split_at(2);
        self.folder.join(folder).join(name)
    }
}

/// The checksum of an entry. An entry that came to the name of another one is none, either.
fn checksum(key: Hash, bytes: &[u8]) -> [u8; 32] {
    Hash::of_parts(&[&key.first::<32>(), bytes]).first()
}
