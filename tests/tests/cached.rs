//! Nodes with `cache`: later runs take what earlier ones made, on threads and in worker processes.

use std::{fs, path::Path};

use tests::{
    program::{Finished, Program},
    project::Project,
};

/// A sweep: the corpus is read once, each sample is scored once a scale, and the report is made of what there is.
const FLOW: &str = r#"name: sweep
state_schema:
  corpus: { type: PathBuf, input: true }
  samples: { type: Vec<String>, input: true }
  scale: { type: u64, input: true, default: "1" }
  title: { type: String, input: true, default: "\"none\".to_owned()" }
  words: { type: Vec<String>, output: false }
  scores: Vec<u64>
  longest: usize
  shortest: usize
  report: String
nodes:
  - { name: read, run: "read(corpus)?", output: words, cache: true }
  - { name: score, type: dynamic_parallel, items: samples, run: "score(words, item, scale)?", output: scores, cache: true, parallel_strategy: STRATEGY }
  - { name: longest, run: longest(words), output: longest, cache: true }
  - { name: shortest, run: shortest(words), output: shortest, cache: true, version: "1", env: [TEA_TEST_LANG] }
  - { name: report, run: "report(title, scores, longest, shortest)", output: report }
edges:
  - { from: __start__, to: read }
  - { from: read, to: score }
  - { from: score, to: [longest, shortest], parallel: true, fan_in: report, parallel_strategy: STRATEGY }
"#;

const MAIN: &str = r#"use std::path::{Path, PathBuf};

tea_runtime::include_workflow!("flow.yaml");

/// Says that a node runs.
fn runs(node: &str) {
    eprintln!("{node} runs");
}

fn read(corpus: &Path) -> Result<Vec<String>, std::io::Error> {
    runs("read");
    Ok(std::fs::read_to_string(corpus)?.split_whitespace().map(str::to_owned).collect())
}

fn score(words: &[String], sample: &str, scale: u64) -> Result<u64, String> {
    runs(sample);
    if sample == "bad" { return Err("is bad".to_owned()); }
    Ok(scale * words.iter().filter(|word| word.contains(sample)).count() as u64)
}

fn longest(words: &[String]) -> usize {
    runs("longest");
    words.iter().map(String::len).max().unwrap_or(0)
}

fn shortest(words: &[String]) -> usize {
    runs("shortest");
    words.iter().map(String::len).min().unwrap_or(0)
}

fn report(title: &str, scores: &[u64], longest: usize, shortest: usize) -> String {
    runs("report");
    format!("{title} {scores:?} {longest} {shortest}")
}
"#;

/// The nodes and items that ran, sorted; workers put a label before what they print.
fn ran(finished: &Finished) -> Vec<String> {
    let lines = finished.stderr.lines().filter_map(|line| line.strip_suffix(" runs"));
    let mut units: Vec<_> = lines.filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
    units.sort_unstable();
    units
}

#[test]
fn a_run_with_other_inputs_runs_what_depends_on_them() {
    for strategy in ["thread", "process"] {
        let flow = FLOW.replace("STRATEGY", strategy);
        let project = Project::new(&format!("user-cached-{strategy}"), &[("main.rs", MAIN), ("flow.yaml", &flow)]);
        let built = project.build();
        assert!(built.success, "{}", built.output);
        assert_eq!(built.output, "", "no warnings");
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("corpus"), "one two three eleven").unwrap();
        sweep(&project, scratch.path());
    }
}

fn sweep(project: &Project, scratch: &Path) {
    let program = || Program::new(project.program()).directory(scratch);
    let run = |args: &str| program().args("--corpus corpus").args(args).run();
    let report = |finished: &Finished| finished.json()["report"].as_str().unwrap_or_default().to_owned();

    let first = run("--samples e,o");
    assert_eq!(ran(&first), ["e", "longest", "o", "read", "report", "shortest"], "{}", first.stderr);
    assert_eq!(report(&first), "none [3, 2] 6 3");
    let same = run("--samples e,o -v");
    assert_eq!(ran(&same), ["report"], "{}", same.stderr);
    assert_eq!(report(&same), "none [3, 2] 6 3");
    for told in [
        "the result of `read` is from the cache",
        "the result of `longest` is from the cache",
        "map `score` is done: 2 items, 0 failed, 2 from the cache",
        "2 items (2 from the cache), 3 nodes from the cache",
    ] {
        assert!(same.stderr.contains(told), "`{told}` is not in:\n{}", same.stderr);
    }
    let more = run("--samples t,e,o,n --title more");
    assert_eq!(ran(&more), ["n", "report", "t"], "{}", more.stderr);
    assert_eq!(report(&more), "more [2, 3, 2, 2] 6 3");
    let scaled = run("--samples e,o --scale 10");
    assert_eq!(ran(&scaled), ["e", "o", "report"], "{}", scaled.stderr);
    assert_eq!(report(&scaled), "none [30, 20] 6 3");

    // Failures are not kept, and what was done before one is.
    let failed = run("--samples bad,o,w");
    assert_eq!((failed.code, ran(&failed)), (Some(1), vec!["bad".to_owned(), "w".to_owned()]), "{}", failed.stderr);
    assert_eq!(ran(&run("--samples bad,o,w")), ["bad"]);

    // Without the cache, and with a look at all of it.
    let all = ["e", "longest", "o", "read", "report", "shortest"];
    assert_eq!(ran(&run("--samples e,o --no-cache")), all);
    let verified = run("--samples e,o --verify-cache 100%");
    assert_eq!((verified.code, ran(&verified)), (Some(0), all.map(str::to_owned).to_vec()), "{}", verified.stderr);
    let refused = run("--samples e,o --verify-cache 2");
    assert!(refused.stderr.contains("write a percentage"), "{}", refused.stderr);
    let elsewhere = run("--samples e,o --state-dir other");
    assert_eq!(ran(&elsewhere), all);

    // A variable that a node names, and a file that has changed.
    let other = program().env("TEA_TEST_LANG", "de").args("--corpus corpus --samples e,o").run();
    assert_eq!(ran(&other), ["report", "shortest"]);
    fs::write(scratch.join("corpus"), "one").unwrap();
    let changed = run("--samples e,o");
    assert_eq!(ran(&changed), all);
    assert_eq!(report(&changed), "none [1, 1] 3 3");
    fs::write(scratch.join("corpus"), "one ").unwrap();
    assert_eq!(ran(&run("--samples e,o")), ["read", "report"], "the same words");

    let cleaned = program().args("runs gc").run();
    assert!(cleaned.stdout.contains("freed 0 bytes"), "{} {}", cleaned.stdout, cleaned.stderr);
}
