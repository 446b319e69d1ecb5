//! Calls of workflows, and questions.

use super::{Kind, Place, Writer};

impl Writer<'_> {
    /// The same node, or map, as a call of a workflow that does what its Rust does, in two steps. `None` if the node writes
    /// several keys, or reads what only it can read.
    pub(super) fn called(&mut self, rest: &str) -> Option<String> {
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
    pub(super) fn parts(&mut self, number: u32) -> (String, String) {
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
    pub(super) fn question(&mut self, place: &mut Place) -> String {
        let numbers = place.scope.iter().filter(|(_, kind)| *kind == Kind::Number).map(|(key, _)| key.clone());
        let numbers: Vec<_> = numbers.collect();
        let shown = [(); 2].map(|()| &numbers[self.rng.usize(..numbers.len())]);
        let question = format!("ask: \"{{{}}} of {{{}}}?\"", shown[0], shown[1]);
        format!("{question}, output: {}", self.fresh(place, false))
    }
}
