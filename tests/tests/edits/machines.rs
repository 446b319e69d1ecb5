//! The same sources on two machines are the same code.

use std::fs;

use tests::{
    program::Program,
    project::{Built, Project},
};

use super::units;

const FLOW: &str = r#"name: machines
settings: { checkpoint: true }
state_schema: { words: Vec<String>, place: Place, sum: u64 }
nodes:
  - { name: read, run: "read()", output: words }
  - { name: place, run: "place()", output: place }
  - { name: call, use: inner.yaml, with: { words: words.clone() }, output: { sum: sum } }
  - { name: last, run: "last()?" }
"#;

const INNER: &str = r#"name: inner
state_schema: { words: { type: Vec<String>, input: true }, sum: u64 }
nodes:
  - { name: add, run: "add(words)", output: sum }
"#;

const MAIN: &str = r#"use serde::{Deserialize, Serialize};

tea_runtime::include_workflow!("flow.yaml");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place(String);

fn read() -> Vec<String> {
    eprintln!("read runs");
    include_str!("text").split_whitespace().map(str::to_owned).collect()
}

fn place() -> Place {
    eprintln!("place runs");
    Place(format!("{}:{} of {}", file!(), line!(), env!("CARGO_PKG_NAME")))
}

fn add(words: &[String]) -> u64 {
    eprintln!("add runs");
    words.iter().map(|word| helper::weight(word)).sum()
}

fn last() -> Result<(), String> {
    eprintln!("last runs");
    if std::env::var_os("FAIL").is_some() { Err("not yet".to_owned()) } else { Ok(()) }
}
"#;

/// With `TEA_MACHINES=1`, Cargo builds everything once more, from another place.
#[test]
fn on_another_machine_the_records_of_a_run_hold() {
    let files = [("main.rs", MAIN), ("flow.yaml", FLOW), ("inner.yaml", INNER), ("text", "one three")];
    let project = || {
        let project = Project::new("user-machines", &files);
        project
            .write("../helper/Cargo.toml", "[package]\nname = \"helper\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        project.write("../helper/src/lib.rs", "pub fn weight(word: &str) -> u64 {\n    word.len() as u64\n}\n");
        project.depend("helper = { path = \"helper\" }");
        project
    };
    let succeeded = |built: Built| assert!(built.success, "{}", built.output);
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = project();
    succeeded(one.build());
    let failing = |program: &std::path::Path| Program::new(program).env("FAIL", "1");
    let first = failing(&one.program()).directory(here.path()).run();
    assert_eq!(units(&first), ["add", "last", "place", "read"]);
    fs::rename(here.path().join(".tea"), there.path().join(".tea")).unwrap();

    let other = project();
    succeeded(other.build_elsewhere(None));
    let again = failing(&other.program()).directory(there.path()).args("--resume").run();
    assert_eq!(units(&again), ["last"], "another folder, user and host");
    if std::env::var_os("TEA_MACHINES").is_some() {
        let own = tempfile::tempdir().unwrap();
        succeeded(other.build_elsewhere(Some(own.path())));
        let program = own.path().join("target/debug/user-machines");
        let again = failing(&program).directory(there.path()).args("--resume").run();
        assert_eq!(units(&again), ["last"], "and other folders of Cargo's");
    }
}
