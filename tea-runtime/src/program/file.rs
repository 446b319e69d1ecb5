//! Files that are written whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

/// A file to be written at the end of a run.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
    in_place: bool,
}

impl Target {
    /// Takes a path, and finds out now, not after hours of work, if it cannot be written.
    ///
    /// # Errors
    /// If nothing can be created beside it, or it is a directory.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        // The file that a link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let metadata = fs::metadata(&path).ok();
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // A terminal, pipe or device holds no half-written file; it can only be written to.
        let in_place = metadata.is_some_and(|metadata| !metadata.is_file());
        let target = Self { path, in_place };
        if !in_place {
            drop(target.temporary()?);
        }
        Ok(target)
    }

    /// Where it is written.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it: whoever reads the file sees what was there before, or all of `bytes`.
    ///
    /// # Errors
    /// If it cannot be written; then what was there before still is.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.in_place {
            return File::options().write(true).open(&self.path)?.write_all(bytes);
        }
        let mut file = self.temporary()?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(plain)?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// A file in the same directory, so that it can be renamed; it is gone when dropped.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let mut builder = Builder::new();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix).suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(self.permissions());
        builder.tempfile_in(directory).map_err(plain)
    }

    /// Those of the file that is replaced; else what any new file gets.
    #[cfg(unix)]
    fn permissions(&self) -> fs::Permissions {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(&self.path).map_or_else(|_| fs::Permissions::from_mode(0o666), |metadata| metadata.permissions())
    }
}

/// The error in the system's words, without the name of the temporary file that `tempfile` adds: nobody asked for that.
fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((words, _)) => io::Error::new(error.kind(), words),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_what_is_there_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.json");
        fs::write(&path, "before, and longer").unwrap();
        let target = Target::new(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before, and longer");
        target.write(b"after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(directory.path()), ["out.json"]);
    }

    #[test]
    fn refuses_at_once_where_nothing_can_be_created() {
        let directory = tempfile::tempdir().unwrap();
        let error = Target::new(&directory.path().join("absent/out.json")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".tmp"), "{error}");
        assert_eq!(Target::new(directory.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(names(directory.path()), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn writes_through_links_and_into_devices() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        Target::new(&link).unwrap().write(b"after").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        Target::new(Path::new("/dev/null")).unwrap().write(b"gone").unwrap();
    }
}
