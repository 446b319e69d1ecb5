//! The content of the program's executable, remembered by what its file looks like.

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

/// The kind of its one frame, which changes with its form.
const KIND: u8 = 1;

/// The content of a file that looks so: what the store remembers, or else what `hash` finds.
///
/// # Errors
/// If `hash` fails. That it cannot be remembered is no error.
pub(crate) fn known_program(
    store: &Path,
    looks: &[u8],
    hash: impl FnOnce() -> Result<Hash, StoreError>,
) -> Result<Hash, StoreError> {
    let path = store.join(FILE);
    // Nobody else's word is taken.
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
    // It is found out again next time.
    let _: Result<(), std::io::Error> = write();
    Ok(hash)
}

/// `None` if that is not what was written.
fn read(bytes: &[u8]) -> Option<(Vec<u8>, Hash)> {
    let (header, payload) = bytes.split_first_chunk::<HEADER>()?;
    let header = Header::read(header)?;
    if header.kind != KIND || !header.fits(Location::ALONE, payload) {
        return None;
    }
    postcard::from_bytes(payload).ok()
}
