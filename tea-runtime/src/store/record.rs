//! One record: a position, what the engine says about it, and values.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    StoreError,
    blobs::{Blobs, Hash, LARGE, Unsettled},
    frame::{HEADER, LARGEST},
};

/// What a record says about its position. A unit is done together with the decision about what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The run was started or resumed with these inputs.
    Session = 1,
    /// A step of a block is done.
    Step = 2,
    /// A fan-out has started, and it is decided which branches do not start.
    Entered = 3,
    /// A branch has ended.
    Branch = 4,
    /// Consecutive items of a map are done.
    Items = 5,
    /// An item failed for good, which is allowed.
    ItemFailed = 6,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Session, Self::Step, Self::Entered, Self::Branch, Self::Items, Self::ItemFailed];

    pub(super) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Whether a position has several records of this kind: one for each range of its items.
    pub(super) fn is_of_items(self) -> bool {
        matches!(self, Self::Items | Self::ItemFailed)
    }
}

/// Something to be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) kind: Kind,
    pub(crate) position: &'a [u8],
    /// The items that it is about: the first one, and their number.
    pub(crate) items: (u64, u64),
    /// The engine's own message.
    pub(crate) about: &'a [u8],
    /// The values, each with a number that identifies it.
    pub(crate) values: &'a [(u32, &'a [u8])],
}

/// The start of a record, which is enough to find it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(serialize_with = "at_once")]
    pub(super) position: &'a [u8],
    pub(super) items: (u64, u64),
}

/// Writes bytes in one piece, not one by one.
fn at_once<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What follows, when it is written.
#[derive(Serialize)]
struct NewBody<'a> {
    #[serde(serialize_with = "at_once")]
    about: &'a [u8],
    values: Announcing<'a>,
}

/// The same, when it is read.
#[derive(Debug, Deserialize)]
struct Body<'a> {
    about: &'a [u8],
    values: Vec<Announced>,
}

/// A value, whose bytes follow in the record or are a blob's.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Announced {
    tag: u32,
    length: u64,
    blob: Option<Hash>,
}

/// What is known of the values of a record before it is written.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Their hashes.
    pub(super) hashes: Vec<Hash>,
    /// The large ones that may not have reached the disk.
    pub(super) unsettled: Vec<Unsettled>,
    /// Whether large ones are blobs.
    has_blobs: bool,
}

/// Hashes the values of a record. Large ones become blobs, if there is a folder for blobs.
pub(super) fn prepare(written: &Written<'_>, blobs: Option<&Blobs>) -> Result<Prepared, StoreError> {
    let hash = if written.kind.is_of_items() { Hash::quick } else { Hash::of };
    let hashes: Vec<Hash> = written.values.iter().map(|(_, bytes)| hash(bytes)).collect();
    let mut unsettled = Vec::new();
    if let Some(blobs) = blobs {
        for ((_, bytes), hash) in written.values.iter().zip(&hashes).filter(|((_, bytes), _)| bytes.len() >= LARGE) {
            unsettled.extend(blobs.put(*hash, bytes)?);
        }
    }
    Ok(Prepared { hashes, unsettled, has_blobs: blobs.is_some() })
}

/// The values of a record, to be announced: without a vector, since there may be many.
struct Announcing<'a>(&'a [(u32, &'a [u8])], &'a Prepared);

impl Serialize for Announcing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(values, prepared) = self;
        serializer.collect_seq(values.iter().zip(&prepared.hashes).map(|((tag, bytes), hash)| Announced {
            tag: *tag,
            length: bytes.len() as u64,
            blob: (prepared.has_blobs && bytes.len() >= LARGE).then_some(*hash),
        }))
    }
}

/// Appends the frame of a record, with room for its header.
pub(super) fn encode(written: &Written<'_>, prepared: &Prepared, frame: &mut Vec<u8>) -> Result<(), StoreError> {
    let Written { kind: _, position, items, about, values } = *written;
    let start = frame.len();
    frame.resize(start + HEADER, 0);
    let data = (Head { position, items }, NewBody { about, values: Announcing(values, prepared) });
    *frame = postcard::to_extend(&data, std::mem::take(frame)).expect("a record is plain data");
    for (_, bytes) in values.iter().filter(|(_, bytes)| !prepared.has_blobs || bytes.len() < LARGE) {
        frame.extend_from_slice(bytes);
    }
    if frame.len() - start > LARGEST {
        frame.truncate(start);
        return Err(StoreError::new("a record is larger than 1 GiB"));
    }
    Ok(())
}

/// Reads the start of a record.
pub(super) fn head(payload: &[u8]) -> Option<Head<'_>> {
    let (head, _) = postcard::take_from_bytes::<Head<'_>>(payload).ok()?;
    head.items.0.checked_add(head.items.1)?;
    Some(head)
}

/// The blobs that a record needs.
pub(super) fn blobs(payload: &[u8]) -> Vec<(Hash, u64)> {
    let read = postcard::take_from_bytes::<(Head<'_>, Body<'_>)>(payload);
    let values = read.map(|((_, body), _)| body.values).unwrap_or_default();
    values.into_iter().filter_map(|value| Some((value.blob?, value.length))).collect()
}

/// Decodes a record that contains all of its values, and passes it on.
pub(super) fn decode<T>(kind: Kind, payload: &[u8], then: impl FnOnce(&Written<'_>) -> T) -> Option<T> {
    let ((head, body), mut rest) = postcard::take_from_bytes::<(Head<'_>, Body<'_>)>(payload).ok()?;
    let mut values = Vec::with_capacity(body.values.len());
    for Announced { tag, length, blob } in body.values {
        let length = usize::try_from(length).ok().filter(|_| blob.is_none())?;
        let (bytes, after) = rest.split_at_checked(length)?;
        values.push((tag, bytes));
        rest = after;
    }
    let Head { position, items } = head;
    rest.is_empty().then(|| then(&Written { kind, position, items, about: body.about, values: &values }))
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Record {
    payload: Arc<Vec<u8>>,
    blobs: Option<Arc<Blobs>>,
    about: Range<usize>,
    values: Vec<(u32, Place)>,
}

#[derive(Debug, Clone)]
enum Place {
    Here(Range<usize>),
    Blob(Hash),
}

/// The bytes of a value: in a record that was read, or in a blob that is read when they are needed.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    payload: Arc<Vec<u8>>,
    place: Place,
    blobs: Option<Arc<Blobs>>,
}

impl Record {
    /// Reads a record. All of its blobs must exist.
    pub(super) fn read(payload: Arc<Vec<u8>>, blobs: Option<&Arc<Blobs>>) -> Result<Self, StoreError> {
        let damaged = || StoreError::new("a record does not say what records say");
        let ((_, body), rest) = postcard::take_from_bytes::<(Head<'_>, Body<'_>)>(&payload).map_err(|_| damaged())?;
        let about = subrange(&payload, body.about);
        let mut at = payload.len() - rest.len();
        let mut values = Vec::new();
        for Announced { tag, length, blob } in body.values {
            let place = if let Some(hash) = blob {
                let blobs = blobs.ok_or_else(|| no_blobs(hash))?;
                if !blobs.has(hash, length) {
                    let path = blobs.path(hash);
                    return Err(StoreError::new(format!("`{}` is not there as a whole", path.display())));
                }
                Place::Blob(hash)
            } else {
                let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
                let end = end.filter(|end| *end <= payload.len()).ok_or_else(damaged)?;
                Place::Here(std::mem::replace(&mut at, end)..end)
            };
            values.push((tag, place));
        }
        if at != payload.len() {
            return Err(damaged());
        }
        Ok(Self { payload, blobs: blobs.cloned(), about, values })
    }

    /// The engine's own message.
    pub(crate) fn about(&self) -> &[u8] {
        &self.payload[self.about.clone()]
    }

    /// Its values, in the order in which they were written.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u32, Span)> {
        self.values.iter().map(|(tag, place)| (*tag, self.span(place)))
    }

    /// Its value number `at`.
    pub(crate) fn value(&self, at: usize) -> Option<Span> {
        self.values.get(at).map(|(_, place)| self.span(place))
    }

    fn span(&self, place: &Place) -> Span {
        Span { payload: Arc::clone(&self.payload), place: place.clone(), blobs: self.blobs.clone() }
    }
}

impl Span {
    /// Passes the bytes to `with`.
    ///
    /// # Errors
    /// If they cannot be read, or `with` fails.
    pub(crate) fn with<T>(&self, then: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, String> {
        match &self.place {
            Place::Here(range) => then(&self.payload[range.clone()]),
            Place::Blob(hash) => {
                let bytes = self.blobs.as_ref().ok_or_else(|| no_blobs(*hash)).and_then(|blobs| blobs.get(*hash));
                then(&bytes.map_err(|error| error.to_string())?)
            }
        }
    }

    /// Whether these are its bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        match &self.place {
            Place::Here(range) => self.payload[range.clone()] == *bytes,
            Place::Blob(hash) => bytes.len() >= LARGE && Hash::of(bytes) == *hash,
        }
    }

    /// The hash of its bytes.
    pub(crate) fn hash(&self) -> Hash {
        self.hash_by(Hash::of)
    }

    /// The hash of its bytes, which are the result of an item.
    pub(crate) fn quick_hash(&self) -> Hash {
        self.hash_by(Hash::quick)
    }

    fn hash_by(&self, hash: fn(&[u8]) -> Hash) -> Hash {
        match &self.place {
            Place::Here(range) => hash(&self.payload[range.clone()]),
            Place::Blob(hash) => *hash,
        }
    }
}

/// The error for a record with a blob that was read where there are no blobs.
fn no_blobs(hash: Hash) -> StoreError {
    StoreError::new(format!("there is no store here that could contain the value {hash}"))
}

/// The range of a part of `whole`.
fn subrange(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}
