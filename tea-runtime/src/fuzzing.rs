//! What the fuzz targets in `fuzz/` call: each reads any bytes as what comes from another process or a disk.

use crate::{
    executor::wire::{self, PartEnd, UnitHead, ValueHead},
    process::{
        frame::FrameReader,
        message::{FromWorker, RecordHead, ToWorker},
    },
    remote::{self, PoolFile},
    state, store,
};

/// Bytes as frames, in pieces whose size the first byte says.
pub fn frames(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let mut reader = FrameReader::new(1 << 20);
    for piece in bytes.chunks(usize::from(*piece).max(1)) {
        reader.push(piece);
        while let Ok(Some(frame)) = reader.next() {
            messages(&frame.payload);
        }
    }
}

/// Bytes as each message between processes and hosts.
pub fn messages(bytes: &[u8]) {
    _ = wire::read::<PartEnd>(bytes);
    _ = wire::read::<(UnitHead<'_>, Vec<ValueHead>, u128)>(bytes);
    _ = wire::read::<RecordHead>(bytes);
    _ = wire::read::<ToWorker<'_>>(bytes);
    _ = wire::read::<FromWorker>(bytes);
    remote::read_anything(bytes);
}

/// Bytes as values of the state, in both of their forms.
pub fn values(bytes: &[u8]) {
    _ = state::wire::decode::<Vec<(String, Option<u32>)>>(bytes);
    _ = state::wire::decode::<std::collections::HashMap<String, Vec<f64>>>(bytes);
    _ = state::wire::decode::<(Vec<u8>, Result<i64, String>, char)>(bytes);
    _ = state::wire::decode::<crate::result::ItemFailure>(bytes);
    _ = state::wire::decode::<serde_json::Value>(bytes);
    _ = state::wire::decode::<Vec<Vec<u32>>>(bytes);
}

/// Bytes as a record, a log and a manifest.
pub fn records(bytes: &[u8]) {
    store::read_anything(bytes);
}

/// Bytes as a pool file.
pub fn pool(bytes: &[u8]) {
    _ = std::str::from_utf8(bytes).map(PoolFile::check);
}
