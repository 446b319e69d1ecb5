//! A whole run: from the inputs to the end of the plan's root block, whose nodes all run on the calling thread.

use std::{sync::Arc, time::Instant};

use super::{
    Means, Options, Run,
    block::{BlockFailed, BlockRun},
    finally,
};
use crate::{
    context::{self, Context},
    ended::InRun,
    event::{Event, Scope},
    failure::Failure,
    panic::guard,
    plan::Plan,
    position::Position,
    state::{KeySpec, Value, View},
};

/// Why a run produced no output.
#[derive(Debug)]
pub enum Failed {
    /// It did not start because this input is missing.
    MissingInput(&'static str),
    /// It failed, or was cancelled.
    Run {
        /// Why.
        failure: Box<Failure>,
        /// The nodes outside fan-outs that were done.
        finished: Vec<&'static str>,
        /// The keys that were set by then.
        view: View,
    },
    /// It stopped after the node of [`Options::until`].
    Stopped {
        /// The nodes outside fan-outs that were done.
        finished: Vec<&'static str>,
        /// The keys that were set by then.
        view: View,
    },
}

/// Runs `plan` with these values of its input keys, and returns the view of its root block. Keys without a value get
/// their default. Returns when everything has ended or been abandoned at its deadline.
///
/// # Errors
/// If an input is missing, or the run fails or is cancelled.
pub fn run(plan: &'static Plan, inputs: Vec<(u32, Value)>, options: Options) -> Result<View, Failed> {
    run_with(plan, inputs, options, Means::default())
}

/// Like [`run`], with what the modules above the engine provide.
pub(crate) fn run_with(
    plan: &'static Plan,
    inputs: Vec<(u32, Value)>,
    options: Options,
    means: Means,
) -> Result<View, Failed> {
    run_from(plan, inputs, options, means, None)
}

/// Runs `plan` in a node of another run, whose cancellation, ceilings and listeners hold for it.
pub(crate) fn run_within(
    plan: &'static Plan,
    inputs: Vec<(u32, Value)>,
    options: Options,
    means: Means,
    context: &Context,
) -> Result<View, Failed> {
    run_from(plan, inputs, options, means, Some(context))
}

fn run_from(
    plan: &'static Plan,
    inputs: Vec<(u32, Value)>,
    options: Options,
    means: Means,
    around: Option<&Context>,
) -> Result<View, Failed> {
    let view = initial(plan, inputs)?;
    let started = Instant::now();
    let may_have_processes = means.may_have_processes;
    let run = Run::new(plan, options, means);
    if let Some(may_have) = may_have_processes
        && run.needs_processes()
        && let Err(failure) = may_have()
    {
        return Err(Failed::Run { failure, finished: Vec::new(), view });
    }
    let events = &run.info.events;
    // Listeners know of one run.
    if around.is_none() {
        events.emit(|| Event::RunStarted { workflow: plan.name });
    }
    let recorded = run.records().map(|records| (records, records.inputs()));
    let origin = Arc::new(context::Place { run: run.info.id, position: Position::ROOT });
    let scope = around.map_or(Scope::ROOT, |around| around.scope);
    let path = around.map(Context::unnamed_path).unwrap_or_default();
    let mut context = Context::new(events.clone(), plan.name, scope, 1, run.cancel.clone(), origin).called_by(path);
    let block = BlockRun::new(&run, &mut context, plan.root, view, &Position::ROOT, recorded);
    // This also catches panics outside of nodes: in the `Drop` of a value, or because of a bug in Tea.
    let in_run = InRun::enter();
    let outcome = guard(|| block.run())
        .unwrap_or_else(|failure| Err(BlockFailed { failure, finished: Vec::new(), view: run.empty_view() }));
    let (failed, finished, view) = match outcome {
        Ok(end) => (None, Vec::new(), end.view),
        Err(BlockFailed { failure, finished, view }) => (Some(failure), finished, view),
    };
    let (view, failures) = finally::finally(&run, failed.as_deref(), scope, view);
    let failed = finally::with_failures(failed, failures);
    drop(in_run);
    run.close();
    let stopped = run.stopped.get();
    if let Some(records) = run.records() {
        records.end(failed.as_deref(), stopped.is_some());
        records.tell_failure(events);
    }
    let (elapsed, success) = (started.elapsed(), failed.is_none());
    if around.is_none() {
        for name in run.questions().unused().iter().filter(|_| success) {
            events.warn(&format!("`{name}` was not asked, so the answer that was given has not been used"));
        }
        events.emit(|| Event::RunFinished { elapsed, success });
    }
    match (failed.or_else(|| events.panic()), stopped) {
        (Some(failure), _) => Err(Failed::Run { failure, finished, view }),
        (None, Some(finished)) => Err(Failed::Stopped { finished: finished.clone(), view }),
        (None, None) => Ok(view),
    }
}

/// The initial view of the root block.
fn initial(plan: &'static Plan, inputs: Vec<(u32, Value)>) -> Result<View, Failed> {
    let missing = |(key, spec): (u32, &'static KeySpec)| {
        let is_required = spec.input && !spec.optional && spec.default.is_none();
        (is_required && inputs.iter().all(|input| input.0 != key)).then_some(spec.name)
    };
    if let Some(name) = (0..).zip(plan.keys).find_map(missing) {
        return Err(Failed::MissingInput(name));
    }
    view(plan.keys, plan.root.keys, inputs).map_err(|failure| {
        let view = View::new(plan.keys, plan.root.keys);
        Failed::Run { failure, finished: Vec::new(), view }
    })
}

/// The initial view of a workflow's root block: the inputs, and the defaults of those that are not given.
pub(super) fn view(
    specs: &'static [KeySpec],
    keys: &'static [u32],
    inputs: Vec<(u32, Value)>,
) -> Result<View, Box<Failure>> {
    let mut view = View::new(specs, keys);
    let mut given = vec![false; specs.len()];
    for (key, value) in inputs {
        given[key as usize] = true;
        view.set_if_there(key, value);
    }
    for (key, (spec, given)) in (0..).zip(specs.iter().zip(given)) {
        if let (Some(default), true, false) = (spec.default, spec.input, given) {
            view.set_if_there(key, guard(default)?);
        }
    }
    Ok(view)
}
