//! Good workflows that are awkward for a compiler: each compiles without a warning and gives what it says. All of them
//! are in one crate, since a crate takes longest.

use std::fmt::Write;

use tests::{program::Program, project::Project};

/// A workflow, the Rust next to it in its module, and what its `report` is.
struct Case {
    name: &'static str,
    yaml: &'static str,
    beside: &'static str,
    report: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "named_values_of_macros",
        yaml: r#"
state_schema:
  count: { type: Vec<u32>, input: true, default: "vec![1]" }
  path: { type: String, input: true, default: '"p".into()' }
  report: String
nodes:
  - { name: note, run: 'note!(count = count.len(), %path, "counted {path}")', output: report }
"#,
        beside: r#"
macro_rules! note {
    ($name:ident = $value:expr, % $other:ident, $text:literal) => {
        format!("{}={:?} {}={} {}", stringify!($name), $value, stringify!($other), $other, $text)
    };
}"#,
        report: "count=1 path=p counted {path}",
    },
    Case {
        name: "static_references",
        yaml: r#"
state_schema:
  counts: "std::collections::HashMap<&'static str, u64>"
  label: "&'static str"
  given: { type: "&'static str", input: true, default: '"given"' }
  report: String
nodes:
  - { name: one, run: "[(\"a\", 1)].into_iter().collect()", output: counts }
  - { name: two, run: "\"x\"", output: label }
  - { name: show, run: "format!(\"{counts:?} {label} {given}\")", output: report }
"#,
        beside: "",
        report: r#"{"a": 1} x given"#,
    },
    Case {
        name: "names_before_a_colon",
        yaml: r#"
state_schema:
  name: { type: String, input: true, default: '"n".into()' }
  count: { type: u32, input: true, default: '1' }
  report: String
nodes:
  - name: object
    run: |
      macro_rules! plus { ($n:expr) => { $n + count } }
      format!("{:?} {}", object!({ name: 1 }), plus!(1))
    output: report
"#,
        beside: r#"
macro_rules! object { ({ $key:ident: $value:expr }) => { (format!("{}", $key), $value) }; }"#,
        report: r#"("n", 1) 2"#,
    },
    Case {
        name: "expressions_that_start_with_a_block",
        yaml: r#"
state_schema:
  x: { type: u64, input: true, default: "{ 3 } + 4" }
  numbers: Vec<u64>
  report: String
nodes:
  - { name: begin, run: "String::new()", output: report }
  - name: a
    run: ()
    goto: [{ if: "match x { 7 => 1, _ => 2 } == 1", to: b }, { to: __end__ }]
  - { name: b, type: dynamic_parallel, items: "{ let n = x; n }..9", run: "*item", output: numbers }
  - name: c
    run: ()
    goto: [{ if: "unsafe_free(x) && { x } > 2", to: d }, { to: __end__ }]
  - { name: d, run: 'format!("{numbers:?}")', output: report }
"#,
        beside: "fn unsafe_free(x: u64) -> bool { x > 1 }",
        report: "[7, 8]",
    },
    Case {
        name: "texts_with_braces",
        yaml: r#"
state_schema: { report: String, total: u64 }
nodes:
  - { name: first, run: 'format!("{} {}", "{total}", concat!("{total}", 1).len())', output: report }
  - { name: second, run: "3", output: total }
"#,
        beside: "",
        report: "{total} 8",
    },
    Case {
        name: "thirty_outputs",
        yaml: r#"
state_schema:
  { a0: u8, a1: u8, a2: u8, a3: u8, a4: u8, a5: u8, a6: u8, a7: u8, a8: u8, a9: u8, b0: u8, b1: u8, b2: u8, b3: u8, b4: u8,
    b5: u8, b6: u8, b7: u8, b8: u8, b9: u8, c0: u8, c1: u8, c2: u8, c3: u8, c4: u8, c5: String, report: String }
nodes:
  - name: many
    run: '(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, "z".to_owned())'
    output: [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2, c3, c4, c5]
  - { name: show, run: 'format!("{a0} {b1} {b2} {c3} {c4} {c5}")', output: report }
"#,
        beside: "",
        report: "1 12 13 24 25 z",
    },
    Case {
        name: "a_function_called_like_a_key",
        yaml: r#"
state_schema: { length: usize, report: String }
nodes:
  - { name: length, run: '"a bb".split(" ").map(self::length).sum()', output: length }
  - { name: report, run: "report(length)", output: report }
"#,
        beside: "
fn length(word: &str) -> usize { word.len() }
fn report(length: usize) -> String { length.to_string() }",
        report: "3",
    },
    Case {
        name: "early_returns",
        yaml: r#"
state_schema:
  n: { type: u32, input: true, default: "5" }
  report: String
nodes:
  - name: early
    run: |
      if n > 3 {
          return Ok("early".to_owned());
      }
      if n > 2 {
          return Err("late".into());
      }
      "last".to_owned()
    output: report
"#,
        beside: "",
        report: "early",
    },
    Case {
        name: "results_only_behind_the_fan_out",
        yaml: r#"
state_schema:
  turn: { type: u32, input: true, default: "0" }
  seen: { type: "Vec<usize>", reduce: "|mut all: Vec<usize>, more| { all.extend(more); all }" }
  report: String
nodes:
  - { name: begin, run: "Vec::new()", output: seen }
  - { name: fan, run: "turn + 1", output: turn }
  - { name: left, run: () }
  - { name: right, run: () }
  - name: join
    run: vec![parallel_results.len()]
    output: seen
    goto: [{ if: "turn >= 3 && parallel_results.is_empty()", to: last }, { to: again }]
  - { name: again, run: "turn + 1", output: turn, goto: join }
  - { name: last, run: 'format!("{seen:?}")', output: report }
edges:
  - { from: fan, to: [left, right], parallel: true, fan_in: join }
"#,
        beside: "",
        report: "[2, 0, 0]",
    },
    Case {
        name: "branches_as_lists",
        yaml: r#"
state_schema: { image: u32, thumb: u32, gc: u32, report: String }
nodes:
  - { name: shrink, run: "image / 2", output: thumb }
  - { name: gc, run: "3", output: gc }
  - { name: show, run: 'format!("{thumb} {gc} {}", parallel_results.len())', output: report, goto: __end__ }
  - { name: decode, run: "8", output: image }
edges:
  - { from: __start__, to: [[decode, shrink], gc], parallel: true, fan_in: show, parallel_strategy: process }
"#,
        beside: "",
        report: "4 3 2",
    },
    Case {
        name: "values_after_failures",
        yaml: r#"
state_schema:
  words: Vec<String>
  count: { type: u32, reduce: "|a, b| a + b" }
  call: u32
  report: String
nodes:
  - { name: start, run: "10", output: count, goto: one }
  - name: one
    run: Err("no")?
    output: words
    allow_failure:
      words: |
        { let mut words = vec!["a".to_owned()]; words.push("b".into()); words } // Statements.
  - { name: two, run: '{ assert!(words.len() > 2); 1 }', output: count, allow_failure: { count: "if true { 5 } else { 6 }" } }
  - name: three
    workflow: { state_schema: { inner: u32 }, nodes: [{ name: fails, run: 'Err("no")?', output: inner }] }
    output: { inner: call }
    allow_failure: { call: given()? }
  - { name: show, run: 'format!("{words:?} {count} {call}")', output: report }
"#,
        beside: "fn given() -> Result<u32, String> { Ok(3) }",
        report: r#"["a", "b"] 15 3"#,
    },
    Case {
        name: "the_only_one_that_succeeds",
        yaml: r#"
state_schema: { word: String, all: { type: String, reduce: "|a: String, b: String| a + &b" }, report: String }
nodes:
  - { name: begin, run: '"-".into()', output: all }
  - { name: one, run: '("1".into(), Err("no")?)', output: [all, word] }
  - { name: two, run: '("2".into(), "two".into())', output: [all, word] }
  - { name: three, run: '(panic!("no"), "three".into())', output: [all, word] }
  - name: show
    run: 'format!("{word} {all} {}", parallel_results.iter().filter(|result| result.success).count())'
    output: report
edges:
  - { from: begin, to: [one, two, three], parallel: true, fan_in: show, join: first, parallel_strategy: process }
"#,
        beside: "",
        report: "two -2 1",
    },
    Case {
        name: "letters_written_in_two_ways",
        yaml: "
state_schema:
  gro\u{308}ße: { type: usize, input: true, default: '3' }
  report: String
nodes:
  - { name: \u{e9}tape, run: 'format!(\"{größe} {}\", gro\u{308}ße + 1)', output: report }
",
        beside: "",
        report: "3 4",
    },
];

/// What the module of a case holds.
fn module(case: &Case) -> String {
    format!(
        "mod {0} {{\n    #![deny(warnings)]\n{1}\n    tea_runtime::include_workflow!(\"{0}.yaml\", main = false, visibility = pub(crate), module = flow);\n}}\n",
        case.name, case.beside
    )
}

/// Two workflows of one name in a library and a program of one name, and two more in functions.
const TWINS: &str = r"name: twins
state_schema: { a: u32, b: u32 }
nodes:
  - { name: left, run: left(), output: a }
  - { name: right, run: right(), output: b }
edges:
  - { from: __start__, to: [left, right], parallel: true, fan_in: __end__, parallel_strategy: process }
";

const LIBRARY: &str = r#"//! A library with the name of its program.
#![deny(warnings)]

fn left() -> u32 { 10 }
fn right() -> u32 { 20 }

tea_runtime::include_workflow!("twins.yaml", main = false);

/// Runs it.
pub fn run() -> (u32, u32) {
    let output = twins::run(twins::Input::new()).unwrap();
    (output.a, output.b)
}

/// A public workflow with a type of its own that no caller sees.
pub mod hidden {
    struct Inner(u32);
    tea_runtime::include_workflow!("hidden.yaml", main = false, visibility = pub);
}

/// A module without the prelude.
pub mod bare {
    #![no_implicit_prelude]
    fn left() -> u32 { 100 }
    fn right() -> u32 { 200 }
    ::tea_runtime::include_workflow!("twins.yaml", main = false, visibility = pub(crate));
    /// Runs it.
    pub fn run() -> (u32, u32) {
        let output = twins::run(twins::Input::new()).unwrap();
        (output.a, output.b)
    }
}
"#;

const HIDDEN: &str = r"name: hidden
state_schema:
  n: { type: u32, input: true, default: '1' }
  pin: { type: u32, input: true, default: '4242', secret: true }
  inner: { type: Inner, output: false }
  report: u32
nodes:
  - { name: one, run: Inner(n + pin - 4242), output: inner }
  - { name: two, run: inner.0 + 1, output: report }
";

const FUNCTIONS: &str = r#"
fn left() -> u32 { 1 }
fn right() -> u32 { 2 }
tea_runtime::include_workflow!("twins.yaml", main = false);

fn one() -> (u32, u32) {
    fn left() -> u32 { 3 }
    fn right() -> u32 { 4 }
    tea_runtime::include_workflow!("twins.yaml", main = false);
    let output = twins::run(twins::Input::new()).unwrap();
    (output.a, output.b)
}

fn another() -> (u32, u32) {
    fn left() -> u32 { 5 }
    fn right() -> u32 { 6 }
    tea_runtime::include_workflow!("twins.yaml", main = false);
    let output = twins::run(twins::Input::new()).unwrap();
    (output.a, output.b)
}
"#;

#[test]
fn awkward_workflows_compile_and_mean_what_they_say() {
    let mut main = String::from("#![deny(warnings)]\n");
    let mut files = Vec::new();
    let mut body = String::new();
    for case in CASES {
        main += &module(case);
        files.push((format!("{}.yaml", case.name), format!("name: {}{}", case.name.replace('_', "-"), case.yaml)));
        writeln!(body, "    println!(\"{{}}\", {0}::flow::run({0}::flow::Input::new()).unwrap().report);", case.name)
            .unwrap();
    }
    main += FUNCTIONS;
    write!(
        main,
        "fn main() {{\n    tea_runtime::init();\n{body}    let own = twins::run(twins::Input::new()).unwrap();\n    \
         println!(\"{{:?}} {{:?}} {{:?}} {{:?}} {{:?}} {{}}\", (own.a, own.b), one(), another(), meaning::run(), \
         meaning::bare::run(), meaning::hidden::hidden::run(meaning::hidden::hidden::Input::new()).unwrap().report);\n    \
         let input = meaning::hidden::hidden::Input::new;\n    \
         println!(\"{{:?}} {{:?}}\", input(), meaning::hidden::hidden::builder().run_to_state(input()).unwrap());\n}}\n"
    )
    .unwrap();
    for (name, text) in
        [("main.rs", main.as_str()), ("lib.rs", LIBRARY), ("twins.yaml", TWINS), ("hidden.yaml", HIDDEN)]
    {
        files.push((name.to_owned(), text.to_owned()));
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::new("meaning", &files);
    let built = project.build();
    assert!(built.success && !built.output.contains("warning"), "{}", built.output);
    let ended = Program::new(project.program()).run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut lines = ended.stdout.lines();
    for case in CASES {
        assert_eq!(lines.next(), Some(case.report), "{}", case.name);
    }
    assert_eq!(lines.next(), Some("(1, 2) (3, 4) (5, 6) (10, 20) (100, 200) 2"), "each runs its own nodes in workers");
    let shown = lines.next().unwrap_or_default();
    assert!(shown.starts_with("Input { n: 1, pin: <secret> } State { n: 1, pin: <secret>, inner: "), "{shown}");
}
