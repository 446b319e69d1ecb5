//! Build-script mode: rustc's errors in Rust inside YAML have the YAML's line and column.

use std::{fs, path::Path};

use tests::{misplaced::WORKFLOW, project::Project};

const MAIN: &str = r#"tea_runtime::include_workflow!("flow.yaml");"#;

/// What rustc says of a project in build-script mode.
fn errors(name: &str, main: &str, workflow: &str) -> String {
    let project = Project::new(name, &[("main.rs", main), ("flow.yaml", workflow)]);
    project.compile_in_build_script("src/flow.yaml");
    let built = project.check();
    assert!(!built.success, "{}", built.output);
    built.output
}

/// A file of the example in build-script mode.
fn example(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/weblog").join(file);
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_misspelt_method_in_the_example_is_reported_where_it_stands_in_the_yaml() {
    let workflow = example("src/flow.yaml").replace("text.lines()", "text.linez()");
    let project = Project::new("placed", &[("flow.yaml", &workflow)]);
    for file in ["src/main.rs", "src/request.rs"] {
        project.write(file.strip_prefix("src/").unwrap(), &example(file));
    }
    project.compile_in_build_script("src/flow.yaml");
    let output = project.check().output;
    assert!(output.contains("flow.yaml.rs:17:22"), "{output}");
    assert_eq!(output.matches("\nerror[").count() + usize::from(output.starts_with("error[")), 1, "{output}");
}

#[test]
fn rust_in_every_kind_of_scalar_keeps_its_place() {
    let output = errors("places", MAIN, WORKFLOW);
    let found: Vec<&str> = output
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--> ")?.split_once("flow.yaml.rs:").map(|it| it.1))
        .collect();
    for (what, name) in [
        ("a default", "missing_default"),
        ("a reducer in quotes", "merge"),
        ("a type", "Missing"),
        ("a literal block", "max_by_kee"),
        ("flow style", "pow_er"),
        ("a condition on the same line", "is_bad"),
        ("a folded block", "lenght"),
        ("after an escape", "lenn"),
        ("items", "cloneed"),
        ("items before a body on the same line", "into_itr"),
    ] {
        let place = place(WORKFLOW, name);
        assert!(found.contains(&place.as_str()), "{what}: {place} is not among {found:?} in\n{output}");
    }
}

/// The line and column of a word.
fn place(workflow: &str, word: &str) -> String {
    let mut lines = workflow.lines().zip(1..);
    let (text, line) = lines.find(|(text, _)| text.contains(word)).unwrap();
    format!("{line}:{}", text[..text.find(word).unwrap()].chars().count() + 1)
}

#[test]
fn rust_on_the_first_line_keeps_its_place() {
    let workflow = r#"{name: a, state_schema: {b: {type: Bb, input: true, default: "c()"}}, nodes: [{run: d(b), name: e}, {run: "f(b)", name: g}]}"#;
    let output = errors("first-line", MAIN, workflow);
    assert!(!output.contains("hygiene"), "the keys are in scope:\n{output}");
    for word in ["Bb", "c()", "d(b)", "f(b)"] {
        let place = format!("flow.yaml.rs:{}", place(workflow, word));
        assert!(output.contains(&format!("{place}\n")), "{word}: {place} is not in\n{output}");
    }
}

/// The strictest lints, and all that generated code might trip over: names in capitals, similar ones, single letters.
const STRICT: &str = r#"//! A user who wants it all.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::pedantic, clippy::missing_docs_in_private_items)]

use std::path::PathBuf;

tea_runtime::include_workflow!("flow.yaml");

/// What the workflow needs.
fn first(a: usize, b: usize, c: usize, d: usize, file: &std::path::Path) -> Option<usize> {
    (a + b + c + d).checked_sub(file.as_os_str().len())
}
"#;

const STRICT_WORKFLOW: &str = r#"name: Strict-Lints
state_schema:
  a:     { type: usize, input: true, default: "1" }
  b:     { type: usize, input: true, default: "1" }
  c:     { type: usize, reduce: "|one, two| one + two" }
  d:     usize
  file:  { type: PathBuf, input: true }
  files: { type: Vec<PathBuf>, output: false }
  stop:  bool
  wide:  Vec<usize>
nodes:
  - { name: c, run: "1", output: c }
  - { name: d, run: "0", output: d }
  - name: join
    run: first(a, b, c, d, file).ok_or("too long").map(|_| false)?
    output: stop
    goto: [{ if: stop, to: never }, { to: files }]
  - { name: never, run: 'panic!("stopped: {stop}")' }
  - { name: files, run: "vec![file.clone()]", output: files }
  - { name: wide, type: dynamic_parallel, items: "files.clone()", run: item.as_os_str().len(), output: wide, parallel_strategy: process }
  - { name: done, run: "ctx.check()?" }
edges:
  - { from: __start__, to: [c, d], parallel: true, fan_in: join, parallel_strategy: process }
"#;

#[test]
fn the_strictest_lints_have_nothing_to_say() {
    for (name, placed) in [("strict", false), ("strict-placed", true)] {
        let project = Project::new(name, &[("main.rs", STRICT), ("flow.yaml", STRICT_WORKFLOW)]);
        if placed {
            project.compile_in_build_script("src/flow.yaml");
        }
        let linted = project.clippy();
        assert!(linted.success && linted.output.is_empty(), "{name}: {}", linted.output);
    }
}

#[test]
fn without_a_build_script_the_error_names_the_line() {
    let project = Project::new(
        "unplaced",
        &[("main.rs", MAIN), ("flow.yaml", "name: unplaced\nnodes:\n  - name: odd\n    run: \"1u8.pow_er(2)\"\n")],
    );
    let built = project.check();
    assert!(built.output.contains("no method named `pow_er`"), "{}", built.output);
    assert!(built.output.contains("flow_yaml_line_4_odd__for_the_column_see_build_script_mode"), "{}", built.output);
}

#[test]
fn an_item_that_cannot_cross_is_named_with_its_map() {
    let workflow = r#"name: items
state_schema:
  total: { type: Vec<usize>, optional: true }
nodes:
  - name: all
    type: dynamic_parallel
    items: "vec![Item(1), Item(2)]"
    run: item.0
    output: total
    parallel_strategy: process
"#;
    let output = errors("items", &format!("struct Item(usize);\n{MAIN}"), workflow);
    assert!(output.starts_with("error[E0277]: items of `all` cannot cross to a worker process"), "{output}");
    assert!(output.contains("`all` at src/flow.yaml:5:11 runs its items with `process`"), "{output}");
    assert_eq!(output.matches("\nerror").count(), 1, "one error, and that the build failed:\n{output}");
}

#[test]
fn items_and_results_that_cannot_be_recorded_are_named_with_their_map() {
    let workflow = |items: &str, run: &str| {
        format!(
            r#"name: items
state_schema:
  listed: {{ type: Vec<Item>, transient: true }}
  sizes: {{ type: Vec<usize>, optional: true }}
  again: {{ type: Vec<Item>, optional: true, transient: true }}
settings: {{ checkpoint: true }}
nodes:
  - {{ name: list, run: "vec![Item(1)]", output: listed }}
  - {{ name: all, type: dynamic_parallel, items: "{items}", run: "{run}", output: sizes }}
  - {{ name: copy, type: dynamic_parallel, items: "vec![Item(listed.len())]", run: Item(item.0), output: again }}
"#
        )
    };
    let main = format!("struct Item(usize);\n{MAIN}");
    let project = Project::new("unrecorded", &[("main.rs", &main), ("flow.yaml", &workflow("listed", "item.0"))]);
    let built = project.check();
    assert!(built.success, "items of a key, and of a map whose output is made again, need no bytes: {}", built.output);

    let output = errors("unrecorded", &main, &workflow("vec![Item(listed.len())]", "item.0"));
    assert!(output.contains("error[E0277]: items of `all` cannot be recognised on resume"), "{output}");
    assert!(
        output.contains("the `checkpoint` at src/flow.yaml:6:13 records each item of `all` at src/flow.yaml:9:13"),
        "{output}"
    );
    assert!(output.contains("let a node before `all` write the items to a key"), "{output}");
    assert_eq!(output.matches("\nerror").count(), 2, "one error, and that the build failed:\n{output}");

    let results = workflow("listed", "Item(item.0)").replace("sizes: { type: Vec<usize>", "sizes: { type: Vec<Item>");
    let output = errors("unrecorded", &main, &results);
    assert!(output.contains("error[E0277]: state key `sizes` cannot be recorded"), "{output}");
    assert!(output.contains("error[E0277]: results of `all` cannot be recorded"), "{output}");
}
