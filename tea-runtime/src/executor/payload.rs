//! Encodes state values that are sent between processes.

use std::{
    collections::BTreeMap,
    ptr,
    sync::{Arc, Mutex},
};

use super::wire::{Bytes, Piece, ValueHead};
use crate::{
    failure::{Failure, FailureKind},
    panic::guard,
    plan::Region,
    state::{KeySpec, Value, WeakValue, Wire},
    sync::lock,
    words,
};

/// From this size on, values whose memory is their encoding are sent without copying them first.
const LARGE: usize = 64 << 10;

/// Values that are encoded one after the other, and the heads that announce them.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) heads: Vec<ValueHead>,
    pub(crate) bytes: Bytes,
}

/// What several branches of a fan-out read: it is encoded once, and receivers can be told that they already have it.
pub(crate) struct Shared {
    region: &'static Region,
    /// By key, with the value that it was then.
    encoded: Mutex<BTreeMap<u32, (WeakValue, Piece)>>,
}

impl Shared {
    /// For the branches of this region.
    pub(crate) fn new(region: &'static Region) -> Self {
        Self { region, encoded: Mutex::default() }
    }

    /// The region.
    pub(crate) fn region(&self) -> &'static Region {
        self.region
    }

    fn is_shared(&self, key: u32) -> bool {
        let mut readers = self.region.tasks.iter().filter(|task| task.reads.iter().any(|read| read.key == key));
        readers.nth(1).is_some()
    }

    fn find(&self, key: u32, value: &Value) -> Option<Piece> {
        let encoded = lock(&self.encoded);
        let (of, piece) = encoded.get(&key)?;
        ptr::addr_eq(of.as_ptr(), Arc::as_ptr(value)).then(|| piece.clone())
    }

    /// The piece for a large value, whose bytes are those from this position on.
    fn piece(&self, key: u32, value: &Value, bytes: Vec<u8>, from: usize) -> Piece {
        let piece = Piece::behind(bytes, from, self.is_shared(key));
        if piece.shared().is_some() {
            lock(&self.encoded).insert(key, (Arc::downgrade(value), piece.clone()));
        }
        piece
    }
}

impl Bytes {
    /// Appends a value that has to be written; as a piece of its own if it is large and may be `shared`.
    fn encode(&mut self, key: u32, value: &Value, wire: &Wire, shared: Option<&Shared>) -> Result<(), String> {
        if let Some(piece) = shared.and_then(|shared| shared.find(key, value)) {
            self.rest.push(piece);
            return Ok(());
        }
        let end = self.end();
        let from = end.len();
        guarded(|| (wire.encode)(value, end))?;
        if let Some(shared) = shared.filter(|_| end.len() - from >= LARGE) {
            let before = end[..from].to_vec();
            let piece = shared.piece(key, value, std::mem::replace(end, before), from);
            self.rest.push(piece);
        }
        Ok(())
    }
}

/// Encodes these values; large ones for themselves, if they may be `shared`.
///
/// # Errors
/// A failure that names the first key that cannot be encoded, or with which the total exceeds `limit` bytes.
pub(crate) fn encode<'a>(
    specs: &[KeySpec],
    values: impl IntoIterator<Item = (u32, &'a Value)>,
    limit: u64,
    shared: Option<&Shared>,
) -> Result<Values, Box<Failure>> {
    let mut encoded = Values::default();
    let mut before = 0;
    for (key, value) in values {
        let spec = &specs[key as usize];
        let wire = spec.kind.wire.ok_or_else(|| no_wire(spec.name, spec.kind.name))?;
        match (wire.in_place)(value) {
            Some(bytes) if bytes.len() >= LARGE => {
                let shared = shared.is_some_and(|shared| shared.is_shared(key));
                let value = Arc::clone(value);
                encoded.bytes.rest.push(Piece::InPlace { value, bytes: wire.in_place, shared });
            }
            Some(bytes) => encoded.bytes.end().extend_from_slice(bytes),
            None => encoded
                .bytes
                .encode(key, value, wire, shared)
                .map_err(|error| transport(format!("state key `{}` cannot be encoded: {error}", spec.name)))?,
        }
        let after = encoded.bytes.len() as u64;
        let length = after - before;
        if after > limit {
            let others =
                if before > 0 { format!(" after {} of other keys", words::bytes(before)) } else { String::new() };
            let over = over_limit(length, limit);
            return Err(transport(format!(
                "state key `{}` cannot cross to or from a worker{others}: {over}",
                spec.name
            )));
        }
        encoded.heads.push(ValueHead { key, length });
        before = after;
    }
    Ok(encoded)
}

/// Reads the values that `heads` announce, which belong to some of these keys, from `bytes`.
///
/// # Errors
/// A failure that names the first key that cannot be decoded.
pub(crate) fn decode(
    specs: &[KeySpec],
    keys: &[u32],
    heads: &[ValueHead],
    mut bytes: &[u8],
) -> Result<Vec<(u32, Value)>, Box<Failure>> {
    let mut values = Vec::with_capacity(heads.len());
    for head in heads {
        if !keys.contains(&head.key) {
            return Err(transport(format!("there is no state key {} here", head.key)));
        }
        let spec = &specs[head.key as usize];
        let wire = spec.kind.wire.ok_or_else(|| no_wire(spec.name, spec.kind.name))?;
        let length = usize::try_from(head.length).ok();
        let Some((value, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
            return Err(transport(format!("state key `{}` did not arrive as a whole", spec.name)));
        };
        let value = guarded(|| (wire.decode)(value))
            .map_err(|error| transport(format!("state key `{}` cannot be decoded: {error}", spec.name)))?;
        values.push((head.key, value));
        bytes = rest;
    }
    Ok(values)
}

/// Calls the user's `Serialize` or `Deserialize`, which may panic.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    guard(call).unwrap_or_else(|panic| Err(format!("it panicked: {}", panic.message)))
}

/// The message for something that is larger than the limit.
pub(crate) fn over_limit(length: u64, limit: u64) -> String {
    format!("it takes {}, and `max_payload` is {}", words::bytes(length), size(limit))
}

/// A size as it is written in workflow files.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >= 1 << shift && bytes.is_multiple_of(1 << shift)) {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => words::bytes(bytes),
    }
}

/// A failure of the transfer, not of the work.
pub(crate) fn transport(message: impl Into<String>) -> Box<Failure> {
    Box::new(Failure::new(FailureKind::Transport, message))
}

fn no_wire(key: &str, kind: &str) -> Box<Failure> {
    transport(format!("state key `{key}` (`{kind}`) cannot cross to a worker process"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Kind;

    static TEXT: Kind = Kind { wire: Some(const { &Wire::new::<String>() }), ..Kind::of::<String>("String") };

    const fn spec(name: &'static str) -> KeySpec {
        KeySpec { optional: true, ..KeySpec::new(name, &TEXT) }
    }

    #[test]
    fn large_text_is_sent_from_where_it_lies() {
        let specs = [spec("a"), spec("b")];
        let texts = ["a".to_owned(), "b".repeat(LARGE), "c".repeat(LARGE - 1), "d".repeat(LARGE + 1)];
        let values = texts.clone().map(|text| Arc::new(text) as Value);
        let numbered: Vec<_> = [0, 1, 0, 1].into_iter().zip(&values).collect();
        let encoded = encode(&specs, numbered.iter().copied(), u64::MAX, None).unwrap();
        let Bytes { start, rest } = &encoded.bytes;
        let in_place =
            |piece: &&Piece| values.iter().filter_map(text).any(|text| text.as_bytes().as_ptr() == piece.as_ptr());
        assert_eq!(rest.iter().filter(in_place).count(), 2);
        let mut bytes = start.clone();
        for piece in rest {
            bytes.extend(&**piece);
        }
        assert_eq!(bytes.len(), encoded.bytes.len());
        let decoded = decode(&specs, &[0, 1], &encoded.heads, &bytes).unwrap();
        assert!(decoded.iter().filter_map(|(_, value)| text(value)).eq(&texts));
        assert!(encode(&specs, numbered, bytes.len() as u64 - 1, None).is_err(), "one byte too many");
    }

    fn text(value: &Value) -> Option<&String> {
        value.downcast_ref()
    }
}
