//! Identifies the build of a program by the contents of its file, which are the same on every host.

use std::{fs::File, io, path::Path, sync::LazyLock};

use crate::process::identity;

/// The hash of the running program's file.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn id() -> io::Result<[u8; 32]> {
    static ID: LazyLock<Result<[u8; 32], (io::ErrorKind, String)>> =
        LazyLock::new(|| hash().map_err(|error| (error.kind(), error.to_string())));
    ID.clone().map_err(|(kind, message)| io::Error::new(kind, message))
}

fn hash() -> io::Result<[u8; 32]> {
    of(&identity::image()?)
}

/// The hash of a program's file.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn of(path: &Path) -> io::Result<[u8; 32]> {
    let file =
        File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}
