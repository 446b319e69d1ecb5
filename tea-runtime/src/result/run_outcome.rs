//! How a run ended, as its `finally` sees it.

/// How a run ended: `outcome` in the Rust of `finally`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunOutcome {
    /// All of its nodes are done.
    Success,
    /// A node or branch failed.
    Failed {
        /// Why, in one sentence.
        message: String,
    },
    /// It was cancelled, for example by Ctrl-C, or was told to stop after a node (`--until`).
    Cancelled,
    /// It waits for answers to questions, and goes on when it is resumed with them.
    Waiting,
}

impl RunOutcome {
    /// Whether all nodes are done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Success
    }

    /// Whether the run was cancelled, or told to stop after a node.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self == Self::Cancelled
    }

    /// Whether the run waits for answers to questions.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        *self == Self::Waiting
    }

    /// Why the run failed, if it did.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Failed { message } => Some(message),
            Self::Success | Self::Cancelled | Self::Waiting => None,
        }
    }
}

impl std::fmt::Display for RunOutcome {
    /// `success`, `cancelled`, `waiting`, or `failed: ` and why.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Failed { message } => write!(f, "failed: {message}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Waiting => f.write_str("waiting"),
        }
    }
}
