//! `ctx`: what a node's Rust can ask about the branch that it runs in.

use std::sync::Arc;

use crate::cancel::CancellationToken;

/// `ctx` in a node's Rust.
#[derive(Debug, Clone)]
pub struct Context {
    branch: Arc<str>,
    attempt: u32,
    token: CancellationToken,
}

impl Context {
    /// A context for `branch`, whose attempt (from 1) this is.
    #[must_use]
    pub fn new(branch: Arc<str>, attempt: u32, token: CancellationToken) -> Self {
        Self { branch, attempt, token }
    }

    /// The name of the branch that runs; the workflow's name outside of any.
    #[must_use]
    pub fn branch(&self) -> &str {
        &self.branch
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

    /// The token behind this context.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
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
