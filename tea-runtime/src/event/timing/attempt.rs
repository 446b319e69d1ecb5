//! An attempt on a worker, and its nodes.
//!
//! The worker reports times relative to its start of the attempt. That start is known only when the attempt has ended
//! and its duration has been reported. So nodes are kept until then, and drawn within the attempt. Nodes that have not
//! ended end with it.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{Span, told};
use crate::{event::Scope, failure::Failure, place::Place};

pub(super) struct Attempt {
    pub(super) scope: Scope,
    name: String,
    number: u32,
    pub(super) started: Duration,
    /// The number of bytes sent for it.
    pub(super) sent: u64,
    nodes: Vec<NodeSpan>,
}

struct NodeSpan {
    name: String,
    place: Place,
    pid: u32,
    started: Duration,
    /// How long it ran, and why it failed; `None` while it is running.
    end: Option<(Duration, Value)>,
}

/// The slice of a node.
pub(super) struct Slice {
    pub(super) name: String,
    pub(super) pid: u32,
    /// Slices of the same process and lane do not overlap.
    pub(super) lane: u64,
    pub(super) span: Span,
    pub(super) args: Value,
}

impl Attempt {
    pub(super) fn new(scope: Scope, name: &str, number: u32, started: Duration, sent: u64) -> Self {
        Self { scope, name: name.to_owned(), number, started, sent, nodes: Vec::new() }
    }

    /// Whether both are the same attempt at the same branch or items.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.scope, self.number, &self.name) == (other.scope, other.number, &other.name)
    }

    pub(super) fn node_started(&mut self, name: &str, place: Place, pid: u32, started: Duration) {
        self.nodes.push(NodeSpan { name: name.to_owned(), place, pid, started, end: None });
    }

    pub(super) fn node_finished(
        &mut self,
        name: &str,
        pid: u32,
        started: Duration,
        elapsed: Duration,
        failure: Option<&Failure>,
    ) {
        let mut running = self.nodes.iter_mut().rev().filter(|node| node.end.is_none());
        if let Some(node) = running.find(|node| node.pid == pid && node.name == name) {
            (node.started, node.end) = (started, Some((elapsed, told(failure))));
        }
    }

    /// The slices of its nodes, given that of the attempt.
    pub(super) fn slices(mut self, attempt: &Span) -> impl Iterator<Item = Slice> {
        self.nodes.sort_by_key(|node| node.started);
        let start = attempt.end.saturating_sub(attempt.elapsed);
        let (began, end) = (self.started, attempt.end);
        let mut lanes = HashMap::<u32, Vec<Duration>>::new();
        self.nodes.into_iter().map(move |node| {
            let NodeSpan { name, place, pid, started, end: ended } = node;
            let from = (start + started.saturating_sub(began)).min(end);
            let (to, args) = match ended {
                Some((elapsed, failure)) => {
                    let args = json!({ "line": place.line, "column": place.column, "failure": failure });
                    ((from + elapsed).min(end), args)
                }
                None => (end, json!({ "line": place.line, "column": place.column, "unfinished": true })),
            };
            let lanes = lanes.entry(pid).or_default();
            let lane = lanes.iter().position(|taken| *taken <= from).unwrap_or(lanes.len());
            if lane == lanes.len() {
                lanes.push(to);
            } else {
                lanes[lane] = to;
            }
            Slice { name, pid, lane: lane as u64, span: Span { end: to, elapsed: to.saturating_sub(from) }, args }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { line: 1, column: 1 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// An attempt whose start this process saw after 100 ms, and its nodes: name, process, start relative to that,
    /// duration.
    fn attempt(nodes: &[(&str, u32, u64, Option<u64>)]) -> Attempt {
        let mut attempt = Attempt::new(Scope::ROOT, "count", 1, ms(100), 0);
        for &(name, pid, since, elapsed) in nodes {
            attempt.node_started(name, PLACE, pid, ms(100 + since));
            if let Some(elapsed) = elapsed {
                attempt.node_finished(name, pid, ms(100 + since), ms(elapsed), None);
            }
        }
        attempt
    }

    /// Name, lane, start and end of each slice, for an attempt from 120 ms to 150 ms.
    fn slices(attempt: Attempt) -> Vec<(String, u64, u128, u128)> {
        let span = Span { end: ms(150), elapsed: ms(30) };
        let place = |slice: Slice| {
            let Span { end, elapsed } = slice.span;
            (slice.name, slice.lane, end.saturating_sub(elapsed).as_millis(), end.as_millis())
        };
        attempt.slices(&span).map(place).collect()
    }

    #[test]
    fn nodes_stand_where_the_worker_ran_them() {
        let slices = slices(attempt(&[("load", 7, 0, Some(5)), ("count", 7, 5, Some(20))]));
        assert_eq!(slices, [("load".to_owned(), 0, 120, 125), ("count".to_owned(), 0, 125, 145)]);
    }

    #[test]
    fn a_node_ends_with_its_attempt() {
        let attempt = attempt(&[("load", 7, 0, Some(5)), ("long", 7, 5, Some(500)), ("count", 7, 40, None)]);
        let span = Span { end: ms(150), elapsed: ms(30) };
        let unfinished = |slice: Slice| (slice.name, slice.span.end.as_millis(), slice.args["unfinished"] == true);
        let told: Vec<_> = attempt.slices(&span).map(unfinished).collect();
        assert_eq!(
            told,
            [("load".to_owned(), 125, false), ("long".to_owned(), 150, false), ("count".to_owned(), 150, true)]
        );
    }

    #[test]
    fn nodes_that_ran_at_once_have_lanes() {
        let nodes =
            [("a", 7, 0, Some(10)), ("b", 7, 5, Some(10)), ("c", 7, 10, Some(5)), ("of another", 8, 5, Some(10))];
        let lanes: Vec<_> = slices(attempt(&nodes)).into_iter().map(|(name, lane, ..)| (name, lane)).collect();
        assert_eq!(
            lanes,
            [("a".to_owned(), 0), ("b".to_owned(), 1), ("of another".to_owned(), 0), ("c".to_owned(), 0)]
        );
    }

    #[test]
    fn an_end_without_a_start_is_nobodys() {
        let mut attempt = attempt(&[("load", 7, 0, None)]);
        attempt.node_finished("load", 8, ms(100), ms(1), None);
        attempt.node_finished("count", 7, ms(100), ms(1), None);
        assert_eq!(slices(attempt), [("load".to_owned(), 0, 120, 150)]);
    }
}
