//! State values on their way between processes.

use crate::{
    engine,
    failure::{Failure, FailureKind},
    plan::Plan,
    state::Value,
};

use super::{loss::size, message::ValueHead};

/// Values, encoded one after the other, with what announces them.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) heads: Vec<ValueHead>,
    pub(crate) bytes: Vec<u8>,
}

/// Encodes these values.
///
/// # Errors
/// A failure that names the first key which cannot be encoded, or which takes the whole over `limit` bytes.
pub(crate) fn encode<'a>(
    plan: &Plan,
    values: impl IntoIterator<Item = (u32, &'a Value)>,
    limit: u64,
) -> Result<Encoded, Box<Failure>> {
    let mut encoded = Encoded::default();
    for (key, value) in values {
        let spec = &plan.keys[key as usize];
        let wire = spec.kind.wire.ok_or_else(|| no_wire(spec.name, spec.kind.name))?;
        let before = encoded.bytes.len();
        guarded(|| (wire.encode)(value, &mut encoded.bytes))
            .map_err(|error| transport(format!("state key `{}` cannot be encoded: {error}", spec.name)))?;
        let length = (encoded.bytes.len() - before) as u64;
        if encoded.bytes.len() as u64 > limit {
            let others = if before > 0 { format!(" after {before} bytes of other keys") } else { String::new() };
            let over = over_limit(length, limit);
            return Err(transport(format!(
                "state key `{}` cannot cross to or from a worker{others}: {over}",
                spec.name
            )));
        }
        encoded.heads.push(ValueHead { key, length });
    }
    Ok(encoded)
}

/// Reads the values that `heads` announce, of some of these keys, from `bytes`.
///
/// # Errors
/// A failure that names the first key which cannot be decoded.
pub(crate) fn decode(
    plan: &Plan,
    keys: &[u32],
    heads: &[ValueHead],
    mut bytes: &[u8],
) -> Result<Vec<(u32, Value)>, Box<Failure>> {
    let mut values = Vec::with_capacity(heads.len());
    for head in heads {
        if !keys.contains(&head.key) {
            return Err(transport(format!("there is no state key {} here", head.key)));
        }
        let spec = &plan.keys[head.key as usize];
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
    engine::guard(call).unwrap_or_else(|panic| Err(format!("it panicked: {}", panic.message)))
}

/// What is wrong with something of this size.
pub(crate) fn over_limit(length: u64, limit: u64) -> String {
    format!("it takes {length} bytes, and `max_payload` is {}", size(limit))
}

/// A failure of the way, not of the work.
pub(crate) fn transport(message: impl Into<String>) -> Box<Failure> {
    Box::new(Failure::new(FailureKind::Transport, message))
}

fn no_wire(key: &str, kind: &str) -> Box<Failure> {
    transport(format!("state key `{key}` (`{kind}`) cannot cross to a worker process"))
}
