//! Edits of workflows that nodes call: of each call, only the nodes run again that an edit can reach.

use std::fs;

use super::{Edited, line};

const FLOW: &str = r#"name: calling
settings: { checkpoint: true }
state_schema:
  files: { type: Vec<PathBuf>, input: true }
  factor: { type: u64, input: true, default: "2" }
  one: u64
  threads: Vec<u64>
  workers: Vec<u64>
  left: u64
  right: u64
  round: u64
  lengths: Vec<u64>
nodes:
  - { name: one, use: inner.yaml, with: { tag: '"one".to_owned()', file: "files[0].clone()", factor: factor }, output: { total: one } }
  - name: threads
    type: dynamic_parallel
    items: files.clone()
    use: inner.yaml
    with: { tag: 'tag("thread", item)', file: item.clone(), factor: scaled(factor) }
    output: { total: threads }
  - name: workers
    type: dynamic_parallel
    items: files
    use: inner.yaml
    with: { tag: 'tag("worker", item)', file: item.clone(), factor: factor }
    output: { total: workers }
    parallel_strategy: process
  - { name: left, use: inner.yaml, with: { tag: '"left".to_owned()', file: "files[0].clone()", factor: factor }, output: { total: left } }
  - { name: beside, run: "()" }
  - { name: apart, run: "()" }
  - { name: right, use: inner.yaml, with: { tag: '"right".to_owned()', file: "files[0].clone()", factor: factor }, output: { total: right } }
  - { name: more, run: "()" }
  - { name: start, run: "0", output: round }
  - { name: turn, use: turn.yaml, with: { from: round }, output: { to: round } }
  - name: lengths
    type: dynamic_parallel
    items: files.clone()
    use: turn.yaml
    with: { from: "fs::metadata(item)?.len()" }
    output: { to: lengths }
  - { name: last, run: "last()?" }
edges:
  - { from: __start__, to: one }
  - { from: one, to: threads }
  - { from: threads, to: workers }
  - { from: workers, to: [left, beside], parallel: true, fan_in: apart }
  - { from: apart, to: [right, more], parallel: true, parallel_strategy: process, fan_in: start }
  - { from: start, to: turn }
  - { from: turn, to: turn, when: "round < 2" }
  - { from: turn, to: lengths }
  - { from: lengths, to: last }
"#;

const INNER: &str = r#"name: inner
state_schema:
  tag: { type: String, input: true }
  file: { type: PathBuf, input: true }
  factor: { type: u64, input: true }
  least: { type: u64, input: true, default: "least()" }
  text: String
  words: u64
  letters: u64
  total: u64
nodes:
  - { name: read, run: "read(tag, file)?", output: text }
  - { name: words, run: "words(tag, text)", output: words, sources: [list], timeout: 60s }
  - { name: letters, run: "letters(tag, text)", output: letters, version: "1" }
  - { name: add, use: deep.yaml, with: { tag: tag, parts: "words + letters", factor: factor, least: least }, output: [total] }
"#;

const DEEP: &str = r#"name: deep
state_schema:
  tag: { type: String, input: true }
  parts: { type: u64, input: true }
  factor: { type: u64, input: true }
  least: { type: u64, input: true }
  weight: u64
  total: u64
nodes:
  - { name: weigh, run: "weigh(tag, parts, factor)", output: weight }
  - { name: top, run: "top(tag, weight, least)", output: total }
"#;

const TURN: &str = r#"name: turn
state_schema:
  from: { type: u64, input: true }
  next: u64
  to: u64
nodes:
  - { name: plan, run: "plan(from)", output: next }
  - { name: walk, run: "walk(next)", output: to }
"#;

const MAIN: &str = r#"use std::{fs::{self, OpenOptions}, io::{self, Write}, path::{Path, PathBuf}};

tea_runtime::include_workflow!("flow.yaml");

/// Says that a node runs, also in a worker.
fn runs(what: &str) {
    let mut log = OpenOptions::new().append(true).create(true).open("log").unwrap();
    log.write_all(format!("{what}\n").as_bytes()).unwrap();
}

fn tag(of: &str, file: &Path) -> String {
    format!("{of}-{}", file.display())
}

fn scaled(factor: u64) -> u64 {
    factor + 1
}

fn least() -> u64 {
    1
}

fn read(tag: &str, file: &Path) -> io::Result<String> {
    runs(&format!("read {tag}"));
    fs::read_to_string(file)
}

fn words(tag: &str, text: &str) -> u64 {
    runs(&format!("words {tag}"));
    text.split_whitespace().count() as u64
}

fn letters(tag: &str, text: &str) -> u64 {
    runs(&format!("letters {tag}"));
    text.chars().count() as u64
}

fn weigh(tag: &str, parts: u64, factor: u64) -> u64 {
    runs(&format!("weigh {tag}"));
    parts * factor
}

fn top(tag: &str, weight: u64, least: u64) -> u64 {
    runs(&format!("top {tag}"));
    weight.max(least)
}

fn plan(from: u64) -> u64 {
    runs(&format!("plan {from}"));
    from + 1
}

fn walk(next: u64) -> u64 {
    runs(&format!("walk {next}"));
    next
}

fn last() -> Result<(), String> {
    if std::env::var_os("FAIL").is_some() { Err("not yet".to_owned()) } else { Ok(()) }
}
"#;

impl Edited {
    /// What ran since this was asked last, sorted.
    fn ran(&self) -> Vec<String> {
        let log = self.scratch.path().join("log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    /// What runs when the run is resumed, which fails once more at its end. `--dry-run` has foreseen it.
    fn resumes(&self) -> Vec<String> {
        let (foreseen, outlook) = self.foreseen();
        let finished = self.run("--resume");
        assert!(finished.stderr.contains("not yet"), "{}", finished.stderr);
        let ran = self.ran();
        for unit in ran.iter().filter(|unit| ALL.iter().any(|node| unit.starts_with(node))) {
            assert!(foreseen.contains(unit), "{unit}: {outlook}");
        }
        assert!(!ran.is_empty() || foreseen.is_empty(), "{outlook}");
        ran
    }

    /// The same, after one text in a file was replaced.
    fn after(&mut self, file: &str, from: &str, to: &str) -> Vec<String> {
        self.edit(file, from, to);
        self.resumes()
    }

    /// Which nodes of the calls of `inner.yaml` would run according to `--dry-run`, sorted, and all that it says.
    fn foreseen(&self) -> (Vec<String>, String) {
        const ITEMS: [(&str, &str); 4] = [
            ("threads[0]", "thread-a"),
            ("threads[1]", "thread-b"),
            ("workers[0]", "worker-a"),
            ("workers[1]", "worker-b"),
        ];
        let outlook = self.run("--resume --dry-run").stdout;
        assert!(!outlook.contains("no record") || line(&outlook, "last").contains("no record"), "{outlook}");
        let node = |line: &str| {
            let path = line.contains("  would run: ").then(|| line.trim_start().split(' ').next())??;
            let (call, (_, node)) = (path.split('/').next()?, path.rsplit_once('/')?);
            let call = ITEMS.iter().find(|item| item.0 == call).map_or(call, |item| item.1);
            // It is renamed on the way.
            let node = if node == "counted" { "words" } else { node };
            ALL.contains(&node).then(|| format!("{node} {call}"))
        };
        let mut nodes: Vec<String> = outlook.lines().filter_map(node).collect();
        nodes.sort_unstable();
        (nodes, outlook)
    }
}

/// The nodes of a call of `inner.yaml`.
const ALL: [&str; 5] = ["read", "words", "letters", "weigh", "top"];

const NONE: [&str; 0] = [];

/// These nodes in all calls of `inner.yaml`, sorted.
fn in_all(nodes: &[&str]) -> Vec<String> {
    of(nodes, &["one", "thread-a", "thread-b", "worker-a", "worker-b", "left", "right"])
}

/// These nodes in these calls of `inner.yaml`, sorted.
fn of(nodes: &[&str], calls: &[&str]) -> Vec<String> {
    let mut all: Vec<_> =
        nodes.iter().flat_map(|node| calls.iter().map(move |call| format!("{node} {call}"))).collect();
    all.sort_unstable();
    all
}

#[test]
fn of_each_call_only_the_nodes_run_again_that_an_edit_can_reach() {
    let files =
        [("main.rs", MAIN), ("flow.yaml", FLOW), ("inner.yaml", INNER), ("deep.yaml", DEEP), ("turn.yaml", TURN)];
    let inputs = [("a", "one two"), ("b", "three"), ("list", "1")];
    let mut edited = Edited::new("user-calling", &files, &inputs);
    edited.build();
    let first = edited.run("--files a --files b");
    let turns = ["plan 0", "plan 1", "plan 5", "plan 7", "walk 1", "walk 2", "walk 6", "walk 8"].map(str::to_owned);
    let mut all = [in_all(&ALL), turns.to_vec()].concat();
    all.sort_unstable();
    assert_eq!(edited.ran(), all, "{}", first.stderr);
    assert_eq!(edited.resumes(), NONE, "the same program");

    assert_eq!(edited.after("main.rs", "/// Says", "// Tells\n/// Says"), NONE, "a comment");
    assert_eq!(edited.after("inner.yaml", "name: words, run", "name: counted, run"), NONE, "the name of a node");
    assert_eq!(edited.after("inner.yaml", "timeout: 60s", "timeout: 50s"), NONE, "a policy");
    assert_eq!(
        edited.after("main.rs", "text.split_whitespace()", "text.split(' ')"),
        in_all(&["words"]),
        "the same output"
    );
    edited.edit("main.rs", "text.split(' ')", "text.split_ascii_whitespace()");
    let (foreseen, outlook) = edited.foreseen();
    assert_eq!(foreseen, in_all(&["words", "weigh", "top"]), "{outlook}");
    let why = line(&outlook, "threads[1]/counted");
    assert!(why.contains("would run: fn words (src/main.rs:"), "{outlook}");
    assert!(
        line(&outlook, "threads[1]/add/weigh").ends_with("would run: it reads `words`, which `counted` writes again"),
        "{outlook}"
    );
    let other = edited.after("main.rs", "text.split_ascii_whitespace().count() as u64", "text.len() as u64");
    assert_eq!(other, in_all(&["words", "weigh", "top"]), "another output");
    assert_eq!(edited.after("main.rs", "parts * factor", "factor * parts"), in_all(&["weigh"]), "in a call in a call");
    assert_eq!(
        edited.after("inner.yaml", "words + letters", "letters + words"),
        in_all(&["weigh"]),
        "a value of `with`"
    );
    assert_eq!(
        edited.after("main.rs", "factor + 1", "1 + factor"),
        of(&["weigh"], &["thread-a", "thread-b"]),
        "of a map"
    );
    assert_eq!(edited.after("inner.yaml", "\"least()\"", "\"1 + least()\""), in_all(&["top"]), "a default");
    assert_eq!(edited.after("inner.yaml", "version: \"1\"", "version: \"2\""), in_all(&["letters"]), "a version");
    assert_eq!(edited.after("main.rs", "from + 1", "1 + from"), turns[..4], "in a loop");
    assert_eq!(edited.after("turn.yaml", "walk(next)", "walk(next).min(9)"), turns[4..], "in a loop, its end");

    edited.input("list", "2");
    assert_eq!(edited.resumes(), in_all(&["words"]), "a source of a node");
    // The key `files` has changed, and the calls that read it look into their file again. Items of the key run again, and
    // of those of an expression, the one of this file.
    edited.input("b", "four five");
    let looked = of(&["read"], &["one", "left", "right"]);
    let length = ["plan 9", "walk 10"].map(str::to_owned).to_vec();
    let mut changed = [of(&ALL, &["thread-b", "worker-a", "worker-b"]), looked, length].concat();
    changed.sort_unstable();
    let (_, outlook) = edited.foreseen();
    assert!(line(&outlook, "threads[1] ").ends_with("would run: it is new, or its file has changed (b)"), "{outlook}");
    assert!(!outlook.contains("threads[0]"), "{outlook}");
    assert_eq!(edited.resumes(), changed, "a file");
}

const AGAIN: &str = r#"name: again
settings: { checkpoint: true }
state_schema: { kept: u64, fresh: u64, seen: u64 }
nodes:
  - { name: keep, use: inner.yaml, with: { tag: '"keep".to_owned()' }, output: { more: kept } }
  - { name: ask, use: inner.yaml, with: { tag: '"ask".to_owned()' }, output: { more: fresh }, resume: rerun }
  - { name: look, run: "look(\"outer\")", output: seen }
  - { name: last, run: "last()?" }
"#;

const LOOKING: &str = r#"name: inner
state_schema: { tag: { type: String, input: true }, seen: u64, more: u64 }
nodes:
  - { name: look, run: "look(tag)", output: seen }
  - { name: more, run: "more(tag, seen)", output: more }
"#;

#[test]
fn a_call_with_rerun_runs_all_of_it_again_and_from_names_no_node_in_a_call() {
    let functions = "fn look(tag: &str) -> u64 {\n    runs(&format!(\"look {tag}\"));\n    1\n}\n\n\
                     fn more(tag: &str, seen: u64) -> u64 {\n    runs(&format!(\"more {tag}\"));\n    seen + 1\n}\n\nfn last";
    let (head, _) = MAIN.split_once("fn tag(").unwrap();
    let (_, last) = MAIN.split_once("fn last").unwrap();
    let main = format!(
        "{}{functions}{last}",
        head.replace("fs::{self, OpenOptions}, io::{self, Write}, path::{Path, PathBuf}", "fs::OpenOptions, io::Write")
    );
    let files = [("main.rs", &*main), ("flow.yaml", AGAIN), ("inner.yaml", LOOKING)];
    let mut edited = Edited::new("user-again", &files, &[]);
    edited.build();
    edited.run("");
    assert_eq!(edited.ran(), ["look ask", "look keep", "look outer", "more ask", "more keep"]);
    let outlook = edited.run("--resume --dry-run").stdout;
    assert!(line(&outlook, "ask/look").ends_with("would run: the node that calls has `resume: rerun`"), "{outlook}");
    assert!(line(&outlook, "look").contains("would not run"), "{outlook}");
    edited.run("--resume");
    assert_eq!(edited.ran(), ["look ask", "more ask"], "and what it gives is the same");
    edited.edit("main.rs", "seen + 1", "1 + seen");
    edited.run("--resume --from look");
    assert_eq!(edited.ran(), ["look ask", "look outer", "more ask", "more keep"]);
    let refused = edited.run("--resume --from keep/look");
    assert!(refused.stderr.contains("with `--from keep`, all that `keep` does runs again"), "{}", refused.stderr);
    assert_eq!(edited.ran(), NONE);
    edited.run("--resume --from keep");
    assert_eq!(edited.ran(), ["look ask", "look keep", "look outer", "more ask", "more keep"]);
}
