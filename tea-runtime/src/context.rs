//! `ctx`: what the Rust of a node can learn about the branch that it runs in.

use crate::{
    cancel::{CancellationToken, Cancelled},
    event::{Event, Events, Scope},
};

/// `ctx` in the Rust of a node.
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
    /// A context for an attempt at `branch`, counted from 1.
    pub(crate) fn new(
        events: Events,
        branch: &'static str,
        scope: Scope,
        attempt: u32,
        token: CancellationToken,
    ) -> Self {
        Self { events, token, scope, node: branch, attempt, branch }
    }

    /// The name of the branch or map that is running, or the name of the workflow outside of any.
    #[must_use]
    pub fn branch(&self) -> &str {
        self.branch
    }

    /// The number of this attempt, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the branch has been told to end. Long-running code should check this from time to time, and return
    /// early.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns an error if the branch has been told to end. `ctx.check()?` in a loop makes the loop cancellable.
    ///
    /// # Errors
    /// If the branch has been told to end.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Reports progress: `done` out of `total`, which is 0 if it is unknown. Costs nothing if there is no listener.
    ///
    /// A worker process sends at most a few reports per second, and always the one with which everything is done.
    pub fn progress(&self, done: u64, total: u64) {
        let (scope, node) = (self.scope, self.node);
        self.events.emit(|| Event::Progress { scope, node, done, total });
    }

    /// The cancellation token of this context.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
