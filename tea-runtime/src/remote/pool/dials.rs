//! Limits how many agents are being started at once: an ssh server refuses connections when too many have not logged in yet.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The agents that are being started.
#[derive(Debug)]
pub(super) struct Dials {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    closed: bool,
}

/// The right to start an agent, until that has come.
#[derive(Debug)]
pub(super) struct Dial<'a>(&'a Dials);

impl Dials {
    /// At most so many at once.
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::new(State { free: most, closed: false }), changed: Condvar::new() }
    }

    /// Waits until one more may be started. `None` if that is not needed any more.
    pub(super) fn dial(&self) -> Option<Dial<'_>> {
        let mut state = self.lock();
        while state.free == 0 && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        state.free -= 1;
        Some(Dial(self))
    }

    /// No more are started.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Dial<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_allowed_are_under_way() {
        let dials = Dials::new(2);
        let (one, two) = (dials.dial(), dials.dial());
        assert!(one.is_some() && two.is_some());
        std::thread::scope(|scope| {
            let third = scope.spawn(|| dials.dial().is_some());
            drop(one);
            assert!(third.join().unwrap());
            let fourth = scope.spawn(|| (dials.dial(), dials.dial(), dials.dial()).2.is_some());
            dials.close();
            assert!(!fourth.join().unwrap());
        });
        drop(two);
    }
}
