//! How much may run at once in a run, in all of its threads and worker processes: the jobserver of `make`, in small.
//!
//! Whatever runs the user's code for a unit holds a token: a thread, or a worker process as long as it has something to
//! run. Who waits for a fan-out of its own [lends](lend) its token, so that nesting cannot deadlock: somebody can always
//! run what is waited for. In a worker process there is the worker's own token, which its parent counts, and beyond it
//! what the parent grants on request and gets back as soon as nobody here has a use for it.

use std::{cell::RefCell, fmt, sync::Arc};

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The tokens of a run.
pub(crate) struct Tokens {
    state: Mutex<State>,
    freed: Condvar,
    upstream: Option<Box<dyn Upstream>>,
}

#[derive(Default)]
struct State {
    free: usize,
    /// Threads that wait for a token here.
    blocked: usize,
    /// Asked for upstream, and not granted yet.
    requested: usize,
    /// Granted from upstream, and not given back.
    granted: usize,
    /// Who is told when a token is free that no thread waits for.
    wakers: Vec<Waker>,
}

/// Told, once, that a token may be free. It only wakes somebody: it runs under no lock, and on any thread.
pub(crate) type Waker = Box<dyn FnOnce() + Send>;

/// Whoever grants tokens to this process.
pub(crate) trait Upstream: Send + Sync {
    /// Asks for a token, which [`Tokens::grant`] brings.
    fn request(&self);

    /// Gives a granted token back.
    fn give_back(&self);
}

impl Tokens {
    /// So many tokens, all free.
    pub(crate) fn new(free: usize, upstream: Option<Box<dyn Upstream>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free, ..State::default() }), freed: Condvar::new(), upstream })
    }

    /// Takes a token, waiting for it if none is free.
    pub(crate) fn acquire(&self) {
        let mut state = self.lock();
        while state.free == 0 {
            state.blocked += 1;
            state = self.request(state);
            if state.free == 0 {
                state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.blocked -= 1;
        }
        state.free -= 1;
    }

    /// Takes a token if one is free. Otherwise the waker, unless there is one already, is called when that may have changed.
    pub(crate) fn try_acquire(&self, waker: impl FnOnce() -> Option<Waker>) -> bool {
        let mut state = self.lock();
        if state.free > state.blocked {
            state.free -= 1;
            return true;
        }
        state.wakers.extend(waker());
        drop(self.request(state));
        false
    }

    /// Gives a token back.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.free += 1;
        self.settle(state);
    }

    /// A token that was requested upstream has come.
    pub(crate) fn grant(&self) {
        let mut state = self.lock();
        state.requested = state.requested.saturating_sub(1);
        state.granted += 1;
        state.free += 1;
        self.settle(state);
    }

    /// Asks upstream for one token more than are on their way, if somebody waits whom those do not serve.
    fn request<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(upstream) = &self.upstream else { return state };
        if state.requested < state.blocked + state.wakers.len() {
            state.requested += 1;
            drop(state);
            upstream.request();
            state = self.lock();
        }
        state
    }

    /// A token has become free: it is for a thread that waits, else for whoever wants to be told, else for upstream.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        if state.free <= state.blocked {
            drop(state);
            return self.freed.notify_one();
        }
        let wakers = std::mem::take(&mut state.wakers);
        let surplus = wakers.is_empty() && state.granted > 0;
        if surplus {
            state.granted -= 1;
            state.free -= 1;
        }
        drop(state);
        for waker in wakers {
            waker();
        }
        if let (true, Some(upstream)) = (surplus, &self.upstream) {
            upstream.give_back();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

/// A token that a thread holds while it runs a unit. It can be lent, and taken away for good.
pub(crate) struct Lease {
    tokens: Arc<Tokens>,
    state: Mutex<LeaseState>,
    place: Option<Arc<dyn Place>>,
}

/// The place that a thread has in an executor, which goes with its token.
pub(crate) trait Place: Send + Sync {
    /// The thread waits, or was left behind: another may have its place.
    fn left(&self);

    /// The thread goes on.
    fn taken_again(&self);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseState {
    Held,
    Lent,
    /// The unit was left behind: what still runs of it holds nothing.
    Revoked,
}

impl Lease {
    /// Waits for a token, and holds it.
    pub(crate) fn acquire(tokens: Arc<Tokens>, place: Option<Arc<dyn Place>>) -> Arc<Self> {
        tokens.acquire();
        Arc::new(Self { tokens, state: Mutex::new(LeaseState::Held), place })
    }

    /// Whose token it is.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Takes the token away, and the place with it. Neither will be held again.
    pub(crate) fn revoke(&self) {
        self.change(LeaseState::Revoked);
    }

    /// Whether it has been taken away.
    pub(crate) fn is_revoked(&self) -> bool {
        *self.lock() == LeaseState::Revoked
    }

    fn lend(&self) {
        self.change(LeaseState::Lent);
    }

    fn take_back(&self) {
        if self.is_revoked() {
            return;
        }
        self.tokens.acquire();
        let mut state = self.lock();
        if *state == LeaseState::Revoked {
            // It was taken away while this thread waited.
            drop(state);
            return self.tokens.release();
        }
        *state = LeaseState::Held;
        drop(state);
        self.place.iter().for_each(|place| place.taken_again());
    }

    fn change(&self, to: LeaseState) {
        let mut state = self.lock();
        let before = *state;
        // What has been taken away stays so.
        if before != LeaseState::Revoked {
            *state = to;
        }
        drop(state);
        if before == LeaseState::Held {
            self.tokens.release();
            self.place.iter().for_each(|place| place.left());
        }
    }

    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    /// Gives the token back, if it is held; the place stays the thread's.
    fn drop(&mut self) {
        if *self.lock() == LeaseState::Held {
            self.tokens.release();
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

thread_local! {
    /// The lease of what this thread runs.
    static CURRENT: RefCell<Option<Arc<Lease>>> = const { RefCell::new(None) };
}

/// Says by which lease this thread runs what it runs from now on. Gives the one before.
pub(crate) fn set_current(lease: Option<Arc<Lease>>) -> Option<Arc<Lease>> {
    CURRENT.replace(lease)
}

/// Lends this thread's token, if it holds one, until what this gives is dropped; that waits for a token again.
pub(crate) fn lend() -> Lent {
    let lease = CURRENT.with_borrow(Clone::clone);
    if let Some(lease) = &lease {
        lease.lend();
    }
    Lent(lease)
}

/// A token is lent as long as this lives.
pub(crate) struct Lent(Option<Arc<Lease>>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.iter().for_each(|lease| lease.take_back());
    }
}
