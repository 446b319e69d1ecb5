//! Which edits change the identities of which nodes.

mod hidden;

use std::{fs, path::Path};

use super::{built::Call, read_code, units};
use crate::{
    diagnostic::Diagnostics,
    generate::join,
    plan::{Block, KeyId, Outside, Plan, Work},
    source::Sources,
};

/// A package, as files.
#[derive(Clone, Debug)]
pub(super) struct Project(Vec<(String, String)>);

const FLOW: &str = r#"name: sample
settings: { checkpoint: true }
state_schema:
  n: { type: u64, input: true }
  point: { type: Point }
  count: { type: u64 }
  share: { type: f64 }
nodes:
  - { name: place, run: "place(n)", output: point }
  - { name: count, run: "counting::count(n, LIMIT)", output: count }
  - { name: share, run: "shares::of(&format!(\"{n}\"))?", output: share }
  - { name: last, run: "println!(\"{}\", point.shown())" }
"#;

const MAIN: &str = r#"//! A program.
use helper::round;
mod counting;
mod shares;
tea_runtime::include_workflow!("flow.yaml");
/// Never more.
const LIMIT: u64 = 10;
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Point { x: f64, y: f64 }
impl Point {
    fn shown(&self) -> String { format!("{} {}", self.x, self.y) }
    fn unused(&self) -> f64 { 0.0 }
}
impl std::ops::Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self { Point { x: self.x + other.x, y: self.y + other.y } }
}
// Places.
fn place(n: u64) -> Point {
    let base = Point { x: 0.0, y: 1.0 };
    base + Point { x: round(n as f64), y: STEP }
}
static STEP: f64 = 2.0;
fn unrelated() {}
"#;

const COUNTING: &str = r"use crate::shares::twice as double;
trait Measure { fn measure(&self) -> u64; }
impl Measure for u64 { fn measure(&self) -> u64 { *self } }
struct Other;
impl Measure for Other { fn measure(&self) -> u64 { 1 } }
macro_rules! sum { ($a:expr, $b:expr) => { $a + $b } }
pub fn count(n: u64, limit: u64) -> u64 { helped(n.measure(), limit) }
fn helped(n: u64, limit: u64) -> u64 { sum!(deeper(n), double(limit)) }
fn deeper(n: u64) -> u64 { if n > MOST { MOST } else { n } }
const MOST: u64 = 3;
";

const SHARES: &str = r#"type Outcome = Result<f64, std::num::ParseFloatError>;
pub fn of(text: &str) -> Outcome { Ok(text.parse::<f64>()? + WEIGHTS.len() as f64) }
pub fn twice(n: u64) -> u64 { n * 2 }
const WEIGHTS: &str = include_str!("weights.txt");
#[cfg(test)]
mod tests { #[test] fn works() {} }
"#;

const MANIFEST: &str = r#"[package]
name = "sample"
version = "0.1.0"
edition = "2024"
[dependencies]
helper = { path = "helper" }
"#;

impl Project {
    /// One with nothing but a manifest.
    pub(super) fn empty() -> Self {
        Self(vec![("Cargo.toml".to_owned(), MANIFEST.replace("helper = { path = \"helper\" }", ""))])
    }

    fn new() -> Self {
        let files = [
            ("Cargo.toml", MANIFEST),
            ("src/main.rs", MAIN),
            ("src/counting.rs", COUNTING),
            ("src/shares.rs", SHARES),
            ("src/weights.txt", "abc"),
            ("src/flow.yaml", FLOW),
            ("helper/Cargo.toml", "[package]\nname = \"helper\"\nversion = \"0.1.0\"\n"),
            (
                "helper/src/lib.rs",
                "pub fn round(x: f64) -> f64 { x.round() }\npub fn floor(x: f64) -> f64 { x.floor() }\n",
            ),
        ];
        Self(files.map(|(path, text)| (path.to_owned(), text.to_owned())).to_vec())
    }

    /// The project after one text in a file is replaced.
    fn edit(mut self, file: &str, from: &str, to: &str) -> Self {
        let (_, text) = self.0.iter_mut().find(|(path, _)| path == file).expect("there is such a file");
        assert!(text.contains(from), "`{from}` is not in `{file}`");
        *text = text.replacen(from, to, 1);
        self
    }

    /// The project with another file.
    pub(super) fn with(mut self, file: &str, text: &str) -> Self {
        self.0.push((file.to_owned(), text.to_owned()));
        self
    }

    /// The lines that are different in another project with the same files.
    pub(super) fn differences(&self, other: &Self) -> String {
        let of = |project: &Self| {
            let lines = |(path, text): &(String, String)| {
                text.lines().map(|line| format!("{path}: {line}")).collect::<Vec<_>>()
            };
            project.0.iter().flat_map(lines).collect::<Vec<_>>()
        };
        let (one, two) = (of(self), of(other));
        let without = |from: &[String], these: &[String], mark: &str| {
            join(from.iter().filter(|line| !these.contains(line)), "", |line| format!("{mark} {line}\n"))
        };
        without(&one, &two, "-") + &without(&two, &one, "+")
    }

    /// The plan, with the identities that it has in a build.
    fn plan(&self, call: &Call) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        self.plan_in(folder.path(), call)
    }

    fn plan_in(&self, folder: &Path, call: &Call) -> Plan {
        for (path, text) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut sources = Sources::default();
        let flow = &self.0.iter().find(|(path, _)| path == "src/flow.yaml").unwrap().1;
        let file = sources.add(folder.join("src/flow.yaml"), flow.clone());
        let mut found = Diagnostics::default();
        let mut plan = crate::plan(&mut sources, file, &mut found)
            .unwrap_or_else(|| panic!("{}", crate::render::render(&sources, &found.into_sorted(), false)));
        let code = read_code(folder, None, call).unwrap();
        let module = code.index.module_of_workflow("flow.yaml", "src/main.rs");
        units::identify(&mut plan, &code, module, &sources);
        plan
    }

    /// The identities of the nodes in this build.
    pub(super) fn nodes(&self) -> Vec<(String, u128)> {
        nodes(&self.plan(&call(&[])))
    }

    /// The same, with those of what is passed to calls: `node.input`.
    pub(super) fn all(&self) -> Vec<(String, u128)> {
        let plan = self.plan(&call(&[]));
        let mut all = nodes(&plan);
        let steps = plan.called.iter().chain([&plan]).flat_map(|plan| &plan.root.steps);
        for (step, call) in steps.filter_map(|step| Some((step, step.work.call()?))) {
            let name = |key: KeyId| &plan.called[call.number].keys[key.0 as usize].name.value;
            let inputs = call.inputs.iter().map(|input| (input.key, &input.code));
            let passed = inputs.chain(call.defaults.iter().map(|(key, code)| (*key, code)));
            all.extend(passed.map(|(key, code)| (format!("{}.{}", step.name, name(key)), code.hash)));
        }
        all
    }
}

pub(super) fn nodes(plan: &Plan) -> Vec<(String, u128)> {
    fn of(block: &Block, found: &mut Vec<(String, u128)>) {
        for step in &block.steps {
            match &step.work {
                Work::FanOut(region) => {
                    for task in &region.tasks {
                        found.push((format!("branch {}", task.name), task.code.hash));
                        of(&task.block, found);
                    }
                }
                _ => found.push((step.name.clone(), step.code.hash)),
            }
        }
    }
    let mut found = Vec::new();
    for plan in plan.called.iter().chain([plan]) {
        of(&plan.root, &mut found);
    }
    found
}

/// A call of rustc with these arguments besides Cargo's own.
pub(super) fn call(more: &[&str]) -> Call {
    let own = [
        "rustc",
        "--crate-name",
        "sample",
        "-C",
        "metadata=0123",
        "--extern",
        "tea_runtime=/x/libtea_runtime-0123.rlib",
    ];
    Call::of(&own.iter().chain(more).map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

/// The nodes whose identities differ.
fn affected(before: &[(String, u128)], after: &[(String, u128)]) -> Vec<String> {
    assert!(before.iter().chain(after).all(|node| node.1 != 0), "the executable counts: {after:?}");
    let differs = |(one, other): &(&(String, u128), &(String, u128))| one.1 != other.1;
    before.iter().zip(after).filter(differs).map(|(one, _)| one.0.clone()).collect()
}

const NONE: &[&str] = &[];
const ALL: &[&str] = &["place", "count", "share", "last"];

#[test]
fn an_edit_changes_the_identities_of_the_nodes_that_it_can_reach_and_of_no_others() {
    type Edit = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);
    let (main, counting, shares) = ("src/main.rs", "src/counting.rs", "src/shares.rs");
    let edits: &[Edit] = &[
        ("a comment", main, "// Places.", "// Places, and more.\n\n", NONE),
        ("documentation", main, "/// Never more.", "/// Never more than this.", NONE),
        ("a lint", main, "fn unrelated", "#[allow(dead_code)]\nfn unrelated", NONE),
        (
            "layout",
            counting,
            "{ helped(n.measure(), limit) }",
            "{\n    helped(\n        n.measure(),\n        limit,\n    )\n}",
            NONE,
        ),
        ("a test", shares, "fn works() {}", "fn works() { panic!() }", NONE),
        ("an unrelated function", main, "fn unrelated() {}", "fn unrelated() { println!() }", NONE),
        ("an unrelated method", main, "{ 0.0 }", "{ 1.0 }", NONE),
        ("a node's own function", main, "let base", "let _ = 1; let base", &["place"]),
        ("a helper", counting, "sum!(deeper(n)", "sum!(1 + deeper(n)", &["count"]),
        ("a helper of a helper", counting, "{ MOST }", "{ n }", &["count"]),
        ("a const", counting, "MOST: u64 = 3", "MOST: u64 = 4", &["count"]),
        ("a const that the workflow names", main, "= 10", "= 11", &["count"]),
        ("a static", main, "STEP: f64 = 2.0", "STEP: f64 = 3.0", &["place"]),
        ("a method", main, "{} {}", "{}, {}", &["last"]),
        ("an operator", main, "self.x + other.x", "self.x - other.x", &["place", "last"]),
        ("an impl of a trait for a foreign type", counting, "{ *self }", "{ *self + 1 }", &["count"]),
        ("an impl for a type that is not used", counting, "{ 1 }", "{ 2 }", NONE),
        (
            "the trait itself",
            counting,
            "fn measure(&self) -> u64; }",
            "fn measure(&self) -> u64; fn more(&self) {} }",
            &["count"],
        ),
        ("a macro", counting, "{ $a + $b }", "{ $a * $b }", &["count"]),
        (
            "what `use … as` means",
            counting,
            "crate::shares::twice as double",
            "crate::shares::of as double",
            &["count"],
        ),
        ("a function that is known by another name", shares, "n * 2", "n * 3", &["count"]),
        ("an alias of a type", shares, "std::num::ParseFloatError", "std::fmt::Error", &["share"]),
        ("the layout of a type", main, "x: f64, y: f64 }", "y: f64, x: f64 }", &["place", "last"]),
        ("a derive", main, "#[derive(Clone, ", "#[derive(Clone, Default, ", &["place", "last"]),
        ("a dependency by path", "helper/src/lib.rs", "x.round()", "x.trunc()", &["place"]),
        ("an unrelated function of a dependency", "helper/src/lib.rs", "x.floor()", "x.ceil()", NONE),
        ("another function of a dependency", main, "use helper::round", "use helper::floor as round", &["place"]),
        ("an included file", "src/weights.txt", "abc", "abcd", &["share"]),
        ("a renamed node", "src/flow.yaml", "name: last", "name: finish", NONE),
        ("a policy", "src/flow.yaml", "name: last,", "name: last, max_visits: 3,", NONE),
        ("a node's Rust", "src/flow.yaml", "place(n)", "place(n + 1)", &["place"]),
        ("layout of a node's Rust", "src/flow.yaml", "\"place(n)\"", "\"place( n ) /* there */\"", NONE),
        ("an item macro", main, "fn unrelated", "other::register!(1);\nfn unrelated", ALL),
    ];
    let before = Project::new().nodes();
    let wrong: Vec<String> = edits
        .iter()
        .filter_map(|(what, file, from, to, expected)| {
            let after = Project::new().edit(file, from, to).nodes();
            let found = affected(&before, &after);
            (found != *expected).then(|| format!("{what}: {found:?} instead of {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_version_counts_in_place_of_the_code_and_the_layout_of_types_as_before() {
    let main = "src/main.rs";
    let pinned = Project::new().edit("src/flow.yaml", "name: place,", "name: place, version: \"1\",").edit(
        "src/flow.yaml",
        "name: last,",
        "name: last, version: \"1\",",
    );
    let before = pinned.nodes();
    let after = |file: &str, from: &str, to: &str| affected(&before, &pinned.clone().edit(file, from, to).nodes());
    assert_eq!(after("src/flow.yaml", "version: \"1\"", "version: \"2\""), ["place"]);
    assert_eq!(after("src/flow.yaml", "place(n)", "place(n + 1)"), NONE, "its Rust");
    assert_eq!(after(main, "let base", "let _ = 1; let base"), NONE, "its function");
    assert_eq!(after(main, "{} {}", "{}, {}"), NONE, "a method of a type");
    assert_eq!(after(main, "x: f64, y: f64 }", "y: f64, x: f64 }"), ["place", "last"], "the layout of a type");
    assert_eq!(after(main, "x: f64,", "#[serde(skip)] x: f64,"), ["place", "last"], "an attribute of it");
    assert_eq!(after("src/flow.yaml", "point: { type: Point }", "point: { type: Vec<Point> }"), ["place", "last"]);
    let other = nodes(&pinned.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&before, &other), ["count", "share"], "the features");

    // What writes a type by hand counts with all that it can reach.
    let by_hand = pinned.clone().edit(main, "serde::Serialize, serde::Deserialize)", "serde::Deserialize)").edit(
        main,
        "fn unrelated() {}",
        "impl serde::Serialize for Point { fn serialize(&self) { write_it(self) } }\nfn write_it(_: &Point) { () }\n\
         fn unrelated() {}",
    );
    let before = by_hand.nodes();
    assert_eq!(affected(&before, &by_hand.clone().edit(main, "{ () }", "{ ((), ()); }").nodes()), ["place", "last"]);
    assert_eq!(affected(&before, &by_hand.edit(main, "fn unrelated() {}", "fn unrelated() { () }").nodes()), NONE);
    let with = pinned.edit(main, "x: f64,", "#[serde(with = \"rounded\")] x: f64,").edit(
        main,
        "fn unrelated",
        "mod rounded { pub fn serialize() {} }\nfn unrelated",
    );
    let changed = with.clone().edit(main, "serialize() {}", "serialize() { () }");
    assert_eq!(affected(&with.nodes(), &changed.nodes()), ["place", "last"]);
    let without = |project: Project| {
        project.edit("src/flow.yaml", " version: \"1\",", "").edit("src/flow.yaml", " version: \"1\",", "")
    };
    assert_eq!(affected(&without(with).nodes(), &without(changed).nodes()), ["place", "last"]);

    // A type of another crate may have any layout in another build.
    let foreign = Project::new().edit("src/flow.yaml", "name: share,", "name: share, version: \"1\",").edit(
        "src/flow.yaml",
        "share: { type: f64 }",
        "share: { type: other::Share }",
    );
    let other = nodes(&foreign.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&foreign.nodes(), &other), ALL);
}

#[test]
fn what_is_only_known_when_the_program_runs_belongs_to_nodes_and_their_branches() {
    let flow = "name: sample\nsettings: { checkpoint: true }\nnodes:\n  - { name: a, run: a(), sources: [model, model], env: [LANG] }\n  \
                - { name: b, run: b(), env: [HOME] }\n  - { name: c, run: c() }\nedges:\n  - { from: __start__, to: [a, b], parallel: \
                true, fan_in: c }\n";
    let plan = Project::empty().with("src/main.rs", "fn a() {} fn b() {} fn c() {}").with("src/flow.yaml", flow);
    let plan = plan.plan(&call(&[]));
    let Work::FanOut(region) = &plan.root.steps[0].work else { panic!("{plan:?}") };
    let (model, lang) = (Outside::File("model".to_owned()), Outside::Variable("LANG".to_owned()));
    assert_eq!(region.tasks[0].code.outside, [model.clone(), lang.clone()]);
    assert_eq!(region.tasks[0].block.steps[0].code.outside, [model, lang]);
    assert_eq!(region.tasks[1].code.outside, [Outside::Variable("HOME".to_owned())]);
    // A version counts for the branch, too, and nothing else does if all of its nodes have one.
    let project = Project::empty().with("src/main.rs", "fn a() {} fn b() {} fn c() {}").with("src/flow.yaml", flow);
    let pinned = project.edit("src/flow.yaml", "run: a(),", "run: a(), version: 1,");
    let other = pinned.clone().edit("src/flow.yaml", "version: 1", "version: 2");
    assert_eq!(affected(&pinned.nodes(), &other.nodes()), ["branch a", "a"]);
    let built = nodes(&pinned.plan(&call(&["--cfg", "fast"])));
    assert_eq!(affected(&pinned.nodes(), &built), ["branch b", "b", "c"]);
    assert_eq!(plan.root.steps[1].code.outside, []);
}

#[test]
fn an_edit_of_what_a_called_workflow_reaches_affects_its_nodes_and_those_that_call_it() {
    let inner = "with: { m: n }\n    workflow:\n      state_schema: { m: { type: u64, input: true }, a: u64, b: f64 }\n      nodes:\n        \
                 - { name: first, run: \"counting::count(m, LIMIT)\", output: a }\n        \
                 - { name: second, run: \"shares::of(&format!(\\\"{a}\\\"))?\", output: b }\n    output: { b: share }";
    let project = Project::new().edit(
        "src/flow.yaml",
        "  - { name: share, run: \"shares::of(&format!(\\\"{n}\\\"))?\", output: share }",
        &format!("  - name: share\n    {inner}"),
    );
    let before = project.nodes();
    let after = |file, from, to| affected(&before, &project.clone().edit(file, from, to).nodes());
    assert_eq!(after("src/shares.rs", "WEIGHTS.len()", "2 * WEIGHTS.len()"), ["second", "share"]);
    assert_eq!(after("src/counting.rs", "MOST: u64 = 3", "MOST: u64 = 4"), ["first", "count", "share"]);
    assert_eq!(after("src/flow.yaml", "with: { m: n }", "with: { m: n + 1 }"), ["share"]);
    assert_eq!(after("src/main.rs", "fn unrelated() {}", "fn unrelated() { place(1); }"), NONE);
    let shape = |project: &Project| project.plan(&call(&[])).identities.unwrap().shape;
    let moved = project.clone().edit("src/flow.yaml", "a: u64, b: f64", "b: f64, a: u64");
    assert_ne!(shape(&project), shape(&moved));
}

#[test]
fn a_workflow_that_the_rust_of_a_node_runs_counts_for_this_node() {
    const TOTALS: &str = "name: totals\nstate_schema:\n  m: { type: u64, input: true }\n  a: u64\nnodes:\n  \
                          - { name: first, run: \"m + 1\", output: a }\n  - { name: second, use: more.yaml }\n";
    const MORE: &str = "name: more\nnodes:\n  - { name: only, run: \"println!(\\\"{}\\\", counting::count(1, 2))\" }\n";
    for (import, run) in [
        ("", "ctx.run(totals::builder(), totals::Input::new(n))?.a"),
        ("use totals::builder as totals_of;\n", "ctx.run(totals_of(), totals::Input::new(n))?.a"),
        ("use totals::*;\n", "ctx.run(builder(), Input::new(n))?.a"),
    ] {
        let project = Project::new()
            .with("src/totals.yaml", TOTALS)
            .with("src/more.yaml", MORE)
            .edit(
                "src/main.rs",
                "tea_runtime",
                &format!("{import}tea_runtime::include_workflow!(\"totals.yaml\");\ntea_runtime"),
            )
            .edit("src/flow.yaml", "run: \"counting::count(n, LIMIT)\"", &format!("run: \"{run}\""));
        let before = project.nodes();
        let after = |file, from, to| affected(&before, &project.clone().edit(file, from, to).nodes());
        assert_eq!(after("src/totals.yaml", "m + 1", "m + 2"), ["count"], "{run}");
        assert_eq!(after("src/more.yaml", "(1, 2)", "(2, 2)"), ["count"], "{run}");
        assert_eq!(after("src/counting.rs", "MOST: u64 = 3", "MOST: u64 = 4"), ["count"], "{run}");
        assert_eq!(after("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }"), NONE, "{run}");
        assert_eq!(after("src/flow.yaml", "point.shown()", "point.shown().len()"), ["last"], "{run}");
    }
}

#[test]
fn the_place_of_an_item_does_not_count() {
    let before = Project::new().nodes();
    let deeper = "fn deeper(n: u64) -> u64 { if n > MOST { MOST } else { n } }\n";
    let elsewhere =
        Project::new().edit("src/counting.rs", deeper, "").edit("src/counting.rs", "use ", &format!("{deeper}use "));
    assert_eq!(affected(&before, &elsewhere.nodes()), NONE);
    let other_file = Project::new()
        .edit("src/counting.rs", deeper, "use crate::shares::deeper;\n")
        .edit("src/counting.rs", "const MOST", "pub const MOST")
        .edit("src/shares.rs", "pub fn twice", &format!("use crate::counting::MOST;\npub {deeper}pub fn twice"));
    assert_eq!(affected(&before, &other_file.nodes()), NONE);
}

#[test]
fn two_items_of_one_name_are_told_apart_by_where_they_are_used() {
    const USER: &str = "pub fn user(n: u64) -> u64 { score(n) }\n";
    let base = Project::new()
        .with("src/exact.rs", "pub fn score(n: u64) -> u64 { n }")
        .with("src/fast.rs", "pub fn score(n: u64) -> u64 { n / 2 }")
        .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
        .edit("src/counting.rs", "use crate", "use crate::exact::score;\nuse crate")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ score(n) }");
    let other = base.clone().edit("src/counting.rs", "crate::exact::score", "crate::fast::score");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
    // And if what is used is defined beside the user, which moves.
    let user = |module: &str, other: &str| {
        Project::new()
            .with(
                "src/exact.rs",
                &format!("{}pub fn score(n: u64) -> u64 {{ n }}", if module == "exact" { USER } else { "" }),
            )
            .with(
                "src/fast.rs",
                &format!("{}pub fn score(n: u64) -> u64 {{ n / 2 }}", if module == "fast" { USER } else { "" }),
            )
            .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
            .edit("src/counting.rs", "use crate", &format!("use crate::{module}::user;\nuse crate"))
            .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", &format!("{{ user(n) {other}}}"))
    };
    assert_eq!(affected(&user("exact", "").nodes(), &user("fast", "").nodes()), ["count"]);
}

#[test]
fn what_an_import_from_another_crate_means_counts() {
    let base = Project::new().edit("src/counting.rs", "use crate", "use rand::random;\nuse crate").edit(
        "src/counting.rs",
        "{ if n > MOST { MOST } else { n } }",
        "{ random(n) }",
    );
    let other = base.clone().edit("src/counting.rs", "rand::random", "fastrand::random");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
    let glob = base.clone().edit("src/counting.rs", "rand::random", "rand::*");
    let other = base.edit("src/counting.rs", "rand::random", "fastrand::*");
    assert_eq!(affected(&glob.nodes(), &other.nodes()), ["count"]);
}

#[test]
fn how_the_program_is_built_counts_for_all_nodes() {
    let project = Project::new();
    let before = nodes(&project.plan(&call(&[])));
    for more in [
        &["-C", "opt-level=3"][..],
        &["-Coverflow-checks=on"],
        &["-C", "target-cpu=native"],
        &["--target", "x86_64-unknown-linux-musl"],
        &["--cfg", "feature=\"fast\""],
        &["--extern", "serde=/x/libserde-01.rlib"],
    ] {
        assert_eq!(affected(&before, &nodes(&project.plan(&call(more)))), ALL, "{more:?}");
    }
    for more in [
        &["-C", "metadata=89ab"][..],
        &["-C", "extra-filename=-cdef"],
        &["-C", "debuginfo=2"],
        &["-C", "incremental=/x/incremental"],
        &["-L", "dependency=/x"],
    ] {
        assert_eq!(affected(&before, &nodes(&project.plan(&call(more)))), NONE, "{more:?}");
    }
    let folder = |folder: &str| nodes(&project.plan(&call(&["--extern", &format!("serde={folder}/libserde-01.rlib")])));
    assert_eq!(affected(&folder("/x"), &folder("/y")), NONE);
    // Another linker, or other debug information in the arguments, is in none of them.
    assert!(Call::of(&["rustc", "--crate-name", "x"].map(str::to_owned)).is_none());
    let without = ["rustc", "--crate-name", "x", "-C", "metadata=0123", "--extern", "proc_macro"];
    assert!(Call::of(&without.map(str::to_owned)).is_none(), "nothing tells the compiler's version");
}

#[test]
fn a_build_script_counts_unless_it_only_compiles_workflows() {
    let before = Project::new().nodes();
    let of_tea = Project::new().with("build.rs", "fn main() { tea_build::compile(\"src/flow.yaml\"); }");
    assert_eq!(affected(&before, &of_tea.nodes()), NONE);
    let other = Project::new().with("build.rs", "fn main() { println!(\"cargo::rustc-link-lib=z\"); }");
    assert_eq!(affected(&before, &other.nodes()), ALL);
}

#[test]
fn the_folder_does_not_count() {
    let project = Project::new();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(
        project.plan_in(one.path(), &call(&[])).identities,
        project.plan_in(other.path(), &call(&[])).identities
    );
}

#[test]
fn what_cannot_be_followed_makes_more_count() {
    // A file that is no Rust: all sources count.
    let broken = || Project::new().with("src/broken.rs", "fn a( {");
    let other = broken().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }");
    assert_eq!(affected(&broken().nodes(), &other.nodes()), ALL);
    let notice = broken().plan(&call(&[])).identities.unwrap().notice;
    assert_eq!(notice.as_deref(), Some("`src/broken.rs` cannot be read as Rust"));
    // A file whose path is computed: the executable counts.
    let computed = Project::new().edit("src/shares.rs", "include_str!(\"weights.txt\")", "include_str!(path!())");
    let unknown: Vec<_> = computed.nodes().into_iter().filter(|node| node.1 == 0).map(|node| node.0).collect();
    assert_eq!(unknown, ["share"]);
}

#[test]
fn a_method_that_a_macro_of_another_crate_may_call_counts() {
    let base = Project::new().edit("src/main.rs", "STEP }\n", "STEP };\n    other::call!(base)\n");
    let after = base.clone().edit("src/main.rs", "{ 0.0 }", "{ 1.0 }");
    assert_eq!(affected(&base.nodes(), &after.nodes()), ["place"]);
}

#[test]
fn with_code_crate_everything_in_the_sources_counts() {
    let base = Project::new().edit("src/flow.yaml", "checkpoint: true", "checkpoint: { code: crate }");
    let comment = base.clone().edit("src/main.rs", "// Places.", "// Here.");
    assert_eq!(affected(&base.nodes(), &comment.nodes()), NONE);
    let unrelated = base.clone().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }");
    assert_eq!(affected(&base.nodes(), &unrelated.nodes()), ALL);
}

#[test]
fn the_parts_of_an_identity_have_places() {
    let plan = Project::new().plan(&call(&[]));
    let parts = &plan.identities.as_ref().unwrap().parts;
    let count = &plan.root.steps[1].code.parts;
    let shown: Vec<String> = count
        .iter()
        .map(|part| &parts[*part as usize])
        .map(|part| format!("{} {}:{}", part.name, part.file, part.line))
        .collect();
    for expected in ["fn deeper src/counting.rs:9", "const LIMIT src/main.rs:7", "node `count` flow.yaml:10"] {
        assert!(shown.iter().any(|part| part == expected), "{expected} is not in {shown:#?}");
    }
    assert!(!shown.iter().any(|part| part.contains("fn place")), "{shown:#?}");
}

#[test]
fn an_edit_of_the_structure_changes_the_shape() {
    let shape = |project: Project| project.plan(&call(&[])).identities.unwrap().shape;
    let before = shape(Project::new());
    let renamed = Project::new().edit("src/flow.yaml", "name: last", "name: finish");
    assert_eq!(before, shape(renamed));
    let more = Project::new().edit(
        "src/flow.yaml",
        "  - { name: last",
        "  - { name: more, run: \"drop(place(n))\" }\n  - { name: last",
    );
    assert_ne!(before, shape(more));
    let other = Project::new().edit("src/flow.yaml", "  count: { type: u64 }\n", "").edit(
        "src/flow.yaml",
        "  share: { type: f64 }\n",
        "  share: { type: f64 }\n  count: { type: u64 }\n",
    );
    assert_ne!(before, shape(other));
}

#[test]
fn implementations_are_found_wherever_they_are() {
    // In the body of a function that no node calls.
    let within = "fn unrelated() { impl Drop for Point { fn drop(&mut self) { let _ = 1; } } }";
    let base = Project::new().edit("src/main.rs", "fn unrelated() {}", within);
    let drop = base.clone().edit("src/main.rs", "let _ = 1", "let _ = 2");
    assert_eq!(affected(&base.nodes(), &drop.nodes()), ALL);
    // For a type of the standard library, with a path whose words have other meanings here.
    let text = "mod string {}\nimpl Measure for std::string::String { fn measure(&self) -> u64 { 5 } }\nconst MOST";
    let base = Project::new().edit("src/counting.rs", "const MOST", text);
    let string = base.clone().edit("src/counting.rs", "{ 5 }", "{ 6 }");
    assert_eq!(affected(&base.nodes(), &string.nodes()), ["count"]);
    // For an alias.
    let equal = "impl PartialEq for Place { fn eq(&self, other: &Self) -> bool { self.x == other.x } }";
    let base = Project::new().edit("src/main.rs", "static STEP", &format!("type Place = Point;\n{equal}\nstatic STEP"));
    let alias = base.clone().edit("src/main.rs", "self.x == other.x", "self.y == other.y");
    assert_eq!(affected(&base.nodes(), &alias.nodes()), ["place", "last"]);
}

#[test]
fn a_comma_that_layout_adds_does_not_count_and_one_that_makes_a_tuple_does() {
    let base = Project::new().edit("src/counting.rs", "{ $a + $b }", "{ one($a + $b).0 }").edit(
        "src/counting.rs",
        "const MOST",
        "fn one(n: u64) -> (u64,) { (n,) }\nconst MOST",
    );
    let nodes = base.nodes();
    let layout = base.clone().edit("src/counting.rs", "fn one(n: u64)", "fn one(\n    n: u64,\n)");
    assert_eq!(affected(&nodes, &layout.nodes()), NONE);
    let call = base.clone().edit("src/counting.rs", "sum!(deeper(n)", "sum!(deeper(n,)");
    assert_eq!(affected(&nodes, &call.nodes()), ["count"], "a macro decides what its tokens mean");
    let tuple = base.edit("src/counting.rs", "{ (n,) }", "{ (n) }");
    assert_eq!(affected(&nodes, &tuple.nodes()), ["count"]);
}

#[test]
fn a_dependency_by_path_with_a_build_script_counts_as_a_whole() {
    let base = Project::new().with("helper/build.rs", "fn main() {}").with("helper/data.txt", "one");
    let nodes = base.nodes();
    for (file, from, to) in [
        ("helper/data.txt", "one", "two"),
        ("helper/src/lib.rs", "x.floor()", "x.ceil()"),
        ("helper/build.rs", "{}", "{ println!() }"),
    ] {
        assert_eq!(affected(&nodes, &base.clone().edit(file, from, to).nodes()), ALL, "{file}");
    }
}

#[test]
fn the_type_of_a_key_has_an_identity_of_its_own() {
    let keys = |project: &Project, call: &Call| project.plan(call).identities.unwrap().keys;
    let project = Project::new();
    let before = keys(&project, &call(&[]));
    // Of `n`, `point`, `count` and `share`: types of the standard library are the same in every build.
    let differs = |after: Vec<u128>| before.iter().zip(&after).map(|(one, other)| one != other).collect::<Vec<_>>();
    assert_eq!(differs(keys(&project, &call(&["--cfg", "other"]))), [false, true, false, false]);
    let layout = project.clone().edit("src/main.rs", "x: f64, y: f64 }", "y: f64, x: f64 }");
    assert_eq!(differs(keys(&layout, &call(&[]))), [false, true, false, false]);
    let other = project.edit("src/flow.yaml", "count: { type: u64 }", "count: { type: u32 }");
    assert_eq!(differs(keys(&other, &call(&[]))), [false, false, true, false]);
}

/// A project in which `count` calls `started`, with what is written there, and these edits: the nodes that each affects.
fn soundness(text: &str, edits: &[(&str, &str, &[&str])]) {
    let base = Project::new().edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ started(n) }").edit(
        "src/counting.rs",
        "const MOST",
        &format!("{text}\nconst MOST"),
    );
    let before = base.nodes();
    for (from, to, expected) in edits {
        let after = base.clone().edit("src/counting.rs", from, to).nodes();
        assert_eq!(affected(&before, &after), *expected, "{from} → {to} in\n{text}");
    }
}

#[test]
fn code_is_followed_through_traits_types_and_modules() {
    let count: &[&str] = &["count"];
    soundness(
        "trait Twice { fn twice(&self) -> u64 { self.once() + ONE } fn once(&self) -> u64; }\nimpl Twice for u64 { fn once(&self) -> \
         u64 { *self } }\nconst ONE: u64 = 1;\nfn started(n: u64) -> u64 { n.twice() }",
        &[
            ("+ ONE", "- ONE", count),
            ("ONE: u64 = 1", "ONE: u64 = 2", count),
            ("u64 { *self } }\nconst", "u64 { 7 } }\nconst", count),
        ],
    );
    soundness(
        "struct Local(u64);\ntrait All { fn all(&self) -> u64; }\nimpl All for Vec<Local> { fn all(&self) -> u64 { 5 } }\nfn started(n: \
         u64) -> u64 { vec![Local(n)].all() }",
        &[("{ 5 }", "{ 6 }", count)],
    );
    soundness(
        "struct Inner(u64);\nimpl Inner { fn deep(&self) -> u64 { 5 } fn other(&self) -> u64 { 8 } }\nstruct Outer(Inner);\nimpl \
         std::ops::Deref for Outer { type Target = Inner; fn deref(&self) -> &Inner { &self.0 } }\nfn started(n: u64) -> u64 { \
         Outer(Inner(n)).deep() }",
        &[("{ 5 }", "{ 6 }", count), ("{ &self.0 }", "{ &&self.0 }", count), ("{ 8 }", "{ 9 }", NONE)],
    );
    soundness(
        "const SIZE: usize = 4;\nstruct Buffer<const N: usize = SIZE>([u8; N]);\nimpl<const N: usize> Buffer<N> { fn len(&self) -> u64 { \
         N as u64 } }\nfn started(_: u64) -> u64 { let buffer: Buffer = make(); buffer.len() }\nfn make<T: Default>() -> T { \
         T::default() }",
        &[("SIZE: usize = 4", "SIZE: usize = 8", count), ("N as u64", "N as u64 + 1", count)],
    );
    soundness(
        "static CALLS: std::sync::Mutex<Vec<u64>> = std::sync::Mutex::new(Vec::new());\nfn started(n: u64) -> u64 { \
         CALLS.lock().unwrap().push(n); n }",
        &[("Mutex::new(Vec::new())", "Mutex::new(Vec::from([]))", count)],
    );
    soundness(
        "#[cfg(unix)]\nfn started(n: u64) -> u64 { n + 1 }\n#[cfg(not(unix))]\nfn started(n: u64) -> u64 { n + 2 }",
        &[("n + 1", "n + 3", count), ("n + 2", "n + 3", count), ("cfg(unix)", "cfg(windows)", count)],
    );
    soundness(
        "fn started(n: u64) -> u64 { macro_rules! own { ($f:ident) => { $f() } } n + own!(hidden) }\nfn hidden() -> u64 { 5 }",
        &[("{ 5 }", "{ 6 }", count)],
    );
    soundness(
        "enum Kind { One, Two }\nuse Kind::*;\nfn started(n: u64) -> u64 { match kind(n) { One => 1, Two => 2 } }\nfn kind(n: u64) -> \
         Kind { if n > 3 { One } else { Two } }",
        &[("n > 3", "n > 4", count), ("{ One, Two }", "{ Two, One }", count)],
    );
    soundness(
        "struct Guard;\nimpl Drop for Guard { fn drop(&mut self) { after() } }\nfn after() { () }\nfn started(n: u64) -> u64 { let _guard \
         = Guard; n }",
        &[("{ () }", "{ ((), ()); }", count)],
    );
    soundness(
        "struct Shown(u64);\nimpl std::fmt::Display for Shown { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { \
         width(f) } }\nfn width(f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(\"x\") }\nfn started(n: u64) -> u64 { \
         Shown(n).to_string().len() as u64 }",
        &[("\"x\"", "\"y\"", count)],
    );
    soundness(
        "trait Named { const NAME: &'static str; }\nimpl Named for u64 { const NAME: &'static str = \"u64\"; }\nfn started(n: u64) -> u64 \
         { length::<u64>() + n }\nfn length<T: Named>() -> u64 { T::NAME.len() as u64 }",
        &[("= \"u64\"", "= \"other\"", count)],
    );
}

#[test]
fn files_that_are_included_or_named_by_a_path_are_followed() {
    let base = Project::new()
        .with("src/more/included.rs", "fn from_file(n: u64) -> u64 { n + 1 }")
        .with("src/more/elsewhere.rs", "pub fn by_path(n: u64) -> u64 { n + 2 }")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ from_file(n) + placed::by_path(n) }")
        .edit(
            "src/counting.rs",
            "const MOST",
            "include!(\"more/included.rs\");\n#[path = \"more/elsewhere.rs\"]\nmod placed;\nconst MOST",
        );
    let before = base.nodes();
    for (file, from) in [("src/more/included.rs", "n + 1"), ("src/more/elsewhere.rs", "n + 2")] {
        let found = affected(&before, &base.clone().edit(file, from, "n + 3").nodes());
        assert!(found.contains(&"count".to_owned()), "{file}: {found:?}");
    }
}

#[test]
fn which_module_a_glob_import_names_counts() {
    let base = Project::new()
        .with("src/exact.rs", "pub fn score(n: u64) -> u64 { n }")
        .with("src/fast.rs", "pub fn score(n: u64) -> u64 { n / 2 }")
        .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
        .edit("src/counting.rs", "use crate", "use crate::exact::*;\nuse crate")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ score(n) }");
    let other = base.clone().edit("src/counting.rs", "crate::exact::*", "crate::fast::*");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
}

#[test]
fn what_only_has_the_name_of_something_known_is_not_known() {
    let why = |project: &Project| project.plan(&call(&[])).identities.unwrap().notice.unwrap_or_default();
    let macro_rules = Project::new()
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ vec!(n, hidden) }")
        .edit("src/counting.rs", "const MOST", "macro_rules! vec { ($n:expr, $m:ident) => { $n.$m() } }\nconst MOST");
    assert_eq!(why(&macro_rules), "`macro vec` in src/counting.rs has the name of a well-known macro");
    let imported = Project::new().edit("src/counting.rs", "use crate", "use other::println;\nuse crate").edit(
        "src/counting.rs",
        "{ if n > MOST { MOST } else { n } }",
        "{ println!(\"{n}\"); n }",
    );
    assert_eq!(why(&imported), "`println` in src/counting.rs is `other::println`, and not the one that is so called");
    for (import, attribute) in [("Default", "#[derive(Default)]"), ("instrument", "#[instrument]")] {
        let foreign = Project::new()
            .edit("src/counting.rs", "use crate", &format!("use other::{import};\nuse crate"))
            .edit("src/counting.rs", "struct Other", &format!("{attribute}\nstruct Other"));
        assert!(why(&foreign).ends_with("and not the one that is so called"), "{import}: {}", why(&foreign));
        let edit = foreign.clone().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { () }");
        assert_eq!(affected(&foreign.nodes(), &edit.nodes()), ALL);
        let known = foreign.edit("src/counting.rs", &format!("other::{import}"), &format!("serde::{import}"));
        assert_eq!(why(&known), "");
    }
    // A type of that name that nothing derives is nothing special.
    let ty = Project::new().edit("src/counting.rs", "use crate", "use other::Error;\nuse crate");
    assert_eq!(why(&ty), "");
}

#[test]
fn a_procedural_macro_by_path_counts_as_a_whole() {
    let base = Project::new()
        .edit("Cargo.toml", "[dependencies]\n", "[dependencies]\nmakes = { path = \"makes\" }\n")
        .with("makes/Cargo.toml", "[package]\nname = \"makes\"\nversion = \"0.1.0\"\n[lib]\nproc-macro = true\n")
        .with("makes/src/lib.rs", "fn hidden() -> u64 { 1 }");
    let other = base.clone().edit("makes/src/lib.rs", "{ 1 }", "{ 2 }");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ALL);
}

#[test]
fn the_version_of_the_package_counts_for_what_reads_it() {
    let reads = |body: &str| Project::new().edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", body);
    let words = |project: &Project| project.plan(&call(&[])).identities.unwrap();
    // The variable is that of the test's own package, so another one stands for it.
    let (env, other) = (
        reads("{ env!(\"CARGO_PKG_VERSION\").len() as u64 + n }"),
        reads("{ env!(\"CARGO_PKG_NAME\").len() as u64 + n }"),
    );
    assert_eq!(affected(&env.nodes(), &other.nodes()), ["count"]);
    assert!(words(&env).notice.is_none());
}
