//! Cooperative cancellation.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU8, Ordering},
};

/// Why something was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The caller or a signal asked for it.
    Requested = 1,
    /// Another branch failed under `fail_fast`.
    Sibling = 2,
    /// The deadline passed.
    Timeout = 3,
}

/// Tells a run, branch or item to end. Cheap to clone; a child is cancelled with its parent.
#[derive(Debug, Clone, Default)]
pub struct CancellationToken(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: AtomicU8,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    children: Vec<Weak<Inner>>,
    callbacks: Vec<Box<dyn FnOnce(CancelReason) + Send>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("state", &self.state).finish_non_exhaustive()
    }
}

impl CancellationToken {
    /// A token that nothing has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, or alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        match self.reason() {
            Some(reason) => {
                drop(listeners);
                child.cancel_for(reason);
            }
            None => {
                listeners.children.retain(|child| child.strong_count() > 0);
                listeners.children.push(Arc::downgrade(&child.0));
            }
        }
        child
    }

    /// Cancels it, its children, and what they run.
    pub fn cancel(&self) {
        self.cancel_for(CancelReason::Requested);
    }

    /// Whether it is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why it is cancelled, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        match self.0.state.load(Ordering::Acquire) {
            0 => None,
            1 => Some(CancelReason::Requested),
            2 => Some(CancelReason::Sibling),
            _ => Some(CancelReason::Timeout),
        }
    }

    pub(crate) fn cancel_for(&self, reason: CancelReason) {
        let listeners = {
            let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            if self.is_cancelled() {
                return;
            }
            self.0.state.store(reason as u8, Ordering::Release);
            std::mem::take(&mut *listeners)
        };
        for callback in listeners.callbacks {
            callback(reason);
        }
        for child in listeners.children.iter().filter_map(Weak::upgrade) {
            Self(child).cancel_for(reason);
        }
    }

    /// Calls `callback` once it is cancelled; at once if it already is.
    pub(crate) fn on_cancel(&self, callback: impl FnOnce(CancelReason) + Send + 'static) {
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        match self.reason() {
            Some(reason) => {
                drop(listeners);
                callback(reason);
            }
            None => listeners.callbacks.push(Box::new(callback)),
        }
    }
}
