//! The completion queue: where whoever runs units leaves what became of them, and goes on with its own work.
//!
//! There is one queue a fan-out. Any thread pushes, none waits for room; the driver of the fan-out alone takes out. A
//! push never runs code of the engine or the user, so the depth of the stack does not depend on what is pushed.
//!
//! # Why no wake-up is lost
//!
//! To be woken costs more than a short unit, so the driver says how many messages it waits for. Everything that decides
//! whether it must wake (`messages`, `nudged`, and what it waits for) changes only under the lock. A push that makes the
//! driver's condition true notifies; the driver looks at the condition under the same lock before it sleeps. So either
//! the push comes first, and the driver sees it, or the driver sleeps first, and the push sees that it waits.

use std::time::Instant;

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Messages for one driver.
#[derive(Debug)]
pub(crate) struct CompletionQueue<T> {
    state: Mutex<State<T>>,
    there: Condvar,
}

#[derive(Debug)]
struct State<T> {
    messages: Vec<T>,
    /// The driver is to look around, whatever has been pushed.
    nudged: bool,
    /// How many messages the driver sleeps for; `None` while it is awake.
    wanted: Option<usize>,
}

impl<T> Default for CompletionQueue<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { messages: Vec::new(), nudged: false, wanted: None }), there: Condvar::new() }
    }
}

impl<T> CompletionQueue<T> {
    /// Leaves a message. One that is `urgent` wakes the driver however many it waits for.
    pub(crate) fn push(&self, message: T, urgent: bool) {
        let mut state = self.lock();
        state.messages.push(message);
        state.nudged |= urgent;
        self.wake(state);
    }

    /// Has the driver look around, as when its fan-out is cancelled.
    pub(crate) fn nudge(&self) {
        let mut state = self.lock();
        state.nudged = true;
        self.wake(state);
    }

    /// How many messages lie here.
    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Waits until `wanted` messages are here, an urgent one is, the queue is nudged, or `until` has come; then moves all
    /// messages to `into`, which must be empty.
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
        // Whoever is woken wants the lock.
        drop(state);
        if wakes {
            self.there.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
