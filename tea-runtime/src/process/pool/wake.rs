//! Wakes the supervisor, which waits for many things at once.

use std::{
    io::{self, PipeReader, PipeWriter, Read as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::io::ioctl_fionbio;

/// Wakes the supervisor.
pub(crate) struct Wake {
    pub(crate) read: PipeReader,
    write: PipeWriter,
    /// Whether it has been woken and has not reacted yet.
    woken: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = io::pipe()?;
        ioctl_fionbio(&read, true)?;
        ioctl_fionbio(&write, true)?;
        Ok(Self { read, write, woken: AtomicBool::new(false) })
    }

    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It is full only if it has been written to already.
            let _ = (&self.write).write(&[0]);
        }
    }

    pub(crate) fn clear(&self) {
        let _ = (&self.read).read(&mut [0; 64]);
        self.woken.store(false, Ordering::Release);
    }
}
