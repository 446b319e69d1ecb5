//! Values that are paths: what is in the files counts.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{kit::*, scratch::Scratch};
use crate::{
    engine::records::{Session, Which, outlook},
    map::{MapSpec, Wired, given, map},
    policy::ParallelConfig,
    state::Key,
};

/// Three files.
fn files(scratch: &Scratch) -> Vec<PathBuf> {
    fs::create_dir_all(&scratch.0).unwrap();
    let files: Vec<PathBuf> = (0..3).map(|n| scratch.0.join(format!("file-{n}"))).collect();
    for file in &files {
        fs::write(file, "1").unwrap();
    }
    files
}

#[test]
fn a_file_of_a_list_that_has_changed_counts_as_another_list() {
    static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let scratch = Scratch::new();
    *FILES.lock().unwrap() = files(&scratch);
    let mut kit = Kit::default();
    let list = kit.key::<Vec<PathBuf>>("list");
    let length = kit.key::<u64>("length");
    kit.wired(list);
    kit.wired(length);
    let steps = vec![
        node("list", move |view, _| put(view, list, FILES.lock().unwrap().clone())).reads(&[length.id]),
        node("length", move |view, _| {
            let lengths = view.get(list).iter().map(|file| fs::metadata(file).unwrap().len());
            put(view, length, lengths.sum())
        })
        .reads(&[list.id]),
        node("end", |_, _| Err("not yet".into())).reads(&[length.id]),
    ];
    let root = kit.block(chain(steps));
    let plan = kit.plan(root);
    scratch.run(plan, false).outcome.unwrap_err();
    assert_eq!(scratch.run(plan, true).nodes, ["end"]);
    fs::write(&FILES.lock().unwrap()[1], "12").unwrap();
    let session = Session { state_dir: scratch.0.clone(), resume: Some(Which::Last), ..Session::default() };
    let outlook =
        outlook(plan, &[], &session).unwrap().nodes.into_iter().map(|node| (node.node.into_owned(), node.why));
    let expected = [
        ("list", "the file of its output `list` has changed"),
        ("length", "it reads `list`, which `list` writes again"),
        ("end", "it has no record"),
    ];
    assert_eq!(outlook.collect::<Vec<_>>(), expected.map(|(node, why)| (node.to_owned(), why.to_owned())));
    // The node that gave the list runs again, since it may have written the files, and whoever reads them.
    assert_eq!(scratch.run(plan, true).nodes, ["list", "length", "end"]);
    assert_eq!(scratch.run(plan, true).nodes, ["end"]);
}

#[test]
fn an_item_whose_file_has_changed_runs_again_and_the_others_do_not() {
    const OUT: Key<Vec<u64>> = Key::new(0);
    static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    static RAN: AtomicUsize = AtomicUsize::new(0);
    static EACH: &dyn MapSpec = &map(
        given(|_, _| Ok(FILES.lock().unwrap().clone())),
        |_, _, file: &PathBuf, _| {
            RAN.fetch_add(1, Ordering::Relaxed);
            Ok(fs::metadata(file)?.len())
        },
        OUT,
        None,
        Wired,
        Wired,
    );
    let scratch = Scratch::new();
    *FILES.lock().unwrap() = files(&scratch);
    let mut kit = Kit::default();
    let out = kit.key::<Vec<u64>>("out");
    kit.wired(out);
    let each = kit.map("each", EACH, ParallelConfig::DEFAULT, |map| (map.reads, map.writes) = (&[], &[0]));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let end = {
        let seen = Arc::clone(&seen);
        node("end", move |view, _| {
            seen.lock().unwrap().clone_from(view.get(OUT));
            Err("not yet".into())
        })
    };
    let root = kit.block(chain(vec![each, end]));
    let plan = kit.plan(root);
    let run = |resume: bool| {
        scratch.run(plan, resume).outcome.unwrap_err();
        (RAN.swap(0, Ordering::Relaxed), seen.lock().unwrap().clone())
    };
    assert_eq!(run(false), (3, vec![1, 1, 1]));
    assert_eq!(run(true), (0, vec![1, 1, 1]));
    fs::write(&FILES.lock().unwrap()[1], "12").unwrap();
    assert_eq!(run(true), (1, vec![1, 2, 1]));
    assert_eq!(run(true), (0, vec![1, 2, 1]));
}
