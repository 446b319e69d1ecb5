//! Cooperative cancellation.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicU8, Ordering},
};

use serde::{Deserialize, Serialize};

/// The reason for a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum CancelReason {
    /// The caller or a signal requested it.
    Requested = 1,
    /// Another branch failed under `fail_fast`.
    Sibling = 2,
    /// The deadline passed.
    Timeout = 3,
    /// Enough other branches have succeeded, as `join` says.
    NotNeeded = 4,
}

/// The error of [`Context::check`](crate::context::Context::check).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {
    /// `Ending`, by which it is known also within a wrapper that hides its type but not its source, as `anyhow` does.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&Ending)
    }
}

/// What marks a chain of causes as that of a cancellation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending;

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it was told to end")
    }
}

impl std::error::Error for Ending {}

/// Tells a run, branch or item to end. It is cheap to clone, and is cancelled when its parent is.
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
    /// The number of children at which those that have been dropped are removed.
    room: usize,
    callbacks: Vec<Box<dyn FnOnce(CancelReason) + Send>>,
}

impl Listeners {
    /// Looks for dropped children only when their number has doubled since the last time, so the cost per child is
    /// constant.
    fn adopt(&mut self, child: Weak<Inner>) {
        if self.children.len() >= self.room {
            self.children.retain(|child| child.strong_count() > 0);
            self.room = 2 * self.children.len().max(8);
        }
        self.children.push(child);
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("state", &self.state).finish_non_exhaustive()
    }
}

impl CancellationToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled when this one is, and can also be cancelled alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = self.reason() {
            drop(listeners);
            child.cancel_for(reason);
        } else {
            listeners.adopt(Arc::downgrade(&child.0));
        }
        child
    }

    /// Cancels this token, its children, and what they run.
    pub fn cancel(&self) {
        self.cancel_for(CancelReason::Requested);
    }

    /// Whether this token is cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Why this token is cancelled, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<CancelReason> {
        match self.0.state.load(Ordering::Acquire) {
            0 => None,
            1 => Some(CancelReason::Requested),
            2 => Some(CancelReason::Sibling),
            3 => Some(CancelReason::Timeout),
            _ => Some(CancelReason::NotNeeded),
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

    /// Calls `callback` when this token is cancelled, or at once if it already is.
    pub(crate) fn on_cancel(&self, callback: impl FnOnce(CancelReason) + Send + 'static) {
        let mut listeners = self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = self.reason() {
            drop(listeners);
            callback(reason);
        } else {
            listeners.callbacks.push(Box::new(callback));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn children_are_cancelled_with_their_parent_but_not_the_other_way() {
        let parent = CancellationToken::new();
        let (child, sibling) = (parent.child(), parent.child());
        let grandchild = child.child();
        child.cancel_for(CancelReason::Sibling);
        assert_eq!(grandchild.reason(), Some(CancelReason::Sibling));
        assert!(!parent.is_cancelled() && !sibling.is_cancelled());
        parent.cancel();
        assert_eq!(sibling.reason(), Some(CancelReason::Requested));
        assert_eq!(child.reason(), Some(CancelReason::Sibling), "the first reason stays");
        assert!(parent.child().is_cancelled());
    }

    #[test]
    fn callbacks_are_called_once_also_when_late() {
        let (token, calls) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let calls = Arc::clone(&calls);
            move |_| _ = calls.fetch_add(1, Ordering::Relaxed)
        };
        token.on_cancel(count());
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        token.cancel();
        token.cancel();
        token.on_cancel(count());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn children_that_are_gone_leave_nothing_behind() {
        let parent = CancellationToken::new();
        let kept: Vec<_> = (0..10_000).map(|_| parent.child()).collect();
        (0..100_000).for_each(|_| drop(parent.child()));
        assert!(parent.0.listeners.lock().unwrap().children.len() <= 2 * kept.len() + 1);
        parent.cancel();
        assert!(kept.iter().all(CancellationToken::is_cancelled));
    }
}
