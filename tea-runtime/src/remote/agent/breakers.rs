//! The circuit breakers of the runs, which are in the program that started this agent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::outbox::Outbox;
use crate::{
    executor::breakers::{BreakerAnswer, BreakerAt, BreakerCall, BreakerUpstream, Reply},
    remote::message::FromAgent,
};

/// Questions that wait for an answer.
pub(super) struct Asks {
    outbox: Arc<Outbox>,
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, Reply>>,
}

impl Asks {
    pub(super) fn new(outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self { outbox, last: AtomicU64::new(0), waiting: Mutex::default() })
    }

    /// Passes on the answer to question number `ask`.
    pub(super) fn answered(&self, ask: u64, answer: BreakerAnswer) {
        let reply = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&ask);
        if let Some(reply) = reply {
            reply(answer);
        }
    }
}

impl BreakerUpstream for Arc<Asks> {
    fn ask(&self, run: u64, at: BreakerAt, call: BreakerCall, reply: Reply) {
        let ask = self.last.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(ask, reply);
        self.outbox.send(&FromAgent::Breaker { ask, run, at, call }, Vec::new());
    }
}
