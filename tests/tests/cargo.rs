//! Projects of users, outside of this workspace, built by Cargo.

use std::{fs, path::Path};

use serde_json::Value;
use tests::{program::Program, project::Project};

const MAIN: &str = r#"
#![forbid(unsafe_code)]
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Sum(u64);

tea_runtime::include_workflow!("flow.yaml");
"#;

const FLOW: &str = "
name: sums
state_schema:
  n:     { type: u64, input: true }
  even:  Sum
  odd:   Sum
  total: u64
nodes:
  - { name: even, run: Sum((0..n).filter(|i| i % 2 == 0).sum()), output: even }
  - { name: odd, run: Sum((0..n).filter(|i| i % 2 == 1).sum()), output: odd }
  - { name: add, run: even.0 + odd.0, output: total }
edges:
  - { from: __start__, to: [even, odd], parallel: true, fan_in: add, parallel_strategy: process }
";

#[test]
fn a_dozen_lines_outside_the_workspace_build_without_warnings_and_run() {
    let project = Project::new("user-sums", &[("main.rs", MAIN), ("flow.yaml", FLOW)]);
    let built = project.build();
    assert!(built.success, "{}", built.output);
    assert_eq!(built.output, "", "no warnings");
    assert_eq!(Program::new(project.program()).args("--n 10").run().json()["total"], 45);
}

#[test]
fn a_change_of_the_workflow_file_alone_rebuilds() {
    let project = Project::new("user-change", &[("main.rs", MAIN), ("flow.yaml", FLOW)]);
    assert!(project.build().success);
    let first = fs::metadata(project.program()).unwrap().modified().unwrap();
    assert!(project.build().success);
    assert_eq!(fs::metadata(project.program()).unwrap().modified().unwrap(), first, "nothing changed");

    project.write("flow.yaml", &FLOW.replace("even.0 + odd.0", "even.0 * odd.0"));
    let built = project.build();
    assert!(built.success, "{}", built.output);
    assert_eq!(Program::new(project.program()).args("--n 10").run().json()["total"], 500);
}

/// The first code block of the README in this language.
fn readme(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).unwrap();
    let block = readme.split("```").find_map(|block| block.strip_prefix(&format!("{language}\n")));
    block.unwrap_or_else(|| panic!("no block in {language}")).to_owned()
}

#[test]
fn the_readme_keeps_its_word() {
    let project = Project::new("user-readme", &[("main.rs", &readme("rust")), ("flow.yaml", &readme("yaml"))]);
    let built = project.build();
    assert!(built.success, "{}", built.output);
    assert_eq!(built.output, "", "no warnings");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("notes.txt"), "Tea is a compiler\nfor workflows.\n").unwrap();
    let output = Program::new(project.program()).directory(directory.path()).args("--text notes.txt").run().json();
    assert_eq!(output, readme("json").parse::<Value>().unwrap());
}
