//! What runs in parallel: fan-outs, maps and dataflow files.

use std::fmt::Write;

use super::{Kind, Place, Scope, Writer};

impl Writer<'_> {
    /// Settings of an edge, a map or a dataflow node.
    pub(super) fn settings(&mut self) -> String {
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
    pub(super) fn fallback(&mut self, scope: &[(String, Kind)], nodes: &str) -> String {
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
    pub(super) fn race(&mut self, entry: &str, to: &str, place: &mut Place) {
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

    pub(super) fn fan_out(&mut self, entry: &str, to: &str, place: &mut Place) {
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
    pub(super) fn graph(&mut self, entry: &str, to: &str, place: &mut Place) {
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

    pub(super) fn map_work(&mut self, place: &mut Place) -> String {
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

    pub(super) fn map(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = self.map_work(place);
        self.node(entry, &format!("{work}, goto: {to}"));
    }

    pub(super) fn dataflow(&mut self) -> Scope {
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
