//! The folder of a store, and those of its runs.

use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    StoreError,
    blobs::Blobs,
    lock::{Lock, NotLocked},
    log::{self, Recovered},
    manifest::Manifest,
    record::{self, Kind},
};

/// Tells backup and cleanup tools that everything in the folder can be made again.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder holds records of runs. See https://bford.info/cachedir/\n";

/// The folder of a store.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// A run in a store.
#[derive(Debug)]
pub(crate) struct RunFolder {
    /// Its name.
    pub(crate) name: String,
    pub(super) path: PathBuf,
}

/// What holds a run, and keeps the blobs of the store.
#[derive(Debug)]
pub(super) struct Held {
    _run: Lock,
    _store: Lock,
}

impl Folder {
    /// The store at `path`, which is created if it does not exist.
    pub(crate) fn create(path: &Path) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::io("make", path, &error);
        create_private(&path.join("runs")).map_err(failed)?;
        let write = |name: &str, text: &str| {
            let path = path.join(name);
            match private(OpenOptions::new().write(true).create_new(true)).open(&path) {
                Ok(mut file) => file.write_all(text.as_bytes()).map_err(failed),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(failed(error)),
            }
        };
        let store = Self::open(path)?;
        write("CACHEDIR.TAG", CACHEDIR_TAG)?;
        write(".gitignore", "*\n")?;
        Ok(store)
    }

    /// The store at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let runs = path.join("runs");
        fs::read_dir(&runs).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::new(format!(
                "there are no recorded runs in `{}`; is this the folder in which the run was started? If not, give the \
                 folder with its records as `--state-dir DIR`",
                path.display()
            )),
            _ => StoreError::io("read", &runs, &error),
        })?;
        refuse_others(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn blobs(&self) -> Blobs {
        Blobs::new(&self.path)
    }

    /// Creates a run.
    pub(super) fn new_run(&self) -> Result<RunFolder, StoreError> {
        let runs = self.path.join("runs");
        loop {
            let name = new_name();
            let path = runs.join(&name);
            let mut builder = fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            match builder.create(&path) {
                Ok(()) => return Ok(RunFolder { name, path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(StoreError::io("make", &path, &error)),
            }
        }
    }

    /// All runs, oldest first.
    pub(crate) fn runs(&self) -> Result<Vec<RunFolder>, StoreError> {
        let runs = self.path.join("runs");
        let failed = |error: io::Error| StoreError::io("read", &runs, &error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&runs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Names of runs that are being removed start with a dot.
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'));
            found.extend(name.map(|name| RunFolder { name, path: entry.path() }));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The run with this name.
    pub(crate) fn run(&self, name: &str) -> Result<RunFolder, StoreError> {
        let runs = self.runs()?;
        let names = runs.iter().map(|run| format!("`{}`", run.name)).collect::<Vec<_>>().join(", ");
        let found = runs.into_iter().find(|run| run.name == name);
        found.ok_or_else(|| {
            let others = if names.is_empty() { "it has none".to_owned() } else { format!("it has {names}") };
            StoreError::new(format!("there is no run `{name}` in `{}`: {others}", self.path.display()))
        })
    }

    /// Locks a run, so that no other process writes to it.
    pub(super) fn hold(&self, run: &RunFolder) -> Result<Held, StoreError> {
        let lock = |lock: Result<Lock, NotLocked>| {
            lock.map_err(|error| match error {
                NotLocked::Held(holder) => {
                    let by = if holder.is_empty() { "another process" } else { &holder };
                    StoreError::new(format!("run `{}` is in use by {by}", run.name))
                }
                NotLocked::Failed(error) => error,
            })
        };
        // A process that cleans up the store does not take long.
        let store = lock(Lock::shared(&self.path.join("lock")))?;
        Ok(Held { _run: lock(Lock::exclusive(&run.path.join("lock")))?, _store: store })
    }

    /// Removes a run that is not in use.
    pub(crate) fn remove(&self, run: &RunFolder) -> Result<(), StoreError> {
        let held = self.hold(run)?;
        // It is renamed first, so that a run that is removed in part does not count as a run.
        let aside = self.path.join("runs").join(format!(".removed-{}", run.name));
        fs::rename(&run.path, &aside).map_err(|error| StoreError::io("remove", &run.path, &error))?;
        drop(held);
        fs::remove_dir_all(&aside).map_err(|error| StoreError::io("remove", &aside, &error))
    }

    /// Removes runs of `workflow` that have ended, oldest first, until at most `keep` are left that take at most `max_size`
    /// together. Returns the names of the removed runs.
    pub(crate) fn prune(&self, workflow: &str, keep: usize, max_size: u64) -> Result<Vec<String>, StoreError> {
        let mut ended = Vec::new();
        for run in self.runs()? {
            let manifest = run.manifest().ok().filter(|manifest| manifest.workflow == workflow);
            if manifest.is_some_and(|manifest| !manifest.is_unfinished()) {
                ended.push(run);
            }
        }
        let mut removed = Vec::new();
        let mut left = ended.len();
        for run in ended {
            if left <= keep && self.size()? <= max_size {
                break;
            }
            if self.remove(&run).is_ok() {
                removed.push(run.name);
                left -= 1;
                // Perhaps no other run needs its blobs.
                self.collect()?;
            }
        }
        Ok(removed)
    }

    /// Removes runs of `workflow` that have at least `keep` newer ones, however they ended, unless they are in use. Returns
    /// their names.
    pub(crate) fn remove_old(&self, workflow: &str, keep: usize) -> Result<Vec<String>, StoreError> {
        let is_own = |run: &RunFolder| run.manifest().is_ok_and(|manifest| manifest.workflow == workflow);
        let runs: Vec<_> = self.runs()?.into_iter().filter(is_own).collect();
        let old = runs.iter().take(runs.len().saturating_sub(keep));
        let removed = old.filter(|run| self.remove(run).is_ok());
        Ok(removed.map(|run| run.name.clone()).collect())
    }

    /// The bytes of all records.
    fn size(&self) -> Result<u64, StoreError> {
        let of = |name: &str| match size(&self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            of => of,
        };
        let all = || Ok(of("runs")? + of("blobs")?);
        all().map_err(|error| StoreError::io("read", &self.path, &error))
    }

    /// Removes what no run needs: the rest of removed runs, and blobs. Returns the number of bytes that this freed, or
    /// `None` if there are active runs, whose blobs are not known yet.
    pub(crate) fn collect(&self) -> Result<Option<u64>, StoreError> {
        let _alone = match Lock::exclusive(&self.path.join("lock")) {
            Ok(lock) => lock,
            Err(NotLocked::Held(_)) => return Ok(None),
            Err(NotLocked::Failed(error)) => return Err(error),
        };
        let before = self.size()?;
        let runs = self.path.join("runs");
        let failed = |error: io::Error| StoreError::io("remove", &runs, &error);
        for entry in fs::read_dir(&runs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        let blobs = self.blobs();
        let mut used = HashSet::new();
        for run in self.runs()? {
            log::recover(&run.path, false, |_, payload, _| {
                used.extend(record::blobs(payload).into_iter().map(|(hash, _)| blobs.path(hash)));
                true
            })?;
        }
        blobs.retain(|path| used.contains(path))?;
        let after = self.size()?;
        Ok(Some(before.saturating_sub(after)))
    }
}

/// What a run's folder contains.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The number of records of steps, branches, items and failed items.
    pub(crate) counts: [(Kind, u64); 4],
    /// The number of bytes after the valid part of the log.
    pub(crate) aside: u64,
    /// What is wrong with blobs.
    pub(crate) damaged: Vec<String>,
}

impl RunFolder {
    /// What the run is, and how it ended.
    pub(crate) fn manifest(&self) -> Result<Manifest, StoreError> {
        refuse_others(&self.path)?;
        Manifest::read(&self.path)
    }

    /// The number of bytes on the disk, without blobs.
    pub(crate) fn size(&self) -> u64 {
        size(&self.path).unwrap_or_default()
    }

    /// Whether a process is writing to it.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(Lock::shared_now(&self.path.join("lock")), Err(NotLocked::Held(_)))
    }

    /// Reads the whole run, and checks it.
    pub(crate) fn verify(&self, store: &Folder) -> Result<Verified, StoreError> {
        let (blobs, mut index) = (store.blobs(), super::index::Index::default());
        let mut damaged = Vec::new();
        let Recovered { aside, .. } = log::recover(&self.path, false, |kind, payload, location| {
            for (hash, _) in record::blobs(payload) {
                damaged.extend(blobs.get(hash).err().map(|error| error.to_string()));
            }
            index.add(kind, payload, location)
        })?;
        Ok(Verified { counts: index.counts(), aside, damaged })
    }
}

/// Checks the owner of a store. Values in it are read by this program's code, so they must come from the user who runs it.
#[cfg(unix)]
fn refuse_others(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt;
    let owner = fs::metadata(path).map_err(|error| StoreError::io("read", path, &error))?.uid();
    let own = rustix::process::geteuid().as_raw();
    if owner == own {
        return Ok(());
    }
    Err(StoreError::new(format!(
        "`{}` belongs to user {owner}, and this is user {own}: give a folder of your own with `--state-dir`",
        path.display()
    )))
}

#[cfg(not(unix))]
fn refuse_others(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Options for directories that only this user can access.
#[cfg_attr(not(unix), allow(clippy::needless_pass_by_ref_mut))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Creates a folder and those above it, which only this user can access.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// The size of all files in a folder. Files that disappear in the meantime do not count.
fn size(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(there) if there.is_dir() => size(&entry.path()).unwrap_or_default(),
            Ok(there) => there.len(),
            Err(_) => 0,
        };
    }
    Ok(bytes)
}

/// A name whose order is that of time: `20261128-0412-k7f2`.
fn new_name() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = now.chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(8.min(digits.len()));
    let mut name = format!("{day}-{}-", &time[..time.len().min(6)]);
    name.extend(std::iter::repeat_with(|| fastrand::char('a'..='z')).take(4));
    name
}
