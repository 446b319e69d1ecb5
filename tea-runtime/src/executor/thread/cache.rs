//! Threads that are kept for a while when they are idle, because starting one costs as much as a hundred short
//! branches.
//!
//! There is no limit here, because executors limit the threads of a run. So a node that runs its own workflow, and
//! waits for it, cannot end up waiting for threads that wait for the node.

use std::{
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    pacing::LINGER,
    panic::guard,
    sync::{lock, look},
};

/// Something to run.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads that wait for a job.
static IDLE: Mutex<Vec<Arc<Idle>>> = Mutex::new(Vec::new());

static STARTED: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Idle {
    next: Mutex<Next>,
    there: Condvar,
}

/// What an idle thread gets.
#[derive(Default)]
struct Next {
    job: Option<Job>,
    /// Whether it has to be woken for it.
    sleeps: bool,
}

/// Runs `job` on a thread of its own.
///
/// # Errors
/// Returns the job if no thread can be started.
pub(crate) fn run(job: Job) -> Result<(), (Job, std::io::Error)> {
    let idle = idle().pop();
    let Some(idle) = idle else { return start(job) };
    let mut next = lock(&idle.next);
    next.job = Some(job);
    let sleeps = next.sleeps;
    drop(next);
    if sleeps {
        idle.there.notify_one();
    }
    Ok(())
}

/// Drops what is the user's on a thread where the user's Rust may run.
pub(crate) fn drop_elsewhere(value: impl Send + 'static) {
    // Without a thread to spare it is dropped here: better than to keep it for ever.
    drop(run(Box::new(move || drop(value))));
}

fn start(job: Job) -> Result<(), (Job, std::io::Error)> {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let slot = Arc::new(Mutex::new(Some(job)));
    let take = |slot: &Mutex<Option<Job>>| lock(slot).take();
    let there = Arc::clone(&slot);
    let work = move || {
        let mut next = take(&there);
        while let Some(job) = next {
            // Panics of a job are caught and reported elsewhere. This one only protects the next job.
            drop(guard(job));
            next = wait();
        }
    };
    match thread::Builder::new().name(format!("tea-{number}")).stack_size(*STACK).spawn(work) {
        Ok(_) => Ok(()),
        Err(error) => take(&slot).map_or(Ok(()), |job| Err((job, error))),
    }
}

/// The next job of this thread, if one arrives in time.
fn wait() -> Option<Job> {
    let this = Arc::new(Idle::default());
    idle().push(Arc::clone(&this));
    look(Duration::ZERO, || lock(&this.next).job.is_some());
    let mut next = lock(&this.next);
    loop {
        if let Some(job) = next.job.take() {
            return Some(job);
        }
        next.sleeps = true;
        let (back, waited) = this.there.wait_timeout(next, LINGER).unwrap_or_else(PoisonError::into_inner);
        next = back;
        if !waited.timed_out() || next.job.is_some() {
            continue;
        }
        drop(next);
        let mut all = idle();
        let Some(at) = all.iter().position(|idle| Arc::ptr_eq(idle, &this)) else {
            // Another thread has removed it from the list, and is about to send a job.
            drop(all);
            next = lock(&this.next);
            continue;
        };
        all.remove(at);
        return None;
    }
}

fn idle() -> MutexGuard<'static, Vec<Arc<Idle>>> {
    lock(&IDLE)
}

/// The size of stacks: that of the main thread, so that a node can recurse as deeply in a branch as outside of any.
pub(crate) static STACK: LazyLock<usize> = LazyLock::new(|| {
    /// The default on Linux, and the size that is used if there is no limit.
    const USUAL: usize = 8 << 20;
    let by_hand = std::env::var("RUST_MIN_STACK").ok().and_then(|bytes| bytes.parse().ok());
    by_hand.unwrap_or(0).max(main_thread().unwrap_or(USUAL).max(USUAL / 4))
});

#[cfg(unix)]
fn main_thread() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    const MOST: u64 = 1 << 30;
    let limit = getrlimit(Resource::Stack).current?;
    usize::try_from(limit.min(MOST)).ok()
}

#[cfg(not(unix))]
fn main_thread() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_whose_job_panicked_takes_the_next() {
        let (tell, told) = mpsc::channel();
        for round in 0..10 {
            let tell = tell.clone();
            let job: Job = Box::new(move || {
                tell.send(round).unwrap();
                assert!(round % 2 == 0, "a job may panic");
            });
            run(job).map_err(|(_, error)| error).unwrap();
            assert_eq!(told.recv().unwrap(), round);
        }
    }
}
