//! Writes random workflow files.

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

    /// The same node, or map, as a call of a workflow that does what its Rust does, in two steps. `None` if the node writes
    /// several keys, or reads what only it can read.
    fn called(&mut self, rest: &str) -> Option<String> {
        let start = rest.find("run: \"")?;
        let (run, after) = rest[start + "run: \"".len()..].split_once("\", output: ")?;
        let end = after.find([',', '}']).unwrap_or(after.len());
        let (output, after) = after.split_at(end);
        if output.starts_with('[')
            || run.contains("parallel_results")
            || run.contains("*more")
            || run.starts_with("list")
        {
            return None;
        }
        self.names += 1;
        let number = self.names;
        let item = "*item + at as u64";
        let (mut with, mut input) = (String::new(), String::new());
        let run = if run.contains(item) {
            with = format!("with: {{ i{number}: \"{item}\" }}, ");
            input = format!("i{number}: {{ type: u64, input: true }}, ");
            run.replace(item, &format!("i{number}"))
        } else {
            run.to_owned()
        };
        let list = run.strip_prefix("vec![").and_then(|run| run.strip_suffix(']'));
        let (more, parts) = if self.one_in(3) { self.parts(number) } else { (String::new(), String::new()) };
        let sum = if more.is_empty() { String::new() } else { format!("sum(p{number}), ") };
        let mixed = format!("mix(0, &[a{number}, {sum}{}])", list.unwrap_or(&run));
        let (ty, mixed) = if list.is_some() { ("Vec<u64>", format!("vec![{mixed}]")) } else { ("u64", mixed) };
        let settings = match self.rng.u32(..3) {
            0 => {
                let strategy = self.strategy();
                format!(
                    ", parallel_strategy: {strategy}, allow_failure: false, retry: {{ max_retries: 1, base_delay: 0s }}"
                )
            }
            _ => String::new(),
        };
        let first = if self.asks && self.rng.bool() {
            "ask: \"{n} again?\"".to_owned()
        } else {
            format!("run: \"mix({}, &[n])\"", self.rng.u32(..1000))
        };
        Some(format!(
            "{}{with}workflow: {{ state_schema: {{ {input}{more}a{number}: u64, b{number}: \"{ty}\" }}, nodes: [{{ name: first, \
             {first}, output: a{number} }}, {parts}{{ name: second, run: \"{mixed}\", output: b{number}{settings} }}] }}, output: {{ \
             b{number}: {output} }}{after}",
            &rest[..start],
        ))
    }

    /// A map of a workflow for a node of a called one: its key, and the node.
    fn parts(&mut self, number: u32) -> (String, String) {
        let (first, items, strategy) = (self.rng.u32(..1000), self.rng.u32(..1000), self.strategy());
        let one = if self.asks && self.rng.bool() {
            format!("ask: \"{{j{number}}} or {{a{number}}}?\"")
        } else {
            format!("run: \"mix({first}, &[j{number}, a{number}, n])\"")
        };
        let limit = if self.one_in(2) { ", timeout: 1h, parallel_strategy: thread, allow_failure: false" } else { "" };
        let node = format!(
            "{{ name: parts, type: dynamic_parallel, items: \"list({items}, &[a{number}])\", with: {{ j{number}: \"*item\" }}, \
             parallel_strategy: {strategy}, allow_failure: false, workflow: {{ state_schema: {{ j{number}: {{ type: u64, input: true }}, \
             c{number}: u64, d{number}: u64 }}, nodes: [{{ name: one, {one}, output: c{number} }}, {{ name: two, run: \"mix(0, \
             &[c{number}, j{number}])\", output: d{number}{limit} }}] }}, output: {{ d{number}: p{number} }} }}, ",
        );
        (format!("p{number}: \"Vec<u64>\", "), node)
    }

    /// A node that asks, which shows numbers that are set.
    fn question(&mut self, place: &mut Place) -> String {
        let numbers = place.scope.iter().filter(|(_, kind)| *kind == Kind::Number).map(|(key, _)| key.clone());
        let numbers: Vec<_> = numbers.collect();
        let shown = [(); 2].map(|()| &numbers[self.rng.usize(..numbers.len())]);
        let question = format!("ask: \"{{{}}} of {{{}}}?\"", shown[0], shown[1]);
        format!("{question}, output: {}", self.fresh(place, false))
    }

    fn plain(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = if self.asks && self.one_in(4) { self.question(place) } else { self.work(place) };
        if self.one_in(3) {
            self.node(entry, &work);
            writeln!(self.edges, "  - {{ from: {entry}, to: {to} }}").expect("memory");
        } else {
            self.node(entry, &format!("{work}, goto: {to}"));
        }
    }

    /// One of several ways.
    fn choice(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.work(place);
        let mut ways = vec![self.name("way")];
        let mut arms = Vec::new();
        for _ in 0..self.rng.usize(1..3) {
            arms.push((self.condition(&place.scope), self.name("way")));
        }
        if self.one_in(3) {
            self.node(entry, &work);
            let edge = |(condition, way): &(String, String)| {
                format!("  - {{ from: {entry}, to: {way}, when: \"{condition}\" }}\n")
            };
            let mut edges: Vec<_> = arms.iter().map(edge).collect();
            let otherwise = format!("  - {{ from: {entry}, to: {} }}\n", ways[0]);
            edges.insert(self.rng.usize(..=edges.len()), otherwise);
            self.edges.extend(edges);
        } else {
            let arm = |(condition, way): &(String, String)| format!("{{ if: \"{condition}\", to: {way} }}, ");
            let list: String = arms.iter().map(arm).collect();
            self.node(entry, &format!("{work}, goto: [{list}{{ to: {} }}]", ways[0]));
        }
        ways.extend(arms.into_iter().map(|(_, way)| way));
        // All ways write one key; what else they write may be unset afterwards.
        self.names += 1;
        let all = format!("b{}", self.names);
        let optional = place.maybe && !self.bold;
        self.declare(&all, "u64", if optional { ", optional: true" } else { "" });
        let mut after = place.scope.clone();
        for way in ways {
            let last = self.name("last");
            let mut inside = Place { maybe: true, depth: place.depth + 1, ..place.clone() };
            self.sequence(&way, &last, &mut inside);
            let number = self.number(&inside.scope);
            self.node(&last, &format!("run: \"{number}\", output: {all}, goto: {to}"));
            after.extend(inside.scope.into_iter().skip(place.scope.len()));
        }
        place.scope = after;
        place.scope.push((all, if optional { Kind::OptionalNumber } else { Kind::Number }));
    }

    /// A loop with a counter.
    fn turns(&mut self, entry: &str, to: &str, place: &mut Place) {
        self.names += 1;
        let count = format!("c{}", self.names);
        self.declare(&count, "u64", "");
        let (head, last) = (self.name("head"), self.name("last"));
        self.node(entry, &format!("run: \"0\", output: {count}, goto: {head}"));
        let mut inside = Place { depth: place.depth + 1, ..place.clone() };
        inside.scope.push((count.clone(), Kind::Number));
        // Now and then too few visits for the turns.
        let (turns, visits) = (self.rng.u32(1..5), self.rng.u32(2..7));
        let body = self.name("body");
        self.node(&head, &format!("run: \"{count} + 1\", output: {count}, max_visits: {visits}, goto: {body}"));
        self.sequence(&body, &last, &mut inside);
        let number = self.number(&inside.scope);
        let condition = self.condition(&inside.scope);
        self.node(
            &last,
            &format!(
                "run: \"vec![{number}]\", output: all, \
                 goto: [{{ if: \"{condition}\", to: {to} }}, {{ if: \"{count} < {turns}\", to: {head} }}, {{ to: {to} }}]"
            ),
        );
        inside.scope.retain(|(key, _)| *key != count);
        place.scope = inside.scope;
    }

    /// Settings of an edge, a map or a dataflow node.
    fn settings(&mut self) -> String {
        let mut settings = String::new();
        if self.one_in(3) {
            let strategy = if self.asks {
                "thread"
            } else {
                ["process, memory_limit: 4GiB", "remote, memory_limit: 4GiB"][self.rng.usize(..2)]
            };
            write!(settings, ", parallel_strategy: {strategy}").expect("memory");
        } else if self.one_in(2) {
            settings.push_str(", parallel_strategy: thread");
        }
        if self.one_in(3) {
            write!(settings, ", retry: {{ max_retries: {}, base_delay: 0s }}", self.rng.u32(1..4)).expect("memory");
        }
        // Limits that nothing reaches: attempts have threads of their own then, and items run one by one.
        if self.one_in(6) {
            settings.push_str(", timeout: 1h");
        }
        if self.one_in(8) {
            settings.push_str(", timeout_total: 2h");
        }
        if self.one_in(8) {
            settings.push_str(", circuit_breaker: { failure_threshold: 1000000 }");
        }
        settings
    }

    /// `allow_failure` with values for keys that are written since: those that were added to the scope, and perhaps the list
    /// that everything writes.
    fn fallback(&mut self, scope: &[(String, Kind)], nodes: &str) -> String {
        let mut values = Vec::new();
        for (key, kind) in scope {
            let seed = self.rng.u32(..1000);
            values.extend(match kind {
                Kind::Number => Some(format!("{key}: \"mix({seed}, &[])\"")),
                Kind::List => Some(format!("{key}: \"vec![{seed}]\"")),
                Kind::OptionalNumber | Kind::OptionalList if self.one_in(2) => None,
                Kind::OptionalNumber => Some(format!("{key}: \"{seed}\"")),
                Kind::OptionalList => Some(format!("{key}: \"list({seed}, &[])\"")),
            });
        }
        if nodes.contains(": all") && self.one_in(2) {
            values.push(format!("all: \"vec![{}]\"", self.rng.u32(..1000)));
        }
        let none = values.is_empty();
        if none { ", allow_failure: true".to_owned() } else { format!(", allow_failure: {{ {} }}", values.join(", ")) }
    }

    /// A fan-out of which some branches are enough. Which ones succeed does not depend on the timing: just so many do.
    fn race(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.work(place);
        self.node(entry, &work);
        let fan_in = self.name("won");
        self.names += 1;
        let won = format!("w{}", self.names);
        let optional = place.maybe && !self.bold;
        self.declare(&won, "u64", if optional { ", optional: true" } else { "" });
        let count = self.rng.u32(2..5);
        // One, or all but one.
        let one = count == 2 || self.rng.bool();
        let join = if one { ["first", "1"][self.rng.usize(..2)].to_owned() } else { (count - 1).to_string() };
        let number = self.number(&place.scope);
        let mut after = place.scope.clone();
        for own in 0..count {
            let (head, last) = (self.name("racer"), self.name("last"));
            let mut inside = Place { depth: place.depth + 1, parallel: true, maybe: true, ..place.clone() };
            let mut edge = self.settings();
            if self.allow_failure {
                edge.push_str(", allow_failure: false");
            }
            if own == 0 {
                write!(edge, ", join: {join}").expect("memory");
            }
            if self.one_in(8) {
                write!(edge, ", when: \"{}\"", self.condition(&place.scope)).expect("memory");
            }
            writeln!(self.edges, "  - {{ from: {entry}, to: {head}, parallel: true, fan_in: {fan_in}{edge} }}")
                .expect("memory");
            let (key, next) = (self.fresh(&mut inside, false), self.name("n"));
            self.node(&head, &format!("run: \"turn({own}, {count}, {one}, {number})?\", output: {key}, goto: {next}"));
            self.sequence(&next, &last, &mut inside);
            let number = self.number(&inside.scope);
            self.node(&last, &format!("run: \"{number}\", output: {won}, goto: {fan_in}"));
            after.extend(inside.scope.into_iter().skip(place.scope.len()));
        }
        place.scope = after;
        place.scope.push((won, if optional { Kind::OptionalNumber } else { Kind::Number }));
        self.plain(&fan_in, to, place);
    }

    fn fan_out(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.work(place);
        self.node(entry, &work);
        let fan_in = self.name("join");
        let mut after = place.scope.clone();
        // Where a failure cancels the others, it must fail all: what else became of them depends on the timing.
        let fail_fast = !self.allow_failure && self.one_in(6);
        let mut edges = Vec::new();
        for number in 0..self.rng.u32(1..4) {
            let head = self.name("branch");
            let mut inside = Place { depth: place.depth + 1, parallel: true, ..place.clone() };
            let mut edge = self.settings();
            // Keys that have a value after a failure need not be optional.
            let mut has_values = false;
            if self.allow_failure {
                if self.one_in(3) {
                    edge.push_str(", allow_failure: false");
                } else {
                    inside.maybe = true;
                }
            } else if !fail_fast && self.one_in(3) {
                has_values = self.rng.bool();
                inside.maybe |= !has_values;
                edge.push_str(if has_values { "" } else { ", allow_failure: true" });
            }
            if number == 0 && fail_fast {
                edge.push_str(", fail_fast: true");
            }
            if self.one_in(4) {
                inside.maybe = true;
                write!(edge, ", when: \"{}\"", self.condition(&place.scope)).expect("memory");
            }
            if number == 0 && self.one_in(4) {
                edge.push_str(", max_workers: 2");
            }
            let (nodes, outlived) = (self.nodes.len(), self.outlives);
            self.outlives |= has_values;
            self.sequence(&head, &fan_in, &mut inside);
            self.outlives = outlived;
            if has_values {
                let nodes = self.nodes[nodes..].to_owned();
                edge += &self.fallback(&inside.scope[place.scope.len()..], &nodes);
            }
            edges.push(format!("  - {{ from: {entry}, to: {head}, parallel: true, fan_in: {fan_in}{edge} }}\n"));
            after.extend(inside.scope.into_iter().skip(place.scope.len()));
        }
        // The order of the branches is that of the edges, not of the nodes.
        self.rng.shuffle(&mut edges);
        self.edges.extend(edges);
        place.scope = after;
        let key = self.fresh(place, false);
        let run = if self.one_in(2) { "ended(parallel_results)".to_owned() } else { self.number(&place.scope.clone()) };
        // The key itself is not written yet.
        let run = if run.contains(&key) { "0".to_owned() } else { run };
        self.node(&fan_in, &format!("run: \"{run}\", output: {key}, goto: {to}"));
    }

    /// Branches that meet before the fan-in, and fork.
    fn graph(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.work(place);
        self.node(entry, &work);
        let (one, two) = (self.name("one"), self.name("two"));
        let (meet, fork, left, right) = (self.name("meet"), self.name("fork"), self.name("left"), self.name("right"));
        let fan_in = self.name("join");
        let settings = self.settings();
        let mut maybe = place.maybe || self.allow_failure;
        for branch in [&one, &two] {
            let mut edge = settings.clone();
            if self.one_in(3) {
                maybe = true;
                write!(edge, ", when: \"{}\"", self.condition(&place.scope)).expect("memory");
            }
            writeln!(self.edges, "  - {{ from: {entry}, to: {branch}, parallel: true, fan_in: {fan_in}{edge} }}")
                .expect("memory");
        }
        let inside = Place { depth: place.depth + 2, parallel: true, maybe, ..place.clone() };
        let mut both = inside.clone();
        for branch in [&one, &two] {
            let mut own = inside.clone();
            self.sequence(branch, &meet, &mut own);
            both.scope.extend(own.scope.into_iter().skip(inside.scope.len()));
        }
        // A choice in the middle, now and then.
        both.depth = place.depth;
        self.sequence(&meet, &fork, &mut both);
        both.depth = inside.depth;
        let number = self.number(&both.scope);
        let key = self.fresh(&mut both, false);
        self.node(&fork, &format!("run: \"{number}\", output: {key}"));
        writeln!(self.edges, "  - {{ from: {fork}, to: [{left}, {right}] }}").expect("memory");
        let mut after = both.clone();
        for way in [&left, &right] {
            let mut own = both.clone();
            self.plain(way, &fan_in, &mut own);
            after.scope.extend(own.scope.into_iter().skip(both.scope.len()));
        }
        place.scope = after.scope;
        self.plain(&fan_in, to, place);
    }

    fn map_work(&mut self, place: &mut Place) -> String {
        let items = match place.scope.iter().filter(|(_, kind)| *kind == Kind::List).map(|(key, _)| key).next_back() {
            Some(list) if self.rng.bool() => match self.rng.u32(..3) {
                0 => format!("&{list}"),
                1 => format!("{list}.iter()"),
                _ => list.clone(),
            },
            _ => format!("list{}", &self.number(&place.scope)[3..]),
        };
        let (items, values) = if self.one_in(4) {
            let more = ["[3u64, 5]", "[7u64]", "list(2, &[n])"][self.rng.usize(..3)];
            (format!("{{ item: \"{items}\", more: \"{more}\" }}"), "&[*more, *item + at as u64, ")
        } else {
            (format!("\"{items}\""), "&[*item + at as u64, ")
        };
        let number = self.number(&place.scope).replacen("&[", values, 1);
        let mut settings = self.settings();
        let shaky = self.one_in(2);
        let run = if shaky { self.shaky(&number) } else { number };
        if self.allow_failure && self.one_in(3) {
            settings.push_str(", allow_failure: false");
        } else if shaky && self.one_in(2) {
            self.names += 1;
            let failures = format!("f{}", self.names);
            self.declare(&failures, "Vec<tea_runtime::result::ItemFailure>", ", optional: true");
            write!(settings, ", allow_failure: true, failures: {failures}").expect("memory");
        }
        let (run, output) = match self.rng.u32(..6) {
            0 | 1 => (format!("vec![{run}]"), "all".to_owned()),
            2 => {
                // Without items it stays unset.
                self.names += 1;
                let (key, optional) = (format!("r{}", self.names), !self.bold);
                self.declare(
                    &key,
                    "Vec<u64>",
                    if optional { ", reduce: join, optional: true" } else { ", reduce: join" },
                );
                place.scope.push((key.clone(), if optional { Kind::OptionalList } else { Kind::List }));
                (format!("vec![{run}]"), key)
            }
            _ => (run, self.fresh(place, true)),
        };
        format!("type: dynamic_parallel, items: {items}, index_var: at, run: \"{run}\", output: {output}{settings}")
    }

    fn map(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.map_work(place);
        self.node(entry, &format!("{work}, goto: {to}"));
    }

    fn dataflow(&mut self) -> Scope {
        let count = self.rng.usize(2..10);
        // What each node may read: what it needs, and what that may read.
        let mut scopes: Vec<(String, Scope)> = Vec::new();
        for index in 0..count {
            let name = self.name("task");
            let mut needs = Vec::new();
            let mut scope = vec![("n".to_owned(), Kind::Number)];
            for _ in 0..self.rng.usize(..3) {
                if index > 0 {
                    let (need, theirs) = &scopes[self.rng.usize(..index)];
                    if !needs.contains(need) {
                        needs.push(need.clone());
                    }
                    for key in theirs {
                        if !scope.contains(key) {
                            scope.push(key.clone());
                        }
                    }
                }
            }
            let mut place = Place { scope, maybe: false, depth: 0, parallel: true };
            let work = if self.one_in(4) {
                self.map_work(&mut place)
            } else {
                let mut settings = self.settings();
                place.maybe = self.allow_failure;
                let has_values = !self.allow_failure && self.one_in(6);
                if !self.allow_failure && !has_values && self.one_in(4) {
                    place.maybe = true;
                    settings.push_str(", allow_failure: true");
                }
                let before = place.scope.len();
                self.outlives = has_values;
                let work = self.work(&mut place);
                self.outlives = false;
                if has_values {
                    settings += &self.fallback(&place.scope[before..], &work);
                }
                work + &settings
            };
            self.node(&name, &format!("{work}, needs: [{}]", needs.join(", ")));
            scopes.push((name, place.scope));
        }
        scopes.into_iter().flat_map(|(_, scope)| scope).collect()
    }
}
