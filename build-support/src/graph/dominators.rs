//! Dominators and dominance frontiers of a block's steps: what lies on every way to a step, and where ways meet.
//!
//! Semi-NCA (Georgiadis 2005), as LLVM uses it: near linear, and without recursion.

use std::cell::OnceCell;

/// Marks what the entry does not lead to.
const NONE: usize = usize::MAX;

/// The dominator tree of a graph whose entry is node 0.
#[derive(Debug)]
pub(super) struct Dominators {
    parent: Vec<usize>,
    /// Preorder and postorder in the tree: a node dominates those whose interval lies within its own.
    enter: Vec<usize>,
    leave: Vec<usize>,
    before: Vec<Vec<usize>>,
    /// Seldom needed, and large where loops are nested deeply.
    frontier: OnceCell<Vec<Vec<usize>>>,
}

impl Dominators {
    /// Of the graph with these edges; `before` are the same edges turned round.
    pub(super) fn new(after: &[Vec<usize>], before: Vec<Vec<usize>>) -> Self {
        let parent = parents(after, &before);
        let (enter, leave) = intervals(&parent);
        Self { parent, enter, leave, before, frontier: OnceCell::new() }
    }

    /// The nodes from which it is reached directly.
    pub(super) fn before(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.before[node].iter().copied().filter(|from| self.reached(*from))
    }

    /// Whether the entry leads to it.
    pub(super) fn reached(&self, node: usize) -> bool {
        self.parent[node] != NONE
    }

    /// Its place in the tree's preorder.
    pub(super) fn enter(&self, node: usize) -> usize {
        self.enter[node]
    }

    /// Whether every way to `node` passes `by`, or they are the same.
    pub(super) fn dominates(&self, by: usize, node: usize) -> bool {
        self.enter[by] <= self.enter[node] && self.leave[node] <= self.leave[by]
    }

    /// Where ways through `node` meet others.
    pub(super) fn frontier(&self, node: usize) -> &[usize] {
        &self.frontier.get_or_init(|| frontiers(&self.parent, &self.before))[node]
    }
}

/// The immediate dominator of each node; of the entry, itself.
fn parents(after: &[Vec<usize>], before: &[Vec<usize>]) -> Vec<usize> {
    // Nodes by their number in depth-first order, from 0.
    let mut number = vec![NONE; after.len()];
    let mut nodes = Vec::with_capacity(after.len());
    let mut tree = Vec::with_capacity(after.len());
    let mut stack = vec![(0, 0)];
    while let Some((node, from)) = stack.pop() {
        if number[node] != NONE {
            continue;
        }
        number[node] = nodes.len();
        nodes.push(node);
        tree.push(from);
        stack.extend(after[node].iter().map(|next| (*next, number[node])));
    }

    let count = nodes.len();
    let mut immediate = tree.clone();
    let mut forest = Forest { above: tree, label: (0..count).collect(), semi: (0..count).collect(), path: Vec::new() };
    for node in (1..count).rev() {
        let mut semi = forest.above[node];
        for from in &before[nodes[node]] {
            if number[*from] != NONE {
                let best = forest.best(number[*from], node + 1);
                semi = semi.min(forest.semi[best]);
            }
        }
        forest.semi[node] = semi;
    }
    for node in 1..count {
        let mut candidate = immediate[node];
        while candidate > forest.semi[node] {
            candidate = immediate[candidate];
        }
        immediate[node] = candidate;
    }
    let mut parent = vec![NONE; after.len()];
    for (node, immediate) in nodes.iter().zip(immediate) {
        parent[*node] = nodes[immediate];
    }
    parent
}

/// The part of the depth-first tree that has been looked at, with compressed paths.
struct Forest {
    above: Vec<usize>,
    label: Vec<usize>,
    semi: Vec<usize>,
    path: Vec<usize>,
}

impl Forest {
    /// The node of least `semi` on the way up from `node` as far as `last`.
    fn best(&mut self, node: usize, last: usize) -> usize {
        if self.above[node] < last {
            return self.label[node];
        }
        let mut top = node;
        while self.above[top] >= last {
            self.path.push(top);
            top = self.above[top];
        }
        while let Some(below) = self.path.pop() {
            self.above[below] = self.above[top];
            if self.semi[self.label[top]] < self.semi[self.label[below]] {
                self.label[below] = self.label[top];
            }
            top = below;
        }
        self.label[node]
    }
}

fn intervals(parent: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut children = vec![Vec::new(); parent.len()];
    for (node, parent) in parent.iter().enumerate().skip(1) {
        if *parent != NONE {
            children[*parent].push(node);
        }
    }
    let (mut enter, mut leave) = (vec![NONE; parent.len()], vec![NONE; parent.len()]);
    let mut clock = 0;
    let mut stack = vec![(0, 0)];
    enter[0] = 0;
    while let Some((node, child)) = stack.last_mut() {
        if let Some(&next) = children[*node].get(*child) {
            *child += 1;
            clock += 1;
            enter[next] = clock;
            stack.push((next, 0));
        } else {
            leave[*node] = clock;
            stack.pop();
        }
    }
    (enter, leave)
}

fn frontiers(parent: &[usize], before: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut frontier = vec![Vec::new(); parent.len()];
    let mut seen = vec![NONE; parent.len()];
    for (node, before) in before.iter().enumerate() {
        if before.len() < 2 || parent[node] == NONE {
            continue;
        }
        for from in before {
            let mut at = *from;
            while parent[at] != NONE && at != parent[node] && seen[at] != node {
                seen[at] = node;
                frontier[at].push(node);
                at = parent[at];
            }
        }
    }
    frontier
}

#[cfg(test)]
mod tests {
    use super::Dominators;

    fn of(edges: &[(usize, usize)], count: usize) -> Dominators {
        let (mut after, mut before) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in edges {
            after[*from].push(*to);
            before[*to].push(*from);
        }
        Dominators::new(&after, before)
    }

    #[test]
    fn a_diamond_meets_where_its_sides_do() {
        let tree = of(&[(0, 1), (0, 2), (1, 3), (2, 3)], 5);
        assert!(tree.dominates(0, 3) && !tree.dominates(1, 3) && !tree.dominates(2, 3));
        assert_eq!((tree.frontier(1), tree.frontier(2)), (&[3][..], &[3][..]));
        assert!(tree.frontier(3).is_empty() && !tree.reached(4));
    }

    #[test]
    fn a_loop_meets_at_its_start() {
        let tree = of(&[(0, 1), (1, 2), (2, 1), (2, 3)], 4);
        assert!(tree.dominates(1, 2) && tree.dominates(2, 3));
        assert_eq!((tree.frontier(1), tree.frontier(2)), (&[1][..], &[1][..]));
    }

    /// Against the definition, on graphs of all shapes: `by` dominates `node` if without `by` it is out of reach.
    #[test]
    fn dominance_is_what_its_definition_says() {
        let mut state = 0x9e37_79b9_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..300 {
            let count = 2 + random(12);
            let edges: Vec<_> = (0..random(3 * count)).map(|_| (random(count), 1 + random(count - 1))).collect();
            let tree = of(&edges, count);
            let reach = |without: usize| {
                let mut seen = vec![false; count];
                let mut stack = if without == 0 { vec![] } else { vec![0] };
                while let Some(node) = stack.pop() {
                    if node != without && !std::mem::replace(&mut seen[node], true) {
                        stack.extend(edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| *to));
                    }
                }
                seen
            };
            let all = reach(usize::MAX);
            for by in 0..count {
                let without = reach(by);
                for node in 0..count {
                    assert_eq!(tree.reached(node), all[node]);
                    if all[node] && all[by] {
                        assert_eq!(tree.dominates(by, node), !without[node], "{by} {node} {edges:?}");
                    }
                }
            }
        }
    }
}
