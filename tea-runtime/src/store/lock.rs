//! Locks. They end with the process that holds them, however it ends, so there is never anything to unlock by hand.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use super::{StoreError, folder::private};

/// A lock that this process holds.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Why a lock was not acquired.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// Another process holds it, and wrote this to the file.
    Held(String),
    /// It cannot be acquired at all.
    Failed(StoreError),
}

impl Lock {
    /// Acquires a lock for one holder, whose name is written to the file.
    pub(super) fn exclusive(path: &Path) -> Result<Self, NotLocked> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The name of the holder is only for messages.
                let _ = file.take(1024).read_to_string(&mut holder);
                return Err(NotLocked::Held(holder.trim().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(path, &error)),
        }
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder().as_bytes()));
        written.map_err(|error| failed(path, &error))?;
        Ok(Self { file })
    }

    /// Acquires a lock for many holders, as soon as there is no exclusive one.
    pub(super) fn shared(path: &Path) -> Result<Self, NotLocked> {
        let file = open(path)?;
        file.lock_shared().map_err(|error| failed(path, &error))?;
        Ok(Self { file })
    }

    /// The same, if there is no exclusive one now.
    pub(super) fn shared_now(path: &Path) -> Result<Self, NotLocked> {
        let file = open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(NotLocked::Held(String::new())),
            Err(TryLockError::Error(error)) => Err(failed(path, &error)),
        }
    }
}

impl Drop for Lock {
    /// A process that is being started has a copy of the file until it becomes another program, and would hold the lock until
    /// then.
    fn drop(&mut self) {
        // Otherwise it ends when the file is closed everywhere.
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> Result<File, NotLocked> {
    let file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path);
    file.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> NotLocked {
    NotLocked::Failed(StoreError::io("lock", path, error))
}

/// The name of this process.
fn holder() -> String {
    let host = host();
    let start = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    format!("process {} on {host} since {start}\n", std::process::id())
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".to_owned())
}
