//! A unit as bytes: the one message by which units travel, and the one by which the ends of their parts come back.
//!
//! A message is postcard, then the values that it announces: their bytes stand beside the codec, not in it.

use std::{
    borrow::Cow,
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use crate::{failure::Failure, state::Value};

/// What says which unit it is. What it reads follows, then its items.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UnitHead<'a> {
    /// [`Plan::module`](crate::plan::Plan::module) and name.
    #[serde(borrow)]
    pub(crate) module: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) workflow: Cow<'a, str>,
    /// The region's or map's id, and the branch's index there, or that of the first item.
    pub(crate) site: u32,
    pub(crate) first: u64,
    pub(crate) attempt: u32,
    /// The largest result.
    pub(crate) max_payload: u64,
    /// Bytes of each item; of a branch none.
    pub(crate) items: Vec<u64>,
}

impl UnitHead<'_> {
    /// How many parts it has.
    pub(crate) fn parts(&self) -> usize {
        self.items.len().max(1)
    }
}

/// Announces a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ValueHead {
    pub(crate) key: u32,
    pub(crate) length: u64,
}

/// The end of a part of a unit; its result follows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PartEnd {
    /// The unit's number, as its sender gave it.
    pub(crate) unit: u64,
    pub(crate) at: u64,
    /// How long the unit has run so far.
    pub(crate) nanos: u64,
    /// Bytes of the result.
    pub(crate) length: u64,
    pub(crate) outcome: Result<ResultHead, Box<Failure>>,
}

/// Announces the result of a part that ended well: of a branch the tasks that it goes on to and the values that it
/// wrote, of an item nothing beside its bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ResultHead {
    pub(crate) goes_to: Vec<u32>,
    pub(crate) values: Vec<ValueHead>,
}

/// A unit as bytes.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) head: UnitHead<'static>,
    /// What it reads. Units of a map share it.
    pub(crate) view: Arc<EncodedView>,
    pub(crate) items: Vec<u8>,
}

/// Values that a unit reads, as bytes.
#[derive(Debug)]
pub(crate) struct EncodedView {
    /// No other view of this process has it: whoever has received the view can be told that this is the same.
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
    /// How many parts were written.
    pub(crate) fn parts(&self) -> usize {
        self.head.parts()
    }

    /// Everything in one piece.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { head, view, items } = self;
        let mut bytes = Vec::new();
        write(&(head, &view.heads), &mut bytes);
        bytes.extend_from_slice(&view.bytes.start);
        view.bytes.rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
        bytes.extend_from_slice(items);
        bytes
    }
}

/// Bytes to be sent.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    /// Written to be sent: all of them, if no large value is among them.
    pub(crate) start: Vec<u8>,
    pub(crate) rest: Vec<Piece>,
}

impl Bytes {
    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.start.len() + self.rest.iter().map(|piece| piece.len()).sum::<usize>()
    }

    /// Empties it; the room in `start` stays.
    pub(crate) fn clear(&mut self) {
        self.start.clear();
        self.rest.clear();
    }

    /// What comes next is written to this.
    pub(crate) fn end(&mut self) -> &mut Vec<u8> {
        let Self { start, rest } = self;
        if matches!(rest.last(), Some(Piece::InPlace(..))) {
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
    /// Written to be sent.
    Written(Vec<u8>),
    /// Those of a value, where they lie. It is held until they are sent, which may be a moment after they have arrived.
    InPlace(Value, fn(&Value) -> Option<&[u8]>),
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Written(bytes) => bytes,
            Self::InPlace(value, bytes) => bytes(value).expect("it had bytes of its own before"),
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

/// Reads a message. Gives it with the bytes that follow.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), String> {
    postcard::take_from_bytes(bytes).map_err(|error| format!("a message cannot be read: {error}"))
}
