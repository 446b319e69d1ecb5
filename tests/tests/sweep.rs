//! Sweeps: every combination of the values of several variables, on threads and in worker processes, recorded by their values.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde::{Deserialize, Serialize};
use tea_runtime::ItemFailure;

tea_runtime::include_workflow!("sweep.yaml", main = false);
tea_runtime::include_workflow!("sweep_calls.yaml", main = false);

/// Not `Clone`.
#[derive(Serialize, Deserialize)]
struct Mode(String);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

static COMBINED: AtomicUsize = AtomicUsize::new(0);
static MULTIPLIED: AtomicUsize = AtomicUsize::new(0);
static SIZED: AtomicUsize = AtomicUsize::new(0);

fn length(mode: &Mode) -> u32 {
    u32::try_from(mode.0.len()).unwrap()
}

fn multiply(k: u32, length: u32) -> u32 {
    MULTIPLIED.fetch_add(1, Ordering::SeqCst);
    k * length
}

fn product_of(k: u32, length: u32) -> u32 {
    k * length
}

fn combined(k: u32, mode: &Mode) -> String {
    COMBINED.fetch_add(1, Ordering::SeqCst);
    format!("{k}{mode}")
}

fn size(path: &Path, factor: u64) -> std::io::Result<u64> {
    SIZED.fetch_add(1, Ordering::SeqCst);
    Ok(fs::metadata(path)?.len() * factor)
}

fn modes(names: &[&str]) -> Vec<Mode> {
    names.iter().map(|name| Mode((*name).to_owned())).collect()
}

#[test]
fn every_combination_is_an_item_and_is_known_by_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "four").unwrap();
    let input = |ks: Vec<u32>, names: &[&str], stop| {
        let input = sweep::Input::new(ks, modes(names));
        sweep::Input { paths: vec![file.clone()], stop, ..input }
    };
    let state = folder.path().join("state");
    let error = sweep::builder().state_dir(&state).run(input(vec![1, 2], &["a", "bb"], true)).err().unwrap();
    assert!(error.to_string().contains("stopped"), "{error}");
    assert_eq!((MULTIPLIED.swap(0, Ordering::SeqCst), SIZED.swap(0, Ordering::SeqCst)), (4, 2));

    // Other combinations, in another order: only new ones run.
    fs::write(&file, "seven!!").unwrap();
    let got = sweep::builder().state_dir(&state).resume(None).run(input(vec![2, 3], &["bb", "a"], false)).unwrap();
    assert_eq!(got.nested, [4, 2, 6, 3]);
    assert_eq!(MULTIPLIED.load(Ordering::SeqCst), 2, "(3, bb) and (3, a)");
    // The path is the same, and its file is not.
    assert_eq!((got.sizes, SIZED.load(Ordering::SeqCst)), (vec![7, 70], 2));
    let expected = ["0:2bb0", "1:2bb1", "2:2a0", "3:2a1", "4:3bb0", "5:3bb1", "6:3a0", "7:3a1"];
    assert_eq!(got.all, expected);
    assert_eq!(got.counted, [3, 3]);
    assert_eq!(got.labels, ["k=2, mode=bb", "k=2, mode=a"]);

    // A variable without values leaves nothing to do.
    let got = sweep::run(sweep::Input::new(vec![1, 2], Vec::new())).unwrap();
    assert_eq!((got.all.len(), got.counted.len(), got.nested.len()), (0, 0, 0));
    let got = sweep::builder().all_on_threads().run(sweep::Input::new(vec![1], modes(&["a"]))).unwrap();
    assert_eq!(got.all, ["0:1a0", "1:1a1"]);
}

/// Each combination may run a workflow, and the cache knows it by its values, wherever it is in the list.
#[test]
fn combinations_run_workflows_and_are_kept_in_the_cache() {
    let state = tempfile::tempdir().unwrap();
    let run = |ks: Vec<u32>, names: &[&str]| {
        let input = sweep_calls::Input::new(ks, modes(names));
        let output = sweep_calls::builder().state_dir(state.path()).run(input).unwrap();
        (output.called, output.cached, output.kept, COMBINED.swap(0, Ordering::SeqCst))
    };
    let (called, cached, kept, combined) = run(vec![1, 2], &["a", "bb"]);
    assert_eq!((&called, &kept, combined), (&vec![1, 2, 2, 4], &called, 4));
    assert_eq!(cached, ["1a", "1bb", "2a", "2bb"]);
    let (called, cached, kept, combined) = run(vec![2, 3], &["bb", "a"]);
    assert_eq!((&called, &kept, combined), (&vec![4, 2, 6, 3], &called, 2), "(3, bb) and (3, a)");
    assert_eq!(cached, ["2bb", "2a", "3bb", "3a"]);
}
