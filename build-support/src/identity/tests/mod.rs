//! Which edits change the identities of which nodes.

mod built;
mod followed;
mod hidden;
mod nodes;

use std::{fs, path::Path};

use super::{built::Call, read_code, units};
use crate::{
    diagnostic::Diagnostics,
    generate::join,
    plan::{Block, KeyId, Plan, Work},
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
