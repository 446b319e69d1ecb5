mod damage;
mod folder;
mod found;
mod space;

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
