//! What follows a node: another one, one of several, or itself.

use std::fmt::Write;

use super::{Kind, Place, Writer};

impl Writer<'_> {
    pub(super) fn plain(&mut self, entry: &str, to: &str, place: &mut Place) {
        let work = if self.asks && self.one_in(4) { self.question(place) } else { self.work(place) };
        if self.one_in(3) {
            self.node(entry, &work);
            writeln!(self.edges, "  - {{ from: {entry}, to: {to} }}").expect("memory");
        } else {
            self.node(entry, &format!("{work}, goto: {to}"));
        }
    }

    /// One of several ways.
    pub(super) fn choice(&mut self, entry: &str, to: &str, place: &mut Place) {
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
    pub(super) fn turns(&mut self, entry: &str, to: &str, place: &mut Place) {
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
}
