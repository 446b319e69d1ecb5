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
    // Its own version, not Tea's.
    assert_eq!(Program::new(project.program()).args("--version").run().stdout, "user-sums 7.1.0\n");
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

/// The code blocks of a document in this language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = fs::read_to_string(path).unwrap();
    let inside = text.split("```").skip(1).step_by(2);
    inside.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// The first of them.
fn block(document: &str, language: &str) -> String {
    blocks(document, language).into_iter().next().unwrap_or_else(|| panic!("no block in {language}"))
}

fn readme(language: &str) -> String {
    block("README.md", language)
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

/// The guide's programs, to the letter: the first workflow, on threads and in processes; its tests; and the same in a
/// program of one's own, without the command line.
#[test]
fn the_guide_keeps_its_word() {
    const FIRST: &str = "docs/guide/1-first-workflow.md";
    let (main, flow) = (block(FIRST, "rust"), block(FIRST, "yaml"));
    let tests = block("docs/guide/6-testing.md", "rust");
    let project = Project::new("user-guide", &[("main.rs", &format!("{main}\n{tests}")), ("flow.yaml", &flow)]);
    let manifest = "[package]\nname = \"words\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
                    tea-runtime = { version = \"0.1.0\", path = \"../tea/tea-runtime\" }\n";
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    let in_processes = flow.replace("    fan_in: merge\n", "    fan_in: merge\n    parallel_strategy: process\n");
    assert_ne!(flow, in_processes);
    let said = block(FIRST, "console\n$ cargo run -q -- --text Cargo.toml");
    for flow in [&flow, &in_processes] {
        project.write("flow.yaml", flow);
        let built = project.build();
        assert_eq!((built.success, built.output.as_str()), (true, ""), "no warnings");
        let run = |args: &str| Program::new(project.program()).directory(directory.path()).args(args).run();
        let output = run("--text Cargo.toml").stdout;
        assert!(said.starts_with(&output) && output.len() > 100, "{output}");
        assert!(run("--text nowhere").failure(1).starts_with("error: No such file or directory (os error 2)\n"));
    }
    let tested = project.test(&["test"]);
    assert!(tested.success && tested.output.contains("3 passed"), "{}", tested.output);

    let functions = main.split_once("include_workflow!(\"flow.yaml\");").unwrap().1;
    let embedding = block("docs/guide/5-embedding.md", "rust") + functions;
    let project = Project::new("user-embeds", &[("main.rs", &embedding), ("flow.yaml", &in_processes)]);
    project.without_default_features();
    let built = project.build();
    assert_eq!((built.success, built.output.as_str()), (true, ""), "no warnings");
    let finished = Program::new(project.program()).directory(directory.path()).run();
    let expected = "21 words, the longest is \"../tea/tea-runtime\"\n";
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), expected), "{}", finished.stderr);
    assert!(finished.stderr.contains("count: ") && finished.stderr.contains(" in process "), "{}", finished.stderr);
    let dependencies = project.dependencies();
    assert!(dependencies.iter().any(|name| name == "postcard"), "{dependencies:?}");
    for paid in ["clap", "indicatif", "tracing-subscriber", "anstream", "tempfile", "tea-build", "syn"] {
        assert!(!dependencies.iter().any(|name| name == paid), "{paid} is part of it");
    }
}

/// The pieces of workflow files on the guide's second and third page, put together.
#[test]
fn the_pieces_in_the_guide_are_a_workflow() {
    let [edges] = blocks("docs/guide/2-strategies.md", "yaml").try_into().unwrap();
    let [schema, sort, split] = blocks("docs/guide/3-state.md", "yaml").try_into().unwrap();
    let flow = format!(
        "name: pieces\n{schema}  lines: Vec<String>\n  comments: Vec<String>\n  code: Vec<String>\nnodes:
  - {{ name: load, run: '(paths.iter().map(|_| (width, 1)).collect(), mmap::Index)', output: [sizes, index] }}
  - {{ name: decode, run: sizes.len() as u64, output: total }}
  - {{ name: thumbnail, run: '(u64::from(width), String::from(\"small\"))', output: [total, notes] }}
  - name: merge
    run: 'vec![format!(\"# {{index:?}}\"), format!(\"{{total}} {{}}\", notes.map_or(\"\", |notes| notes))]'
    output: lines
{sort}{split}{edges}"
    );
    let main = "use std::path::PathBuf;
        mod mmap { #[derive(Debug)] pub(crate) struct Index; }
        tea_runtime::include_workflow!(\"flow.yaml\");";
    let project = Project::new("user-pieces", &[("main.rs", main), ("flow.yaml", &flow)]);
    let built = project.build();
    assert_eq!((built.success, built.output.as_str()), (true, ""), "no warnings");
    let output = Program::new(project.program()).arg("--paths").arg("[\"a.png\",\"b.png\"]").run().json();
    assert_eq!((&output["comments"][0], &output["code"][0]), (&"# Index".into(), &"162 small".into()), "{output}");
}

/// Keys of one type that the file writes in several ways.
#[test]
fn a_type_may_be_written_in_several_ways() {
    let main = "use std::path::PathBuf;\ntype Count = u32;\ntea_runtime::include_workflow!(\"flow.yaml\");\n";
    let flow = "name: spelled\nstate_schema:\n  a: { type: PathBuf, input: true, default: \"PathBuf::from(\\\"x\\\")\" }\n  \
                b: std::path::PathBuf\n  c: u32\n  d: Count\n  e: \"Vec<u32>\"\n  f: \"Vec<Count>\"\nnodes:\n  \
                - { name: b, run: a.clone(), output: b }\n  - { name: c, run: \"1\", output: c }\n  - { name: d, run: c, output: d }\n  \
                - { name: e, run: \"vec![*d]\", output: e }\n  - { name: f, run: e.clone(), output: f }\n";
    let project = Project::new("user-spelled", &[("main.rs", main), ("flow.yaml", flow)]);
    let built = project.build();
    assert_eq!((built.success, built.output.as_str()), (true, ""));
    let output = Program::new(project.program()).run().json();
    assert_eq!(output, serde_json::json!({ "a": "x", "b": "x", "c": 1, "d": 1, "e": [1], "f": [1] }));
}

/// `remote` needs a feature: without it, the error says which line to add, and with it, the program runs.
#[test]
fn remote_without_its_feature_is_an_error_with_the_line_to_add() {
    let main = "tea_runtime::include_workflow!(\"flow.yaml\");\n";
    let flow = "name: away\nstate_schema: { one: u32, two: u32, out: u32 }\nnodes:\n  - { name: one, run: \"1\", output: one }\n  \
                - { name: two, run: \"2\", output: two }\n  - { name: join, run: one + two, output: out }\nedges:\n  \
                - { from: __start__, to: [one, two], parallel: true, fan_in: join, parallel_strategy: remote }\n";
    let project = Project::new("user-away", &[("main.rs", main), ("flow.yaml", flow)]);
    let built = project.build();
    assert!(!built.success);
    let says = "flow.yaml:8:89 needs the feature `remote` of tea-runtime: add `features = [\"remote\"]` to `tea-runtime` in \
                Cargo.toml, or run `cargo add tea-runtime --features remote`";
    assert!(built.output.contains(says), "{}", built.output);
    assert_eq!(
        built.output.matches("\nerror").count() + usize::from(built.output.starts_with("error")),
        2,
        "{}",
        built.output
    );
    let project = project.with_remote();
    let built = project.build();
    assert!(built.success, "{}", built.output);
    assert_eq!(Program::new(project.program()).run().json()["out"], 3);
}
