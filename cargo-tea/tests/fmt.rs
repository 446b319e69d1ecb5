//! `cargo tea fmt`: what it writes, that it writes the same again, and that nothing means anything else afterwards.
//!
//! `TEA_FMT_FILES=10000 cargo test --release -p cargo-tea --test fmt` formats that many random files.

mod support;

use std::{
    collections::HashSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use serde_json::Value;
use support::{tea, workspace};
use tea_build::{diagnostic::Diagnostics, source::Sources};
use tests::wfformat;

/// The plan of a workflow, with only the letters of its Rust: the rest is what rustfmt lays out. `None` if it does not
/// compile.
fn plan(text: &str) -> Option<Value> {
    fn reduce(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::String(text) if name == "rust" || name == "type" => {
                            text.retain(|char| {
                                char.is_alphanumeric() || matches!(char, '"' | '\'' | '+' | '*' | '<' | '&')
                            });
                        }
                        value => reduce(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(reduce),
            _ => {}
        }
    }
    let mut sources = Sources::default();
    let file = sources.add("", text.to_owned());
    let mut plan = tea_build::plan(&mut sources, file, &mut Diagnostics::default())?.to_json();
    reduce(&mut plan);
    Some(plan)
}

/// The codes of what the compiler says about a file.
fn codes(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let file = sources.add("", text.to_owned());
    tea_build::plan(&mut sources, file, &mut found);
    let mut codes: Vec<_> = found.into_sorted().iter().map(|finding| finding.code.to_string()).collect();
    codes.sort_unstable();
    codes
}

/// The comments of a file, as far as they are on lines of their own.
fn comments(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with("# ")).collect()
}

/// Formats these files, then checks that each means the same, and that formatting again changes nothing. Returns how
/// many were changed.
fn format_all(files: &[(String, String)]) -> usize {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let mut changed = 0;
    for names in names.chunks(1000) {
        let ran = tea(directory.path(), &[&["fmt"], names].concat());
        // What is not YAML cannot be formatted; a file that would be damaged is a defect.
        for line in ran.stderr.lines() {
            assert!(!line.contains("defect"), "{line}");
        }
        let refused: HashSet<&str> = ran.stderr.lines().filter_map(|line| line.split('`').nth(1)).collect();
        let formatted: Vec<&str> = names.iter().copied().filter(|name| !refused.contains(name)).collect();
        let again = tea(directory.path(), &[&["fmt", "--check"], &formatted[..]].concat());
        assert_eq!((again.code, &*again.stdout), (Some(0), ""), "formatting again changes these files");
    }
    for (name, before) in files {
        let after = fs::read_to_string(directory.path().join(name)).unwrap();
        changed += usize::from(*before != after);
        assert_eq!(plan(before), plan(&after), "{name}:\n{before}\nbecame\n{after}");
        assert_eq!(codes(before), codes(&after), "{name}:\n{before}\nbecame\n{after}");
        assert_eq!(comments(before), comments(&after), "{name}:\n{before}\nbecame\n{after}");
    }
    changed
}

/// All workflow files below a directory.
fn workflow_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.join("CACHEDIR.TAG").exists() && !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                workflow_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn every_workflow_file_of_the_repository_keeps_its_meaning() {
    let mut paths = Vec::new();
    workflow_files(&workspace(), &mut paths);
    let texts = paths.iter().filter_map(|path| fs::read_to_string(path).ok());
    let files: Vec<_> = texts.enumerate().map(|(number, text)| (format!("{number}.yaml"), text)).collect();
    assert!(files.len() > 400, "only {} files", files.len());
    assert!(format_all(&files) > 100);
}

#[test]
fn the_files_of_the_catalogue_keep_their_meaning() {
    let catalogue = fs::read_to_string(workspace().join("docs/errors.md")).unwrap();
    let texts = catalogue.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let files: Vec<_> = texts.enumerate().map(|(number, text)| (format!("{number}.yaml"), text)).collect();
    assert!(files.len() > 100);
    format_all(&files);
}

#[test]
fn published_graphs_keep_their_meaning() {
    let graphs = fs::read_dir(workspace().join("tests/graphs")).unwrap().map(|entry| entry.unwrap().path());
    let graphs = graphs.filter(|path| path.extension().is_some_and(|extension| extension == "gz"));
    let files: Vec<_> = graphs
        .enumerate()
        .map(|(number, path)| {
            let graph = wfformat::Graph::read(&path).unwrap();
            (format!("{number}.yaml"), graph.flow("published"))
        })
        .collect();
    assert_eq!(files.len(), 4);
    format_all(&files);
}

#[test]
fn random_files_in_random_layouts_keep_their_meaning() {
    let count = std::env::var("TEA_FMT_FILES").map_or(300, |count| count.parse().unwrap());
    let mut rng = Rng::with_seed(20);
    let files: Vec<_> = (0..count)
        .map(|number| {
            let text = tests::random::generate::workflow(&mut rng, &format!("w{number}"));
            (format!("{number}.yaml"), disarrange(&text, &mut rng))
        })
        .collect();
    assert!(format_all(&files) > count / 2);
}

/// The same workflow with other blanks, blank lines, comments and quotes.
fn disarrange(text: &str, rng: &mut Rng) -> String {
    let mut result = String::new();
    for line in text.lines() {
        if rng.u8(..8) == 0 {
            result.push_str(&"\n".repeat(rng.usize(1..4)));
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        if rng.u8(..10) == 0 {
            _ = writeln!(result, "{indentation}# a comment: {{ not: yaml }}, \"{}\"", rng.u8(..));
        }
        let mut line = line.to_owned();
        if rng.bool() {
            line = line.replace("{ ", "{").replace(" }", "}").replace("name: ", "name:   ").replace("run: ", "run:  ");
        }
        if rng.u8(..6) == 0 && !line.contains('|') {
            line.push_str("   # behind");
        }
        result.push_str(&line);
        result.push('\n');
    }
    if rng.u8(..10) == 0 {
        result.push_str("\n\n# at the end\n");
    }
    result
}

/// `before` becomes `after`.
fn formats(before: &str, after: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yaml");
    fs::write(&path, before).unwrap();
    let ran = tea(directory.path(), &["fmt", "--check", "flow.yaml"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), "flow.yaml\n"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), before, "`--check` changes nothing");
    let ran = tea(directory.path(), &["fmt", "flow.yaml"]);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    assert_eq!(fs::read_to_string(&path).unwrap(), after);
    assert_eq!(tea(directory.path(), &["fmt", "--check", "flow.yaml"]).code, Some(0));
}

#[test]
fn the_layout() {
    formats(
        r#"# yaml-language-server: $schema=x
name:   layout   # the name


description: 'some text'
state_schema:
    text:    {type: PathBuf,input: true}   # aligned
    sum:    u64
    # of sum
    other: "HashMap<String,u8>"

    # between
nodes:
- name: first   # a node
  run: |   # of run

      let a=1;
      // why
      text.len(  )+a


  output: sum
# before the second
-
  # inside
  name: second
  run: 'sum . pow( 2 )'
- {name: third, run: "let a = 1; a"}
- { name: fourth, run: work(), goto: [{ if: "sum > 3", to: first }, { if: "sum > 4 && sum < 100_000", to: second }, { to: __end__ }] }
- &anchor
  name: fifth
  run:
    work(
      1)
edges:
  - {from: first,
     to: [second,third], # both
     parallel: true, fan_in: fourth}
  # at the end
"#,
        r#"# yaml-language-server: $schema=x
name: layout # the name

description: "some text"
state_schema:
  text: { type: PathBuf, input: true } # aligned
  sum: u64
  # of sum
  other: "HashMap<String, u8>"

  # between
nodes:
  - name: first # a node
    run: | # of run
      let a = 1;
      // why
      text.len() + a

    output: sum
  # before the second
  -
    # inside
    name: second
    run: "sum.pow(2)"
  - name: third
    run: |
      let a = 1;
      a
  - name: fourth
    run: work()
    goto: [{ if: "sum > 3", to: first }, { if: "sum > 4 && sum < 100_000", to: second }, { to: __end__ }]
  - &anchor
    name: fifth
    run: work(1)
edges:
  - from: first
    to: [second, third] # both
    parallel: true
    fan_in: fourth
  # at the end
"#,
    );
}

#[test]
fn escapes_of_characters_and_the_end_of_kept_text_stay() {
    formats(
        "name:   a\ndescription: \"a\\u202e\\x07\"\nnotes: >+\n  a\n   b\n\n\nnodes: []\n",
        "name: a\ndescription: \"a\\u202e\\x07\"\nnotes: |+\n  a\n   b\n\n\nnodes: []\n",
    );
}

#[test]
fn only_what_is_blank_in_yaml_is_cut_off() {
    formats("name:  a\u{a0} \nnotes: b\u{3000}# c\u{a0}\t\n", "name: a\u{a0}\nnotes: b\u{3000}# c\u{a0}\n");
}

#[test]
fn the_settings_of_rustfmt_hold() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yaml");
    fs::write(directory.path().join("rustfmt.toml"), "tab_spaces = 2\n").unwrap();
    let body = |lines: &str| format!("name: a\nnodes:\n  - name: b\n    run: |\n{lines}");
    let skipped = "      #[rustfmt::skip]\n      let a   = [1,\n                 2];\n";
    fs::write(&path, body(&format!("{skipped}      if a {{ if b {{ c() }} }}\n"))).unwrap();
    let ran = tea(directory.path(), &["fmt", "flow.yaml"]);
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""));
    let after = "      if a {\n        if b {\n          c()\n        }\n      }\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), body(&format!("{skipped}{after}")));
}

#[test]
fn windows_line_ends_stay() {
    formats("name:  a\r\nnodes:\r\n- {name: b, run: c()}\r\n", "name: a\r\nnodes:\r\n  - { name: b, run: c() }\r\n");
}

#[test]
fn what_is_not_yaml_is_refused_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yaml");
    let text = "name: [a\nnodes:   b\n";
    fs::write(&path, text).unwrap();
    let ran = tea(directory.path(), &["fmt", "flow.yaml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot format `flow.yaml`: not valid YAML"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
