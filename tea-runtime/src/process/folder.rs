//! The program's current directory, where its units run.

use std::{
    env, fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
};

/// The program's current directory at some time. Another one may have the same path later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    path: Vec<u8>,
    /// Its device and inode.
    identity: Option<(u64, u64)>,
}

impl Folder {
    /// The current one.
    ///
    /// # Errors
    /// If it no longer has a path, since it has been deleted.
    pub(crate) fn current() -> io::Result<Self> {
        Ok(Self::with(env::current_dir()?.as_os_str().as_bytes().to_vec()))
    }

    /// The current one, for processes of this machine. They can enter it as long as this process is there, even if it has been
    /// deleted.
    pub(crate) fn here() -> Self {
        Self::current().unwrap_or_else(|_| {
            // On other systems, entering it fails, and that is the failure of the unit.
            let path =
                if cfg!(target_os = "linux") { format!("/proc/{}/cwd", std::process::id()) } else { String::new() };
            Self::with(path.into_bytes())
        })
    }

    fn with(path: Vec<u8>) -> Self {
        Self { path, identity: fs::metadata(".").ok().map(|folder| (folder.dev(), folder.ino())) }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }
}
