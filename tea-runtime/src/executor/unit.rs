//! A unit of work as an executor gets it, and the ticket by which its outcome comes back.

use std::{
    any::Any,
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    message::{Completion, Message, Note},
    outcome::{Outcome, Ran},
    queue::CompletionQueue,
    run_info::RunInfo,
    wire::{Bytes, Encoded, ResultHead},
};
use crate::{
    cancel::CancellationToken,
    context::Context,
    event::{Event, Scope},
    failure::{Failure, FailureKind, cancelled},
    policy::ParallelConfig,
    position::Position,
    timer,
};

/// What a unit runs: a branch, or consecutive items of a map. An executor sees parts that are run in order, one for a
/// branch, one for each item, and never asks which of the two it is.
pub(crate) trait Work: Send {
    /// How many parts it has, at least one.
    fn parts(&self) -> usize;

    /// The name of the branch or map.
    fn name(&self) -> &'static str;

    /// What these parts are called in events and failures: `branch`, `map[3]` or `map[3..7]`.
    fn label(&self, from: usize, to: usize) -> String;

    /// The same for all units of a branch or a map, which take about as long as each other.
    fn kind(&self) -> usize;

    /// Runs the parts `from..to` on this thread, up to the first that fails. Gives how many ran, and that failure.
    fn run(&mut self, from: usize, to: usize, context: &Context) -> (usize, Option<Box<Failure>>);

    /// The unit as bytes; it may be fewer parts than there are, where all do not fit into one message.
    ///
    /// # Errors
    /// If what it reads, or its first part, cannot be sent.
    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable>;

    /// A copy of part `at`, for another attempt. Asked for before the part has run, or after it has failed.
    fn part(&self, at: usize) -> Box<dyn Work>;

    /// Takes the parts from `at` on off, before they have run.
    fn split_off(&mut self, at: usize) -> Box<dyn Work>;

    /// Appends the result of part `at`, which ended well.
    ///
    /// # Errors
    /// If it cannot be sent.
    fn encode_result(&self, at: usize, max_payload: u64, into: &mut Bytes) -> Result<ResultHead, Box<Failure>>;

    /// Takes the result of part `at` that another process sent.
    ///
    /// # Errors
    /// If the bytes are not those of a result.
    fn accept(&mut self, at: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>>;

    /// For whoever made it, and knows its type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Why a unit cannot be written as bytes.
#[derive(Debug)]
pub(crate) enum Unencodable {
    /// What it reads, or its first part, cannot be sent.
    Part(Box<Failure>),
    /// What all units of the fan-out read cannot be sent.
    All(Box<Failure>),
}

/// What all units of a fan-out share.
pub(crate) struct FanOut {
    pub(crate) run: Arc<RunInfo>,
    pub(crate) queue: CompletionQueue<Message>,
    pub(crate) cancel: CancellationToken,
    pub(crate) position: Position,
}

/// Tells units apart; no two of a process have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(u64);

impl UnitId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }

    /// Its number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

/// One attempt at a unit of work: a branch, or a batch of items of a map.
///
/// An executor runs it in one of two ways. [`run`](Self::run) runs it on the calling thread. Or [`encode`](Self::encode)
/// gives it as bytes, which [`serve`](crate::engine::serve) runs in another process of the same program, and whose
/// answer [`Ticket::answer`] takes. A unit that is dropped fails as lost: whatever happens, its fan-out comes to an end.
pub struct Unit {
    pub(crate) ticket: Ticket,
    pub(crate) scope: Scope,
    pub(crate) attempt: u32,
    pub(crate) config: &'static ParallelConfig,
    /// Until when all attempts together must have ended, in this process's time; known from the second attempt on.
    pub(crate) deadline: Option<Instant>,
    /// Its own, where something may cancel it alone.
    pub(crate) cancel: Option<CancellationToken>,
    pub(crate) index: u64,
    pub(crate) work: Box<dyn Work>,
    pub(crate) encoded: Option<Encoded>,
}

impl Unit {
    /// Tells it from all other units of this process.
    #[must_use]
    pub fn id(&self) -> UnitId {
        self.ticket.id
    }

    /// Where it stands in its run.
    #[must_use]
    pub fn position(&self) -> Position {
        self.fan_out().position.at_part(self.index)
    }

    /// What it is called in events: the branch's name, or `map[3]` or `map[3..7]`.
    #[must_use]
    pub fn label(&self) -> String {
        self.work.label(0, self.work.parts())
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Its settings. An executor keeps [`limit`](Self::limit) and, if it can, `memory_limit` and `grace`; the engine does
    /// the rest.
    #[must_use]
    pub fn config(&self) -> &'static ParallelConfig {
        self.config
    }

    /// Cancels it.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        self.cancel.as_ref().unwrap_or(&self.fan_out().cancel)
    }

    /// How long the attempt may run if it starts now.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        Limit::of(self.config, self.deadline)
    }

    /// Runs it on this thread, and leaves its outcome in the completion queue of its run.
    pub fn run(self) {
        let (ticket, attempt) = self.into_parts();
        let outcome = attempt.run();
        ticket.finish(outcome);
    }

    /// What brings its outcome, and what is run: for executors that may have to leave the second behind.
    pub(crate) fn into_parts(self) -> (Ticket, Attempt) {
        let fan_out = Arc::clone(self.fan_out());
        let Self { ticket, scope, attempt, cancel, work, .. } = self;
        (ticket, Attempt { fan_out, scope, number: attempt, cancel, work })
    }

    /// Its bytes, and the ticket for its outcome. The engine has written the bytes already where the executor says that
    /// units [cross](super::ParallelExecutor::crosses); else the user's `Serialize` runs now.
    ///
    /// # Errors
    /// If it cannot be sent; its fan-out has been told so.
    pub fn encode(mut self) -> Result<(Vec<u8>, Ticket), Unsendable> {
        if self.encoded.is_none() {
            match self.work.encode(self.attempt, self.config.max_payload) {
                Ok(encoded) if encoded.parts() == self.work.parts() => self.encoded = Some(encoded),
                Ok(_) => {
                    let message = "it does not fit into one message; an executor that sends units says so by `crosses`";
                    self.fail(&Failure::new(FailureKind::Transport, message));
                    return Err(Unsendable);
                }
                Err(Unencodable::Part(failure) | Unencodable::All(failure)) => {
                    self.fail(&failure);
                    return Err(Unsendable);
                }
            }
        }
        let Self { mut ticket, work, encoded, .. } = self;
        ticket.sent = Some(work);
        Ok((encoded.map(|encoded| encoded.to_bytes()).unwrap_or_default(), ticket))
    }

    /// All of it fails so.
    pub(crate) fn fail(self, failure: &Failure) {
        let Self { ticket, work, .. } = self;
        ticket.finish(Outcome::failed(work, failure, Ran::here(Duration::ZERO)));
    }

    /// It cannot be run at all, since its executor cannot run anything.
    pub(crate) fn refuse(self, failure: &Failure) {
        let Self { ticket, work, .. } = self;
        ticket.finish(Outcome { refused: true, ..Outcome::failed(work, failure, Ran::here(Duration::ZERO)) });
    }

    pub(crate) fn fan_out(&self) -> &Arc<FanOut> {
        self.ticket.fan_out()
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("label", &self.label()).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// The error of [`Unit::encode`]: the unit cannot be sent, and its fan-out has been told why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsendable;

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the unit cannot be sent to another process")
    }
}

impl std::error::Error for Unsendable {}

/// A unit that runs on a thread of this process.
pub(crate) struct Attempt {
    fan_out: Arc<FanOut>,
    scope: Scope,
    number: u32,
    cancel: Option<CancellationToken>,
    work: Box<dyn Work>,
}

impl Attempt {
    /// Runs it on this thread.
    pub(crate) fn run(self) -> Outcome {
        let Self { fan_out, scope, number: attempt, cancel, mut work } = self;
        let token = cancel.unwrap_or_else(|| fan_out.cancel.clone());
        let events = &fan_out.run.events;
        if events.is_active() {
            let (name, worker, started) = (work.label(0, work.parts()), None, Instant::now());
            let (name, pid) = (name.as_str(), crate::result::pid());
            events.emit(|| Event::AttemptStarted { scope, name, attempt, worker, pid, started, sent: 0 });
        }
        let context = Context::new(events.clone(), work.name(), scope, attempt, token);
        let started = Instant::now();
        let mut failures = Vec::new();
        run_parts(&mut *work, &context, usize::MAX, &mut |_, parts, failure| {
            failures.extend(failure.map(|failure| (parts.end - 1, failure)));
        });
        Outcome { work: Some(work), failures, ..Outcome::of(Ran::here(started.elapsed())) }
    }
}

/// Is told what became of parts: that all of them ended well, or all but the last, which failed.
pub(crate) type PartsEnded<'a> = &'a mut dyn FnMut(&mut dyn Work, Range<usize>, Option<Box<Failure>>);

/// Runs all parts in order, at most `step` of them between two looks at `ended`, which is told what became of them: that
/// all in the range ended well, or all but the last, which failed. When the unit is cancelled, the parts that are left fail.
///
/// This is the one place where units run: on threads, in workers, and in programs that serve units of others.
pub(crate) fn run_parts(work: &mut dyn Work, context: &Context, step: usize, ended: PartsEnded<'_>) {
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

/// The right, and the duty, to bring the outcome of a unit: it is brought exactly once. A ticket that is dropped brings
/// that the unit was lost.
pub struct Ticket {
    /// Taken once the outcome is brought.
    fan_out: Option<Arc<FanOut>>,
    id: UnitId,
    /// What another process runs, and its results are put into.
    pub(crate) sent: Option<Box<dyn Work>>,
}

impl Ticket {
    pub(crate) fn new(fan_out: Arc<FanOut>) -> Self {
        Self { fan_out: Some(fan_out), id: UnitId::next(), sent: None }
    }

    /// Leaves the outcome in the completion queue. That runs no code of the engine or the user.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.bring(outcome);
    }

    /// Leaves a note about the unit in the completion queue.
    pub(crate) fn note(&self, note: Note) {
        self.fan_out().queue.push(Message::Note(note), true);
    }

    /// Brings what [`serve`](crate::engine::serve) answered in another process. It is decoded later, by the engine.
    pub fn answer(mut self, answer: Vec<u8>) {
        let work = self.sent.take();
        self.bring(Outcome::answered(work, answer));
    }

    /// The unit failed so: what ran it is gone, or could not be reached.
    pub fn fail(mut self, failure: &Failure) {
        let outcome = match self.sent.take() {
            Some(work) => Outcome::failed(work, failure, Ran::here(Duration::ZERO)),
            None => Outcome::left_behind(failure, Ran::here(Duration::ZERO)),
        };
        self.bring(outcome);
    }

    pub(crate) fn fan_out(&self) -> &Arc<FanOut> {
        self.fan_out.as_ref().expect("its outcome has not been brought")
    }

    fn bring(&mut self, outcome: Outcome) {
        if let Some(fan_out) = self.fan_out.take() {
            let urgent = !outcome.failures.is_empty();
            fan_out.queue.push(Message::Done(Completion { id: self.id, outcome }), urgent);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.fan_out.is_some() {
            let failure = Failure::new(FailureKind::Transport, "what ran it went away without bringing an outcome");
            let outcome = match self.sent.take() {
                Some(work) => Outcome::failed(work, &failure, Ran::here(Duration::ZERO)),
                None => Outcome::left_behind(&failure, Ran::here(Duration::ZERO)),
            };
            self.bring(outcome);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long an attempt may run, and by which setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// From its start to its deadline.
    pub after: Duration,
    /// `timeout` or `timeout_total`.
    setting: &'static str,
    /// What that is set to.
    allowed: Duration,
}

impl Limit {
    /// The nearer of `timeout` and of what is left until the `deadline` of all attempts.
    pub(crate) fn of(config: &ParallelConfig, deadline: Option<Instant>) -> Option<Self> {
        let one = config.timeout.map(|allowed| Self { after: allowed, setting: "timeout", allowed });
        let all = config.timeout_total.map(|allowed| {
            let left = |deadline: Instant| deadline.saturating_duration_since(timer::now());
            Self { after: deadline.map_or(allowed, left), setting: "timeout_total", allowed }
        });
        one.into_iter().chain(all).min_by_key(|limit| limit.after)
    }

    /// The failure of an attempt that ran over it.
    #[must_use]
    pub fn failure(&self) -> Box<Failure> {
        let Self { setting, allowed, .. } = self;
        Box::new(Failure::new(FailureKind::Timeout, format!("ran over its `{setting}` of {allowed:?}")))
    }
}
