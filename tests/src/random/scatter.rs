//! Writes workflow files whose nodes are connected at random. Most are refused; those that are not have shapes that nobody
//! would think of, and follow the order of the list wherever it leads.

use std::fmt::Write;

use fastrand::Rng;

/// A workflow file called `name`, the same for the same generator state.
#[must_use]
pub fn workflow(rng: &mut Rng, name: &str) -> String {
    let count = rng.usize(3..10);
    let mut graph = Scatter { rng, count, nodes: String::new(), edges: String::new(), keys: String::new() };
    if graph.one_in(4) {
        graph.way("__start__", 0);
    }
    for node in 0..count {
        graph.node(node);
    }
    let strategy = ["thread", "process", "remote"][graph.rng.usize(..3)];
    let Scatter { nodes, edges, keys, .. } = graph;
    let edges = if edges.is_empty() { edges } else { format!("edges:\n{edges}") };
    format!(
        "name: {name}\nsettings: {{ parallel: {{ strategy: {strategy} }} }}\nstate_schema:\n  n: {{ type: u64, input: true }}\n  \
         all: {{ type: \"Vec<u64>\", reduce: join, input: true, default: \"vec![1]\" }}\n{keys}nodes:\n{nodes}{edges}"
    )
}

struct Scatter<'r> {
    rng: &'r mut Rng,
    count: usize,
    nodes: String,
    edges: String,
    keys: String,
}

impl Scatter<'_> {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    fn node(&mut self, node: usize) {
        let name = format!("s{node}");
        let work = self.work(node);
        write!(self.nodes, "  - {{ name: {name}, max_visits: {}, {work}", self.rng.u32(2..6)).expect("memory");
        let way = self.way(&name, node);
        writeln!(self.nodes, "{way} }}").expect("memory");
    }

    /// What a node does: most add something to the list that tells in which order they ran.
    fn work(&mut self, node: usize) -> String {
        let seed = self.rng.u32(..1000);
        // Its own key, which nothing else reads at the same time, so that loops come to an end.
        let key = format!("k{node}");
        let shaky = if self.one_in(5) { "shaky" } else { "mix" };
        let fails = if shaky == "shaky" { "?" } else { "" };
        match self.rng.u32(..8) {
            0 | 1 => {
                let optional = if self.one_in(4) { "optional: true, transient: true" } else { "optional: true" };
                writeln!(self.keys, "  {key}: {{ type: u64, {optional} }}").expect("memory");
                format!("run: \"{shaky}({seed}, &[n, {key}.unwrap_or(0)]){fails}\", output: {key}")
            }
            2 => {
                writeln!(self.keys, "  {key}: {{ type: u64, optional: true }}").expect("memory");
                format!("run: \"(mix({seed}, &[n, {key}.unwrap_or(0)]), vec![{node}])\", output: [{key}, all]")
            }
            3 => format!("run: \"vec![{node}, sum(all)]\", output: all"),
            4 if self.one_in(2) => {
                format!(
                    "type: dynamic_parallel, items: \"list({seed}, &[n])\", item_var: one, run: \"vec![{node}, *one]\", output: all"
                )
            }
            _ => format!("run: \"vec![{node}, {shaky}({seed}, &[n]){fails}]\", output: all"),
        }
    }

    /// A node after this one, mostly; the end, now and then.
    fn target(&mut self, node: usize) -> String {
        if self.one_in(12) {
            return "__end__".to_owned();
        }
        let forward = node + 1 < self.count && !self.one_in(8);
        let near = (node + 4).min(self.count);
        format!("s{}", if forward { self.rng.usize(node + 1..near) } else { self.rng.usize(..self.count) })
    }

    /// Conditions that change from visit to visit read the list; within branches that is a race, and refused.
    fn condition(&mut self) -> String {
        let (seed, list) = (self.rng.u32(..1000), if self.one_in(3) { ", sum(all)" } else { "" });
        let results = if self.one_in(12) { ", ended(parallel_results)" } else { "" };
        format!("mix({seed}, &[n{list}{results}]) % 2 == 0")
    }

    /// Writes the edges from a node, or gives its `goto`.
    fn way(&mut self, name: &str, node: usize) -> String {
        let is_start = name == "__start__";
        let edge = |scatter: &mut Self, to: &str, more: &str| {
            writeln!(scatter.edges, "  - {{ from: {name}, to: {to}{more} }}").expect("memory");
        };
        match self.rng.u32(..12) {
            0 | 1 if !is_start => format!(", goto: {}", self.target(node)),
            2 if !is_start => {
                let (condition, yes, no) = (self.condition(), self.target(node), self.target(node));
                format!(", goto: [{{ if: \"{condition}\", to: {yes} }}, {{ to: {no} }}]")
            }
            3 => {
                let (condition, yes, no) = (self.condition(), self.target(node), self.target(node));
                let first = self.rng.bool();
                if first {
                    edge(self, &no, "");
                }
                edge(self, &yes, &format!(", when: \"{condition}\""));
                if !first {
                    edge(self, &no, "");
                }
                String::new()
            }
            4 => {
                let (one, other) = (self.target(node), self.target(node));
                if self.rng.bool() {
                    edge(self, &format!("[{one}, {other}]"), "");
                } else {
                    edge(self, &one, "");
                    edge(self, &other, "");
                }
                String::new()
            }
            5..8 if node + 3 < self.count => {
                self.fan_out(name, node);
                String::new()
            }
            _ => String::new(),
        }
    }

    /// Branches start at some of the next nodes, and meet in one after them.
    fn fan_out(&mut self, name: &str, node: usize) {
        let first = node + usize::from(name != "__start__");
        let fan_in = self.rng.usize(first + 2..=self.count);
        let mut heads: Vec<usize> = (first..fan_in).filter(|_| self.rng.bool()).take(3).collect();
        if heads.is_empty() {
            heads.push(first);
        }
        if self.one_in(4) {
            self.rng.shuffle(&mut heads);
        }
        let fan_in = if fan_in == self.count { "__end__".to_owned() } else { format!("s{fan_in}") };
        if self.one_in(6) {
            let (condition, to) = (self.condition(), self.target(node));
            writeln!(self.edges, "  - {{ from: {name}, to: {to}, when: \"{condition}\" }}").expect("memory");
        }
        let together = self.one_in(3);
        let mut to = Vec::new();
        for head in heads {
            // A list of nodes that need not be next to each other.
            let branch = if self.one_in(4) && head + 1 < self.count {
                format!("[s{head}, s{}]", self.rng.usize(head + 1..self.count))
            } else {
                format!("s{head}")
            };
            if together {
                to.push(branch);
            } else {
                let settings = self.settings();
                let to = if branch.starts_with('[') { format!("[{branch}]") } else { branch };
                writeln!(self.edges, "  - {{ from: {name}, to: {to}, parallel: true, fan_in: {fan_in}{settings} }}")
                    .expect("memory");
            }
        }
        if together {
            let (to, settings) = (to.join(", "), self.settings());
            writeln!(self.edges, "  - {{ from: {name}, to: [{to}], parallel: true, fan_in: {fan_in}{settings} }}")
                .expect("memory");
        }
    }

    fn settings(&mut self) -> String {
        let mut settings = String::new();
        if self.one_in(4) {
            let strategy = ["process", "remote"][self.rng.usize(..2)];
            write!(settings, ", parallel_strategy: {strategy}").expect("memory");
        }
        if self.one_in(3) {
            settings.push_str(", allow_failure: true");
        }
        if self.one_in(4) {
            write!(settings, ", when: \"{}\"", self.condition()).expect("memory");
        }
        settings
    }
}
