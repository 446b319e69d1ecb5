//! Files: a value that is a path stands for what is in the file, too.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

use crate::{
    state::{self, Kind, Value},
    store::Hash,
};

/// The state of a file, or of all files at a list of paths. It is another one if one of them has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct FileState(pub(in crate::engine) [u8; 16]);

impl FileState {
    /// The state of the files at a value that is a path, or consists of paths; `None` if there are none.
    pub(in crate::engine) fn of(value: &Value) -> Option<Self> {
        Self::of_paths(&paths(state::Stored::behind(value)))
    }

    /// The state of the file at a path.
    pub(in crate::engine) fn of_path(path: &Path) -> Option<Self> {
        Self::of_paths(&[path])
    }

    fn of_paths(paths: &[&Path]) -> Option<Self> {
        let states: Vec<_> = paths.iter().map(|path| look(path)).collect();
        states.iter().any(Option::is_some).then(|| Self(Hash::of_data(&states).first()))
    }
}

/// The types of values that are paths, or consist of them, and how to get these.
macro_rules! path_types {
    ($($ty:ty: $value:ident => $paths:expr;)*) => {
        /// The paths of which a value consists.
        fn paths(value: &Value) -> Vec<&Path> {
            $(if let Some($value) = value.downcast_ref::<$ty>() {
                return $paths.map(AsRef::as_ref).collect();
            })*
            Vec::new()
        }

        /// Whether values of a type consist of paths.
        pub(super) fn has_paths(kind: &Kind) -> bool {
            [$(TypeId::of::<$ty>()),*].contains(&(kind.id)())
        }
    };
}

path_types! {
    PathBuf: path => iter::once(path);
    Option<PathBuf>: path => path.iter();
    Vec<PathBuf>: paths => paths.iter();
    BTreeSet<PathBuf>: paths => paths.iter();
    BTreeMap<String, PathBuf>: paths => paths.values();
}

/// Size, time of change and inode of a file. A directory has only the latter: the others say nothing about its contents.
fn look(path: &Path) -> Option<(u64, Option<SystemTime>, u64)> {
    let there = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&there);
    #[cfg(not(unix))]
    let inode = 0;
    let (size, changed) = if there.is_dir() { (0, None) } else { (there.len(), there.modified().ok()) };
    Some((size, changed, inode))
}

/// The keys whose file is gone or has changed, according to the paths that are their values.
pub(super) fn changed_files<'a>(
    files: &[(u32, FileState)],
    values: impl Iterator<Item = &'a (u32, Value)> + Clone,
) -> impl Iterator<Item = u32> {
    let changed = move |(key, before): &&(u32, FileState)| {
        let value = values.clone().find(|value| value.0 == *key);
        value.is_none_or(|(_, value)| FileState::of(value) != Some(*before))
    };
    files.iter().filter(changed).map(|(key, _)| *key)
}

/// The state of the file that is the value of a key.
pub(super) fn file_of(files: &[(u32, FileState)], key: u32) -> Option<FileState> {
    files.iter().find(|file| file.0 == key).map(|file| file.1)
}
