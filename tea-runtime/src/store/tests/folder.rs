//! The folder of a store: whose it is, and what it remembers of programs.

use super::*;

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
