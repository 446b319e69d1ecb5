//! `ctx`: what a node's Rust can ask about the branch that it runs in.

use crate::{
    cancel::{CancellationToken, Cancelled},
    event::{Event, Events, Scope},
};

/// `ctx` in a node's Rust.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) events: Events,
    pub(crate) token: CancellationToken,
    pub(crate) scope: Scope,
    pub(crate) node: &'static str,
    attempt: u32,
    branch: &'static str,
}

impl Context {
    /// A context for `branch`, whose attempt (from 1) this is.
    pub(crate) fn new(
        events: Events,
        branch: &'static str,
        scope: Scope,
        attempt: u32,
        token: CancellationToken,
    ) -> Self {
        Self { events, token, scope, node: branch, attempt, branch }
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
        self.events.emit(|| Event::Progress { scope, node, done, total });
    }

    /// The token behind this context.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
