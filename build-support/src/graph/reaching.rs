//! Whether a key is certain to be set at a step of a block, key by key, as in SSA form: where ways meet of which
//! some have set the key, a mark means both; the nearest mark that dominates a step decides. The cost of a
//! key depends on its writers, not on the size of the block.

use std::collections::HashSet;

use super::dominators::Dominators;

/// The steps of a block as a graph; node 0 is its entry.
#[derive(Debug)]
pub(super) struct Reaching {
    tree: Dominators,
}

/// A place in the graph: when a node starts, or when it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) node: usize,
    pub(super) done: bool,
}

/// Where in a block one key is set.
#[derive(Debug)]
struct Set<'a> {
    tree: &'a Dominators,
    /// In preorder of the tree; at one node, a meeting comes before a write.
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Mark {
    node: usize,
    write: bool,
    set: bool,
    /// The nearest mark that dominates this one.
    outer: Option<usize>,
}

impl Reaching {
    /// Of the graph with these edges.
    pub(super) fn new(after: &[Vec<usize>]) -> Self {
        let mut before = vec![Vec::new(); after.len()];
        for (from, after) in after.iter().enumerate() {
            for to in after {
                before[*to].push(from);
            }
        }
        Self { tree: Dominators::new(after, before) }
    }

    /// For each moment, whether a key is certain to be set that is certainly written at `writes`.
    pub(super) fn is_set(&self, writes: &[usize], moments: &[Moment]) -> Vec<bool> {
        if writes.is_empty() {
            return moments.iter().map(|moment| !self.tree.reached(moment.node)).collect();
        }
        // Most keys have a writer that every way passes: then nothing else matters.
        let set = Set::new(&self.tree, writes, &[]);
        let simple: Vec<_> = moments.iter().map(|moment| set.at(*moment)).collect();
        if simple.iter().all(|set| *set) {
            return simple;
        }
        let mut set = Set::new(&self.tree, writes, &self.meetings(writes));
        set.meet();
        moments.iter().map(|moment| set.at(*moment)).collect()
    }

    /// Where ways meet of which some have passed a write.
    fn meetings(&self, writes: &[usize]) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut open: Vec<_> = writes.iter().copied().filter(|node| self.tree.reached(*node)).collect();
        while let Some(node) = open.pop() {
            open.extend(self.tree.frontier(node).iter().filter(|meeting| seen.insert(**meeting)));
        }
        seen.into_iter().collect()
    }
}

impl<'a> Set<'a> {
    fn new(tree: &'a Dominators, writes: &[usize], meetings: &[usize]) -> Self {
        let mark = |write| move |node: &usize| Mark { node: *node, write, set: true, outer: None };
        let reached = writes.iter().filter(|node| tree.reached(**node));
        let mut marks: Vec<_> = reached.map(mark(true)).chain(meetings.iter().map(mark(false))).collect();
        marks.sort_unstable_by_key(|mark| (tree.enter(mark.node), mark.write));
        let mut open: Vec<usize> = Vec::new();
        for index in 0..marks.len() {
            while open.last().is_some_and(|outer| !tree.dominates(marks[*outer].node, marks[index].node)) {
                open.pop();
            }
            marks[index].outer = open.last().copied();
            open.push(index);
        }
        Self { tree, marks }
    }

    /// A meeting is set if every way there is.
    fn meet(&mut self) {
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.marks.len()];
        let mut unset = Vec::new();
        for (index, mark) in self.marks.iter().enumerate().filter(|(_, mark)| !mark.write) {
            for from in self.tree.before(mark.node) {
                match self.mark(Moment { node: from, done: true }) {
                    None => {
                        unset.push(index);
                        break;
                    }
                    Some(other) if !self.marks[other].write => dependents[other].push(index),
                    Some(_) => {}
                }
            }
        }
        while let Some(index) = unset.pop() {
            if std::mem::replace(&mut self.marks[index].set, false) {
                unset.extend(&dependents[index]);
            }
        }
    }

    fn at(&self, moment: Moment) -> bool {
        // What is never reached misses nothing.
        !self.tree.reached(moment.node) || self.mark(moment).is_some_and(|mark| self.marks[mark].set)
    }

    /// The nearest mark that dominates the moment; the node's own write counts once it is done.
    fn mark(&self, Moment { node, done }: Moment) -> Option<usize> {
        let enter = self.tree.enter(node);
        let mut mark = self.marks.partition_point(|mark| self.tree.enter(mark.node) <= enter).checked_sub(1);
        while let Some(index) = mark {
            let candidate = &self.marks[index];
            if self.tree.dominates(candidate.node, node) && (done || !candidate.write || candidate.node != node) {
                break;
            }
            mark = candidate.outer;
        }
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Reaching};

    fn of(count: usize, edges: &[(usize, usize)]) -> Reaching {
        let mut after = vec![Vec::new(); count];
        for (from, to) in edges {
            after[*from].push(*to);
        }
        Reaching::new(&after)
    }

    fn before(graph: &Reaching, writes: &[usize], node: usize) -> bool {
        graph.is_set(writes, &[Moment { node, done: false }])[0]
    }

    #[test]
    fn both_sides_of_a_diamond_must_write() {
        let graph = of(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert!(before(&graph, &[1, 2], 3));
        assert!(!before(&graph, &[1], 3));
        assert!(!before(&graph, &[1], 1) && graph.is_set(&[1], &[Moment { node: 1, done: true }])[0]);
        assert!(before(&graph, &[0], 3));
    }

    #[test]
    fn a_loop_may_not_have_turned_yet() {
        let graph = of(4, &[(0, 1), (1, 2), (2, 1), (2, 3)]);
        assert!(!before(&graph, &[2], 1) && !before(&graph, &[2], 2) && before(&graph, &[2], 3));
    }

    /// Against a search for a way that avoids all writes.
    #[test]
    fn set_is_what_no_way_avoids() {
        let mut seed = 7_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..500 {
            let count = 2 + random(14);
            let edges: Vec<_> = (0..random(3 * count)).map(|_| (random(count), 1 + random(count - 1))).collect();
            let mut writes: Vec<_> = (0..random(4)).map(|_| random(count)).collect();
            writes.sort_unstable();
            writes.dedup();
            let mut unset = vec![false; count];
            let mut stack = vec![0];
            while let Some(node) = stack.pop() {
                if !std::mem::replace(&mut unset[node], true) && !writes.contains(&node) {
                    stack.extend(edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to));
                }
            }
            let moments: Vec<_> = (0..count).flat_map(|node| [false, true].map(|done| Moment { node, done })).collect();
            let said = of(count, &edges).is_set(&writes, &moments);
            for (moment, said) in moments.into_iter().zip(said) {
                let written = moment.done && writes.contains(&moment.node);
                assert_eq!(said, written || !unset[moment.node], "{moment:?} {writes:?} {edges:?}");
            }
        }
    }
}
