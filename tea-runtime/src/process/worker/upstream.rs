//! What fan-outs inside a unit request from the parent: tokens to run, and the circuit breakers of the run.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use super::{inbox::Inbox, outbox::Outbox};
use crate::{
    executor::{
        breakers::{BreakerAt, BreakerCall, BreakerUpstream, Reply},
        tokens::Upstream,
    },
    process::message::FromWorker,
};

/// The parent as the source of tokens.
pub(crate) struct TokensUpstream {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inbox: Weak<Inbox>,
}

impl Upstream for TokensUpstream {
    fn request(&self) {
        self.outbox.send(&FromWorker::TokenWanted);
        self.inbox.upgrade().iter().for_each(|inbox| inbox.want_answer());
    }

    fn give_back(&self) {
        self.outbox.send(&FromWorker::TokenReturned);
    }
}

/// The parent as the place of the circuit breakers.
#[derive(Clone)]
pub(crate) struct BreakersUpstream {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inbox: Arc<Inbox>,
}

impl BreakerUpstream for BreakersUpstream {
    fn ask(&self, run: u64, at: BreakerAt, call: BreakerCall, reply: Reply) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let ask = LAST.fetch_add(1, Ordering::Relaxed);
        self.inbox.expect_answer(ask, reply);
        self.outbox.send(&FromWorker::Breaker { ask, run, at, call });
        self.inbox.want_answer();
    }
}
