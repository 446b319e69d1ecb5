//! Events of a run, reported as they happen: for progress, logs, traces and your own callbacks.
//!
//! Events only report; nothing in the runtime depends on them. Without listeners, an event costs one conditional branch
//! and is not created.

pub mod timing;
pub mod tracing;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    failure::{ExitStatus, Failure},
    panic::guard,
    place::Place,
    policy::Strategy,
    result::{CircuitState, ParallelFlowResult, RunOutcome},
    stderr,
};

/// Receives events, on the thread on which they happen, so it must be fast. A listener that panics is not called again,
/// and the run fails at its end.
///
/// Every closure `Fn(&Event<'_>) + Send + Sync` is a listener.
pub trait Listener: Send + Sync {
    /// Called when something has just happened. Events of nodes in workers may be a quarter of a second old, and
    /// contain the time.
    fn on_event(&self, event: &Event<'_>);

    /// What it wants to know about nodes in worker processes; everything by default. Called when the run first reaches
    /// a branch that runs in a worker.
    fn wants(&self) -> Detail {
        Detail::ALL
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync> Listener for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// What is reported about nodes in worker processes. Each of these events is a message to this process, so events that
/// no listener wants are not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// [`Event::NodeStarted`] and [`Event::NodeFinished`].
    pub nodes: bool,
    /// [`Event::Progress`].
    pub progress: bool,
}

impl Detail {
    /// Everything.
    pub const ALL: Self = Self { nodes: true, progress: true };

    /// Nothing.
    pub const NONE: Self = Self { nodes: false, progress: false };
}

/// A handle through which a run emits its events. It is cheap to clone. The default has no listeners.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<Shared>>);

struct Shared {
    listeners: Vec<Hearer>,
    last_scope: AtomicU64,
}

struct Hearer {
    listener: Arc<dyn Listener>,
    panicked: OnceLock<Box<Failure>>,
}

impl Events {
    /// A handle that notifies these listeners, in this order.
    #[must_use]
    pub fn new(listeners: Vec<Arc<dyn Listener>>) -> Self {
        if listeners.is_empty() {
            return Self(None);
        }
        let hearer = |listener| Hearer { listener, panicked: OnceLock::new() };
        let listeners = listeners.into_iter().map(hearer).collect();
        Self(Some(Arc::new(Shared { listeners, last_scope: AtomicU64::new(Scope::ROOT.0) })))
    }

    /// The same with further listeners.
    pub(crate) fn with(&self, more: Vec<Arc<dyn Listener>>) -> Self {
        let Some(shared) = &self.0 else { return Self::new(more) };
        if more.is_empty() {
            return self.clone();
        }
        let all = shared.listeners.iter().map(|hearer| Arc::clone(&hearer.listener)).chain(more);
        let last_scope = shared.last_scope.load(Ordering::Relaxed);
        let events = Self::new(all.collect());
        events.0.iter().for_each(|events| events.last_scope.store(last_scope + (1 << 40), Ordering::Relaxed));
        events
    }

    /// Whether there are listeners.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// What the listeners want to know about nodes in worker processes.
    pub(crate) fn wants(&self) -> Detail {
        let wants = self.0.iter().flat_map(|shared| &shared.listeners).map(|hearer| hearer.listener.wants());
        wants.fold(Detail::NONE, |all, one| Detail {
            nodes: all.nodes || one.nodes,
            progress: all.progress || one.progress,
        })
    }

    /// Notifies every listener. `event` is called only if there is one.
    #[inline]
    pub fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(shared) = &self.0 {
            shared.tell(&event());
        }
    }

    /// Warns the listeners, or people on standard error if there are none.
    pub(crate) fn warn(&self, message: &str) {
        if self.is_active() {
            self.emit(|| Event::Warning { message });
        } else {
            stderr::line(format_args!("warning: {message}"));
        }
    }

    /// The panic of a listener, if one has panicked.
    pub(crate) fn panic(&self) -> Option<Box<Failure>> {
        let mut failure = self.0.as_ref()?.listeners.iter().find_map(|hearer| hearer.panicked.get())?.clone();
        failure.message = format!("a listener of events panicked: {}", failure.message);
        Some(failure)
    }

    /// A new scope, different from all others of this handle and its clones, or [`Scope::ROOT`] if there are no
    /// listeners.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.0.as_ref().map_or(Scope::ROOT, |shared| Scope(shared.last_scope.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

impl Shared {
    fn tell(&self, event: &Event<'_>) {
        for Hearer { listener, panicked } in &self.listeners {
            // Workers and deadlines depend on the threads that emit events, so no panic may end them.
            if panicked.get().is_none()
                && let Err(failure) = guard(|| listener.on_event(event))
            {
                let _another_thread_was_first = panicked.set(failure);
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listeners = self.0.as_ref().map_or(0, |shared| shared.listeners.len());
        f.debug_struct("Events").field("listeners", &listeners).finish()
    }
}

/// One execution of a branch (with all its attempts) or of a map. Its events have the same scope. Within maps and
/// loops, the same branch may be executed several times in a run, even at the same time; each execution has its own
/// scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(u64);

impl Scope {
    /// The run itself, outside of any branch.
    pub const ROOT: Self = Self(0);

    /// A scope for something with a number of its own, for who passes on what others tell.
    #[cfg(feature = "remote")]
    pub(crate) fn numbered(number: u64) -> Self {
        Self(number + 1)
    }

    /// The number of [`numbered`](Self::numbered).
    #[cfg(feature = "remote")]
    pub(crate) fn number(self) -> Option<u64> {
        self.0.checked_sub(1)
    }

    /// Its number: 0 for [`ROOT`](Self::ROOT), then ascending.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A run started.
    RunStarted {
        /// The name of its workflow.
        workflow: &'static str,
    },
    /// All nodes of a run have ended, and those of its `finally` start.
    RunEnding {
        /// How they ended.
        outcome: &'a RunOutcome,
    },
    /// A run ended. Only ends of workers come after this.
    RunFinished {
        /// The time since its start.
        elapsed: Duration,
        /// Whether it produced an output.
        success: bool,
    },
    /// A node starts. Within a scope, nodes run one after the other, with one exception: nodes of fan-outs inside a
    /// branch that a worker runs have the scope of that branch. Even then, nodes with the same name do not run at the
    /// same time. Items of maps are reported by their attempts only.
    NodeStarted {
        /// The branch that it runs in.
        scope: Scope,
        /// The name of the node.
        node: &'a str,
        /// Its position in the workflow file.
        place: Place,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process: that of the worker, or of a worker of the worker.
        pid: u32,
        /// The time of the start; in a worker, an estimate of this process.
        started: Instant,
    },
    /// A node ended. There is no such event for a node whose worker is lost: it ends with the attempt.
    NodeFinished {
        /// The branch that it ran in.
        scope: Scope,
        /// Its name.
        node: &'a str,
        /// Its position in the workflow file.
        place: Place,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process: that of the worker, or of a worker of the worker.
        pid: u32,
        /// The time of the start, as reported.
        started: Instant,
        /// The time since its start.
        elapsed: Duration,
        /// Why it failed, if it did.
        failure: Option<&'a Failure>,
        /// Whether its result was taken from the cache, so that its Rust did not run.
        cached: bool,
    },
    /// A branch was passed to its executor. Its first attempt starts when a thread or worker is free.
    BranchStarted {
        /// This execution of the branch.
        scope: Scope,
        /// The scope that contains the fan-out.
        parent: Scope,
        /// Its name.
        name: &'a str,
        /// Its position in the workflow file.
        place: Place,
        /// The strategy, including changes by the caller.
        strategy: Strategy,
    },
    /// A branch ended, after all its attempts. A skipped branch ends without having started.
    BranchFinished {
        /// This execution of the branch.
        scope: Scope,
        /// Its result.
        result: &'a ParallelFlowResult,
    },
    /// A `dynamic_parallel` node starts.
    MapStarted {
        /// This execution of the map.
        scope: Scope,
        /// The scope that contains the node.
        parent: Scope,
        /// Its name.
        name: &'a str,
        /// Its position in the workflow file.
        place: Place,
        /// The number of items, if it is known in advance.
        total: Option<u64>,
        /// The strategy of its items, including changes by the caller.
        strategy: Strategy,
    },
    /// Items of a map ended. Reported from time to time, and after the last one.
    MapProgress {
        /// The execution of the map.
        scope: Scope,
        /// The number of items that have ended, including those that failed.
        done: u64,
        /// The number of items that have failed.
        failed: u64,
        /// The number of items, if it is known by now.
        total: Option<u64>,
    },
    /// An item of a map failed for good, whether the map may go on without it or not.
    ItemFailed {
        /// The run of the map.
        scope: Scope,
        /// The item's index.
        index: u64,
        /// What became of it; its name is `map[index]`.
        result: &'a ParallelFlowResult,
    },
    /// A `dynamic_parallel` node ended.
    MapFinished {
        /// The execution of the map.
        scope: Scope,
        /// The time since its start.
        elapsed: Duration,
        /// The number of items that have ended, including those that failed or are unfinished.
        done: u64,
        /// The number of items that have failed.
        failed: u64,
        /// The number of items that were told to end before they were done, or wait for an answer.
        unfinished: u64,
        /// The number of items that have ended according to the records of an earlier session, instead of running.
        restored: u64,
        /// The number of items whose results were taken from the cache.
        cached: u64,
    },
    /// An attempt at a branch, or at some items of a map, starts to run on a thread or worker.
    AttemptStarted {
        /// The branch or map.
        scope: Scope,
        /// The name of the branch; for items `map[3]` or `map[3..7]`.
        name: &'a str,
        /// The number of the attempt, counted from 1.
        attempt: u32,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// The process.
        pid: u32,
        /// The time of the start; in a worker, an estimate of this process.
        started: Instant,
        /// Bytes sent to the worker; 0 on a thread.
        sent: u64,
    },
    /// An attempt ended.
    AttemptFinished {
        /// The branch or map.
        scope: Scope,
        /// The name, as in the event of its start.
        name: &'a str,
        /// By what people recognize its items, the first and the last: only for listeners that want to know about nodes.
        label: Option<&'a str>,
        /// The number of the attempt, counted from 1.
        attempt: u32,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// The process.
        pid: u32,
        /// The time since its start on the thread or worker.
        elapsed: Duration,
        /// Bytes received from the worker; 0 on a thread.
        received: u64,
        /// Its processor time, as in [`ParallelFlowResult::cpu`].
        cpu: Option<Duration>,
        /// The most memory, as in [`ParallelFlowResult::peak_memory`].
        peak_memory: Option<u64>,
        /// Why it failed, if it did; for items, the failure of the first that failed.
        failure: Option<&'a Failure>,
    },
    /// A failed attempt will be retried.
    RetryScheduled {
        /// The branch or map.
        scope: Scope,
        /// The name, as in the event of the attempt's start.
        name: &'a str,
        /// By what people recognize the item.
        label: Option<&'a str>,
        /// The number of the next attempt.
        attempt: u32,
        /// The wait before it.
        delay: Duration,
        /// Why the last attempt failed.
        failure: &'a Failure,
    },
    /// A circuit breaker opened, half-opened or closed.
    CircuitChanged {
        /// The branch or map.
        scope: Scope,
        /// Its name.
        name: &'a str,
        /// The new state.
        state: CircuitState,
    },
    /// A node reported progress (`ctx.progress(done, total)`).
    Progress {
        /// The branch that it runs in.
        scope: Scope,
        /// The node.
        node: &'a str,
        /// How much is done.
        done: u64,
        /// The total; 0 if it is unknown.
        total: u64,
    },
    /// A worker process is ready.
    WorkerStarted {
        /// The number of the worker, counted from 0; each number is used only once in a run.
        worker: u32,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// Its process.
        pid: u32,
        /// The time from its start until it reported ready.
        elapsed: Duration,
    },
    /// A worker process ended as requested.
    WorkerEnded {
        /// The worker.
        worker: u32,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// Its process.
        pid: u32,
    },
    /// A worker process was lost: it ended or was killed before it was done.
    WorkerLost {
        /// The worker.
        worker: u32,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// Its process.
        pid: u32,
        /// How it ended, if known.
        exit: Option<ExitStatus>,
        /// What it was running; empty if nothing.
        running: &'a str,
    },
    /// A worker printed a line to its standard output or error.
    WorkerOutput {
        /// The worker.
        worker: u32,
        /// The host of the pool; `None` on this machine.
        host: Option<&'a str>,
        /// Its process.
        pid: u32,
        /// The branch or items that were running; empty if there were none.
        label: &'a str,
        /// The line, without its line end.
        line: &'a str,
    },
    /// Something that is not a failure, but that the user should know.
    Warning {
        /// A message of one sentence.
        message: &'a str,
    },
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn nobody_listens_and_no_event_is_built() {
        let events = Events::default();
        events.emit(|| unreachable!("nobody listens"));
        assert!(!events.is_active());
        assert_eq!(events.scope(), Scope::ROOT);
        assert!(!Events::new(Vec::new()).is_active());
    }

    #[test]
    fn every_listener_hears_it_in_order() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = |name: &'static str| -> Arc<dyn Listener> {
            let heard = Arc::clone(&heard);
            Arc::new(move |event: &Event<'_>| {
                if let Event::Warning { message } = event {
                    heard.lock().unwrap().push(format!("{name}: {message}"));
                }
            })
        };
        let events = Events::new(vec![listener("a"), listener("b")]);
        let message = String::from("low on disk");
        events.clone().emit(|| Event::Warning { message: &message });
        assert_eq!(*heard.lock().unwrap(), ["a: low on disk", "b: low on disk"]);
    }

    struct Modest(Detail);

    impl Listener for Modest {
        fn on_event(&self, _: &Event<'_>) {}

        fn wants(&self) -> Detail {
            self.0
        }
    }

    #[test]
    fn workers_tell_what_any_listener_wants() {
        let (nodes, progress) = (Detail { nodes: true, ..Detail::NONE }, Detail { progress: true, ..Detail::NONE });
        assert_eq!(Events::default().wants(), Detail::NONE);
        for (one, other, both) in
            [(Detail::NONE, Detail::NONE, Detail::NONE), (Detail::NONE, nodes, nodes), (progress, nodes, Detail::ALL)]
        {
            assert_eq!(Events::new(vec![Arc::new(Modest(one)), Arc::new(Modest(other))]).wants(), both);
        }
        assert_eq!(Events::new(vec![Arc::new(|_: &Event<'_>| ())]).wants(), Detail::ALL);
    }

    #[test]
    fn scopes_differ_between_clones() {
        let events = Events::new(vec![Arc::new(|_: &Event<'_>| ())]);
        let (first, second) = (events.scope(), events.clone().scope());
        assert_ne!(first, Scope::ROOT);
        assert!(first < second);
    }
}
