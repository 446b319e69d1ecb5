//! What runs when a run ends, however it ends.

use std::sync::Arc;

use super::{Run, block::BlockRun};
use crate::{
    cancel::CancellationToken,
    context::{Context, Place},
    event::{Event, Scope},
    failure::{Failure, FailureKind},
    panic::guard,
    plan::Block,
    position::Position,
    result::RunOutcome,
    state::View,
};

/// Runs the nodes of `finally` on the values that were set at the end of the run, each whatever becomes of the others.
/// Returns why some of them failed.
pub(super) fn finally(run: &Arc<Run>, failure: Option<&Failure>, scope: Scope, mut view: View) -> (View, Vec<Failure>) {
    let mut failures = Vec::new();
    if run.plan.finally.is_empty() {
        return (view, failures);
    }
    let outcome = Arc::new(match failure {
        Some(failure) if failure.kind == FailureKind::Waiting => RunOutcome::Waiting,
        Some(failure) if failure.kind != FailureKind::Cancelled => {
            RunOutcome::Failed { message: failure.with_causes() }
        }
        None if run.stopped.get().is_none() => RunOutcome::Success,
        _ => RunOutcome::Cancelled,
    });
    let events = &run.info.events;
    events.emit(|| Event::RunEnding { outcome: &outcome });
    view.clear_parallel_results();
    // A step that no other block has.
    let end = Position::ROOT.step(u32::MAX, 1);
    for (number, block) in (0..).zip(run.plan.finally) {
        if let Some(failure) = lost(block, &view) {
            failures.push(*failure);
            continue;
        }
        let position = end.at_part(number);
        let origin = Arc::new(Place { run: run.info.id, position: position.clone() });
        // The run may be cancelled, and this is not.
        let token = CancellationToken::new();
        let mut context = Context::new(events.clone(), run.plan.name, scope, 1, token, origin);
        context.outcome = Some(Arc::clone(&outcome));
        let block = BlockRun::new(run, &mut context, block, view, &position, None);
        match guard(|| block.run()) {
            Ok(Ok(end)) => view = end.view,
            Ok(Err(failed)) => {
                failures.push(*failed.failure);
                view = failed.view;
            }
            Err(panic) => {
                failures.push(*panic);
                view = run.empty_view();
            }
        }
    }
    (view, failures)
}

/// An input that the block reads and that has no value any more: its reducer was given it, and failed.
fn lost(block: &Block, view: &View) -> Option<Box<Failure>> {
    let mut specs = block.keys.iter().filter_map(|key| Some((*key, view.specs().get(*key as usize)?)));
    let name = specs.find(|(key, spec)| spec.input && view.value(*key).is_none())?.1.name;
    let message = format!("`{name}` has no value any more: it was lost when the run failed");
    let step = block.steps.first()?;
    Some(Box::new(Failure::new(FailureKind::Error, message)).at(step.name, step.place))
}

/// The failure of a run with those of its `finally`.
pub(super) fn with_failures(failure: Option<Box<Failure>>, mut others: Vec<Failure>) -> Option<Box<Failure>> {
    if others.is_empty() {
        return failure;
    }
    let mut failure = failure.unwrap_or_else(|| Box::new(others.remove(0)));
    failure.also = others;
    Some(failure)
}
