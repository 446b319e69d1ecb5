//! What nodes print while the workflow runs, on its way to standard error.
//!
//! `println!` panics if it cannot write, and the node's result would be lost because nobody reads what it prints: the
//! reader has left, or the disk is full. So nodes print into a pipe, as in a worker, from which it is copied as far as
//! possible. On a terminal they print directly.
//!
//! What is written to standard error itself takes no such detour: it may be the last words of a process that crashes.
//! But once nobody can read it, it leads nowhere, so that `eprintln!` does not panic.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionread},
    pipe::{PipeFlags, pipe_with},
    process::{Resource, getrlimit},
    stdio::{dup2_stderr, dup2_stdout},
};

use super::output;
use crate::user_code;

/// A process that may have fewer descriptors than this has few for workers.
const SCARCE: u64 = 64;

/// As long as there is one, nodes print into its pipe.
#[derive(Debug)]
pub(super) struct Prints(Arc<Pipe>);

/// The end of the pipe that is read.
#[derive(Debug)]
struct Pipe {
    file: File,
    /// Whoever reads has it until what was read is written.
    copying: Mutex<()>,
}

impl Prints {
    /// Leads standard output, which leads to standard error, into a pipe. Not if standard error is a terminal, or if there
    /// are so few descriptors that workers may need this one.
    ///
    /// # Errors
    /// If there are no descriptors or threads left.
    pub(super) fn redirect() -> io::Result<Option<Self>> {
        let scarce = getrlimit(Resource::Nofile).current.is_some_and(|most| most < SCARCE);
        if io::stderr().is_terminal() || scarce {
            return Ok(None);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
        // Also before the first node prints.
        if matches!(poll(&mut [PollFd::new(&io::stderr(), PollFlags::empty())], Some(&Timespec::default())), Ok(1..)) {
            forget_stderr()?;
        }
        let pipe = Arc::new(Pipe { file: read.into(), copying: Mutex::default() });
        let shared = Arc::clone(&pipe);
        let copy = move || {
            user_code::forbid();
            while shared.is_readable() && shared.copy() {}
        };
        thread::Builder::new().name("tea-prints".to_owned()).spawn(copy)?;
        dup2_stdout(write)?;
        Ok(Some(Self(pipe)))
    }
}

impl Drop for Prints {
    /// From now on, prints go to standard error directly: C libraries write what they have left when the process ends.
    fn drop(&mut self) {
        let _ = dup2_stdout(io::stderr());
        while self.0.copy() {}
    }
}

impl Pipe {
    /// Waits until something was printed, or nobody can print anymore. Meanwhile sees to standard error.
    fn is_readable(&self) -> bool {
        loop {
            let stderr = io::stderr();
            let mut both = [PollFd::new(&self.file, PollFlags::IN), PollFd::new(&stderr, PollFlags::empty())];
            match poll(&mut both, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return false,
            }
            let [printed, unread] = both.map(|one| !one.revents().is_empty());
            if unread && forget_stderr().is_err() {
                return false;
            }
            if printed {
                return true;
            }
        }
    }

    /// Copies what was printed. Returns `false` if nothing was.
    fn copy(&self) -> bool {
        let _copying = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut printed = vec![0; 1 << 16];
        let length = match ioctl_fionread(&self.file) {
            Ok(1..) => (&self.file).read(&mut printed).unwrap_or(0),
            _ => 0,
        };
        // What cannot be written is lost, and nothing else.
        let _ = output::write_whole(io::stderr().lock(), &printed[..length]);
        length > 0
    }
}

/// Leads standard error nowhere.
fn forget_stderr() -> io::Result<()> {
    Ok(dup2_stderr(File::options().write(true).open("/dev/null")?)?)
}
