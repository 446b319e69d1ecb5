//! `ctx`: what a node's Rust can ask about the branch that it runs in.

use std::sync::Arc;

use crate::{
    cancel::CancellationToken,
    engine::Run,
    event::{Event, Events, Scope},
    executor::thread::Seat,
};

/// `ctx` in a node's Rust.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) run: Arc<Run>,
    pub(crate) token: CancellationToken,
    pub(crate) scope: Scope,
    pub(crate) node: &'static str,
    /// Its place, if it runs on a thread of its own since it may be left behind.
    pub(crate) seat: Option<Seat>,
    attempt: u32,
    branch: &'static str,
}

impl Context {
    /// A context for `branch`, whose attempt (from 1) this is.
    pub(crate) fn new(
        run: Arc<Run>,
        branch: &'static str,
        scope: Scope,
        attempt: u32,
        token: CancellationToken,
    ) -> Self {
        Self { run, token, scope, node: branch, seat: None, attempt, branch }
    }

    /// Makes it that of another attempt at a branch of the same fan-out, once this one has ended.
    pub(crate) fn renew(&mut self, branch: &'static str, scope: Scope, attempt: u32) {
        (self.branch, self.node, self.scope, self.attempt) = (branch, branch, scope, attempt);
    }

    /// The same, on a thread of its own.
    pub(crate) fn seated(self, seat: Seat) -> Self {
        Self { seat: Some(seat), ..self }
    }

    /// The name of the branch or map that runs; the workflow's name outside of any.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.branch
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the branch was told to end. Long work asks now and then, and returns.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// `Err` if the branch was told to end: `ctx.check()?` in a loop makes it cancellable.
    ///
    /// # Errors
    /// If the branch was told to end.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Tells how far the node is: `done` of `total`, which is 0 where it is not known. Free if nobody listens.
    ///
    /// A worker process passes it on a few times a second at most, and always when all is done.
    pub fn progress(&self, done: u64, total: u64) {
        let (scope, node) = (self.scope, self.node);
        self.run.events.emit(|| Event::Progress { scope, node, done, total });
    }

    /// The token behind this context.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub(crate) fn events(&self) -> &Events {
        &self.run.events
    }
}

/// The error of [`Context::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {}
