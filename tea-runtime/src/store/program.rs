//! The hash of the program's executable, remembered together with the metadata of its file.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use super::{
    StoreError,
    blobs::Hash,
    folder::{Folder, private},
    frame::{self, HEADER, Header, Location},
};

const FILE: &str = "program";

/// The kind of its only frame, which changes with its format.
const KIND: u8 = 1;

/// The hash of a file with this metadata: the one that the store remembers, otherwise the one that `hash` computes.
///
/// # Errors
/// If `hash` fails. It is not an error if the hash cannot be remembered.
pub(crate) fn known_program(
    store: &Path,
    looks: &[u8],
    hash: impl FnOnce() -> Result<Hash, StoreError>,
) -> Result<Hash, StoreError> {
    let path = store.join(FILE);
    // What another user has written does not count.
    if Folder::open(store).is_ok()
        && let Some((known, hash)) = fs::read(&path).ok().and_then(|bytes| read(&bytes))
        && known == looks
    {
        return Ok(hash);
    }
    let hash = hash()?;
    let mut bytes = postcard::to_extend(&(looks, hash), vec![0; HEADER]).expect("it is plain data");
    frame::seal(KIND, Location::ALONE, &mut bytes);
    let aside = store.join(format!(".{FILE}-{}", std::process::id()));
    let write = || {
        Folder::create(store).map_err(|error| std::io::Error::other(error.to_string()))?;
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(&aside)?.write_all(&bytes)?;
        fs::rename(&aside, &path)
    };
    // Otherwise it is computed again next time.
    let _: Result<(), std::io::Error> = write();
    Ok(hash)
}

/// `None` if these bytes are not what was written.
fn read(bytes: &[u8]) -> Option<(Vec<u8>, Hash)> {
    let (header, payload) = bytes.split_first_chunk::<HEADER>()?;
    let header = Header::read(header)?;
    if header.kind != KIND || !header.fits(Location::ALONE, payload) {
        return None;
    }
    postcard::from_bytes(payload).ok()
}
