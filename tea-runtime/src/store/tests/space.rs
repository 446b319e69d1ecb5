//! What takes space goes when it is not needed any more.

use super::*;

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
