//! What a driver asks of a task graph, or of the items of a map.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use super::Driver;
use crate::{
    event::Scope,
    executor::{message::Pulled, outcome::Received, unit::Work},
    failure::Failure,
    result::ParallelFlowResult,
};

/// What a fan-out is made of: a graph of tasks, or the items of a map.
pub(in crate::engine) trait Source {
    /// Tells one branch, or one batch of items, from the others.
    type Key: Copy;

    /// What may be started now.
    fn next(&mut self, driver: &Driver<'_>) -> Next<Self::Key>;

    /// Which settings and which circuit breaker a branch has; of items 0.
    fn index(&self, key: Self::Key) -> usize;

    /// The name of the branch or map.
    fn name(&self, key: Self::Key) -> &'static str;

    /// What a part is called in results.
    fn label(&self, key: Self::Key, at: usize) -> Cow<'static, str>;

    /// This run of the branch, or of the map.
    fn scope(&self, key: Self::Key) -> Scope;

    /// The key of another attempt at part `at` alone.
    fn part_key(&self, key: Self::Key, at: usize) -> Self::Key;

    /// The key of the parts from `at` on, which do not fit into one message with those before.
    fn rest_key(&self, key: Self::Key, at: usize) -> Self::Key;

    /// A unit has ended; of its parts some may be tried again.
    fn ended(&mut self, driver: &Driver<'_>, key: Self::Key, end: End);

    /// Items that were asked for are there.
    fn pulled(&mut self, pulled: Pulled);

    /// Does what has become possible, such as combining results.
    fn settle(&mut self, driver: &Driver<'_>);

    /// When to call [`settle`](Self::settle) next, if nothing comes before.
    fn settle_at(&self) -> Option<Instant>;

    /// What was asked for and has not come is not waited for any more.
    fn give_up(&mut self, failure: &Failure);
}

/// What a source has to start.
pub(in crate::engine) enum Next<K> {
    /// A unit.
    Start(Start<K>),
    /// Nothing now; there may be more when something has ended.
    Wait,
    /// Nothing any more.
    Exhausted,
}

/// A unit to be started.
pub(in crate::engine) struct Start<K> {
    pub(in crate::engine) key: K,
    pub(in crate::engine) work: Box<dyn Work>,
    pub(in crate::engine) scope: Scope,
    /// Its number in the fan-out: the branch's, or the first item's.
    pub(in crate::engine) part: u64,
}

/// What became of a unit.
pub(in crate::engine) struct End {
    /// This run of the branch, or of the map.
    pub(in crate::engine) scope: Scope,
    /// What ran; `None` if it was left behind.
    pub(in crate::engine) work: Option<Box<dyn Work>>,
    pub(in crate::engine) parts: usize,
    /// Its results as they came, if another process ran it.
    pub(in crate::engine) received: Vec<Received>,
    /// The parts that failed in this attempt, ascending: for good, or not.
    pub(in crate::engine) failing: Vec<usize>,
    /// The parts that failed for good, ascending.
    pub(in crate::engine) failed: Vec<(usize, ParallelFlowResult)>,
    /// How many parts are tried again.
    pub(in crate::engine) again: usize,
    /// Of a unit that ended well.
    pub(in crate::engine) succeeded: Option<Succeeded>,
    /// How long the attempt ran; `None` if it was not the first.
    pub(in crate::engine) elapsed: Option<Duration>,
}

/// How a unit ended well.
pub(in crate::engine) enum Succeeded {
    /// On a thread, at the first attempt, after so long. Most do, and then there is no more to say.
    Plain(Duration),
    /// In any other way.
    Told(Box<ParallelFlowResult>),
}
