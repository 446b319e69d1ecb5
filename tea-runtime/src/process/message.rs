//! The messages between a parent and its worker.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    cancel::CancelReason,
    event::Detail,
    executor::{
        breakers::{BreakerAnswer, BreakerAt, BreakerCall},
        run_info::RunInfo,
        wire::{UnitHead, ValueHead},
    },
    failure::Failure,
    plan::Place,
};

/// The version of the protocol, incremented with every change of a message or of the frames.
pub(crate) const PROTOCOL: u32 = 10;

/// The kind of frames that contain a [`ToWorker`] or a [`FromWorker`].
pub(crate) const MESSAGE: u8 = 1;

/// The kind of frames that contain a [`PartEnd`](crate::executor::wire::PartEnd), followed by the bytes of the result.
/// They are passed on unchanged.
pub(crate) const PART_END: u8 = 2;

/// The kind of frames that contain a [`RecordHead`], followed by the bytes of a record, which are passed on unchanged.
pub(crate) const RECORD: u8 = 3;

/// Announces a record of something that the running unit has done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordHead {
    pub(crate) unit: u64,
    /// [`RawRecord::kind`](crate::store::RawRecord::kind).
    pub(crate) kind: u8,
}

/// A message from a parent to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker<'a> {
    /// The first message.
    Setup(Setup),
    /// A run, before its first unit.
    Run(Run),
    /// A run has ended, and no more of its units will come.
    RunEnded { run: u64 },
    /// Run a unit.
    #[serde(borrow)]
    Unit(Unit<'a>),
    /// A unit is cancelled. It may have ended already.
    Cancel { unit: u64, why: CancelReason },
    /// A unit should run on another worker, unless it has begun. It may have ended already.
    Recall { unit: u64 },
    /// A token that the worker requested.
    Token,
    /// The answer to [`FromWorker::Breaker`] number `ask`.
    Breaker { ask: u64, answer: BreakerAnswer },
    /// There will be no more units. The worker should say goodbye and end.
    Goodbye,
}

/// What a worker needs to know before it runs anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The number of bytes that it may allocate.
    pub(crate) memory_limit: Option<u64>,
    /// What the program of its parent may allocate, which is the limit of workers without their own. Otherwise a worker
    /// would inherit the limit of the worker that started it.
    pub(crate) inherited_limit: Option<u64>,
}

/// What a worker needs to know about a run.
#[expect(clippy::struct_field_names, reason = "its number, as in all other messages")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) run: u64,
    /// [`RunInfo::id`](crate::executor::run_info::RunInfo::id).
    pub(crate) id: u128,
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    pub(crate) module: String,
    pub(crate) workflow: String,
    /// What listeners want to know about its nodes.
    pub(crate) tells: Detail,
    /// The caller's changes of settings, for fan-outs inside units.
    pub(crate) settings: Vec<u8>,
}

impl Run {
    pub(crate) fn of(info: &RunInfo) -> Self {
        Self {
            run: info.number,
            id: info.id,
            module: info.plan.module.to_owned(),
            workflow: info.plan.name.to_owned(),
            tells: info.tells,
            settings: info.settings.clone(),
        }
    }
}

/// A unit to run. It is followed by the values that it reads, and then by its items.
#[expect(clippy::struct_field_names, reason = "its number, as in all other messages")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unit<'a> {
    pub(crate) unit: u64,
    pub(crate) run: u64,
    #[serde(borrow)]
    pub(crate) head: UnitHead<'a>,
    /// What it reads; `None` if it reads the same as the last unit that came with a view.
    pub(crate) view: Option<Vec<ValueHead>>,
    /// The parent's current directory, in which it runs, if that has changed since the previous unit.
    #[serde(borrow)]
    pub(crate) folder: Option<Cow<'a, [u8]>>,
}

/// A message from a worker to its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The first message.
    Hello(Hello),
    /// A node of the running unit started or ended.
    Node(Node),
    /// A node of the running unit reported progress.
    Progress { node: String, done: u64, total: u64 },
    /// A unit that was recalled, and will not run here.
    Recalled { unit: u64 },
    /// The worker requests another token, for fan-outs inside its unit.
    TokenWanted,
    /// The worker returns a token.
    TokenReturned,
    /// A question or report to a circuit breaker of a run.
    Breaker { ask: u64, run: u64, at: BreakerAt, call: BreakerCall },
    /// The unit that ends next has changed the process in a way that cannot be undone. No other unit runs here, and
    /// this process should be replaced.
    Retire { why: String },
    /// The last message.
    Goodbye,
}

/// Who answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u32,
    pub(crate) fingerprint: u64,
    pub(crate) pid: u32,
}

/// A node of the running unit, or of what a worker of the worker runs for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The process that runs it.
    pub(crate) pid: u32,
    /// The time from the start of the unit to that of the node, in nanoseconds.
    pub(crate) since: u64,
    /// `None` when it starts.
    pub(crate) end: Option<NodeEnd>,
}

/// How a node ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeEnd {
    /// The time since its start, in nanoseconds.
    pub(crate) elapsed: u64,
    pub(crate) failure: Option<Box<Failure>>,
    /// Its result was taken from the cache.
    pub(crate) cached: bool,
}
