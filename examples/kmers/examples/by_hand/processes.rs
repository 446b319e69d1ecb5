//! Counts in worker processes, with as little code as possible: numbers are sent as they are in memory, and the whole
//! program fails if a worker is lost.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use bytemuck::{cast_slice, cast_slice_mut};

use crate::{Outcome, counts::Counts, sequence::Part};

/// The argument that makes a process a worker.
pub(crate) const WORKER: &str = "worker";

/// Counts each part in a worker; there are as many workers as cores.
pub(crate) fn count(parts: &[Part], k: usize) -> Outcome<Vec<Counts>> {
    let next = AtomicUsize::new(0);
    let counted = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| drive(parts, k, &next))).collect();
        workers.into_iter().map(|worker| worker.join().expect("it does not panic")).collect::<Outcome<Vec<_>>>()
    })?;
    let mut counted: Vec<_> = counted.into_iter().flatten().collect();
    counted.sort_by_key(|(part, _)| *part);
    Ok(counted.into_iter().map(|(_, counts)| counts).collect())
}

/// Lets a worker count parts until none is left.
fn drive(parts: &[Part], k: usize, next: &AtomicUsize) -> Outcome<Vec<(usize, Counts)>> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut worker =
        Command::new(std::env::current_exe()?).arg(WORKER).stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    let mut counts = Vec::new();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(Part { bases }) = parts.get(at) else { break };
        ours.write_all(cast_slice(&[k, bases.len()]))?;
        ours.write_all(bases)?;
        let mut lengths = [0_usize; 1];
        ours.read_exact(cast_slice_mut(&mut lengths))?;
        let mut kmers = vec![0_u64; lengths[0]];
        ours.read_exact(cast_slice_mut(&mut kmers))?;
        let mut times = vec![0_u32; lengths[0]];
        ours.read_exact(cast_slice_mut(&mut times))?;
        counts.push((at, Counts { kmers, times }));
    }
    ours.shutdown(Shutdown::Both)?;
    worker.wait()?;
    Ok(counts)
}

/// Counts parts until no more arrive.
pub(crate) fn serve() -> Outcome<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut head = [0_usize; 2];
    let mut bases = Vec::new();
    while socket.read_exact(cast_slice_mut(&mut head)).is_ok() {
        let [k, length] = head;
        bases.resize(length, 0);
        socket.read_exact(&mut bases)?;
        let part = Part { bases };
        let Counts { kmers, times } = Counts::of(&part, k)?;
        socket.write_all(cast_slice(&[kmers.len()]))?;
        socket.write_all(cast_slice(&kmers))?;
        socket.write_all(cast_slice(&times))?;
        bases = part.bases;
    }
    Ok(())
}
