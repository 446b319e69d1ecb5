//! A whole run: from the inputs to the end of the plan's root block.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Options, Run,
    frame::{Frame, cancelled},
    panic::guard,
    schedule, timer,
};
use crate::{
    context::Context,
    error::Error,
    event::{Event, Scope},
    failure::Failure,
    plan::Plan,
    process,
    state::{Value, View},
};

/// Beyond the grace of branches: for executors to end what did not heed it.
const SLACK: Duration = Duration::from_millis(500);

/// Runs `plan` with these values of its input keys, and gives the view of its root block. Keys without a value get
/// their default. It returns when everything has ended, or been left behind at its deadline.
///
/// # Errors
/// If an input is missing or unknown, or the run fails or is cancelled.
pub fn run(plan: &'static Plan, inputs: Vec<(u32, Value)>, options: Options) -> Result<View, Error> {
    process::refuse_unserved_worker();
    let view = view(plan, inputs)?;
    let started = Instant::now();
    let run = Run::new(plan, options);
    run.events.emit(|| Event::RunStarted { plan });
    let end = Arc::new(End::default());
    leave_when_cancelled(&run, &end);
    let lost = Arc::downgrade(&end);
    run.on_lost(Arc::new(move |failure| {
        if let Some(end) = lost.upgrade() {
            end.set(Err((failure, Vec::new())));
        }
    }));
    schedule::enter(schedule::Place::Caller, || {
        let context = Context::new(Arc::clone(&run), plan.name, Scope::ROOT, 1, run.cancel.clone());
        let end = Arc::clone(&end);
        Frame::run_root(context, plan.root, view, Box::new(move |outcome| end.set(outcome)));
    });
    let outcome = end.wait();
    run.close(outcome.is_ok());
    let (elapsed, success) = (started.elapsed(), outcome.is_ok());
    run.events.emit(|| Event::RunFinished { elapsed, success });
    let outcome = match run.events.panic() {
        Some(failure) if outcome.is_ok() => Err((failure, Vec::new())),
        _ => outcome,
    };
    outcome.map_err(|(failure, finished)| Error::failed(plan, failure, finished))
}

/// The root block's view at the start.
fn view(plan: &'static Plan, inputs: Vec<(u32, Value)>) -> Result<View, Error> {
    let mut view = View::new(plan, plan.root.keys);
    let mut given = vec![false; plan.keys.len()];
    for (key, value) in inputs {
        given[key as usize] = true;
        view.set_if_there(key, value);
    }
    for (key, (spec, given)) in (0..).zip(plan.keys.iter().zip(given)) {
        match spec.default {
            _ if given || !spec.input => {}
            Some(default) => {
                let value = guard(default).map_err(|failure| Error::failed(plan, failure, Vec::new()))?;
                view.set_if_there(key, value);
            }
            None if spec.optional => {}
            None => return Err(Error::missing_input(plan, spec.name)),
        }
    }
    Ok(view)
}

/// A failed run: why, and the nodes that were done.
pub(crate) type Failed = (Box<Failure>, Vec<&'static str>);

/// The end of a run, waited for by the caller.
#[derive(Default)]
struct End {
    outcome: Mutex<Option<Result<View, Failed>>>,
    there: Condvar,
}

impl End {
    /// The first end counts.
    fn set(&self, outcome: Result<View, Failed>) {
        let mut slot = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(outcome);
        // Who is woken wants it.
        drop(slot);
        self.there.notify_one();
    }

    fn wait(&self) -> Result<View, Failed> {
        let mut slot = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match slot.take() {
                Some(outcome) => return outcome,
                None => slot = self.there.wait(slot).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// A run that is cancelled ends after its grace, also if some branch does not heed it.
fn leave_when_cancelled(run: &Arc<Run>, end: &Arc<End>) {
    let (of, end) = (Arc::downgrade(run), Arc::downgrade(end));
    run.cancel.on_cancel(move |reason| {
        let Some(grace) = of.upgrade().map(|run| run.grace() + SLACK) else { return };
        let leave = move || {
            if let Some(end) = end.upgrade() {
                end.set(Err((cancelled(reason), Vec::new())));
            }
        };
        timer::after(grace, Box::new(leave));
    });
}
