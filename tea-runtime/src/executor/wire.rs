//! Units as bytes: the message that carries a unit, and the message that carries the end of one of its parts.
//!
//! A message is encoded with postcard, followed by the values that it announces, which are not part of that encoding.

use std::{
    borrow::Cow,
    fmt,
    ops::{Deref, Range},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use crate::{failure::Failure, state::Value, usage::Usage};

/// The head of a unit. It is followed by the values that the unit reads, and by its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UnitHead<'a> {
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    #[serde(borrow)]
    pub(crate) module: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) workflow: Cow<'a, str>,
    /// The ID of the region or map, and the index of the branch or of the first item in it.
    pub(crate) site: u32,
    pub(crate) first: u64,
    pub(crate) attempt: u32,
    /// The maximum size of a result.
    pub(crate) max_payload: u64,
    /// The size of each item in bytes; empty for a branch.
    pub(crate) items: Vec<u64>,
    /// [`Position::encode`](crate::position::Position::encode).
    #[serde(borrow)]
    pub(crate) position: Cow<'a, [u8]>,
    /// The name of what it reads, if the run is recorded.
    pub(crate) reads: Option<[u8; 16]>,
    /// The records of a branch with fan-outs of its own, as a message of the engine; empty if it is not recorded.
    #[serde(borrow)]
    pub(crate) records: Cow<'a, [u8]>,
}

impl UnitHead<'_> {
    /// The number of parts.
    pub(crate) fn parts(&self) -> usize {
        self.items.len().max(1)
    }

    /// The same, for as long as it is needed.
    #[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "agents keep heads"))]
    pub(crate) fn into_owned(self) -> UnitHead<'static> {
        let Self { module, workflow, site, first, attempt, max_payload, items, position, reads, records } = self;
        UnitHead {
            module: module.into_owned().into(),
            workflow: workflow.into_owned().into(),
            site,
            first,
            attempt,
            max_payload,
            items,
            position: position.into_owned().into(),
            reads,
            records: records.into_owned().into(),
        }
    }
}

/// Announces a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueHead {
    pub(crate) key: u32,
    pub(crate) length: u64,
}

/// The end of a part of a unit. It is followed by the result.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartEnd {
    /// The number that the sender gave the unit.
    pub(crate) unit: u64,
    pub(crate) at: u64,
    /// How long the unit has been running.
    pub(crate) nanos: u64,
    /// What the unit has used; told with its last part.
    pub(crate) usage: Option<Usage>,
    /// The size of the result in bytes.
    pub(crate) length: u64,
    pub(crate) outcome: Result<ResultHead, Box<Failure>>,
}

/// Announces the result of a part that succeeded: for a branch, the tasks that follow and the values that it wrote; for
/// an item, nothing but its bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ResultHead {
    pub(crate) goes_to: Vec<u32>,
    pub(crate) values: Vec<ValueHead>,
}

/// A unit as bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) head: UnitHead<'static>,
    /// The values that it reads, which the units of a map share.
    pub(crate) view: Arc<EncodedView>,
    pub(crate) items: Vec<u8>,
}

/// Values that a unit reads, as bytes.
#[derive(Debug)]
pub(crate) struct EncodedView {
    /// Identifies the view within this process, so that a receiver can be told that it already has it.
    pub(crate) number: u64,
    pub(crate) heads: Vec<ValueHead>,
    pub(crate) bytes: Bytes,
}

impl EncodedView {
    pub(crate) fn new(heads: Vec<ValueHead>, bytes: Bytes) -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { number: LAST.fetch_add(1, Ordering::Relaxed), heads, bytes })
    }
}

impl Encoded {
    /// The number of parts that were encoded.
    pub(crate) fn parts(&self) -> usize {
        self.head.parts()
    }

    /// All bytes in one piece, for a unit of the run with this ID.
    pub(crate) fn to_bytes(&self, run: u128) -> Vec<u8> {
        let Self { head, view, items } = self;
        let mut bytes = Vec::new();
        write(&(head, &view.heads, run), &mut bytes);
        bytes.extend_from_slice(&view.bytes.start);
        view.bytes.rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.extend_from_slice(items);
        bytes
    }
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    /// Bytes that were written for this purpose: all of them, unless there are large values.
    pub(crate) start: Vec<u8>,
    pub(crate) rest: Vec<Piece>,
}

impl Bytes {
    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.start.len() + self.rest.iter().map(|piece| piece.len()).sum::<usize>()
    }

    /// The same for several units.
    pub(crate) fn shared(self) -> Self {
        let Self { start, rest } = self;
        let start = Some(Piece::Written(start)).filter(|start| !start.is_empty());
        let shared = |piece| match piece {
            Piece::Written(bytes) => Piece::behind(bytes, 0, true),
            Piece::InPlace { value, bytes, .. } => Piece::InPlace { value, bytes, shared: true },
        };
        Self { start: Vec::new(), rest: start.into_iter().chain(rest).map(shared).collect() }
    }

    /// Clears it, but keeps the capacity of `start`.
    pub(crate) fn clear(&mut self) {
        self.start.clear();
        self.rest.clear();
    }

    /// The buffer to which the next bytes are written.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        let Self { start, rest } = self;
        if matches!(rest.last(), Some(Piece::InPlace { .. })) {
            rest.push(Piece::Written(Vec::new()));
        }
        match rest.last_mut() {
            Some(Piece::Written(end)) => end,
            _ => start,
        }
    }
}

/// A piece of what is sent.
#[derive(Clone)]
pub(crate) enum Piece {
    /// Bytes that were written for this purpose.
    Written(Vec<u8>),
    /// The bytes of a value in memory. The value is kept alive until they have been sent, which may be a moment after
    /// they have arrived. They may be `shared` by several units, which read the same value.
    InPlace { value: Value, bytes: fn(&Value) -> Option<&[u8]>, shared: bool },
}

/// A part of bytes that are kept as a whole.
struct Part {
    whole: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Part {
    fn bytes(value: &Value) -> Option<&[u8]> {
        let Self { whole, range } = value.downcast_ref()?;
        whole.get(range.clone())
    }
}

impl Piece {
    /// These bytes from this position on, where they are.
    pub(crate) fn behind(bytes: Vec<u8>, from: usize, shared: bool) -> Self {
        let range = from..bytes.len();
        Self::part(Arc::new(bytes), range, shared)
    }

    /// A part of bytes, where it is.
    pub(crate) fn part(whole: Arc<Vec<u8>>, range: Range<usize>, shared: bool) -> Self {
        Self::InPlace { value: Arc::new(Part { whole, range }), bytes: Part::bytes, shared }
    }

    /// The value that several units read.
    pub(crate) fn shared(&self) -> Option<&Value> {
        match self {
            Self::InPlace { value, shared: true, .. } => Some(value),
            _ => None,
        }
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Written(bytes) => bytes,
            Self::InPlace { value, bytes, .. } => bytes(value).expect("it had bytes of its own before"),
        }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

/// Appends the bytes of a message.
pub(crate) fn write<T: Serialize>(message: &T, into: &mut Vec<u8>) {
    *into = postcard::to_extend(message, std::mem::take(into)).expect("messages are plain data");
}

/// Reads a message. Returns it with the bytes that follow.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), String> {
    postcard::take_from_bytes(bytes).map_err(|error| format!("a message cannot be read: {error}"))
}
