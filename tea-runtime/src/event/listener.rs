//! What receives events.

use serde::{Deserialize, Serialize};

use super::Event;

/// Receives events, on the thread on which they happen, so it must be fast. A listener that panics is not called again,
/// and the run fails at its end.
///
/// Every closure `Fn(&Event<'_>) + Send + Sync` is a listener.
pub trait Listener: Send + Sync {
    /// Called when something has just happened. Events of nodes in workers may be a quarter of a second old, and
    /// contain the time.
    fn on_event(&self, event: &Event<'_>);

    /// What it wants to know about nodes in worker processes; everything by default. Called when the run first reaches
    /// a branch that runs in a worker.
    fn wants(&self) -> Detail {
        Detail::ALL
    }
}

impl<F: Fn(&Event<'_>) + Send + Sync> Listener for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// What is reported about nodes in worker processes. Each of these events is a message to this process, so events that
/// no listener wants are not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// [`Event::NodeStarted`] and [`Event::NodeFinished`].
    pub nodes: bool,
    /// [`Event::Progress`].
    pub progress: bool,
}

impl Detail {
    /// Everything.
    pub const ALL: Self = Self { nodes: true, progress: true };

    /// Nothing.
    pub const NONE: Self = Self { nodes: false, progress: false };
}
