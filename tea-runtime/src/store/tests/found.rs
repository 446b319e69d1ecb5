//! Records are found again.

use super::*;

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
