//! What the fuzz targets in `fuzz/` call: each reads any bytes as what comes from another process or a disk.

use crate::{
    executor::wire::{self, PartEnd, UnitHead, ValueHead},
    process::{
        frame::{FrameReader, Header},
        message::{FromWorker, RecordHead, ToWorker},
    },
    remote::{self, PoolFile},
    state, store,
};

/// Bytes as frames, and as payloads of valid frames, which a fuzzer would not find because of their checksums. They come in
/// pieces whose size the first byte says.
pub fn frames(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    read(bytes, piece);
    // Pieces of a prime length, so that payloads are not aligned with what is read at once.
    let payloads: Vec<&[u8]> = bytes.chunks(37).collect();
    let frame = |(payload, number): (&&[u8], u64)| {
        let header = Header::of(payload[0], number, [*payload]).to_bytes();
        [&header, *payload].concat()
    };
    let stream: Vec<u8> = payloads.iter().zip(0..).flat_map(frame).collect();
    assert_eq!(read(&stream, piece), payloads, "what was sent has arrived");
}

fn read(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(1 << 20);
    let mut payloads = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Ok(Some(frame)) = reader.next() {
            messages(&frame.payload);
            payloads.push(frame.payload.into_owned());
        }
    }
    payloads
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

#[cfg(test)]
#[test]
fn what_fuzzers_find_stays_mended() {
    for bytes in [&b""[..], b"\x00", b"\xf7TEA", &[1; 100]] {
        frames(bytes);
        messages(bytes);
        values(bytes);
        records(bytes);
        pool(bytes);
    }
}
