//! A program that is edited between two runs: what the edit can reach runs again, and nothing else.

mod asked;
mod calls;
mod machines;

use std::fs;

use tests::{
    program::{Finished, Program},
    project::Project,
};

const FLOW: &str = r#"name: edited
settings: { checkpoint: true }
state_schema:
  file: { type: PathBuf, input: true }
  words: { type: Vec<String> }
  long: { type: usize }
  total: { type: u64 }
  score: { type: Score }
  scores: { type: Vec<u64> }
nodes:
  - { name: read, run: "split(&std::fs::read_to_string(file)?)", output: words }
  - { name: count, run: "longest(words)", output: long }
  - { name: weigh, run: "weights::total(words)", output: total }
  - { name: rate, run: "rated(words)", output: score, sources: [model], env: [TEA_TEST_MODE] }
  - name: each
    type: dynamic_parallel
    items: words
    item_var: word
    run: weights::of(word)
    output: scores
  - { name: last, run: "last()?" }
edges:
  - { from: __start__, to: read }
  - { from: read, to: [count, weigh], parallel: true, fan_in: rate }
  - { from: rate, to: each, when: "score.0 > 0" }
  - { from: rate, to: last }
  - { from: each, to: last }
"#;

const MAIN: &str = r#"use serde::{Deserialize, Serialize};
use std::path::PathBuf;

mod weights;

tea_runtime::include_workflow!("flow.yaml");

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Score(u64);

impl std::ops::Add for Score {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

/// Says that a node runs.
fn runs(node: &str) {
    eprintln!("{node} runs");
}

fn split(text: &str) -> Vec<String> {
    runs("read");
    text.split_whitespace().map(str::to_owned).collect()
}

fn longest(words: &[String]) -> usize {
    runs("count");
    words.iter().map(|word| word.len()).max().unwrap_or(SHORTEST)
}

#[allow(dead_code)]
const SHORTEST: usize = 0;

fn rated(words: &[String]) -> Score {
    runs("rate");
    words.iter().map(|word| Score(word.len() as u64)).fold(Score(0), |sum, score| sum + score)
}

fn last() -> Result<(), String> {
    runs("last");
    if std::env::var_os("FAIL").is_some() { Err("not yet".to_owned()) } else { Ok(()) }
}

/// What no node calls.
pub fn unrelated() {}
"#;

const WEIGHTS: &str = r#"use super::runs;

pub fn total(words: &[String]) -> u64 {
    runs("weigh");
    words.iter().map(|word| weight(word)).sum()
}

pub fn of(word: &str) -> u64 {
    runs(word);
    2 * word.len() as u64
}

// What a word weighs.
fn weight(word: &str) -> u64 {
    word.len() as u64 * FACTOR
}

const FACTOR: u64 = 1;
"#;

/// A project that is edited, and the directory in which its program runs.
struct Edited {
    project: Project,
    files: Vec<(&'static str, String)>,
    scratch: tempfile::TempDir,
}

impl Edited {
    fn new(name: &str, files: &[(&'static str, &str)], inputs: &[(&str, &str)]) -> Self {
        let project = Project::new(name, files);
        let files = files.iter().map(|(file, text)| (*file, (*text).to_owned())).collect();
        let edited = Self { project, files, scratch: tempfile::tempdir().unwrap() };
        for (file, text) in inputs {
            edited.input(file, text);
        }
        edited
    }

    /// Writes a file that the program reads.
    fn input(&self, file: &str, text: &str) {
        fs::write(self.scratch.path().join(file), text).unwrap();
    }

    /// Builds the program after one text in a file was replaced.
    fn edit(&mut self, file: &str, from: &str, to: &str) {
        self.change(file, from, to);
        self.build();
    }

    /// Replaces one text in a file.
    fn change(&mut self, file: &str, from: &str, to: &str) {
        let (_, text) = self.files.iter_mut().find(|(name, _)| *name == file).unwrap();
        assert!(text.contains(from), "`{from}` is not in `{file}`");
        *text = text.replacen(from, to, 1);
        self.project.write(file, text);
    }

    fn build(&self) {
        let built = self.project.build();
        assert!(built.success, "{}", built.output);
        assert_eq!(built.output, "", "no warnings");
    }

    fn run(&self, args: &str) -> Finished {
        self.program().args(args).run()
    }

    /// The program, which fails at its end.
    fn program(&self) -> Program {
        Program::new(self.project.program()).directory(self.scratch.path()).env("FAIL", "1")
    }

    /// What runs when the run is resumed, sorted; it fails once more.
    fn resumed(&self) -> Vec<String> {
        units(&self.run("--resume"))
    }
}

/// What an outlook says of a node.
fn line<'a>(outlook: &'a str, node: &str) -> &'a str {
    outlook.lines().find(|line| line.trim_start().starts_with(node)).unwrap_or_default()
}

/// The units that ran, sorted.
fn units(finished: &Finished) -> Vec<String> {
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let mut units: Vec<_> = finished.stderr.lines().filter_map(|line| line.strip_suffix(" runs")).collect();
    units.sort_unstable();
    units.into_iter().map(str::to_owned).collect()
}

#[test]
fn after_an_edit_what_it_can_reach_runs_again_and_nothing_else() {
    let files = [("main.rs", MAIN), ("weights.rs", WEIGHTS), ("flow.yaml", FLOW)];
    let mut edited = Edited::new("user-edited", &files, &[("text", "one three"), ("model", "small")]);
    edited.build();
    let all = ["count", "last", "one", "rate", "read", "three", "weigh"];
    assert_eq!(units(&edited.run("--file text")), all);
    assert_eq!(edited.resumed(), ["last"], "the same program");

    edited.input("model", "large");
    let outlook = edited.run("--resume --dry-run").stdout;
    assert!(line(&outlook, "rate").ends_with("would run: source `model` changed"), "{outlook}");
    let again = edited.run("--resume");
    assert!(
        again.stderr.contains("warning: source `model` changed: the nodes that name it run again"),
        "{}",
        again.stderr
    );
    assert_eq!(units(&again), ["last", "rate"], "a source");
    let other = |args| edited.program().env("TEA_TEST_MODE", "secret").args(args).run();
    let outlook = other("--resume --dry-run").stdout;
    assert!(line(&outlook, "rate").ends_with("would run: environment variable `TEA_TEST_MODE` changed"), "{outlook}");
    assert!(!outlook.contains("secret"), "{outlook}");
    assert_eq!(units(&other("--resume")), ["last", "rate"], "an environment variable");
    assert_eq!(units(&other("--resume")), ["last"], "the same");
    fs::remove_file(edited.scratch.path().join("model")).unwrap();
    let refused = edited.run("--resume");
    assert!(refused.stderr.contains("is among the `sources` of node `rate`, cannot be read"), "{}", refused.stderr);
    edited.input("model", "small");
    assert_eq!(edited.resumed(), ["last", "rate"], "as it was");

    edited.edit("weights.rs", "// What a word weighs.\nfn", "// A word.\n\n\nfn");
    assert_eq!(edited.resumed(), ["last"], "a comment, and all that follows has other lines");
    edited.edit("main.rs", "unrelated() {}", "unrelated() { println!() }");
    assert_eq!(edited.resumed(), ["last"], "a function that no node calls");

    edited.edit("weights.rs", "FACTOR: u64 = 1", "FACTOR: u64 = 3");
    let outlook = edited.run("--resume --dry-run").stdout;
    assert!(line(&outlook, "weigh").contains("const FACTOR (src/weights.rs:20) changed"), "{outlook}");
    assert_eq!(edited.resumed(), ["last", "weigh"], "a const of a helper");
    assert_eq!(edited.resumed(), ["last"], "and that is recorded");

    edited.edit("weights.rs", "2 * word.len()", "3 * word.len()");
    assert_eq!(edited.resumed(), ["last", "one", "three"], "what items do");
    edited.edit("main.rs", "self.0 + other.0", "self.0 + other.0 + 1");
    assert_eq!(edited.resumed(), ["last", "rate"], "an operator");
    edited.edit("main.rs", "unwrap_or(SHORTEST)", "unwrap_or(SHORTEST + 1)");
    assert_eq!(edited.resumed(), ["count", "last"], "a function; it gives the same");
    edited.edit("main.rs", "text.split_whitespace()", "text.split(' ')");
    assert_eq!(edited.resumed(), ["last", "read"], "a node whose output stays the same");
    edited.edit("flow.yaml", "    run: weights::of(word)", "    max_workers: 2\n    run: weights::of(word)");
    assert_eq!(edited.resumed(), ["last"], "a policy");
    edited.edit("flow.yaml", "score.0 > 0", "score.0 > 1");
    assert_eq!(edited.resumed(), ["last"], "a condition that is decided the same way");
    edited.edit("flow.yaml", "score.0 > 1", "score.0 > 1_000");
    assert_eq!(edited.resumed(), ["last"], "a condition that is decided otherwise");

    // A function that is not needed any more.
    edited.edit(
        "main.rs",
        "words.iter().map(|word| word.len()).max().unwrap_or(SHORTEST + 1)",
        "words.iter().map(String::len).max().unwrap_or(1)",
    );
    let outlook = edited.run("--resume --dry-run").stdout;
    let told = line(&outlook, "count");
    assert!(
        told.contains("fn longest (src/main.rs:") && told.contains("const SHORTEST (src/main.rs) is gone"),
        "{outlook}"
    );
    assert_eq!(edited.resumed(), ["count", "last"], "a function that names less");
    edited.edit(
        "main.rs",
        "map(String::len).max().unwrap_or(1)",
        "map(|word| word.len()).max().unwrap_or(SHORTEST + 1)",
    );
    assert_eq!(edited.resumed(), ["count", "last"], "and more");

    // A version in place of the code.
    edited.edit("flow.yaml", "longest(words)\",", "longest(words)\", version: \"1\",");
    assert_eq!(edited.resumed(), ["count", "last"], "a version is new");
    edited.edit("main.rs", "unwrap_or(SHORTEST + 1)", "unwrap_or(SHORTEST + 2)");
    assert_eq!(edited.resumed(), ["last"], "code for which a version counts");
    edited.edit("flow.yaml", "version: \"1\"", "version: \"2\"");
    let outlook = edited.run("--resume --dry-run").stdout;
    assert!(outlook.contains("`version` of node `count` (flow.yaml:12): \"1\" → \"2\""), "{outlook}");
    assert_eq!(edited.resumed(), ["count", "last"], "another version");

    // The values are those of the edited program.
    let done = Program::new(edited.project.program()).directory(edited.scratch.path()).args("--resume").run();
    let output = done.json();
    assert_eq!((&output["total"], &output["score"]), (&24.into(), &10.into()), "{}", done.stderr);

    // Another structure: nothing is reused, and a new run says so.
    edited.run("--file text");
    edited.change("flow.yaml", "from: each, to: last }", "from: each, to: more }\n  - { from: more, to: last }");
    edited.edit("flow.yaml", "  - { name: last,", "  - { name: more, run: \"()\" }\n  - { name: last,");
    let other = edited.run("--resume --file text");
    assert!(other.stderr.contains("other nodes, edges or state keys"), "{}", other.stderr);

    // An input whose type has changed is not read from the records.
    edited.change("main.rs", "use std::path::PathBuf;\n", "");
    edited.edit("flow.yaml", "file: { type: PathBuf,", "file: { type: String,");
    let refused = edited.run("--resume");
    assert!(refused.stderr.contains("the type of input `file` may have changed"), "{}", refused.stderr);
}

#[test]
fn how_the_workflow_is_compiled_the_folder_and_the_version_do_not_count() {
    let flow = FLOW.replace("name: edited", "name: modes");
    let files = [("main.rs", MAIN), ("weights.rs", WEIGHTS), ("flow.yaml", &*flow)];
    // They are built to the same place, one after the other.
    let [one, other] = [(); 2].map(|()| Project::new("user-modes", &files));
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("text"), "one three").unwrap();
    fs::write(scratch.path().join("model"), "small").unwrap();
    let run = |project: &Project, args: &str| {
        let built = project.build();
        assert!(built.success, "{}", built.output);
        units(&Program::new(project.program()).directory(scratch.path()).env("FAIL", "1").args(args).run())
    };
    assert_eq!(run(&one, "--file text"), ["count", "last", "one", "rate", "read", "three", "weigh"]);
    assert_eq!(run(&other, "--resume"), ["last"], "another folder");
    other.compile_in_build_script("src/flow.yaml");
    assert_eq!(run(&other, "--resume"), ["last"], "a build script");
    other.set_version("7.2.0");
    assert_eq!(run(&other, "--resume"), ["last"], "another version");
    let reads = MAIN.replace("unwrap_or(SHORTEST)", "unwrap_or(env!(\"CARGO_PKG_VERSION\").len())");
    other.write("main.rs", &reads);
    assert_eq!(run(&other, "--resume"), ["count", "last"], "a function that reads the version");
    other.set_version("7.3.0");
    assert_eq!(run(&other, "--resume"), ["count", "last"], "the version that it reads");
}
