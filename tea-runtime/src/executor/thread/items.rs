//! A batch of items on this thread.

use crate::{
    context::Context,
    engine::{cancelled, guard, map::Batch},
    executor::ItemsEnd,
    failure::Failure,
    plan::Map,
    state::View,
};

/// Runs the items in order; when it is cancelled, those that are left fail.
pub(super) fn run(map: &Map, view: &View, mut batch: Box<dyn Batch>, context: &Context) -> ItemsEnd {
    let mut failures: Vec<(usize, Box<Failure>)> = Vec::new();
    while batch.position() < batch.len() {
        if let Some(reason) = context.token.reason() {
            let left = batch.position()..batch.len();
            failures.extend(left.map(|at| (at, cancelled(reason).at(map.name, map.place))));
            break;
        }
        let outcome = guard(|| batch.run(view, context, usize::MAX)).and_then(|outcome| outcome.map_err(Into::into));
        if let Err(failure) = outcome {
            failures.push((batch.position() - 1, failure.at(map.name, map.place)));
        }
    }
    ItemsEnd { batch: Some(batch), failures }
}
