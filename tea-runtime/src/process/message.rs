//! What parent and worker tell each other.
//!
//! A payload is a postcard message, then the values that it announces: their bytes stand beside the codec, not in it.

use serde::{Deserialize, Serialize};

use crate::{engine::settings::Sent, event::Detail, failure::Failure, plan::Place};

/// Counted up with every change of a message or of the frames.
pub(crate) const PROTOCOL: u32 = 5;

/// Kind of the frames that are taken in order.
pub(crate) const WORK: u8 = 1;

/// Kind of the frames that a worker takes at once, also while a task runs.
pub(crate) const CANCEL: u8 = 2;

/// Descriptors that come with the first message: where the worker reads short frames, where it writes them, and the
/// socket for long ones.
pub(crate) const LANE_ENDS: usize = 3;

/// A message from a parent to its worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker<'a> {
    /// The first message.
    Setup(Setup),
    /// Run a branch.
    #[serde(borrow)]
    Branch(Branch<'a>),
    /// Run items of a map.
    Items(Items<'a>),
    /// A task is cancelled. It may be over already.
    Cancel { task: u64, sibling: bool },
    /// There will be no more. Say goodbye and end.
    Goodbye,
}

/// What a worker must know before it runs anything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Bytes that it may allocate.
    pub(crate) memory_limit: Option<u64>,
    /// The caller's ceiling on how much runs at once, for fan-outs within branches.
    pub(crate) max_workers: Option<u64>,
    /// What somebody wants to hear of its nodes.
    pub(crate) tells: Detail,
    /// What the caller changed of the settings, for the same.
    pub(crate) settings: Sent,
}

/// A branch to run; the values that it reads follow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Branch<'a> {
    /// This attempt's number in the pool.
    pub(crate) task: u64,
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    pub(crate) module: &'a str,
    pub(crate) workflow: &'a str,
    /// The region's id, and the branch's index there.
    pub(crate) region: u32,
    pub(crate) index: u32,
    pub(crate) attempt: u32,
    /// The largest result.
    pub(crate) max_payload: u64,
    pub(crate) values: Vec<ValueHead>,
}

/// Items of a map to run; the values that the body reads follow, then the items.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Items<'a> {
    /// This attempt's number in the pool.
    pub(crate) task: u64,
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    pub(crate) module: &'a str,
    pub(crate) workflow: &'a str,
    /// The map's id.
    pub(crate) map: u32,
    /// The first item's position in the attempt, and its index in the map.
    pub(crate) first: u64,
    pub(crate) start: u64,
    pub(crate) attempt: u32,
    /// The largest result.
    pub(crate) max_payload: u64,
    /// What the body reads; `None` if that is what the last such message brought.
    pub(crate) view: Option<Vec<ValueHead>>,
    /// Bytes of each item.
    pub(crate) lengths: Vec<u64>,
}

/// Announces a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueHead {
    pub(crate) key: u32,
    pub(crate) length: u64,
}

/// A message from a worker to its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The first message.
    Hello(Hello),
    /// A branch ended.
    BranchEnd { task: u64, nanos: u64, outcome: Result<BranchEnd, Box<Failure>> },
    /// The item at this position of an attempt ended; the bytes of its result follow.
    ItemEnd { task: u64, at: u64, failure: Option<Box<Failure>> },
    /// A node of what runs starts, or ended.
    Node(Node),
    /// A node of what runs told how far it is.
    Progress { node: String, done: u64, total: u64 },
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

/// How a branch ended; the values that it wrote follow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BranchEnd {
    pub(crate) goes_to: Vec<u32>,
    pub(crate) values: Vec<ValueHead>,
}

/// A node of the branch that runs, or of what a worker of the worker runs for it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The process that runs it.
    pub(crate) pid: u32,
    /// Nanoseconds from the start of the attempt to the node's.
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

/// The bytes of a message.
pub(crate) fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).expect("messages are plain data")
}

/// Appends the bytes of a message.
pub(crate) fn append<T: Serialize>(message: &T, into: &mut Vec<u8>) {
    *into = postcard::to_extend(message, std::mem::take(into)).expect("messages are plain data");
}

/// Reads a message. Gives it with the bytes that follow.
pub(crate) fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<(T, &'a [u8]), String> {
    postcard::take_from_bytes(payload).map_err(|error| format!("a message cannot be read: {error}"))
}
