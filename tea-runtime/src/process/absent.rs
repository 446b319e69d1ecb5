//! What stands for the process strategy where there is none, as on Windows: it needs Unix sockets, process groups and
//! signals. Workflows run on threads there, and a branch that is to run in a process fails.

use crate::failure::{Failure, FailureKind};

/// Lets this program serve as its own worker; here it does nothing.
pub fn init() {}

/// The worker's entry in a test program; here it does nothing.
pub fn test_entry() {}

/// A test that serves as a worker's entry in a test program.
pub struct TestEntry(pub &'static str);
inventory::collect!(TestEntry);

/// No process is a worker.
pub(crate) fn refuse_unserved_worker() {}

/// Whether this process may start copies of itself as workers: it may not.
///
/// # Errors
/// Always.
pub(crate) fn can_have_workers() -> Result<(), Box<Failure>> {
    let message = "there are no worker processes on this system: run it with `--parallel-strategy thread`, or write \
                   `thread` in the workflow";
    Err(Box::new(Failure::new(FailureKind::Error, message)))
}

pub(crate) mod pool {
    use std::{path::PathBuf, sync::Arc, time::Duration};

    use crate::executor::{Attempt, ItemsEnd, Job, JobWork};

    /// What a pool would be made with.
    #[derive(Debug)]
    pub(crate) struct Options {
        pub(crate) max_workers: usize,
        #[expect(dead_code, reason = "nothing is started")]
        pub(crate) program: Option<PathBuf>,
        #[expect(dead_code, reason = "nothing is started")]
        pub(crate) handshake: Duration,
    }

    /// A pool in which every attempt fails.
    #[derive(Debug)]
    pub(crate) struct Pool(Options);

    impl Pool {
        pub(crate) fn new(options: Options) -> Arc<Self> {
            Arc::new(Self(options))
        }

        pub(crate) fn max_workers(&self) -> usize {
            self.0.max_workers
        }

        pub(crate) fn window(&self) -> usize {
            self.0.max_workers
        }

        #[expect(clippy::unused_self, reason = "as the pool that there is on Unix")]
        pub(crate) fn submit(&self, job: Job) {
            let Err(failure) = super::can_have_workers() else { return };
            match job.work {
                JobWork::Branch { done, .. } => done(ended(Err(failure))),
                JobWork::Items { batch, view, done, .. } => {
                    drop(view);
                    let failures = (0..batch.len()).map(|item| (item, failure.clone())).collect();
                    done(ended(ItemsEnd { batch: Some(batch), failures }));
                }
            }
        }

        #[expect(clippy::unused_self, reason = "as the pool that there is on Unix")]
        pub(crate) fn close(&self) {}
    }

    fn ended<T>(outcome: T) -> Attempt<T> {
        Attempt { outcome, pid: std::process::id(), worker: None, elapsed: Duration::ZERO }
    }
}
