//! The targets of `--output` and `--timing`: files, which are written completely or not at all, and devices and pipes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use super::output::{self, Stdout};

/// Something to be written at the end of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    path: PathBuf,
    way: Way,
}

/// How to write to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Through the descriptor that was standard output when the program started.
    StandardOutput,
    /// By replacing the file with a new one.
    Replace,
    /// Into the existing file: a device or a pipe, or a file in a directory in which no file can be created.
    InPlace,
    /// By appending to the file of another descriptor of the program.
    Append,
}

impl Target {
    /// Standard output.
    pub(super) fn standard_output() -> Self {
        Self { path: PathBuf::from("-"), way: Way::StandardOutput }
    }

    /// The target at a path. Checks whether it can be written, so that the user learns of it now and not after hours of
    /// work. `-` and all paths that name descriptor 1 are standard output.
    ///
    /// # Errors
    /// If no file can be created in the directory, or the path is a directory.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::standard_output());
        }
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let path = match follow(path) {
            Followed::Descriptor(1) => return Ok(Self::standard_output()),
            Followed::Descriptor(number) => {
                let target = Self { path: format!("/dev/fd/{number}").into(), way: Way::Append };
                return target.open().map(|_| target);
            }
            Followed::File(path) => path,
        };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Its name is too long, for example, or links lead in a circle.
            Err(error) => return Err(error),
        };
        if metadata.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            // Not opened now, because that may block until a pipe has a reader.
            return Ok(Self { path, way: Way::InPlace });
        }
        let mut target = Self { path, way: Way::Replace };
        if let Err(error) = target.temporary() {
            target.way = Way::InPlace;
            // Opened without truncating it.
            if metadata.is_none() || File::options().write(true).open(&target.path).is_err() {
                return Err(error);
            }
        }
        Ok(target)
    }

    /// The path of the target.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the target is standard output.
    pub(super) fn is_standard_output(&self) -> bool {
        self.way == Way::StandardOutput
    }

    /// Writes the target. Readers of a file that can be replaced see either the previous content or all of `bytes`.
    ///
    /// # Errors
    /// If the target cannot be written. The previous content is then preserved, where that is possible.
    pub(super) fn write(&self, bytes: &[u8], stdout: &Stdout) -> io::Result<()> {
        match self.way {
            Way::StandardOutput => stdout.write(bytes),
            Way::InPlace | Way::Append => output::write_whole(self.open()?, bytes),
            Way::Replace => {
                let mut file = self.temporary()?;
                file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(plain)?;
                file.persist(&self.path).map(drop).or_else(|error| {
                    // The file cannot be replaced, for example because another file is mounted on it.
                    let there = Self { path: self.path.clone(), way: Way::InPlace };
                    let written = there.open().and_then(|file| output::write_whole(file, bytes));
                    written.map_err(|_| error.error)
                })
            }
        }
    }

    /// Opens the existing file for writing.
    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        match self.way {
            Way::Append => options.append(true),
            _ => options.write(true).truncate(fs::metadata(&self.path)?.is_file()),
        };
        options.open(&self.path)
    }

    /// A temporary file in the same directory, so that it can be renamed. It is deleted when dropped.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let mut builder = Builder::new();
        // Names may have 255 bytes.
        let prefix = format!(".{}.", &name[..name.floor_char_boundary(100)]);
        builder.prefix(&prefix).suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(self.permissions());
        builder.tempfile_in(folder(&self.path)).map_err(plain)
    }

    /// The permissions of the file that is replaced, or those of any new file.
    #[cfg(unix)]
    fn permissions(&self) -> fs::Permissions {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(&self.path).map_or_else(|_| fs::Permissions::from_mode(0o666), |metadata| metadata.permissions())
    }
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Followed {
    /// To this file, which need not exist.
    File(PathBuf),
    /// To a descriptor of this process.
    Descriptor(u32),
}

/// Follows links to the file that is meant. A link's target is replaced, not the link.
fn follow(path: &Path) -> Followed {
    // As many links as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Some(number) = descriptor(&path) {
            return Followed::Descriptor(number);
        }
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder(&path).join(target);
    }
    // If the file does not exist yet, its directory does.
    let there = fs::canonicalize(folder(&path)).ok().zip(path.file_name()).map(|(folder, name)| folder.join(name));
    Followed::File(fs::canonicalize(&path).ok().or(there).unwrap_or(path))
}

/// The descriptor that `/dev/fd/1` and similar paths name. On some systems these are links, but they must not be
/// followed: the file behind them may have no name, and if it has one, it must be written from the descriptor's
/// position.
fn descriptor(path: &Path) -> Option<u32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(folder(path)).ok()?;
    let own = ["/dev/fd".into(), format!("/proc/{}/fd", std::process::id())];
    own.iter().any(|own| folder == Path::new(own)).then_some(number)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The system's error, without the name of the temporary file that `tempfile` adds, which means nothing to the user.
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

    /// Writes to a target other than standard output.
    fn write(target: &Target, text: &str) -> io::Result<()> {
        target.write(text.as_bytes(), &Stdout::none())
    }

    #[test]
    fn replaces_what_is_there_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.json");
        fs::write(&path, "before, and longer").unwrap();
        let target = Target::new(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before, and longer");
        write(&target, "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(names(directory.path()), ["out.json"]);
    }

    /// As where another file is mounted on it.
    #[test]
    fn a_file_that_cannot_be_replaced_is_written_in_place_from_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.json");
        fs::write(&path, "before, and longer").unwrap();
        write(&Target { path: path.clone(), way: Way::InPlace }, "after").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
    }

    #[test]
    fn refuses_at_once_where_nothing_can_be_created() {
        let directory = tempfile::tempdir().unwrap();
        let error = Target::new(&directory.path().join("absent/out.json")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".tmp"), "{error}");
        let within = |name: &str| Target::new(&directory.path().join(name)).map(drop).map_err(|error| error.kind());
        for folder in ["", "new/"] {
            assert_eq!(within(folder), Err(io::ErrorKind::IsADirectory));
        }
        assert!(within(&"x".repeat(256)).is_err());
        assert_eq!(names(directory.path()), [""; 0]);
    }

    #[test]
    fn a_name_may_be_as_long_as_names_can_be() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["x".repeat(255), "ü".repeat(127)] {
            let path = directory.path().join(&name);
            write(&Target::new(&path).unwrap(), "text").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_in_a_circle_are_refused_and_left() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("link", &link).unwrap();
        assert!(Target::new(&link).is_err());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn writes_through_links_and_into_devices() {
        use std::os::unix::fs::symlink;

        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        symlink("file", &link).unwrap();
        // The link leads nowhere yet.
        for text in ["first", "second"] {
            write(&Target::new(&link).unwrap(), text).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        write(&Target::new(Path::new("/dev/null")).unwrap(), "gone").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_that_names_a_descriptor_is_that_descriptor() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/stdout", &link).unwrap();
        for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", link.to_str().unwrap()] {
            assert!(Target::new(Path::new(path)).unwrap().is_standard_output(), "{path}");
        }
        let (log, mut file) = (directory.path().join("log"), tempfile::tempfile().unwrap());
        fs::write(&log, "kept ").unwrap();
        let other = File::options().append(true).open(&log).unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&other)));
        write(&Target::new(&path).unwrap(), "added").unwrap();
        assert_eq!(fs::read_to_string(&log).unwrap(), "kept added");
        // Without a name.
        let path = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
        write(&Target::new(&path).unwrap(), "written").unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert_eq!(text, "written");
    }
}
