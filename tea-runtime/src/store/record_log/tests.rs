//! What is recorded in a unit, whose log is in memory.

use super::*;

/// The log of a unit, and what it sends.
fn of_unit(known: Vec<RawRecord>) -> (RecordLog, Arc<Mutex<Vec<RawRecord>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&sent);
    let append = move |raw: &RawRecord| lock(&to).push(raw.clone());
    (RecordLog::of_unit(known, None, Arc::new(append)).unwrap(), sent)
}

fn append(log: &RecordLog, kind: Kind, position: &[u8], value: &[u8]) {
    let (items, values) = ((0, 1), [(7, value)]);
    log.append(&Written { kind, position, items, about: b"", values: &values }, || true).unwrap();
}

/// The positions and values of records.
fn read(raw: &[RawRecord]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let read = |raw: &RawRecord| {
        let kind = Kind::of(raw.kind).unwrap();
        record::decode(kind, &raw.payload, |written| (written.position.to_vec(), written.values[0].1.to_vec()))
    };
    raw.iter().map(|raw| read(raw).unwrap()).collect()
}

#[test]
fn what_is_done_in_a_unit_goes_up_and_is_known_to_its_next_attempt() {
    // As large as a value that is not in the log, because a worker writes no files.
    let large = vec![1; 2 << 20];
    let (worker, from_worker) = of_unit(Vec::new());
    append(&worker, Kind::Step, b"ab1", b"one");
    append(&worker, Kind::Items, b"ab2", &large);
    append(&worker, Kind::Step, b"ab1", b"more");
    assert!(worker.find(Kind::Step, b"ab1").is_none(), "it is not a record of before");
    let raw = lock(&from_worker).clone();

    let (between, to_top) = of_unit(Vec::new());
    append(&between, Kind::Branch, b"ac", b"its own");
    for raw in raw {
        between.relay(b"ab", raw, || true).unwrap();
    }
    between.relay(b"ab", lock(&from_worker)[0].clone(), || false).unwrap();
    let of = |position: &[u8], value: &[u8]| (position.to_vec(), value.to_vec());
    let all = [of(b"ab1", b"one"), of(b"ab2", &large), of(b"ab1", b"more")];
    // Compared without being shown, because of their size.
    assert!(read(&lock(&to_top)[1..]) == all);
    assert!(read(&between.below(b"ab").unwrap()) == all[1..], "the last one of each position");

    let (next, _) = of_unit(between.below(b"ab").unwrap());
    let found = next.read(next.find(Kind::Step, b"ab1").unwrap()).unwrap();
    assert!(found.value(0).unwrap().is(b"more"));
    assert_eq!(next.items(Kind::Items, b"ab2").len(), 1);
    // What came with a unit is known below a part of it, also later.
    between.forget(b"ab");
    assert_eq!((between.below(b"ab").unwrap().len(), next.below(b"ab").unwrap().len()), (0, 2));
    assert_eq!((next.below(b"ab1").unwrap().len(), next.below(b"a").unwrap().len()), (0, 2));
    next.forget(b"ab");
    assert_eq!(next.below(b"ab").unwrap().len(), 2);
}

#[test]
fn a_worker_that_cannot_record_ends_recording_and_so_does_one_that_sends_something_else() {
    let (worker, sent) = of_unit(Vec::new());
    worker.fail(StoreError::new("it is too large"));
    assert!(
        worker
            .append(&Written { kind: Kind::Step, position: b"ab1", items: (0, 0), about: b"", values: &[] }, || {
                true
            })
            .is_err()
    );
    let failed = lock(&sent).clone();
    assert_eq!(failed.len(), 1, "the parent is told once");
    let (parent, _) = of_unit(Vec::new());
    assert_eq!(parent.relay(b"ab", failed[0].clone(), || true).unwrap_err().to_string(), "it is too large");

    let (worker, sent) = of_unit(Vec::new());
    append(&worker, Kind::Step, b"ac1", b"of another unit");
    let elsewhere = lock(&sent)[0].clone();
    let nonsense = RawRecord { kind: Kind::Step as u8, payload: vec![0xff; 9] };
    let unknown = RawRecord { kind: 99, payload: elsewhere.payload.clone() };
    for raw in [elsewhere, nonsense.clone(), unknown] {
        let (parent, sent) = of_unit(Vec::new());
        let error = parent.relay(b"ab", raw, || true).unwrap_err().to_string();
        assert_eq!(error, "a worker sent a record that is not one");
        assert_eq!(lock(&sent).len(), 1, "only the failure goes up");
    }
    assert!(RecordLog::of_unit(vec![nonsense], None, Arc::new(|_| ())).is_err());
}
