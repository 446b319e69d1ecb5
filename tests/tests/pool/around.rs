//! What surrounds the nodes: values and their traits, and what belongs to the process.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use serde_json::json;

use super::*;

/// The values that the block holds have one owner again after the map, so that a key with `reduce` needs no `Clone`.
#[test]
fn a_map_in_processes_keeps_no_hold_of_the_state() {
    for finished in everywhere("pins", &["-q"]) {
        assert_eq!(finished.json()["total"], 3, "{}", finished.stderr);
    }
}

/// It is no item's failure, so it is not found out once for each.
#[test]
fn what_all_items_read_and_cannot_be_sent_is_written_once() {
    let finished = pool("encodes", &["-q"]).run();
    let text = finished.failure(1);
    assert!(text.contains("`table`") && text.contains("`max_payload` is 1 KiB"), "{text}");
    assert_eq!(finished.stderr.matches("it is written").count(), 1, "{}", finished.stderr);
}

#[test]
fn paths_of_any_bytes_go_to_workers() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [(&b"a"[..], "1"), (b"caf\xe9", "22")] {
        std::fs::write(directory.path().join(OsStr::from_bytes(name)), text).unwrap();
    }
    for finished in everywhere("paths", &["-q", "--folder", directory.path().to_str().unwrap()]) {
        let mut sizes: Vec<u64> = serde_json::from_value(finished.json()["sizes"].clone()).unwrap();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 2]);
    }
}

/// The error of a node, an item and `items`, whose text or source panics: it is the failure of what it came from.
#[test]
fn errors_that_cannot_be_shown_are_failures_of_their_node() {
    for what in ["", " source"] {
        let how = |place: &str| format!("{place}{what}");
        for finished in everywhere("shown", &["-q", "--how", &how("item")]) {
            let output = finished.json();
            assert_eq!((&output["good"], &output["failed"][0]["index"]), (&json!([0, 2]), &1.into()));
            assert_eq!(output["failed"][0]["kind"], "error", "{}", output["failed"]);
            assert!(output["failed"][0]["message"].as_str().unwrap().contains("cannot be shown"), "{output}");
        }
        for (place, node) in [("node", "`first`"), ("items", "`call`")] {
            for finished in everywhere("shown", &["-q", "--how", &how(place)]) {
                let text = finished.failure(1);
                assert!(text.contains(node) && text.contains("flow.yaml") || text.contains("shown.yaml"), "{text}");
                assert!(text.contains("cannot be shown") && !text.contains("panicked at"), "{text}");
            }
        }
    }
}

/// A panic in the user's Rust that is not a node: told as a failure, wherever it was, and nothing that was computed is lost.
#[test]
fn panics_around_nodes_are_told_as_failures() {
    for finished in everywhere("shown", &["-q", "--how", "reduce"]) {
        let text = finished.failure(1);
        assert!(text.contains("no such sum") && text.contains("`left`") || text.contains("`right`"), "{text}");
        assert!(text.contains("shown.yaml"), "{text}");
    }
    let dropped = pool("shown", &["-q", "--how", "drop"]).run();
    assert_eq!((dropped.code, dropped.stdout.contains("\"good\": [0,1,2]")), (Some(1), true), "{}", dropped.stderr);
    assert!(dropped.stderr.contains("it went off") && !dropped.stderr.contains("thread 'main'"), "{}", dropped.stderr);
    let refused = pool("shown", &["-q", "--number", "x"]).run();
    let text = refused.failure(2);
    assert!(text.contains("--number") && text.contains("no such number"), "{text}");
}

#[test]
fn branches_run_in_the_folder_that_the_program_has_then() {
    for finished in everywhere("turns", &["-q"]) {
        assert_eq!(finished.json()["seen"], " / /usr");
    }
}

/// What can be put back is; else the next item gets another worker, also if it waited in the one before.
#[test]
fn what_an_item_changes_in_its_process_does_not_reach_the_next() {
    let finished = pool("surroundings", &[]).run();
    let output = finished.json();
    let seen = output["seen"].as_array().unwrap();
    let of = |name: &str| seen.iter().map(|seen| seen[name].clone()).collect::<Vec<_>>();
    for what in ["folder", "mode", "size", "caught"] {
        assert!(of(what).iter().all(|found| *found == of(what)[0]), "{what}: {:?}", of(what));
    }
    let pids = of("pid");
    let changes: Vec<_> = pids.windows(2).map(|pids| pids[0] != pids[1]).collect();
    assert_eq!(changes, [false, false, false, true, false, true, false], "{pids:?}");
    for why in [
        "it changed the limit of the size of files of its process",
        "it changed what becomes of signals in its process",
    ] {
        assert!(finished.stderr.contains(why), "{}", finished.stderr);
    }
}

/// Items that a worker got together find what the first of them found.
#[test]
fn an_item_sees_no_change_that_another_one_of_its_batch_made_in_the_process() {
    let output = pool("batches", &["-q"]).run().json();
    let seen = output["seen"].as_array().unwrap();
    let folder = std::env::current_dir().unwrap();
    assert_eq!((seen.len(), &seen[0][1]), (2000, &folder.to_str().unwrap().into()));
    let other = seen.iter().position(|found| *found != seen[0]);
    assert_eq!(other, None, "{:?}", other.map(|at| &seen[at]));
}

#[test]
fn a_branch_runs_in_the_folder_of_the_program_though_it_was_replaced_or_is_gone() {
    let scratch = tempfile::tempdir().unwrap();
    let finished = pool("moves", &["-q", scratch.path().to_str().unwrap()]).run();
    assert_eq!(finished.json()["same"], json!([true, true, true]), "{}", finished.stderr);
}

/// A limit of a worker is not that of the workers that it starts.
#[test]
fn a_limit_of_memory_is_not_inherited() {
    let finished = pool("inherited", &["-q"]).run();
    assert_eq!(finished.json()["heavy"], json!([300 << 20]), "{}", finished.stderr);
}
