use std::borrow::Cow;

use proptest::{collection::vec, prelude::*};

use super::*;

fn frame(kind: u8, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Header::of(kind, number, [payload]).to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// All frames of a stream that ends; or its first error, `None` if that is its end in the middle of a frame.
fn read(bytes: &[u8], chunk: usize) -> Result<Vec<(u8, Vec<u8>)>, Option<FrameError>> {
    let mut reader = FrameReader::new(1 << 20);
    let mut frames = Vec::new();
    for piece in bytes.chunks(chunk.max(1)) {
        reader.push(piece);
        while let Some(frame) = reader.next().map_err(Some)? {
            frames.push((frame.kind, frame.payload.to_vec()));
        }
        assert!(reader.capacity() <= 2 * bytes.len() + (256 << 10), "the buffer grows with what has arrived");
    }
    let whole: usize = frames.iter().map(|(_, payload)| HEADER + payload.len()).sum();
    if whole == bytes.len() { Ok(frames) } else { Err(None) }
}

#[test]
fn row_25_a_length_of_2_to_the_63_is_refused_before_any_allocation() {
    let header = Header { kind: 1, number: 0, length: 1 << 63, checksum: 0 };
    assert_eq!(read(&header.to_bytes(), 64), Err(Some(FrameError::TooLarge { length: 1 << 63, limit: 1 << 20 })));
}

#[test]
fn row_24_a_frame_is_cut_at_every_byte() {
    let bytes = frame(3, 0, b"some payload");
    for end in 1..bytes.len() {
        assert_eq!(read(&bytes[..end], 7), Err(None), "cut at {end}");
    }
    assert_eq!(read(&bytes, 7), Ok(vec![(3, b"some payload".to_vec())]));
}

#[test]
fn row_24_every_bit_is_flipped() {
    let bytes = [frame(3, 0, b"some payload"), frame(4, 1, b"more")].concat();
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        read(&bytes, 1000).expect_err("a flipped bit is noticed");
    }
}

#[test]
fn row_24_a_frame_comes_twice_or_never() {
    let (first, second, third) = (frame(1, 0, b"a"), frame(1, 1, b"b"), frame(1, 2, b"c"));
    let doubled = [first.clone(), second.clone(), second].concat();
    assert_eq!(read(&doubled, 9), Err(Some(FrameError::Number { expected: 2, found: 1 })));
    let missing = [first, third].concat();
    assert_eq!(read(&missing, 9), Err(Some(FrameError::Number { expected: 1, found: 2 })));
}

#[test]
fn noise_is_skipped_up_to_the_first_frame() {
    let mut reader = FrameReader::new(1 << 20);
    reader.push(b"\nrunning 1 test\n\xf7");
    assert_eq!(reader.skip_noise(), b"\nrunning 1 test\n");
    assert_eq!(reader.next(), Ok(None));
    let bytes = frame(1, 0, b"hello");
    reader.push(&bytes[1..]);
    assert_eq!(reader.skip_noise(), b"");
    assert_eq!(reader.next(), Ok(Some(Frame { kind: 1, payload: b"hello"[..].into() })));
}

#[test]
fn a_large_payload_is_read_into_a_vector_of_its_own() {
    let large: Vec<u8> = (0..=255).cycle().take(300 << 10).collect();
    let bytes = [frame(1, 0, b"small"), frame(2, 1, &large), frame(3, 2, b"behind")].concat();
    for chunk in [1_000, 70_000, bytes.len()] {
        let mut reader = FrameReader::new(1 << 20);
        let mut owned = Vec::new();
        for piece in bytes.chunks(chunk) {
            reader.push(piece);
            while let Some(Frame { kind, payload }) = reader.next().unwrap() {
                owned.push((kind, matches!(payload, Cow::Owned(_)), payload.into_owned()));
            }
        }
        let [(1, false, first), (2, true, second), (3, false, third)] = &owned[..] else { panic!("{chunk}") };
        assert_eq!((&first[..], second, &third[..]), (&b"small"[..], &large, &b"behind"[..]));
    }
}

#[test]
fn large_payloads_may_come_on_a_stream_of_their_own() {
    let (small, large) = (b"small", [vec![7; LARGE], vec![8; LARGE + 1], vec![9; 300 << 10]]);
    let number = std::cell::Cell::new(0);
    let header = |payload: &[u8]| Header::of(1, number.replace(number.get() + 1), [payload]).to_bytes().to_vec();
    let stream: Vec<u8> =
        large.iter().flat_map(|large| [header(large), header(small), small.to_vec()].concat()).collect();
    let of_large = large.concat();
    for chunk in [1, 33, 1_000, 1 << 20] {
        let (mut stream, mut of_large) = (stream.chunks(chunk), of_large.chunks(chunk.max(1_000)));
        let (mut reader, mut received) = (FrameReader::of_two(1 << 20), Vec::new());
        loop {
            while let Some(frame) = reader.next().unwrap() {
                received.push(frame.payload.into_owned());
            }
            let Some(next) = reader.source(&mut stream, &mut of_large).next() else { break };
            reader.push(next);
        }
        let expected = large.iter().flat_map(|large| [large.clone(), small.to_vec()]).collect::<Vec<_>>();
        assert!(received == expected, "in pieces of {chunk} bytes");
    }
}

#[test]
fn row_24_a_large_frame_is_cut_or_damaged() {
    let bytes = frame(3, 0, &vec![7; 100 << 10]);
    assert_eq!(read(&bytes[..bytes.len() - 1], 9_000), Err(None));
    let mut damaged = bytes;
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(read(&damaged, 9_000), Err(Some(FrameError::Payload)));
}

#[test]
fn noise_before_a_frame_that_comes_in_pieces_is_skipped_and_the_frame_is_not() {
    let bytes = [b"welcome\n".to_vec(), frame(3, 0, b"hello\xf7TEhello")].concat();
    for split in 0..bytes.len() {
        let mut reader = FrameReader::new(u64::MAX);
        let mut noise = Vec::new();
        let (first, rest) = bytes.split_at(split);
        reader.push(first);
        noise.extend(reader.skip_noise());
        assert_eq!(reader.next(), Ok(None), "{split}");
        reader.push(rest);
        noise.extend(reader.skip_noise());
        let found = reader.next().unwrap().expect("it is complete");
        assert_eq!((noise.as_slice(), &*found.payload), (&b"welcome\n"[..], &b"hello\xf7TEhello"[..]), "{split}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(payloads in vec(vec(any::<u8>(), 0..300), 0..8), chunk in 1..200_usize) {
        let bytes: Vec<u8> = payloads.iter().zip(0..).flat_map(|(payload, number)| frame(7, number, payload)).collect();
        let expected: Vec<_> = payloads.into_iter().map(|payload| (7, payload)).collect();
        prop_assert_eq!(read(&bytes, chunk), Ok(expected));
    }

    #[test]
    fn row_24_byte_soup_is_an_error(mut bytes in vec(any::<u8>(), 1..4000), magic in any::<bool>(), chunk in 1..500_usize) {
        if magic {
            let n = bytes.len().min(4);
            bytes[..n].copy_from_slice(&MAGIC[..n]);
        }
        prop_assert!(read(&bytes, chunk).is_err());
    }

    #[test]
    fn a_stream_cut_or_doubled_anywhere_gives_no_wrong_frame(
        payloads in vec(vec(any::<u8>(), 0..100), 1..5), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
    ) {
        let bytes: Vec<u8> = payloads.iter().zip(0..).flat_map(|(payload, number)| frame(7, number, payload)).collect();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        prop_assume!(from != to);
        // Bytes between the two are lost (from < to) or come twice.
        let damaged = [&bytes[..from], &bytes[to..]].concat();
        if let Ok(frames) = read(&damaged, 64) {
            let whole: Vec<_> = payloads.into_iter().map(|payload| (7, payload)).collect();
            prop_assert!(whole.starts_with(&frames));
        }
    }
}
