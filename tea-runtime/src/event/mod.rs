//! Events of a run, reported as they happen: for progress, logs, traces and your own callbacks.
//!
//! Events only report; nothing in the runtime depends on them. Without listeners, an event costs one conditional branch
//! and is not created.

mod events;
mod listener;
mod scope;
pub mod timing;
pub mod tracing;

use std::time::{Duration, Instant};

pub use self::{
    events::Events,
    listener::{Detail, Listener},
    scope::Scope,
};
use crate::{
    failure::{ExitStatus, Failure},
    place::Place,
    policy::Strategy,
    result::{CircuitState, ParallelFlowResult, RunOutcome},
};

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
