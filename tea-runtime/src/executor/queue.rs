//! The completion queue, where outcomes of units are left for the driver of their fan-out.
//!
//! There is one queue per fan-out. Any thread may push and never waits for room; only the driver of the fan-out takes
//! messages out. A push never runs code of the engine or the user, so the depth of the stack does not depend on it.
//!
//! # Why no wake-up is lost
//!
//! Being woken costs more than a short unit, so the driver says how many messages it waits for. Everything that decides
//! whether it must wake (`messages`, `nudged`, and what it waits for) changes only under the lock. A push that makes
//! the driver's condition true notifies it, and the driver checks the condition under the same lock before it sleeps.
//! So either the push comes first, and the driver sees it, or the driver sleeps first, and the push sees that it waits.

use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError, look};

/// Messages for one driver.
#[derive(Debug)]
pub(crate) struct CompletionQueue<T> {
    state: Mutex<State<T>>,
    there: Condvar,
}

#[derive(Debug)]
struct State<T> {
    messages: Vec<T>,
    /// Whether the driver should wake, whatever has been pushed.
    nudged: bool,
    /// The number of messages that the driver waits for; `None` while it is awake.
    wanted: Option<usize>,
}

impl<T> Default for CompletionQueue<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { messages: Vec::new(), nudged: false, wanted: None }), there: Condvar::new() }
    }
}

impl<T> CompletionQueue<T> {
    /// Leaves a message. An `urgent` message wakes the driver, however many it waits for.
    pub(crate) fn push(&self, message: T, urgent: bool) {
        let mut state = self.lock();
        state.messages.push(message);
        state.nudged |= urgent;
        self.wake(state);
    }

    /// Wakes the driver, for example when its fan-out is cancelled.
    pub(crate) fn nudge(&self) {
        let mut state = self.lock();
        state.nudged = true;
        self.wake(state);
    }

    /// The number of messages in the queue.
    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Looks for a moment whether `wanted` messages, an urgent message or a nudge have come, if that is `expected` so soon.
    pub(crate) fn look(&self, wanted: usize, expected: Duration) {
        look(expected, || {
            let state = self.lock();
            state.nudged || state.messages.len() >= wanted
        });
    }

    /// Waits for `wanted` messages, an urgent message, a nudge, or the time `until`. Then moves all messages to `into`,
    /// which must be empty.
    pub(crate) fn wait(&self, wanted: usize, until: Option<Instant>, into: &mut Vec<T>) {
        let mut state = self.lock();
        while !state.nudged && state.messages.len() < wanted {
            state.wanted = Some(wanted);
            state = match until {
                None => self.there.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.there.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.wanted = None;
        state.nudged = false;
        std::mem::swap(&mut state.messages, into);
    }

    fn wake(&self, state: MutexGuard<'_, State<T>>) {
        let wakes = state.wanted.is_some_and(|wanted| state.nudged || state.messages.len() >= wanted);
        // The woken thread needs the lock.
        drop(state);
        if wakes {
            self.there.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
