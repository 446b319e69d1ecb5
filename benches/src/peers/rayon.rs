//! Fan-outs and chains as one writes them by hand.

use std::hint::black_box;

use rayon::prelude::*;

use crate::work::spin;

/// A fan-out of tasks spawned one by one; each leaves its result in a slot.
pub(crate) fn scope(tasks: usize, turns: u64) {
    let mut results = vec![0; tasks];
    rayon::scope(|scope| {
        for result in &mut results {
            scope.spawn(move |_| *result = spin(turns));
        }
    });
    black_box(results);
}

/// A map over items, split by rayon.
pub(crate) fn par_iter(tasks: usize, turns: u64) {
    let results: Vec<u64> = (0..tasks).into_par_iter().map(|_| spin(turns)).collect();
    black_box(results);
}

/// One after the other: what a chain costs without any framework.
pub(crate) fn chain(steps: usize, turns: u64) {
    for _ in 0..steps {
        black_box(spin(turns));
    }
}
