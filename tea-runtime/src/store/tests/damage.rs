//! Whatever becomes of files and disks, nothing is read that was not written.

use super::*;

/// The log of a run that went on once, cut or changed by `change`, gives a prefix of what was written, goes on from there,
/// and then gives that prefix and what came after.
fn prefix_after(change: impl Fn(&[PathBuf])) -> u8 {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let name = recorder.name().to_owned();
    (1..=3).for_each(|n| write(&recorder, n));
    drop(recorder);
    let (recorder, _) = go_on(&scratch.store(), &name);
    (4..=5).for_each(|n| write(&recorder, n));
    drop(recorder);
    change(&segments(&scratch.store(), &name));

    let (recorder, _) = go_on(&scratch.store(), &name);
    let count = (1..=5).take_while(|&n| holds(&recorder, n)).count();
    let count = u8::try_from(count).unwrap();
    assert!((count + 1..=5).all(|n| !holds(&recorder, n)), "what follows damage counts no more");
    write(&recorder, 9);
    drop(recorder);
    let (recorder, aside) = go_on(&scratch.store(), &name);
    assert_eq!(aside, 0, "what was kept aside is aside");
    assert!((1..=count).all(|n| holds(&recorder, n)) && holds(&recorder, 9));
    count
}

#[test]
fn the_log_cut_at_any_byte_gives_the_longest_valid_prefix() {
    assert_eq!(prefix_after(|_| ()), 5);
    // Of a first segment with 3 records, and a second with 2.
    for segment in 0..2 {
        let mut found = Vec::new();
        for cut in 0.. {
            let length = Mutex::new(0);
            let prefix = prefix_after(|segments| {
                let file = fs::OpenOptions::new().write(true).open(&segments[segment]).unwrap();
                *length.lock().unwrap() = file.metadata().unwrap().len();
                file.set_len(cut).unwrap();
            });
            found.push(prefix);
            if cut == *length.lock().unwrap() {
                break;
            }
        }
        assert!(found.is_sorted());
        let (first, last) = if segment == 0 { (0, 5) } else { (3, 5) };
        assert_eq!((found[0], found[found.len() - 1]), (first, last));
        found.dedup();
        assert_eq!(found.len(), if segment == 0 { 4 } else { 3 }, "each record counts once it is there as a whole");
    }
}

#[test]
fn tails_that_were_not_synced_are_dropped() {
    for (tail, fill) in [(1, 0), (40, 0), (4096, 0), (40, 0xff), (4096, 0x55)] {
        // Length was written, content was not.
        let lost = prefix_after(|segments| {
            let mut bytes = fs::read(&segments[1]).unwrap();
            let from = bytes.len() - tail.min(bytes.len());
            bytes[from..].fill(fill);
            bytes.resize(from + tail, fill);
            fs::write(&segments[1], bytes).unwrap();
        });
        assert!((3..5).contains(&lost), "{tail} {fill}: {lost}");
        // The same behind what is whole.
        let kept = prefix_after(|segments| {
            let mut bytes = fs::read(&segments[1]).unwrap();
            bytes.resize(bytes.len() + tail, fill);
            fs::write(&segments[1], bytes).unwrap();
        });
        assert_eq!(kept, 5);
    }
    // A segment is not there at all.
    assert_eq!(prefix_after(|segments| fs::remove_file(&segments[1]).unwrap()), 3);
}

/// Changes bytes as a disk, a file system or somebody with an editor might.
fn spoil(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..=bytes.len());
        let to = rng.usize(at..=bytes.len());
        match rng.u8(0..7) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
            2 => bytes[at..to].fill(rng.u8(..)),
            3 => drop(bytes.drain(at..to)),
            4 => bytes.extend_from_within(at..to),
            5 => bytes[at..to].iter_mut().for_each(|byte| *byte = rng.u8(..)),
            _ => {
                let length = rng.u32(..).to_le_bytes();
                bytes.splice(at..(at + 4).min(bytes.len()), length);
            }
        }
    }
}

/// A log with records of all kinds, as they are written.
fn log_of_all_kinds(scratch: &Scratch) -> Vec<u8> {
    let recorder = begin(&scratch.store());
    for (kind, n) in Kind::ALL.into_iter().zip(1_u8..) {
        let (position, value) = ([n; 18], vec![n; usize::from(n) * 9]);
        let values = [(0, &value[..]), (1, &b""[..]), (u32::from(n) << 20, &value[1..])];
        let items = (u64::from(n) << (7 * n), 3);
        let written = Written { kind, position: &position, items, about: &value[..7], values: &values };
        recorder.log().append(&written, || true).unwrap();
    }
    fs::read(&segments(&scratch.store(), recorder.name())[0]).unwrap()
}

/// `TEA_SOUP=100000000 cargo test --release -p tea-runtime --lib soup -- --nocapture` spoils so many.
#[test]
fn the_soup_of_corrupt_logs_and_manifests_gives_nothing_that_was_not_written() {
    let rounds: u64 = std::env::var("TEA_SOUP").map_or(200_000, |rounds| rounds.parse().unwrap());
    let scratch = Scratch::new();
    let log = log_of_all_kinds(&scratch);
    let mut whole = Vec::new();
    let (mut payload, blobs) = (Vec::new(), Arc::new(blobs::Blobs::new(&scratch.store())));
    log::valid(&log[..], 0, 0, &mut payload, &mut |kind, payload, _| {
        whole.push((kind, payload.to_vec()));
        true
    })
    .unwrap();
    assert_eq!(whole.len(), Kind::ALL.len());
    let manifest_bytes = manifest().to_bytes();
    let mut rng = Rng::with_seed(16);
    let (mut spoiled, mut short, mut refused, mut read) = (Vec::new(), 0, 0, 0);
    for round in 0..rounds {
        if round % 4 == 0 {
            spoiled.clone_from(&manifest_bytes);
            spoil(&mut rng, &mut spoiled);
            let found = Manifest::parse(&spoiled);
            refused += u64::from(found.is_none());
            assert!(found.is_none_or(|found| found == manifest()), "round {round}");
            continue;
        }
        spoiled.clone_from(&log);
        spoil(&mut rng, &mut spoiled);
        let (mut at, mut index) = (0, index::Index::default());
        payload = Vec::new();
        log::valid(&spoiled[..], 0, 0, &mut payload, &mut |kind, payload, location| {
            let same = whole.get(at).is_some_and(|(of, whole)| (*of, &whole[..]) == (kind, payload));
            assert!(same, "round {round}: record {at}");
            at += 1;
            index.add(kind, payload, location)
        })
        .unwrap();
        short += u64::from(at < whole.len());
        // A length is only a claim: memory follows what is there.
        assert!(payload.capacity() <= 2 * spoiled.len() + 64, "round {round}: {}", payload.capacity());
        // What has the right checksum and says nonsense all the same.
        let (kind, said) = &whole[usize::try_from(round).unwrap() % whole.len()];
        spoiled.clone_from(said);
        spoil(&mut rng, &mut spoiled);
        index::Index::default().add(*kind, &spoiled, frame::Location::ALONE);
        assert!(record::blobs(&spoiled).len() <= spoiled.len());
        read += u64::from(Record::read(Arc::new(std::mem::take(&mut spoiled)), Some(&blobs)).is_ok());
    }
    println!("{rounds} spoiled: {refused} manifests refused, {short} logs cut short, {read} nonsensical records read");
    assert!(short > rounds / 4 && refused > rounds / 8, "most of what is spoiled differs");
}

#[test]
fn a_large_value_that_power_was_lost_for_is_no_value() {
    let scratch = Scratch::new();
    let large = vec![5; 1 << 20];
    let recorder = begin(&scratch.store());
    let written = Written { kind: Kind::Branch, position: b"b", items: (0, 0), about: b"", values: &[(0, &large)] };
    recorder.log().append(&written, || true).unwrap();
    let name = recorder.name().to_owned();
    drop(recorder);
    let folder = Folder::open(&scratch.store()).unwrap();
    let path = folder.blobs().path(Hash::of(&large));
    assert!(path.exists(), "the end of a run that can be resumed waits for the disk");
    // As long as it is not known to be on the disk, its name says so.
    let unsettled = path.with_extension("unsettled");
    fs::rename(&path, &unsettled).unwrap();
    let holds = || {
        let (recorder, _) = go_on(&scratch.store(), &name);
        let record = recorder.log().read(recorder.log().find(Kind::Branch, b"b").unwrap()).ok()?;
        Some(record.values().next().unwrap().1.with(|bytes| Ok(bytes == large)).unwrap())
    };
    assert_eq!(holds(), Some(true));
    assert_eq!(folder.collect().unwrap(), Some(0), "it is in use");
    // What a file may hold whose length was written, and whose content was not.
    let mut lost = large.clone();
    lost[4096..8192].fill(0);
    fs::write(&unsettled, lost).unwrap();
    assert_eq!(holds(), None);
    // It is written again, and replaces what is wrong.
    let (recorder, _) = go_on(&scratch.store(), &name);
    recorder.log().append(&written, || true).unwrap();
    drop(recorder);
    assert_eq!((holds(), path.exists(), unsettled.exists()), (Some(true), true, false));
}

#[test]
fn the_first_failed_write_ends_recording_for_good() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    write(&recorder, 1);
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    recorder.divert_writes(full);
    let written = Written { kind: Kind::Step, position: &[2], items: (0, 0), about: b"", values: &[] };
    let error = recorder.log().append(&written, || true).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("log.0"), "{error}");
    recorder.divert_writes(tempfile(&scratch));
    assert_eq!(recorder.log().append(&written, || true).unwrap_err().to_string(), error);
    let name = recorder.name().to_owned();
    drop(recorder);
    let (recorder, _) = go_on(&scratch.store(), &name);
    assert!(holds(&recorder, 1) && recorder.log().find(Kind::Step, &[2]).is_none());
}

fn tempfile(scratch: &Scratch) -> fs::File {
    fs::File::create(scratch.0.join("file")).unwrap()
}

#[test]
#[cfg(unix)]
fn a_failed_sync_ends_recording() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    // It cannot be synced.
    let (_reader, pipe) = rustix::pipe::pipe().unwrap();
    recorder.divert_syncs(pipe.into());
    write(&recorder, 1);
    while recorder.log().failure().is_none() {
        std::thread::yield_now();
    }
    let error = recorder.log().failure().unwrap().to_string();
    assert!(error.starts_with("cannot sync the records in"), "{error}");
}
