//! The content of this program's executable, which stands for code about which nothing else is known.

use std::{fs::File, io, path::Path, sync::OnceLock};

use crate::store::{self, Hash, StoreError, plain};

/// The content of this program's executable. To read it all takes a while in programs that are not optimized, so the store
/// remembers what the file looked like that had this content.
pub(in crate::engine) fn program(state_dir: &Path) -> Result<Hash, StoreError> {
    static PROGRAM: OnceLock<Result<Hash, StoreError>> = OnceLock::new();
    let failed = |error: io::Error| StoreError::new(format!("cannot read this program's executable: {error}"));
    let hash = || {
        // Also if another one has taken its place since this one was started.
        let path = if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() };
        let file = path.and_then(File::open).map_err(failed)?;
        let looks = file.metadata().map(|there| looks(&there)).map_err(failed)?;
        store::known_program(state_dir, &looks, || Hash::of_reader(file).map_err(failed))
    };
    PROGRAM.get_or_init(hash).clone()
}

/// What changes with each change of a file.
#[cfg(unix)]
fn looks(there: &std::fs::Metadata) -> Vec<u8> {
    use std::os::unix::fs::MetadataExt;
    let times = (there.mtime(), there.mtime_nsec(), there.ctime(), there.ctime_nsec());
    plain(&(there.dev(), there.ino(), there.size(), times))
}

/// What changes with each change of a file.
#[cfg(not(unix))]
fn looks(there: &std::fs::Metadata) -> Vec<u8> {
    plain(&(there.len(), there.modified().ok(), there.created().ok()))
}
