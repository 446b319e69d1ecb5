//! An attempt at a unit, on a thread of this process.

use std::{ops::Range, sync::Arc, time::Instant};

use super::{
    fan_out::FanOut,
    outcome::{Outcome, Ran},
    work::Work,
};
use crate::{
    cancel::CancellationToken,
    context::Context,
    ended::InRun,
    event::{Event, Scope},
    failure::{Failure, cancelled},
    usage::{self, Usage},
};

/// A unit that runs on a thread of this process.
pub(crate) struct Attempt {
    pub(super) fan_out: Arc<FanOut>,
    pub(super) scope: Scope,
    pub(super) number: u32,
    pub(super) cancel: Option<CancellationToken>,
    pub(super) index: u64,
    pub(super) work: Box<dyn Work>,
}

impl Attempt {
    /// Runs it on this thread.
    pub(crate) fn run(self) -> Outcome {
        let Self { fan_out, scope, number: attempt, cancel, index, mut work } = self;
        let token = cancel.unwrap_or_else(|| fan_out.cancel.clone());
        let events = fan_out.run.events.clone();
        let is_heard = events.is_active();
        if is_heard {
            let (name, started) = (work.label(0, work.parts()), Instant::now());
            let (name, pid) = (&*fan_out.path.shown(&name), crate::result::pid());
            let (worker, host, sent) = (None, None, 0);
            events.emit(|| Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent });
        }
        let path = fan_out.path.clone();
        let context = Context::new(events, work.name(), scope, attempt, token, fan_out).called_by(path);
        let mut context = context.part(index, work.reads());
        let _in_run = InRun::enter();
        // Reading a thread's clock takes half as long as a short branch.
        let cpu = || if is_heard { usage::of_thread() } else { None };
        let (started, before) = (Instant::now(), cpu());
        let mut failures = Vec::new();
        run_parts(&mut *work, &mut context, usize::MAX, &mut |_, parts, failure| {
            failures.extend(failure.map(|failure| (parts.end - 1, failure)));
        });
        let used = cpu().zip(before).map(|(now, before)| now.saturating_sub(before));
        let usage = Usage { cpu: used, peak_memory: None };
        let ran = Ran { usage, ..Ran::here(started.elapsed()) };
        Outcome { work: Some(work), failures, ..Outcome::of(ran) }
    }
}

/// Called with the outcome of parts: either all of them succeeded, or all but the last, which failed.
pub(crate) type PartsEnded<'a> = &'a mut dyn FnMut(&mut dyn Work, Range<usize>, Option<Box<Failure>>);

/// Runs all parts in order, at most `step` of them between two calls of `ended`, which is called with their outcome:
/// either all in the range succeeded, or all but the last, which failed. If the unit is cancelled, the remaining parts
/// fail.
///
/// All units run here: on threads, in workers, and in programs that serve the units of others.
pub(crate) fn run_parts(work: &mut dyn Work, context: &mut Context, step: usize, ended: PartsEnded<'_>) {
    let (mut at, parts) = (0, work.parts());
    while at < parts {
        if let Some(reason) = context.token().reason() {
            (at..parts).for_each(|at| ended(work, at..at + 1, Some(cancelled(reason))));
            return;
        }
        let (ran, failure) = work.run(at, parts.min(at.saturating_add(step)), context);
        ended(work, at..at + ran, failure);
        at += ran;
    }
}
