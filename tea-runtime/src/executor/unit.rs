//! A unit of work as an executor receives it, and the ticket that delivers its outcome.

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
    thread::cache::drop_elsewhere,
    wire::{Bytes, Encoded, ResultHead},
};
use crate::{
    cancel::CancellationToken,
    context::{CallPath, Context, Origin},
    ended::InRun,
    event::{Event, Scope},
    failure::{Failure, FailureKind, cancelled},
    policy::ParallelConfig,
    position::Position,
    store::RawRecord,
    timer,
    usage::{self, Usage},
    user_code,
};

/// What a unit runs: a branch, or consecutive items of a map. Executors do not distinguish the two. They see parts that
/// run in order: one for a branch, or one for each item.
pub(crate) trait Work: Send {
    /// The number of parts, at least one.
    fn parts(&self) -> usize;

    /// The name of the branch or map.
    fn name(&self) -> &'static str;

    /// The name of these parts in events and failures: `branch`, `map[3]` or `map[3..7]`.
    fn label(&self, from: usize, to: usize) -> String;

    /// A short text by which people recognize part `at`, if it has one.
    fn item_label(&self, _at: usize) -> Option<String> {
        None
    }

    /// A number that all units of a fan-out share. The next ones probably take about as long as the last ones.
    fn kind(&self) -> usize;

    /// The name of what it reads, if the run is recorded.
    fn reads(&self) -> Option<[u8; 16]> {
        None
    }

    /// Runs the parts `from..to` on this thread, up to the first that fails. Returns how many ran, and that failure.
    fn run(&mut self, from: usize, to: usize, context: &mut Context) -> (usize, Option<Box<Failure>>);

    /// Encodes the unit, or only its first parts if not all of them fit into one message.
    ///
    /// # Errors
    /// If what it reads, or its first part, cannot be sent.
    fn encode(&self, attempt: u32, max_payload: u64) -> Result<Encoded, Unencodable>;

    /// A copy of part `at` for another attempt. Called before the part has run, or after it has failed.
    fn part(&self, at: usize) -> Box<dyn Work>;

    /// Splits off the parts from `at` on, before they have run.
    fn split_off(&mut self, at: usize) -> Box<dyn Work>;

    /// Appends the result of part `at`, which succeeded.
    ///
    /// # Errors
    /// If it cannot be sent.
    fn encode_result(&self, at: usize, max_payload: u64, into: &mut Bytes) -> Result<ResultHead, Box<Failure>>;

    /// Decodes the result of part `at` that another process sent.
    ///
    /// # Errors
    /// If the bytes are not those of a result.
    fn accept(&mut self, at: usize, head: &ResultHead, bytes: &[u8]) -> Result<(), Box<Failure>>;

    /// For the code that created it and knows its type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// Why a unit cannot be encoded.
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
    pub(crate) path: CallPath,
}

impl Origin for FanOut {
    fn run(&self) -> u128 {
        self.run.id
    }

    fn position(&self) -> &Position {
        &self.position
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Drop for FanOut {
    /// Messages that nobody took hold values, whose `Drop` is the user's. The last to let go may be whoever brought the
    /// outcome of a unit that was given up.
    fn drop(&mut self) {
        if !user_code::is_allowed() {
            let mut messages = Vec::new();
            self.queue.wait(0, None, &mut messages);
            if !messages.is_empty() {
                drop_elsewhere(messages);
            }
        }
    }
}

/// Identifies a unit within this process.
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
/// An executor runs it in one of two ways: [`run`](Self::run) runs it on the calling thread, and
/// [`encode`](Self::encode) turns it into bytes, which [`serve`](crate::engine::serve) runs in another process of the
/// same program. The answer is passed to [`Ticket::answer`]. A unit that is dropped fails as lost, so its fan-out
/// always comes to an end.
pub struct Unit {
    pub(crate) ticket: Ticket,
    pub(crate) scope: Scope,
    pub(crate) attempt: u32,
    pub(crate) config: &'static ParallelConfig,
    /// The deadline of all attempts together, in this process's time; known from the second attempt on.
    pub(crate) deadline: Option<Instant>,
    /// Its own token, if it can be cancelled alone.
    pub(crate) cancel: Option<CancellationToken>,
    pub(crate) index: u64,
    pub(crate) work: Box<dyn Work>,
    pub(crate) encoded: Option<Box<Encoded>>,
}

impl Unit {
    /// The number that identifies it within this process.
    #[must_use]
    pub fn id(&self) -> UnitId {
        self.ticket.id
    }

    /// Its position in the run.
    #[must_use]
    pub fn position(&self) -> Position {
        self.fan_out().position.at_part(self.index)
    }

    /// Its name in events: that of the branch, or `map[3]` or `map[3..7]`.
    #[must_use]
    pub fn label(&self) -> String {
        self.fan_out().path.shown(&self.work.label(0, self.work.parts())).into_owned()
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many items of maps it is a part of. What belongs to an item that has begun goes before the next items.
    pub(crate) fn depth(&self) -> u32 {
        self.fan_out().path.items()
    }

    /// Its settings. An executor enforces [`limit`](Self::limit) and, if it can, `memory_limit` and `grace`. The engine
    /// takes care of the rest.
    #[must_use]
    pub fn config(&self) -> &'static ParallelConfig {
        self.config
    }

    /// The token that cancels it.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        self.cancel.as_ref().unwrap_or(&self.fan_out().cancel)
    }

    /// How long the attempt may run if it starts now.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        Limit::of(self.config, self.deadline)
    }

    /// Runs the unit on this thread, and leaves its outcome in the completion queue of its run.
    pub fn run(self) {
        let (ticket, attempt) = self.into_parts();
        let outcome = attempt.run();
        ticket.finish(outcome);
    }

    /// Splits the unit into the ticket for its outcome and the work, for executors that may have to abandon the latter.
    pub(crate) fn into_parts(self) -> (Ticket, Attempt) {
        let fan_out = Arc::clone(self.fan_out());
        let Self { ticket, scope, attempt, cancel, index, work, .. } = self;
        (ticket, Attempt { fan_out, scope, number: attempt, cancel, index, work })
    }

    /// The unit as bytes, and the ticket for its outcome. If the executor says that units
    /// [cross](super::ParallelExecutor::crosses), the engine has already encoded them. Otherwise the user's `Serialize`
    /// runs now.
    ///
    /// # Errors
    /// If it cannot be sent. The failure has been reported to its fan-out.
    pub fn encode(mut self) -> Result<(Vec<u8>, Ticket), Unsendable> {
        if self.encoded.is_none() {
            match self.work.encode(self.attempt, self.config.max_payload) {
                Ok(encoded) if encoded.parts() == self.work.parts() => self.encoded = Some(Box::new(encoded)),
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
        let run = self.fan_out().run.id;
        let Self { mut ticket, work, encoded, .. } = self;
        ticket.sent = Some(work);
        Ok((encoded.map(|encoded| encoded.to_bytes(run)).unwrap_or_default(), ticket))
    }

    /// Fails all parts of the unit.
    pub(crate) fn fail(self, failure: &Failure) {
        let Self { ticket, work, .. } = self;
        ticket.finish(Outcome::failed(work, failure, Ran::here(Duration::ZERO)));
    }

    /// Fails the unit because its executor cannot run anything.
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

/// The error of [`Unit::encode`]: the unit cannot be sent. The reason has been reported to its fan-out.
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
    index: u64,
    work: Box<dyn Work>,
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

/// The right and the duty to deliver the outcome of a unit, exactly once. Dropping a ticket delivers the outcome that
/// the unit was lost.
pub struct Ticket {
    /// `None` when the outcome has been delivered.
    fan_out: Option<Arc<FanOut>>,
    id: UnitId,
    /// The work that another process runs, which receives the results.
    pub(crate) sent: Option<Box<dyn Work>>,
}

impl Ticket {
    pub(crate) fn new(fan_out: Arc<FanOut>) -> Self {
        Self { fan_out: Some(fan_out), id: UnitId::next(), sent: None }
    }

    /// The number that identifies the unit within this process.
    #[cfg(feature = "remote")]
    pub(crate) fn id(&self) -> UnitId {
        self.id
    }

    /// Leaves the outcome in the completion queue. This runs no code of the engine or the user.
    pub(crate) fn finish(mut self, outcome: Outcome) {
        self.bring(outcome);
    }

    /// Leaves a note about the unit in the completion queue.
    pub(crate) fn note(&self, note: Note) {
        self.fan_out().queue.push(Message::Note(note), true);
    }

    /// Leaves a record of something that was done for the unit in the completion queue.
    pub(crate) fn recorded(&self, raw: RawRecord) {
        self.fan_out().queue.push(Message::Recorded(self.id, raw), true);
    }

    /// Delivers the answer of [`serve`](crate::engine::serve) in another process. The engine decodes it later.
    pub fn answer(mut self, answer: Vec<u8>) {
        let work = self.sent.take();
        self.bring(Outcome::answered(work, answer));
    }

    /// Delivers a failure: whatever ran the unit is gone, or could not be reached.
    pub fn fail(mut self, failure: &Failure) {
        self.lose(failure);
    }

    fn lose(&mut self, failure: &Failure) {
        let ran = Ran::here(Duration::ZERO);
        let outcome = match self.sent.take() {
            Some(work) => Outcome::failed(work, failure, ran),
            None => Outcome::left_behind(failure, ran),
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
            self.lose(&Failure::new(FailureKind::Transport, "what ran it went away without bringing an outcome"));
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How long an attempt may run, and the setting that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The time from its start to its deadline.
    pub after: Duration,
    /// `timeout` or `timeout_total`.
    setting: &'static str,
    /// The value of that setting.
    allowed: Duration,
}

impl Limit {
    /// The shorter of `timeout` and the time left until the `deadline` of all attempts.
    pub(crate) fn of(config: &ParallelConfig, deadline: Option<Instant>) -> Option<Self> {
        let one = config.timeout.map(|allowed| Self { after: allowed, setting: "timeout", allowed });
        let all = config.timeout_total.map(|allowed| {
            let left = |deadline: Instant| deadline.saturating_duration_since(timer::now());
            Self { after: deadline.map_or(allowed, left), setting: "timeout_total", allowed }
        });
        one.into_iter().chain(all).min_by_key(|limit| limit.after)
    }

    /// The failure of an attempt that exceeded it.
    #[must_use]
    pub fn failure(&self) -> Box<Failure> {
        let Self { setting, allowed, .. } = self;
        Box::new(Failure::new(FailureKind::Timeout, format!("ran over its `{setting}` of {allowed:?}")))
    }
}
