//! Which tasks of a region come before which.

use crate::graph::Region;

/// The order that the needs of a region's tasks make. Tasks are in topological order.
pub(super) struct Reach<'g> {
    needs: Vec<&'g [u32]>,
    /// Preorder interval in the tree in which a task is below the last of its needs: a quick answer for most.
    enter: Vec<usize>,
    leave: Vec<usize>,
}

/// Questions are answered so many at a time, one bit each.
const BATCH: usize = 64;

impl<'g> Reach<'g> {
    pub(super) fn new(region: &'g Region<'_>) -> Self {
        let needs: Vec<_> = region.tasks.iter().map(|task| task.needs.as_slice()).collect();
        let mut below = vec![Vec::new(); needs.len()];
        let mut roots = Vec::new();
        for (task, needs) in needs.iter().enumerate() {
            match needs.last() {
                Some(need) => below[*need as usize].push(task),
                None => roots.push(task),
            }
        }
        let (mut enter, mut leave) = (vec![0; needs.len()], vec![0; needs.len()]);
        let mut clock = 0;
        for root in roots {
            let mut stack = vec![(root, 0)];
            while let Some((task, child)) = stack.last_mut() {
                if *child == 0 {
                    clock += 1;
                    enter[*task] = clock;
                }
                if let Some(&next) = below[*task].get(*child) {
                    *child += 1;
                    stack.push((next, 0));
                } else {
                    leave[*task] = clock;
                    stack.pop();
                }
            }
        }
        Self { needs, enter, leave }
    }

    /// The pairs of which the first task does not always end before the second one starts.
    pub(super) fn unordered(&self, pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let mut open: Vec<_> = pairs.iter().copied().filter(|(first, second)| !self.quick(*first, *second)).collect();
        open.sort_unstable();
        open.dedup();
        let mut unordered = Vec::new();
        let mut rest = open.as_slice();
        while let Some((first, _)) = rest.first() {
            // The pairs of the next few first tasks.
            let mut sources = vec![*first];
            let mut end = 0;
            for (source, _) in rest {
                if sources.last() != Some(source) {
                    if sources.len() == BATCH {
                        break;
                    }
                    sources.push(*source);
                }
                end += 1;
            }
            let reached = self.after(&sources);
            for (first, second) in &rest[..end] {
                let bit = sources.partition_point(|source| source < first);
                if reached[*second] & (1 << bit) == 0 {
                    unordered.push((*first, *second));
                }
            }
            rest = &rest[end..];
        }
        unordered
    }

    /// A reader and a writer, both ascending, of which neither always ends before the other one starts.
    pub(super) fn unordered_reads(&self, writers: &[usize], readers: &[usize]) -> Option<(usize, usize)> {
        let mut users: Vec<_> = writers.iter().chain(readers).copied().collect();
        users.sort_unstable();
        users.dedup();
        let reads = |task: usize| readers.binary_search(&task).is_ok();
        let written = |task: usize| writers.binary_search(&task).is_ok();
        for sources in users.chunks(BATCH) {
            let bits = |has: &dyn Fn(usize) -> bool| {
                let bits = sources.iter().enumerate().filter(|(_, task)| has(**task)).map(|(bit, _)| 1 << bit);
                bits.fold(0_u64, |bits, bit| bits | bit)
            };
            let (reading, writing) = (bits(&reads), bits(&written));
            let reached = self.after(sources);
            for &task in &users[users.partition_point(|task| *task <= sources[0])..] {
                let mut missing = if reads(task) { writing } else { 0 } | if written(task) { reading } else { 0 };
                missing &= !reached[task];
                if sources.last().is_some_and(|last| *last >= task) {
                    missing &= bits(&|source| source < task);
                }
                if missing != 0 {
                    return Some((sources[missing.trailing_zeros() as usize], task));
                }
            }
        }
        None
    }

    fn quick(&self, first: usize, second: usize) -> bool {
        (self.enter[first] <= self.enter[second] && self.leave[second] <= self.leave[first])
            || self.needs[second].iter().any(|need| *need as usize == first)
    }

    /// For each task, one bit for each of the sources (ascending) that come before it.
    fn after(&self, sources: &[usize]) -> Vec<u64> {
        let mut own = vec![0; self.needs.len()];
        for (bit, source) in sources.iter().enumerate() {
            own[*source] = 1 << bit;
        }
        let mut reached = vec![0; self.needs.len()];
        for task in sources[0]..self.needs.len() {
            let needs = self.needs[task].iter().map(|need| *need as usize);
            reached[task] = needs.fold(0_u64, |bits, need| bits | reached[need] | own[need]);
        }
        reached
    }
}
