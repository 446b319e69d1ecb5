//! Writes random workflow files.

mod calls;
mod parallel;
mod ways;

use std::fmt::Write;

use fastrand::Rng;

/// What a key holds, and how it may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    OptionalNumber,
    List,
    OptionalList,
}

/// Keys that may be read at some place.
type Scope = Vec<(String, Kind)>;

/// A workflow in the making.
struct Writer<'r> {
    rng: &'r mut Rng,
    keys: String,
    nodes: String,
    edges: String,
    names: u32,
    /// Nodes that may still be made.
    budget: u32,
    /// Keys that may be unset are read as if they were set, and branches use keys of others: most such files are refused,
    /// and one that should have been shows when it runs.
    bold: bool,
    /// Branches and items may fail, where they do not say otherwise.
    allow_failure: bool,
    /// Keys that are written here must outlive their branch.
    outlives: bool,
    /// Nodes ask, which they cannot in workers.
    asks: bool,
}

/// Where something is generated.
#[derive(Clone)]
struct Place {
    scope: Scope,
    /// Some runs do not get here, so keys that are written here are optional for later readers.
    maybe: bool,
    depth: u32,
    /// Branches are running: the shared list is only written to.
    parallel: bool,
}

/// A workflow file called `name`, the same for the same generator state. It may be one that does not compile: now and
/// then a race or an unset key is written on purpose.
#[must_use]
pub fn workflow(rng: &mut Rng, name: &str) -> String {
    let bold = rng.u32(..8) == 0;
    write(rng, name, bold)
}

/// The same without any mistake but that a worker may read a `transient` key.
#[must_use]
pub fn careful(rng: &mut Rng, name: &str) -> String {
    write(rng, name, false)
}

/// One that most probably reads keys that may be unset, or has races.
#[must_use]
pub fn bold(rng: &mut Rng, name: &str) -> String {
    write(rng, name, true)
}

fn write(rng: &mut Rng, name: &str, bold: bool) -> String {
    let (keys, nodes, edges) = (String::new(), String::new(), String::new());
    let (budget, allow_failure, asks) = (rng.u32(3..16), rng.u32(..10) == 0, rng.u32(..4) == 0);
    let mut writer = Writer { rng, keys, nodes, edges, names: 0, budget, bold, allow_failure, outlives: false, asks };
    let scope = if writer.one_in(5) { writer.dataflow() } else { writer.sequential() };
    let finally = if writer.one_in(3) { writer.finally(&scope) } else { String::new() };
    let mut settings = format!("strategy: {}", writer.strategy());
    if allow_failure {
        settings.push_str(", allow_failure: true");
    }
    if writer.one_in(3) {
        settings.push_str(", retry: { max_retries: 2, base_delay: 0s }");
    }
    let Writer { keys, nodes, edges, .. } = writer;
    let mut text = format!("name: {name}\nsettings: {{ parallel: {{ {settings} }} }}\nstate_schema:\n");
    text.push_str("  n: { type: u64, input: true }\n");
    // The shared list starts with a value in half of all files, and is written from everywhere.
    text.push_str("  all: { type: \"Vec<u64>\", reduce: join, input: true, default: \"vec![1]\" }\n");
    write!(text, "{keys}nodes:\n{nodes}").expect("memory");
    if !edges.is_empty() {
        write!(text, "edges:\n{edges}").expect("memory");
    }
    text + &finally
}

impl Writer<'_> {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    fn strategy(&mut self) -> &'static str {
        if self.asks { "thread" } else { ["thread", "process", "remote"][self.rng.usize(..3)] }
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        self.budget = self.budget.saturating_sub(1);
        format!("{stem}{}", self.names)
    }

    fn sequential(&mut self) -> Scope {
        let mut place = Place { scope: vec![("n".to_owned(), Kind::Number)], maybe: false, depth: 0, parallel: false };
        let first = self.name("start");
        self.sequence(&first, "__end__", &mut place);
        place.scope
    }

    /// What runs at the end: keys that are no inputs are an `Option` there.
    fn finally(&mut self, scope: &Scope) -> String {
        let mut values = vec!["n".to_owned(), "sum(all)".to_owned()];
        for _ in 0..self.rng.usize(..4) {
            let (key, kind) = &scope[self.rng.usize(..scope.len())];
            values.push(match kind {
                _ if key == "n" => key.clone(),
                Kind::Number | Kind::OptionalNumber => format!("{key}.unwrap_or({})", self.rng.u32(..9)),
                Kind::List | Kind::OptionalList => format!("sum_or({key})"),
            });
        }
        format!("finally:\n  - {{ name: at-last, run: \"last(outcome, &[{}])\" }}\n", values.join(", "))
    }

    /// Some constructs one after the other, from the node `entry` on to `to`.
    fn sequence(&mut self, entry: &str, to: &str, place: &mut Place) {
        let count = if place.depth == 0 { 5 } else { self.rng.u32(1..4) };
        let mut entry = entry.to_owned();
        for _ in 1..count {
            if self.budget == 0 {
                break;
            }
            let next = self.name("n");
            self.construct(&entry, &next, place);
            entry = next;
        }
        self.plain(&entry, to, place);
    }

    fn construct(&mut self, entry: &str, to: &str, place: &mut Place) {
        if place.depth >= 3 || self.budget == 0 {
            return self.plain(entry, to, place);
        }
        match self.rng.u32(..10) {
            0 => self.choice(entry, to, place),
            9 => self.race(entry, to, place),
            1 => self.turns(entry, to, place),
            2..=4 => self.fan_out(entry, to, place),
            5 => self.graph(entry, to, place),
            6 => self.map(entry, to, place),
            _ => self.plain(entry, to, place),
        }
    }

    /// An expression that gives a number.
    fn number(&mut self, scope: &Scope) -> String {
        let count = self.rng.usize(..4);
        let mut values = Vec::new();
        for _ in 0..count {
            let (key, kind) = &scope[self.rng.usize(..scope.len())];
            values.push(match kind {
                Kind::Number => key.clone(),
                Kind::OptionalNumber => format!("{key}.unwrap_or({})", self.rng.u32(..9)),
                Kind::List => format!("sum({key})"),
                Kind::OptionalList => format!("sum_or({key})"),
            });
        }
        format!("mix({}, &[{}])", self.rng.u32(..1000), values.join(", "))
    }

    /// An expression that fails now and then, perhaps in its first attempt only.
    fn shaky(&mut self, number: &str) -> String {
        let arguments = &number[3..];
        match self.rng.u32(..6) {
            0 => format!("sure{arguments}"),
            1..3 => format!("shaky{}?", arguments.replacen(", ", " + ctx.attempt() as u64, ", 1)),
            _ => format!("shaky{arguments}?"),
        }
    }

    fn condition(&mut self, scope: &Scope) -> String {
        let number = self.number(scope);
        let number = if self.one_in(16) { format!("sure{}", &number[3..]) } else { number };
        format!("{number} % {} == 0", self.rng.u32(1..4))
    }

    fn declare(&mut self, key: &str, ty: &str, more: &str) {
        writeln!(self.keys, "  {key}: {{ type: \"{ty}\"{more} }}").expect("memory");
    }

    /// A key for one writer; later nodes may read it.
    fn fresh(&mut self, place: &mut Place, list: bool) -> String {
        self.names += 1;
        let key = format!("k{}", self.names);
        let optional = place.maybe && !self.bold;
        let mut more = String::from(if optional { ", optional: true" } else { "" });
        if self.one_in(12) {
            let entry = ["", ", transient: true", ", output: false"][self.rng.usize(..3)];
            more.push_str(if self.outlives && entry.contains("transient") { "" } else { entry });
        }
        self.declare(&key, if list { "Vec<u64>" } else { "u64" }, &more);
        let kind = match (list, optional) {
            (false, false) => Kind::Number,
            (false, true) => Kind::OptionalNumber,
            (true, false) => Kind::List,
            (true, true) => Kind::OptionalList,
        };
        place.scope.push((key.clone(), kind));
        key
    }

    /// The work of a node and its output.
    fn work(&mut self, place: &mut Place) -> String {
        let number = self.number(&place.scope);
        match self.rng.u32(..12) {
            0 | 1 => format!("run: \"vec![{number}]\", output: all"),
            2 => format!("run: \"list{}\", output: all", &number[3..]),
            3 => {
                let list = self.fresh(place, true);
                format!("run: \"list{}\", output: {list}", &number[3..])
            }
            4 => {
                let (one, other) = (self.fresh(place, false), self.fresh(place, false));
                format!("run: \"({number}, {number} + 1)\", output: [{one}, {other}]")
            }
            5 if place.parallel || self.one_in(4) => {
                let key = self.fresh(place, false);
                let run = self.shaky(&number);
                format!("run: \"{run}\", output: {key}")
            }
            6 if !place.parallel || self.bold => {
                let key = self.fresh(place, false);
                format!("run: \"sum(all)\", output: {key}")
            }
            7 if !place.parallel || self.bold => {
                // A key that has a value already. The input stays, and counters of loops, so that loops end.
                let is_own = |key: &str| key.len() > 1 && !key.starts_with('c');
                let keys = place.scope.iter().filter(|(key, kind)| *kind == Kind::Number && is_own(key));
                let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
                let key =
                    if keys.is_empty() { self.fresh(place, false) } else { keys[self.rng.usize(..keys.len())].clone() };
                format!("run: \"{number}\", output: {key}")
            }
            _ => {
                let key = self.fresh(place, false);
                format!("run: \"{number}\", output: {key}")
            }
        }
    }

    fn node(&mut self, name: &str, rest: &str) {
        let called = if self.one_in(5) { self.called(rest) } else { None };
        let rest = called.as_deref().unwrap_or(rest);
        writeln!(self.nodes, "  - {{ name: {name}, {rest} }}").expect("memory");
    }
}
