//! What happens in a run, told as it happens: for progress, logs, traces and the caller's own callbacks.
//!
//! Whoever does something emits it here; nobody decides anything by an event. A handle without listeners costs one
//! branch and builds no event.

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
    plan::{Map, Place, Plan, Region},
    policy::Strategy,
    result::{CircuitState, ParallelFlowResult},
    stderr,
};

/// Takes events, on whichever thread they happen: it must be quick. One that panics is told no more, and the run fails
/// for it in the end.
///
/// Every closure `Fn(&Event<'_>) + Send + Sync` is one.
pub trait Listener: Send + Sync {
    /// Something happened, just now. What a worker tells of its nodes may be a quarter of a second old: it says when it was.
    fn on_event(&self, event: &Event<'_>);

    /// What it wants to hear of the nodes that run in worker processes: everything, unless it says less. Asked when the
    /// run first comes to such a branch.
    fn wants(&self) -> Detail {
        Detail::ALL
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync> Listener for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// What is told of the nodes that run in worker processes. Each such event is a message to this process; what no
/// listener wants is not sent.
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

/// Where a run emits its events. Cheap to clone; the default has no listeners.
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
    /// A handle that tells these listeners, in this order.
    #[must_use]
    pub fn new(listeners: Vec<Arc<dyn Listener>>) -> Self {
        if listeners.is_empty() {
            return Self(None);
        }
        let hearer = |listener| Hearer { listener, panicked: OnceLock::new() };
        let listeners = listeners.into_iter().map(hearer).collect();
        Self(Some(Arc::new(Shared { listeners, last_scope: AtomicU64::new(Scope::ROOT.0) })))
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// What listeners want to hear of the nodes that run in worker processes.
    pub(crate) fn wants(&self) -> Detail {
        let wants = self.0.iter().flat_map(|shared| &shared.listeners).map(|hearer| hearer.listener.wants());
        wants.fold(Detail::NONE, |all, one| Detail {
            nodes: all.nodes || one.nodes,
            progress: all.progress || one.progress,
        })
    }

    /// Tells every listener. `event` is called only if there is one.
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

    /// The first listener's panic, if one has panicked.
    pub(crate) fn panic(&self) -> Option<Box<Failure>> {
        let mut failure = self.0.as_ref()?.listeners.iter().find_map(|hearer| hearer.panicked.get())?.clone();
        failure.message = format!("a listener of events panicked: {}", failure.message);
        Some(failure)
    }

    /// A new scope, different from all others of this handle and its clones; [`Scope::ROOT`] if nobody listens.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.0.as_ref().map_or(Scope::ROOT, |shared| Scope(shared.last_scope.fetch_add(1, Ordering::Relaxed) + 1))
    }
}

impl Shared {
    fn tell(&self, event: &Event<'_>) {
        for Hearer { listener, panicked } in &self.listeners {
            // Events are told on threads that workers and deadlines depend on: no panic may end them.
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

/// One run of a branch (all its attempts) or of a map: what events of the same one have in common. The same branch
/// of a plan may run several times in a run, also at once, within maps and loops; each run of it is a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(u64);

impl Scope {
    /// The run itself, outside of any branch.
    pub const ROOT: Self = Self(0);

    /// Its number: 0 for [`ROOT`](Self::ROOT), then counted up.
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
        /// Its plan.
        plan: &'static Plan,
    },
    /// A run ended; nothing comes after it but the ends of workers.
    RunFinished {
        /// From its start.
        elapsed: Duration,
        /// Whether it gave an output.
        success: bool,
    },
    /// A node's Rust starts. Within one scope, nodes run one after the other, except those of fan-outs within a branch
    /// that a worker runs: they are told with the scope of that branch, and a name runs once at a time. Items of maps are
    /// told of by their attempts.
    NodeStarted {
        /// The branch that it runs in.
        scope: Scope,
        /// Its name.
        node: &'a str,
        /// Where it is written.
        place: Place,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process: the worker's, or that of a worker of its own.
        pid: u32,
        /// When; of a worker, as far as this process can tell.
        started: Instant,
    },
    /// A node's Rust ended. That of a worker which is lost meanwhile is not told: it ended with the attempt.
    NodeFinished {
        /// The branch that it ran in.
        scope: Scope,
        /// Its name.
        node: &'a str,
        /// Where it is written.
        place: Place,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process: the worker's, or that of a worker of its own.
        pid: u32,
        /// When it started, after that was told.
        started: Instant,
        /// From its start.
        elapsed: Duration,
        /// Why it failed, if it did.
        failure: Option<&'a Failure>,
    },
    /// A branch is handed to its executor; its first attempt starts when a thread or worker is free.
    BranchStarted {
        /// This run of the branch.
        scope: Scope,
        /// Where the fan-out stands.
        parent: Scope,
        /// Its fan-out.
        region: &'static Region,
        /// Its index there.
        task: u32,
        /// Its name.
        name: &'a str,
        /// Where it runs, after any override by the caller.
        strategy: Strategy,
    },
    /// A branch ended, after all its attempts. One that was skipped ends without a start.
    BranchFinished {
        /// This run of the branch.
        scope: Scope,
        /// What became of it.
        result: &'a ParallelFlowResult,
    },
    /// A `dynamic_parallel` node starts.
    MapStarted {
        /// This run of the map.
        scope: Scope,
        /// Where the node stands.
        parent: Scope,
        /// The map.
        map: &'static Map,
        /// How many items there are, where that is known beforehand.
        total: Option<u64>,
        /// Where its items run, after any override by the caller.
        strategy: Strategy,
    },
    /// Items of a map ended. Told now and then, and after the last one.
    MapProgress {
        /// The run of the map.
        scope: Scope,
        /// Items that ended, failed ones included.
        done: u64,
        /// Items that failed.
        failed: u64,
        /// How many items there are, as far as it is known by now.
        total: Option<u64>,
    },
    /// A `dynamic_parallel` node ended.
    MapFinished {
        /// The run of the map.
        scope: Scope,
        /// From its start.
        elapsed: Duration,
        /// Items that ended, failed ones included.
        done: u64,
        /// Items that failed.
        failed: u64,
    },
    /// An attempt at a branch, or at some items of a map, starts to run on a thread or worker.
    AttemptStarted {
        /// The branch or map.
        scope: Scope,
        /// The branch's name; of items `map[3]` or `map[3..7]`.
        name: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process.
        pid: u32,
        /// When; of a worker, as far as this process can tell.
        started: Instant,
        /// Bytes sent to the worker; 0 on a thread.
        sent: u64,
    },
    /// That attempt ended.
    AttemptFinished {
        /// The branch or map.
        scope: Scope,
        /// As in its start.
        name: &'a str,
        /// Which attempt, from 1.
        attempt: u32,
        /// The worker; `None` on a thread.
        worker: Option<u32>,
        /// The process.
        pid: u32,
        /// From its start on the thread or worker.
        elapsed: Duration,
        /// Bytes received from the worker; 0 on a thread.
        received: u64,
        /// Why it failed, if it did. Of items: the first that did.
        failure: Option<&'a Failure>,
    },
    /// A failed attempt will be tried again.
    RetryScheduled {
        /// The branch or map.
        scope: Scope,
        /// As in the attempt's start.
        name: &'a str,
        /// The coming attempt.
        attempt: u32,
        /// How long it waits.
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
        /// What it is now.
        state: CircuitState,
    },
    /// A node told how far it is (`ctx.progress(done, total)`).
    Progress {
        /// The branch that it runs in.
        scope: Scope,
        /// The node.
        node: &'a str,
        /// How much is done.
        done: u64,
        /// Of how much; 0 where that is not known.
        total: u64,
    },
    /// A worker process is ready.
    WorkerStarted {
        /// The worker, from 0; no number is used twice in a run.
        worker: u32,
        /// Its process.
        pid: u32,
        /// From its spawning to its hello.
        elapsed: Duration,
    },
    /// A worker process ended as it was asked to.
    WorkerEnded {
        /// The worker.
        worker: u32,
        /// Its process.
        pid: u32,
    },
    /// A worker process ended, or was killed, before it was done.
    WorkerLost {
        /// The worker.
        worker: u32,
        /// Its process.
        pid: u32,
        /// How it ended, where known.
        exit: Option<ExitStatus>,
        /// What it was running, empty if nothing.
        running: &'a str,
    },
    /// A worker wrote a line to its standard output or error.
    WorkerOutput {
        /// The worker.
        worker: u32,
        /// Its process.
        pid: u32,
        /// The branch or items that ran then; empty if none did.
        label: &'a str,
        /// The line, without its end.
        line: &'a str,
    },
    /// Something that is no failure but should be known.
    Warning {
        /// One sentence.
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
