use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use fastrand::Rng;

use super::*;

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tea-store-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const OPTIONS: Options = Options { sync: Duration::from_millis(1) };

fn manifest() -> Manifest {
    Manifest {
        workflow: "test/flow".to_owned(),
        program: Hash::of(b"program"),
        version: "1.0.0".to_owned(),
        began: SystemTime::UNIX_EPOCH,
        went_on: SystemTime::UNIX_EPOCH,
        resumed: 0,
        arguments: vec!["flow".to_owned(), "--k".to_owned(), "3".to_owned()],
        names: vec![(vec![0], "node".to_owned()), (vec![1, 0], "branch".to_owned())],
        shape: 7,
        keys: vec![1, u128::MAX],
        parts: vec![ManifestPart { name: "fn score".to_owned(), file: "src/align.rs".to_owned(), hash: 3 }],
        codes: vec![("node `align`".to_owned(), vec![(0, 1)])],
        surroundings: vec![1, 2],
        status: Status::Unfinished,
    }
}

fn begin(store: &Path) -> Recorder {
    Recorder::begin(store, manifest(), OPTIONS).unwrap()
}

fn go_on(store: &Path, name: &str) -> (Recorder, u64) {
    let folder = Folder::open(store).unwrap();
    let run = folder.run(name).unwrap();
    Recorder::go_on(folder, run, OPTIONS).unwrap()
}

/// Record number `n` of a test: a step at that position, with a value of `n` bytes.
fn write(recorder: &Recorder, n: u8) {
    let value = vec![n; usize::from(n)];
    let (position, values) = ([n], [(7, &value[..])]);
    let written = Written { kind: Kind::Step, position: &position, items: (0, 0), about: &[n, n], values: &values };
    // One that is not valid any more is not written.
    recorder.log().append(&written, || false).unwrap();
    recorder.log().append(&written, || true).unwrap();
}

fn holds(recorder: &Recorder, n: u8) -> bool {
    let Some(found) = recorder.log().find(Kind::Step, &[n]) else { return false };
    let record = recorder.log().read(found).unwrap();
    assert_eq!(record.about(), [n, n]);
    let values: Vec<_> = record.values().collect();
    assert_eq!((values.len(), values[0].0), (1, 7));
    assert!(values[0].1.with(|bytes| Ok(bytes == vec![n; usize::from(n)])).unwrap());
    assert!(values[0].1.is(&vec![n; usize::from(n)]));
    true
}

fn segments(store: &Path, name: &str) -> Vec<PathBuf> {
    let folder = store.join("runs").join(name);
    (0..100).map(|n| folder.join(format!("log.{n}"))).take_while(|path| path.exists()).collect()
}

#[test]
fn what_was_added_is_written_with_the_next_record_with_a_flush_or_at_the_end() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let name = recorder.name().to_owned();
    let length = || segments(&scratch.store(), &name)[0].metadata().unwrap().len();
    let add = |n: u8| {
        let value = vec![n; usize::from(n)];
        let (position, values) = ([n], [(7, &value[..])]);
        let written = Written { kind: Kind::Step, position: &position, items: (0, 0), about: &[n, n], values: &values };
        recorder.log().add(&written, || true).unwrap();
    };
    let before = length();
    add(1);
    add(2);
    assert_eq!(length(), before);
    recorder.log().flush().unwrap();
    let two = length();
    assert!(two > before);
    add(3);
    write(&recorder, 4);
    let four = length();
    assert!(four - two > two - before);
    add(5);
    assert_eq!(length(), four);
    recorder.end(Status::Cancelled, true);
    drop(recorder);
    let (recorder, aside) = go_on(&scratch.store(), &name);
    assert_eq!((aside, recorder.log().count()), (0, 5));
    assert!((1..=5).all(|n| holds(&recorder, n)));
}

#[test]
fn what_is_recorded_is_found_after_the_run_went_on() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let name = recorder.name().to_owned();
    (1..=3).for_each(|n| write(&recorder, n));
    assert!(recorder.log().find(Kind::Step, &[1]).is_none(), "what this process did is no record of before");
    drop(recorder);
    let (recorder, aside) = go_on(&scratch.store(), &name);
    assert_eq!((aside, recorder.log().count()), (0, 3));
    assert!((1..=3).all(|n| holds(&recorder, n)) && !holds(&recorder, 4));
    assert!(recorder.log().find(Kind::Branch, &[1]).is_none());
    write(&recorder, 4);
    recorder.end(Status::Cancelled, true);
    drop(recorder);
    let (recorder, _) = go_on(&scratch.store(), &name);
    assert!((1..=4).all(|n| holds(&recorder, n)));
    assert_eq!(recorder.manifest().status, Status::Cancelled);
}

#[test]
fn the_later_record_of_a_position_holds_and_items_have_all_of_theirs() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let append = |kind, items, about: &[u8]| {
        recorder.log().append(&Written { kind, position: b"p", items, about, values: &[] }, || true).unwrap();
    };
    append(Kind::Branch, (0, 0), b"first");
    append(Kind::Items, (0, 4), b"");
    append(Kind::Branch, (0, 0), b"second");
    append(Kind::Items, (4, 2), b"");
    let name = recorder.name().to_owned();
    drop(recorder);
    let (recorder, _) = go_on(&scratch.store(), &name);
    let found = recorder.log().find(Kind::Branch, b"p").unwrap();
    assert_eq!((found.number, recorder.log().read(found).unwrap().about()), (2, &b"second"[..]));
    let items: Vec<_> = recorder.log().items(Kind::Items, b"p").iter().map(|done| (done.first, done.count)).collect();
    assert_eq!(items, [(0, 4), (4, 2)]);
    drop(recorder);
    let folder = Folder::open(&scratch.store()).unwrap();
    let counts = folder.run(&name).unwrap().verify(&folder).unwrap().counts.map(|(_, count)| count);
    assert_eq!(counts, [0, 1, 6, 0]);
}

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
fn two_processes_do_not_write_to_one_run() {
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let folder = Folder::open(&scratch.store()).unwrap();
    let run = folder.run(recorder.name()).unwrap();
    assert!(run.is_in_use());
    let removed = folder.remove(&run).unwrap_err().to_string();
    let refused = Recorder::go_on(folder.clone(), run, OPTIONS).unwrap_err().to_string();
    for error in [removed, refused] {
        let holder = format!("is in use by process {} on ", std::process::id());
        assert!(error.starts_with(&format!("run `{}`", recorder.name())) && error.contains(&holder), "{error}");
    }
    // Another run of the same store is no business of theirs.
    let other = begin(&scratch.store());
    assert_ne!(other.name(), recorder.name());
    let name = recorder.name().to_owned();
    drop(recorder);
    assert!(!folder.run(&name).unwrap().is_in_use());
    go_on(&scratch.store(), &name);
}

#[test]
fn large_values_are_there_once_and_go_with_the_last_run_that_has_them() {
    let scratch = Scratch::new();
    let (large, other) = (vec![3; 1 << 20], vec![4; 3 << 20]);
    let put = |recorder: &Recorder, values: &[(u32, &[u8])]| {
        let written = Written { kind: Kind::Branch, position: b"b", items: (0, 0), about: b"", values };
        recorder.log().append(&written, || true).unwrap();
    };
    let first = begin(&scratch.store());
    put(&first, &[(0, &large), (1, b"small"), (2, &large), (3, &other)]);
    let second = begin(&scratch.store());
    put(&second, &[(0, &large)]);
    let folder = Folder::open(&scratch.store()).unwrap();
    let names = [first.name().to_owned(), second.name().to_owned()];
    assert_eq!(folder.collect().unwrap(), None, "runs are going on");
    drop((first, second));

    let (first, _) = go_on(&scratch.store(), &names[0]);
    let record = first.log().read(first.log().find(Kind::Branch, b"b").unwrap()).unwrap();
    let values: Vec<_> = record.values().collect();
    let expected: [(u32, &[u8]); 4] = [(0, &large), (1, b"small"), (2, &large), (3, &other)];
    for ((tag, span), expected) in values.iter().zip(expected) {
        assert!(*tag == expected.0 && span.is(expected.1));
        assert!(span.with(|bytes| Ok(bytes == expected.1)).unwrap());
    }
    drop(first);
    assert!(folder.collect().unwrap().is_some());
    folder.remove(&folder.run(&names[0]).unwrap()).unwrap();
    assert!(folder.collect().unwrap().unwrap() >= 3 << 20);
    let second = folder.run(&names[1]).unwrap();
    assert_eq!(second.verify(&folder).unwrap().damaged, Vec::<String>::new());

    // A blob that is damaged or gone is no value.
    let blob = folder.blobs().path(Hash::of(&large));
    let mut bytes = fs::read(&blob).unwrap();
    bytes[77] ^= 1;
    fs::write(&blob, bytes).unwrap();
    assert_eq!(second.verify(&folder).unwrap().damaged.len(), 1);
    let (recorder, _) = go_on(&scratch.store(), &names[1]);
    let found = recorder.log().find(Kind::Branch, b"b").unwrap();
    let record = recorder.log().read(found).unwrap();
    let error = record.values().next().unwrap().1.with(|_| Ok(())).unwrap_err();
    assert!(error.contains("is damaged"), "{error}");
    fs::remove_file(&blob).unwrap();
    assert!(recorder.log().read(found).unwrap_err().to_string().contains("is not there as a whole"));
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
fn runs_that_ended_go_when_there_are_enough_newer_ones() {
    let scratch = Scratch::new();
    let mut names = Vec::new();
    for status in [Status::Done, Status::Failed("why".to_owned()), Status::Done, Status::Done] {
        let recorder = begin(&scratch.store());
        names.push(recorder.name().to_owned());
        recorder.end(status, true);
    }
    let folder = Folder::open(&scratch.store()).unwrap();
    let left = || folder.runs().unwrap().len();
    assert_eq!(folder.prune("other/flow", 0, 0).unwrap(), Vec::<String>::new());
    assert_eq!(folder.prune("test/flow", 2, u64::MAX).unwrap().len(), 1);
    assert_eq!(left(), 3);
    assert_eq!(folder.prune("test/flow", 9, 1).unwrap().len(), 2, "what takes too much goes, but not what may go on");
    assert_eq!(folder.runs().unwrap()[0].name, names[1]);
}

#[test]
fn old_runs_go_however_they_ended_unless_they_are_in_use() {
    let scratch = Scratch::new();
    let used = begin(&scratch.store());
    for status in [Status::Unfinished, Status::Failed("why".to_owned()), Status::Cancelled, Status::Done] {
        // Names sort by their second, and at random within it.
        begin(&scratch.store()).end(status, true);
    }
    let folder = Folder::open(&scratch.store()).unwrap();
    let names: Vec<_> = folder.runs().unwrap().into_iter().map(|run| run.name).collect();
    assert!(folder.remove_old("other/flow", 0).unwrap().is_empty());
    let removed = folder.remove_old("test/flow", 2).unwrap();
    let expected: Vec<_> = names[..3].iter().filter(|name| *name != used.name()).cloned().collect();
    assert_eq!(removed, expected);
    assert!(folder.remove_old("test/flow", 5).unwrap().is_empty());
    folder.remove_old("test/flow", 0).unwrap();
    assert_eq!(folder.runs().unwrap().into_iter().map(|run| run.name).collect::<Vec<_>>(), [used.name()]);
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

#[test]
fn the_content_of_a_program_is_known_as_long_as_its_file_looks_the_same() {
    let scratch = Scratch::new();
    let asked = AtomicUsize::new(0);
    let hash = |looks: &[u8]| {
        known_program(&scratch.store(), looks, || {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok(Hash::of(looks))
        })
        .unwrap()
    };
    assert_eq!([hash(b"a"), hash(b"a"), hash(b"b"), hash(b"b")], [b"a", b"a", b"b", b"b"].map(|of| Hash::of(of)));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let path = scratch.store().join("program");
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(hash(b"b"), Hash::of(b"b"));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn nobody_writes_where_no_folder_can_be() {
    let scratch = Scratch::new();
    fs::write(scratch.store(), "a file").unwrap();
    let error = Recorder::begin(&scratch.store(), manifest(), OPTIONS).unwrap_err().to_string();
    assert!(error.starts_with("cannot make"), "{error}");
    let error = Folder::open(&scratch.0.join("none")).unwrap_err().to_string();
    assert!(error.starts_with("there are no recorded runs in"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_store_is_for_its_owner_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let scratch = Scratch::new();
    let recorder = begin(&scratch.store());
    let large = vec![0; 1 << 20];
    let written = Written { kind: Kind::Step, position: b"", items: (0, 0), about: b"", values: &[(0, &large)] };
    recorder.log().append(&written, || true).unwrap();
    drop(recorder);
    let mut looked_at = 0;
    let mut folders = vec![scratch.store()];
    while let Some(folder) = folders.pop() {
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                looked_at += 1;
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
            }
        }
    }
    assert_eq!(looked_at, 7, "a tag, what git ignores, two locks, a manifest, a log and a blob");
    // Only root can give a folder away.
    if fs::metadata(&scratch.0).unwrap().uid() == 0 && chown(scratch.store(), Some(12_345), None).is_ok() {
        let error = Folder::open(&scratch.store()).unwrap_err().to_string();
        assert!(error.contains("belongs to user 12345"), "{error}");
    }
}

#[test]
fn what_was_not_used_for_longest_leaves_the_cache_first() {
    let scratch = Scratch::new();
    let cache = CacheFolder::create(&scratch.0).unwrap();
    let key = |n: u8| Hash::of(&[n]);
    let path = |n: u8| {
        let name = key(n).to_string();
        scratch.0.join("cache").join(&name[..2]).join(&name[2..])
    };
    for n in 0..4 {
        cache.put(key(n), &[n; 1000]).unwrap();
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(1000 + u64::from(n));
        let times = fs::FileTimes::new().set_modified(used);
        fs::File::options().write(true).open(path(n)).unwrap().set_times(times).unwrap();
    }
    assert_eq!(cache.get(key(0)), Found::Entry(vec![0; 1000]), "it is used now");
    // What somebody began to write long ago, or does now.
    let folder = path(1).parent().unwrap().to_owned();
    let (abandoned, new) = (folder.join(".new-1-1"), folder.join(".new-1-2"));
    fs::write(&abandoned, "half").unwrap();
    fs::write(&new, "half").unwrap();
    let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    fs::File::options().write(true).open(&abandoned).unwrap().set_times(times).unwrap();
    assert_eq!(cache.prune(5000).unwrap(), 4);
    assert!(!abandoned.exists() && new.exists());
    assert!((0..4).all(|n| path(n).exists()));
    assert_eq!(cache.prune(2500).unwrap(), 2 * 1040);
    assert!(path(0).exists() && path(3).exists() && !path(1).exists() && !path(2).exists());
    assert_eq!(cache.get(key(1)), Found::Nothing);
    assert_eq!(CacheFolder::at(&scratch.0.join("nothing")).prune(0).unwrap(), 0);
}

#[test]
fn the_cache_does_not_count_for_the_size_of_records() {
    let scratch = Scratch::new();
    drop(begin(&scratch.0));
    let folder = Folder::open(&scratch.0).unwrap();
    let cache = CacheFolder::create(&scratch.0).unwrap();
    cache.put(Hash::of(b"key"), &vec![0; 1 << 20]).unwrap();
    let (recorder, _) = go_on(&scratch.0, &folder.runs().unwrap()[0].name);
    recorder.end(Status::Done, true);
    drop(recorder);
    assert!(folder.prune("test/flow", 1, 1 << 19).unwrap().is_empty());
}
