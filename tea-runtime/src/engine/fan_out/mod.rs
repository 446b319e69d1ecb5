//! The driver of a fan-out: it hands out units, takes their outcomes from the completion queue, and decides what
//! follows.
//!
//! There is one driver, for branches and for items. It runs on the thread whose block reached the fan-out, and is the
//! only place where units are started, limited, retried, cancelled and abandoned. Its [`Source`] creates the units and
//! handles their results.

mod settle;
mod source;
mod table;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub(super) use self::source::{End, Next, Source, Start, Succeeded};
use self::table::{InFlight, Table, Trial};
use super::{Run, attempt::Attempts, site::Site};
use crate::{
    cancel::{CancelReason, CancellationToken},
    context::Context,
    executor::{
        ParallelExecutor, Ticket, Unit,
        breakers::{BreakerAt, BreakerCall},
        fan_out::FanOut,
        message::Message,
        outcome::{Outcome, Ran},
        queue::CompletionQueue,
        tokens,
        work::Unencodable,
    },
    failure::{Failure, cancelled},
    pacing::{SLACK, UNRECORDED},
    policy::ParallelConfig,
    position::Position,
    timer,
};

/// The number of units that are created before they are submitted together, because the first should not wait for all
/// others.
const TOGETHER: usize = 16;

/// The driver of a fan-out.
pub(super) struct Driver<'a> {
    pub(super) run: &'a Arc<Run>,
    pub(super) site: &'a Site,
    /// The ID of the region or map.
    id: u32,
    fan_out: Arc<FanOut>,
    /// The token that cancels the block that contains the fan-out.
    pub(super) outer: &'a CancellationToken,
}

/// Why a unit is not started.
enum NotStarted {
    /// The unit fails.
    Failed(Box<Failure>),
    /// Nothing of the fan-out can be started.
    Refused(Box<Failure>),
}

impl<'a> Driver<'a> {
    pub(super) fn new(run: &'a Arc<Run>, site: &'a Site, id: u32, around: &'a Context, position: Position) -> Self {
        let (info, queue, cancel) = (Arc::clone(&run.info), CompletionQueue::default(), around.token().child());
        let fan_out = Arc::new(FanOut { run: info, queue, cancel, position, path: around.path.clone() });
        let weak = Arc::downgrade(&fan_out);
        run.info.reported_by(&fan_out);
        fan_out.cancel.on_cancel(move |_| weak.upgrade().iter().for_each(|fan_out| fan_out.queue.nudge()));
        Self { run, site, id, fan_out, outer: around.token() }
    }

    /// The token that cancels all units.
    pub(super) fn cancel(&self) -> &CancellationToken {
        &self.fan_out.cancel
    }

    /// What all units share.
    pub(super) fn fan_out(&self) -> &Arc<FanOut> {
        &self.fan_out
    }

    /// Runs the whole fan-out. The outcomes of its units are passed to `source`.
    ///
    /// # Errors
    /// If its units cannot be run at all. They have been passed to `source` as failed nevertheless.
    pub(super) fn drive<S: Source>(&self, source: &mut S) -> Result<(), Box<Failure>> {
        let mut lent = None;
        let mut table = Table::default();
        let mut messages = Vec::new();
        loop {
            let more = self.start(source, &mut table);
            // Not before its first units wait: they go before what has not begun and is no part of an item that has.
            lent.get_or_insert_with(tokens::lend);
            if source.started(self) {
                continue;
            }
            if table.is_empty() && !more {
                break;
            }
            let until = [table.due(), self.leave_at(&mut table), source.settle_at()].into_iter().flatten().min();
            let wanted = self.wanted(&table, more);
            self.fan_out.queue.look(wanted, table.took.saturating_mul(u32::try_from(wanted).unwrap_or(u32::MAX)));
            self.wait(wanted, until, source.is_recorded(), &mut messages);
            self.run.info.tell_notes();
            for message in messages.drain(..) {
                match message {
                    Message::Done(completion) => self.done(completion, source, &mut table),
                    Message::Note(note) => note.tell(&self.run.info.events, &self.fan_out.path),
                    Message::Recorded(id, raw) => {
                        // Another attempt may have started in place of one that was given up.
                        if let Some(in_flight) = table.in_flight.get(&id) {
                            source.recorded(self, in_flight.key, raw);
                        }
                    }
                    Message::Pulled(pulled) => source.pulled(pulled),
                }
            }
            source.settle(self);
            if table.leave_at.is_some_and(|leave_at| leave_at <= Instant::now()) {
                self.give_up(source, &mut table);
            }
        }
        source.settle(self);
        table.refused.map_or(Ok(()), Err)
    }

    /// Waits for this number of messages; if they are recorded, not much longer than for the first.
    fn wait(&self, wanted: usize, until: Option<Instant>, recorded: bool, into: &mut Vec<Message>) {
        let queue = &self.fan_out.queue;
        if !recorded {
            return queue.wait(wanted, until, into);
        }
        queue.wait(1, until, into);
        if (1..wanted).contains(&into.len()) {
            let soon = Instant::now() + UNRECORDED;
            let mut more = Vec::new();
            queue.wait(wanted - into.len(), Some(until.map_or(soon, |until| until.min(soon))), &mut more);
            into.append(&mut more);
        }
    }

    /// The number of messages that it waits for.
    fn wanted<K>(&self, table: &Table<K>, more: bool) -> usize {
        let Site { graph, has_breakers, joins_early, waits, .. } = self.site;
        let for_each = graph.is_some() || *has_breakers || *joins_early || *waits || self.run.info.events.is_active();
        let in_flight = table.in_flight.len();
        match (for_each, more) {
            (true, _) => 1,
            (false, true) => in_flight / 2,
            (false, false) => in_flight,
        }
        .max(1)
    }

    /// Starts what may be started. Returns whether there may be more later.
    fn start<S: Source>(&self, source: &mut S, table: &mut Table<S::Key>) -> bool {
        let mut together: Vec<Unit> = Vec::new();
        let mut to: Option<Arc<dyn ParallelExecutor>> = None;
        let submit = |to: &Option<Arc<dyn ParallelExecutor>>, units: &mut Vec<Unit>| {
            if let (Some(executor), false) = (to, units.is_empty()) {
                executor.submit_all(std::mem::take(units));
            }
        };
        let now = Instant::now();
        let mut more = true;
        while table.in_flight.len() < self.site.limit {
            let trial = match table.ready(now, self.cancel().is_cancelled()) {
                Some(trial) => trial,
                None => match source.next(self) {
                    Next::Start(start) => Trial { start, attempts: Attempts::default() },
                    Next::Wait => break,
                    Next::Exhausted => {
                        more = false;
                        break;
                    }
                },
            };
            let Some((executor, unit)) = self.unit(trial, source, table) else { continue };
            let other = to.as_ref().is_some_and(|to| !Arc::ptr_eq(to, &executor));
            if other || together.len() == TOGETHER {
                submit(&to, &mut together);
            }
            to = Some(executor);
            together.push(unit);
        }
        submit(&to, &mut together);
        more
    }

    /// Creates an attempt, unless it fails before it starts.
    fn unit<S: Source>(
        &self,
        trial: Trial<S::Key>,
        source: &mut S,
        table: &mut Table<S::Key>,
    ) -> Option<(Arc<dyn ParallelExecutor>, Unit)> {
        let Trial { start: Start { key, mut work, scope, part }, mut attempts } = trial;
        let index = source.index(key);
        let config = self.site.config(index);
        let mut encoded = None;
        let executor = self.may_start(source, key, config, &mut attempts).and_then(|executor| {
            if executor.crosses() {
                let mut bytes = work.encode(attempts.started, config.max_payload).map_err(|error| match error {
                    Unencodable::Part(failure) => NotStarted::Failed(failure),
                    Unencodable::All(failure) => NotStarted::Refused(failure),
                })?;
                self.fan_out.position.at_part(part).encode(bytes.head.position.to_mut());
                bytes.head.reads = work.reads();
                encoded = Some(Box::new(bytes));
            }
            Ok(Arc::clone(executor))
        });
        let parts = encoded.as_ref().map_or(work.parts(), |encoded| encoded.parts());
        if parts < work.parts() {
            // The parts that do not fit into one message.
            let (key, part) = (source.rest_key(key, parts), part + parts as u64);
            let start = Start { key, work: work.split_off(parts), scope, part };
            table.again.push_back(Trial { start, attempts: Attempts::default() });
        }
        let kept = (parts == 1 && attempts.started <= config.retry.max_retries).then(|| work.part(0));
        let label = if self.run.info.events.is_active() { work.label(0, parts) } else { String::new() };
        let item_label = if config.is_limited() { work.item_label(0) } else { None };
        let in_flight = InFlight { key, scope, part, parts, attempts, kept, item_label, label, executor: None };
        let executor = match executor {
            Ok(executor) => executor,
            Err(why) => {
                let (failure, refused) = match why {
                    NotStarted::Failed(failure) => (failure, false),
                    NotStarted::Refused(failure) => (failure, true),
                };
                let outcome = Outcome { refused, ..Outcome::failed(work, &failure, Ran::here(Duration::ZERO)) };
                self.settle_unit(in_flight, outcome, source, table);
                return None;
            }
        };
        let own_token = config.is_limited() || self.site.fail_fast || self.site.joins_early || executor.crosses();
        let unit = Unit {
            ticket: Ticket::new(Arc::clone(&self.fan_out)),
            scope,
            attempt: in_flight.attempts.started,
            config,
            deadline: in_flight.attempts.deadline(config),
            cancel: own_token.then(|| self.cancel().child()),
            index: part,
            work,
            encoded,
        };
        table.in_flight.insert(unit.id(), InFlight { executor: Some(Arc::clone(&executor)), ..in_flight });
        Some((executor, unit))
    }

    /// Counts an attempt and returns its executor, if the attempt may be made.
    fn may_start<S: Source>(
        &self,
        source: &S,
        key: S::Key,
        config: &ParallelConfig,
        attempts: &mut Attempts,
    ) -> Result<&Arc<dyn ParallelExecutor>, NotStarted> {
        if let Some(reason) = self.cancel().reason() {
            return Err(NotStarted::Failed(cancelled(reason)));
        }
        let executor = self.run.executor(self.run.strategy(config)).map_err(NotStarted::Refused)?;
        if config.circuit_breaker.is_some() && !self.ask_breaker(source, key, BreakerCall::Allows).allowed {
            return Err(NotStarted::Failed(attempts.circuit_open()));
        }
        attempts.started += 1;
        Ok(executor)
    }

    /// The circuit breaker of a branch; items share one.
    fn breaker_at(&self, index: usize) -> BreakerAt {
        BreakerAt { site: self.id, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    /// The time until which units that have been told to end are waited for.
    fn leave_at<K>(&self, table: &mut Table<K>) -> Option<Instant> {
        if table.leave_at.is_none() && self.cancel().is_cancelled() {
            table.leave_at = Some(timer::later(Instant::now(), self.site.grace() + SLACK));
        }
        table.leave_at
    }

    /// Continues without units that have not ended in their grace period.
    fn give_up<S: Source>(&self, source: &mut S, table: &mut Table<S::Key>) {
        let failure = cancelled(self.cancel().reason().unwrap_or(CancelReason::Requested));
        for (id, in_flight) in std::mem::take(&mut table.in_flight) {
            in_flight.executor.iter().for_each(|executor| executor.abandon(id));
            let outcome = Outcome::left_behind(&failure, Ran::here(Duration::ZERO));
            self.settle_unit(in_flight, outcome, source, table);
        }
        source.give_up(&failure);
    }
}
