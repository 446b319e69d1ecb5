//! The interface between a driver and a task graph, or the items of a map.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::Driver;
use crate::{
    event::Scope,
    executor::{message::Pulled, outcome::Received, work::Work},
    failure::Failure,
    result::ParallelFlowResult,
    store::RawRecord,
};

/// The source of a fan-out's units: a graph of tasks, or the items of a map.
pub(in crate::engine) trait Source {
    /// Identifies a branch or a batch of items.
    type Key: Copy;

    /// The next unit to start, if there is one.
    fn next(&mut self, driver: &Driver<'_>) -> Next<Self::Key>;

    /// The number of a branch's settings and circuit breaker; 0 for items.
    fn index(&self, key: Self::Key) -> usize;

    /// The name of the branch or map.
    fn name(&self, key: Self::Key) -> &'static str;

    /// The name of a part in results.
    fn label(&self, key: Self::Key, at: usize) -> Cow<'static, str>;

    /// This execution of the branch or map.
    fn scope(&self, key: Self::Key) -> Scope;

    /// The key for another attempt at part `at` alone.
    fn part_key(&self, key: Self::Key, at: usize) -> Self::Key;

    /// The key of the parts from `at` on, which do not fit into one message with the previous ones.
    fn rest_key(&self, key: Self::Key, at: usize) -> Self::Key;

    /// Called when a unit has ended. Some of its parts may be retried.
    fn ended(&mut self, driver: &Driver<'_>, key: Self::Key, end: End);

    /// Called when a worker has recorded something that it has done for a unit.
    fn recorded(&mut self, driver: &Driver<'_>, key: Self::Key, raw: RawRecord);

    /// Called when the next attempt at a unit is to run all of it again, whatever was recorded.
    fn starts_over(&mut self, key: Self::Key);

    /// Called when requested items have arrived.
    fn pulled(&mut self, pulled: Pulled);

    /// Whether ends are recorded.
    fn is_recorded(&self) -> bool;

    /// Does what can be done while units run: called when everything has started that can start. Returns whether more may have
    /// become possible because of that.
    fn started(&mut self, driver: &Driver<'_>) -> bool;

    /// Does what has become possible, such as combining results.
    fn settle(&mut self, driver: &Driver<'_>);

    /// When to call [`settle`](Self::settle) next, if nothing happens before.
    fn settle_at(&self) -> Option<Instant>;

    /// Stops waiting for requested items.
    fn give_up(&mut self, failure: &Failure);
}

/// The answer of a source.
pub(in crate::engine) enum Next<K> {
    /// A unit.
    Start(Start<K>),
    /// Nothing now, but perhaps when something has ended.
    Wait,
    /// Nothing anymore.
    Exhausted,
}

/// A unit to start.
pub(in crate::engine) struct Start<K> {
    pub(in crate::engine) key: K,
    pub(in crate::engine) work: Box<dyn Work>,
    pub(in crate::engine) scope: Scope,
    /// Its number in the fan-out: that of the branch or of the first item.
    pub(in crate::engine) part: u64,
}

/// The outcome of a unit.
pub(in crate::engine) struct End {
    /// This execution of the branch or map.
    pub(in crate::engine) scope: Scope,
    /// What ran; `None` if it was abandoned.
    pub(in crate::engine) work: Option<Box<dyn Work>>,
    pub(in crate::engine) parts: usize,
    /// Its results as they arrived, if another process ran it.
    pub(in crate::engine) received: Vec<Received>,
    /// The parts that failed in this attempt, whether they are retried or not, ascending.
    pub(in crate::engine) failing: Vec<usize>,
    /// The parts that failed and are not retried, ascending.
    pub(in crate::engine) failed: Vec<(usize, ParallelFlowResult)>,
    /// The number of parts that are retried.
    pub(in crate::engine) again: usize,
    /// How it succeeded, if it did.
    pub(in crate::engine) succeeded: Option<Succeeded>,
    /// How long the attempt ran; `None` if it was not the first.
    pub(in crate::engine) elapsed: Option<Duration>,
}

/// How a unit succeeded.
pub(in crate::engine) enum Succeeded {
    /// On a thread, at the first attempt, after this time. This is the usual case, and there is no more to report.
    Plain(Duration),
    /// In some other way.
    Told(Box<ParallelFlowResult>),
}
