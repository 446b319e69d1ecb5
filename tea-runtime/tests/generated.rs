//! Generated code under the strictest lints: it compiles without a word, and does what the workflow says.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::pedantic)]

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tea_runtime::{include_workflow, state::Given};

include_workflow!("read-qc.yaml", main = false);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Chunk(Vec<u8>);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Profile(Vec<u64>);

impl Profile {
    fn merge(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// Stays in this process, and can do nothing at all.
struct Index(usize);

fn load_chunks(reads: &Path) -> std::io::Result<Vec<Chunk>> {
    Ok(std::fs::read(reads)?.chunks(1_000).map(|chunk| Chunk(chunk.to_vec())).collect())
}

fn count_kmers(chunks: &[Chunk], k: usize) -> Profile {
    Profile(chunks.iter().map(|chunk| (chunk.0.len() / k) as u64).collect())
}

#[test]
fn a_run_gives_what_the_nodes_gave() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read-qc.yaml");
    let length = std::fs::read(file).expect("it is there").len();
    let input = read_qc::Input::new(file.into());
    assert_eq!(input.k, 21);
    let output = read_qc::run(input).expect("nothing fails");
    assert_eq!((output.reads.as_path(), output.k), (Path::new(file), 21));
    assert_eq!(output.sizes, [1_000, length - 1_000]);
    assert_eq!(output.chunks.len(), 2);
    assert_eq!(output.profile.0, [47, (length as u64 - 1_000) / 21]);
    assert_eq!(output.longest, 21_000);
    assert_eq!(output.failed.iter().map(|failure| failure.index).collect::<Vec<_>>(), [1]);
    assert_eq!((output.first, output.last, output.note), (1_000, 0, None));
}

#[test]
fn a_failure_names_its_node() {
    let error =
        read_qc::run(read_qc::Input { reads: "/nowhere".into(), k: 1, longest: 0 }).expect_err("the file is missing");
    assert!(format!("{error:?}").contains("load"), "{error:?}");
}

#[test]
fn kinds_hold_what_a_type_can_do_and_its_keys_need() {
    let kind = |name: &str| read_qc::PLAN.keys.iter().find(|key| key.name == name).expect("a key of that name").kind;
    let found = |name: &str| {
        let kind = kind(name);
        [kind.clone.is_some(), kind.to_json.is_some(), kind.wire.is_some(), kind.parse.is_some()]
    };
    assert_eq!(found("reads"), [true, true, false, true]);
    assert_eq!(found("chunks"), [true, true, false, false]);
    assert_eq!(found("index"), [false, false, false, false]);

    let parse = kind("k").parse.expect("usize is FromStr");
    let given = |text: &str| (parse.texts)(Given { texts: &[text.into()], each: false });
    assert_eq!(given("31").expect("a number").downcast_ref(), Some(&31usize));
    assert_eq!((parse.json)("31").expect("a number").downcast_ref(), Some(&31usize));
    assert_eq!(given("x").expect_err("no number"), "invalid digit found in string");
}

#[test]
fn the_whole_state_has_what_the_output_leaves_out() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/read-qc.yaml");
    let state = read_qc::builder().run_to_state(read_qc::Input::new(file.into())).expect("nothing fails");
    assert_eq!((state.index.0, state.chunks.len(), *state.k), (2, 2, 21));
    assert!(state.note.is_none());
    let shown = format!("{state:?}");
    assert!(shown.starts_with("State { reads: ") && shown.contains("note: None"), "{shown}");
}
