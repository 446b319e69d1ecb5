//! The circuit breakers of a run. They count failures of the whole run, wherever a fan-out runs: a worker process asks
//! its parent, which either has them or asks its own parent.

use std::{fmt, sync::mpsc, time::Instant};

use serde::{Deserialize, Serialize};

use crate::{
    policy::{CircuitBreaker, CircuitBreakerConfig},
    result::CircuitState,
};

/// Identifies a breaker: the region or map, and the branch in it (0 for a map).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct BreakerAt {
    pub(crate) site: u32,
    pub(crate) index: u32,
}

/// A question or a report to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BreakerCall {
    /// Asks whether an attempt may be made now. If so, one of the others follows.
    Allows,
    /// The attempt succeeded.
    Succeeded,
    /// The attempt failed.
    Failed,
    /// The attempt was cancelled.
    Withdrawn,
}

/// The answer of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BreakerAnswer {
    pub(crate) allowed: bool,
    pub(crate) state: CircuitState,
    /// The new state, if it has changed since the last answer.
    pub(crate) changed: bool,
}

/// Receives an answer. It may only pass it on, and runs no code of the engine or the user.
pub(crate) type Reply = Box<dyn FnOnce(BreakerAnswer) + Send>;

/// The process that has the breakers of this process's run.
pub(crate) trait BreakerUpstream: Send + Sync {
    /// Asks, and calls `reply` with the answer.
    fn ask(&self, run: u64, at: BreakerAt, call: BreakerCall, reply: Reply);
}

/// The circuit breakers of a run.
pub(crate) enum Breakers {
    /// By site and branch.
    Here(Vec<Vec<Option<CircuitBreaker>>>),
    /// The breakers of the run with this number in the parent.
    Upstream(u64, Box<dyn BreakerUpstream>),
}

impl Breakers {
    /// Closed breakers, by site and branch.
    pub(crate) fn new(configs: impl IntoIterator<Item = Vec<Option<CircuitBreakerConfig>>>) -> Self {
        let site = |configs: Vec<Option<CircuitBreakerConfig>>| {
            configs.into_iter().map(|config| config.map(CircuitBreaker::new)).collect()
        };
        Self::Here(configs.into_iter().map(site).collect())
    }

    /// Sends a question or report to a breaker, and waits for the answer.
    pub(crate) fn call(&self, at: BreakerAt, call: BreakerCall) -> BreakerAnswer {
        let (tell, told) = mpsc::sync_channel(1);
        self.call_later(at, call, Box::new(move |answer| _ = tell.send(answer)));
        // The parent is gone, and this process is about to end.
        let gone = BreakerAnswer { allowed: false, state: CircuitState::Open, changed: false };
        told.recv().unwrap_or(gone)
    }

    /// Like [`call`](Self::call), without waiting.
    pub(crate) fn call_later(&self, at: BreakerAt, call: BreakerCall, reply: Reply) {
        match self {
            Self::Here(breakers) => reply(breakers.get(at.site as usize).map_or(CLOSED, |site| answer(site, at, call))),
            Self::Upstream(run, upstream) => upstream.ask(*run, at, call, reply),
        }
    }
}

const CLOSED: BreakerAnswer = BreakerAnswer { allowed: true, state: CircuitState::Closed, changed: false };

fn answer(site: &[Option<CircuitBreaker>], at: BreakerAt, call: BreakerCall) -> BreakerAnswer {
    let Some(Some(breaker)) = site.get(at.index as usize) else { return CLOSED };
    let now = Instant::now();
    let mut allowed = true;
    match call {
        BreakerCall::Allows => allowed = breaker.allows(now),
        BreakerCall::Succeeded => breaker.succeeded(),
        BreakerCall::Failed => breaker.failed(now),
        BreakerCall::Withdrawn => breaker.withdrawn(),
    }
    let news = breaker.news();
    BreakerAnswer { allowed, state: news.unwrap_or_else(|| breaker.state()), changed: news.is_some() }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers").finish_non_exhaustive()
    }
}
