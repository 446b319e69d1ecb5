//! Whether a key is certain to be set at a step of a block, key by key, as in SSA form: where ways meet of which
//! some have set the key, a mark stands for both; the nearest mark that dominates a step decides. The cost of a
//! key depends on its writers, not on the size of the block.

use super::dominators::Dominators;

/// The steps of a block as a graph; node 0 is its entry.
#[derive(Debug)]
pub(super) struct Reaching {
    before: Vec<Vec<usize>>,
    tree: Dominators,
}

/// Where in a block one key is set.
#[derive(Debug)]
pub(super) struct Set<'a> {
    tree: &'a Dominators,
    /// In preorder of the tree; at one node a meeting stands before a write.
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
        Self { tree: Dominators::new(after, &before), before }
    }

    /// Where the key is set that is certainly written at `writes`.
    pub(super) fn key(&self, writes: &[usize]) -> Set<'_> {
        let tree = &self.tree;
        let written = writes.iter().copied().filter(|node| tree.reached(*node));
        let mut marks: Vec<_> = written.map(|node| Mark { node, write: true, set: true, outer: None }).collect();
        let mut meetings = std::collections::HashSet::new();
        let mut next = 0;
        while next < marks.len() {
            for node in tree.frontier(marks[next].node) {
                if meetings.insert(*node) {
                    marks.push(Mark { node: *node, write: false, set: true, outer: None });
                }
            }
            next += 1;
        }
        marks.sort_unstable_by_key(|mark| (tree.enter(mark.node), mark.write));
        marks.dedup_by_key(|mark| (mark.node, mark.write));
        let mut open: Vec<usize> = Vec::new();
        for index in 0..marks.len() {
            while open.last().is_some_and(|outer| !tree.dominates(marks[*outer].node, marks[index].node)) {
                open.pop();
            }
            marks[index].outer = open.last().copied();
            open.push(index);
        }
        let mut set = Set { tree, marks };
        self.meet(&mut set);
        set
    }

    /// A meeting is set if every way there is.
    fn meet(&self, set: &mut Set<'_>) {
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); set.marks.len()];
        let mut unset = Vec::new();
        for (index, mark) in set.marks.iter().enumerate().filter(|(_, mark)| !mark.write) {
            for from in self.before[mark.node].iter().filter(|from| self.tree.reached(**from)) {
                match set.mark(*from, true) {
                    None => {
                        unset.push(index);
                        break;
                    }
                    Some(other) if !set.marks[other].write => dependents[other].push(index),
                    Some(_) => {}
                }
            }
        }
        while let Some(index) = unset.pop() {
            if std::mem::replace(&mut set.marks[index].set, false) {
                unset.extend(&dependents[index]);
            }
        }
    }
}

impl Set<'_> {
    /// Whether it is set when `node` starts.
    pub(super) fn before(&self, node: usize) -> bool {
        self.decide(node, false)
    }

    /// Whether it is set when `node` is done.
    pub(super) fn after(&self, node: usize) -> bool {
        self.decide(node, true)
    }

    fn decide(&self, node: usize, done: bool) -> bool {
        // What is never reached misses nothing.
        !self.tree.reached(node) || self.mark(node, done).is_some_and(|mark| self.marks[mark].set)
    }

    /// The nearest mark that dominates `node`; its own write counts if it is done.
    fn mark(&self, node: usize, done: bool) -> Option<usize> {
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
    use super::Reaching;

    fn of(count: usize, edges: &[(usize, usize)]) -> Reaching {
        let mut after = vec![Vec::new(); count];
        for (from, to) in edges {
            after[*from].push(*to);
        }
        Reaching::new(&after)
    }

    #[test]
    fn both_sides_of_a_diamond_must_write() {
        let graph = of(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert!(graph.key(&[1, 2]).before(3));
        assert!(!graph.key(&[1]).before(3));
        assert!(graph.key(&[1]).after(1) && !graph.key(&[1]).before(1));
        assert!(graph.key(&[0]).before(3));
    }

    #[test]
    fn a_loop_may_not_have_turned_yet() {
        let graph = of(4, &[(0, 1), (1, 2), (2, 1), (2, 3)]);
        let set = graph.key(&[2]);
        assert!(!set.before(1) && !set.before(2) && set.before(3));
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
            let graph = of(count, &edges);
            let set = graph.key(&writes);
            let mut unset = vec![false; count];
            let mut stack = vec![0];
            while let Some(node) = stack.pop() {
                if !std::mem::replace(&mut unset[node], true) && !writes.contains(&node) {
                    stack.extend(edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to));
                }
            }
            for (node, unset) in unset.into_iter().enumerate() {
                assert_eq!(set.before(node), !unset, "{node} {writes:?} {edges:?}");
                assert_eq!(set.after(node), !unset || writes.contains(&node));
            }
        }
    }
}
