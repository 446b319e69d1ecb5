//! What a parent and its worker tell each other, through one stream that goes both ways.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    event::Detail,
    executor::{
        breakers::{BreakerAnswer, BreakerAt, BreakerCall},
        wire::{UnitHead, ValueHead},
    },
    failure::Failure,
    plan::Place,
};

/// Counted up with every change of a message or of the frames.
pub(crate) const PROTOCOL: u32 = 6;

/// Kind of the frames that hold a [`ToWorker`] or a [`FromWorker`].
pub(crate) const MESSAGE: u8 = 1;

/// Kind of the frames that hold a [`PartEnd`](crate::executor::wire::PartEnd), with the bytes of the result behind it. They
/// are passed on as they are.
pub(crate) const PART_END: u8 = 2;

/// A message from a parent to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker<'a> {
    /// The first message.
    Setup(Setup),
    /// A run, before its first unit.
    Run(Run),
    /// That run has ended: nothing of it comes any more.
    RunEnded { run: u64 },
    /// Run a unit.
    #[serde(borrow)]
    Unit(Unit<'a>),
    /// A unit is cancelled. It may be over already.
    Cancel { unit: u64, sibling: bool },
    /// A token that the worker asked for.
    Token,
    /// The answer to [`FromWorker::Breaker`] number `ask`.
    Breaker { ask: u64, answer: BreakerAnswer },
    /// There will be no more units. Say goodbye and end.
    Goodbye,
}

/// What a worker must know before it runs anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Bytes that it may allocate.
    pub(crate) memory_limit: Option<u64>,
    /// What its parent's program may allocate: the limit of workers without one. A worker would else inherit that of
    /// the worker that started it.
    pub(crate) inherited_limit: Option<u64>,
}

/// What a worker must know of a run.
#[expect(clippy::struct_field_names, reason = "its number, as in all other messages")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) run: u64,
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    pub(crate) module: String,
    pub(crate) workflow: String,
    /// What somebody wants to hear of its nodes.
    pub(crate) tells: Detail,
    /// What the caller changed of the settings, for fan-outs within units.
    pub(crate) settings: Vec<u8>,
}

/// A unit to run. The values that it reads follow, then its items.
#[expect(clippy::struct_field_names, reason = "its number, as in all other messages")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unit<'a> {
    pub(crate) unit: u64,
    pub(crate) run: u64,
    #[serde(borrow)]
    pub(crate) head: UnitHead<'a>,
    /// What it reads; `None` if that is what the last unit that came with a view read.
    pub(crate) view: Option<Vec<ValueHead>>,
    /// The parent's current folder, in which it runs, if that is another one than for the unit before.
    #[serde(borrow)]
    pub(crate) folder: Option<Cow<'a, [u8]>>,
}

/// A message from a worker to its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The first message.
    Hello(Hello),
    /// A node of what runs starts, or ended.
    Node(Node),
    /// A node of what runs told how far it is.
    Progress { node: String, done: u64, total: u64 },
    /// It has use for another token, for fan-outs within its unit.
    TokenWanted,
    /// It has no use any more for one that it got.
    TokenReturned,
    /// It asks a circuit breaker of a run, or tells it something.
    Breaker { ask: u64, run: u64, at: BreakerAt, call: BreakerCall },
    /// What the unit that ends next has changed in the process cannot be undone. No other unit runs here, and this process
    /// is to be replaced.
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

/// A node of the unit that runs, or of what a worker of the worker runs for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The process that runs it.
    pub(crate) pid: u32,
    /// Nanoseconds from the start of the unit to the node's.
    pub(crate) since: u64,
    /// `None` as it starts.
    pub(crate) end: Option<NodeEnd>,
}

/// How a node ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeEnd {
    /// Nanoseconds from its start.
    pub(crate) elapsed: u64,
    pub(crate) failure: Option<Box<Failure>>,
}
