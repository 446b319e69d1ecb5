//! How much may run at once in a run, in all of its threads and worker processes: the jobserver of `make`, in small.
//!
//! Whatever runs the user's code for a unit holds a token: a thread, or a worker process as long as it has something to
//! run. Who waits for a fan-out of its own [lends](lend) its token, so that nesting cannot deadlock: somebody can always
//! run what is waited for. In a worker process there is the worker's own token, which its parent counts, and beyond it
//! what the parent grants on request and gets back as soon as nobody here waits for one.
//!
//! A token that comes back is handed to whoever has waited longest. Whoever gets one that is no longer needed drops it,
//! which hands it to the next. So a token is free only while nobody waits.

use std::{cell::RefCell, collections::VecDeque, fmt, sync::Arc};

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The tokens of a run.
pub(crate) struct Tokens {
    state: Mutex<State>,
    upstream: Option<Box<dyn Upstream>>,
}

#[derive(Default)]
struct State {
    /// None, as long as somebody waits.
    free: usize,
    waiting: VecDeque<Waiting>,
    /// Asked for upstream, and not granted yet.
    requested: usize,
    /// Granted from upstream, and not given back.
    granted: usize,
}

/// Who waits for a token.
enum Waiting {
    /// A thread that sleeps. It has a token once this is taken out of the queue.
    Thread(Arc<Condvar>),
    /// Somebody who does something else meanwhile.
    Later(Taker),
}

/// Takes a token that was waited for. It only passes it on: it runs on any thread.
pub(crate) type Taker = Box<dyn FnOnce(Token) + Send>;

/// Whoever grants tokens to this process.
pub(crate) trait Upstream: Send + Sync {
    /// Asks for a token, which [`Tokens::grant`] brings.
    fn request(&self);

    /// Gives a granted token back.
    fn give_back(&self);
}

/// The right to run something. Dropped, it goes to whoever waits for one.
pub(crate) struct Token(Arc<Tokens>);

impl Token {
    /// Whether it is one of these.
    pub(crate) fn is_of(&self, tokens: &Arc<Tokens>) -> bool {
        Arc::ptr_eq(&self.0, tokens)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let state = self.0.lock();
        self.0.hand_on(state);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Tokens {
    /// So many tokens, all free.
    pub(crate) fn new(free: usize, upstream: Option<Box<dyn Upstream>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free, ..State::default() }), upstream })
    }

    /// Takes a token, waiting for it if none is free.
    pub(crate) fn acquire(self: &Arc<Self>) -> Token {
        let turn = Arc::new(Condvar::new());
        if let Some(token) = self.take_or_wait(|| Waiting::Thread(Arc::clone(&turn))) {
            return token;
        }
        let mut state = self.lock();
        let is_this = |waiting: &Waiting| matches!(waiting, Waiting::Thread(other) if Arc::ptr_eq(other, &turn));
        while state.waiting.iter().any(is_this) {
            state = turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Token(Arc::clone(self))
    }

    /// Takes a token if one is free.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Token> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Token(Arc::clone(self)))
    }

    /// Has `take` called with a token: at once if one is free, else when it is its turn.
    pub(crate) fn acquire_later(self: &Arc<Self>, take: Taker) {
        let mut take = Some(take);
        let token = self.take_or_wait(|| Waiting::Later(take.take().expect("it waits once")));
        if let (Some(token), Some(take)) = (token, take) {
            take(token);
        }
    }

    /// A token that was requested upstream has come.
    pub(crate) fn grant(self: &Arc<Self>) {
        let mut state = self.lock();
        state.requested = state.requested.saturating_sub(1);
        state.granted += 1;
        self.hand_on(state);
    }

    /// Takes a token if one is free. Else this waits, and upstream is asked for another, if those on their way are fewer
    /// than those who wait.
    fn take_or_wait(self: &Arc<Self>, waiting: impl FnOnce() -> Waiting) -> Option<Token> {
        let mut state = self.lock();
        if let Some(left) = state.free.checked_sub(1) {
            state.free = left;
            return Some(Token(Arc::clone(self)));
        }
        state.waiting.push_back(waiting());
        if let Some(upstream) = &self.upstream
            && state.requested < state.waiting.len()
        {
            state.requested += 1;
            drop(state);
            upstream.request();
        }
        None
    }

    /// A token is held by nobody: it is for whoever has waited longest, else for upstream if it came from there.
    fn hand_on(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        match (state.waiting.pop_front(), &self.upstream) {
            (Some(Waiting::Thread(turn)), _) => {
                drop(state);
                turn.notify_one();
            }
            (Some(Waiting::Later(take)), _) => {
                drop(state);
                take(Token(Arc::clone(self)));
            }
            (None, Some(upstream)) if state.granted > 0 => {
                state.granted -= 1;
                drop(state);
                upstream.give_back();
            }
            (None, _) => state.free += 1,
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

/// A token that a thread holds while it runs a unit. It can be lent, and taken away for good. Dropped, it gives the token
/// back, if it is held; the place stays the thread's.
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

enum LeaseState {
    Held(Token),
    Lent,
    /// The unit was left behind: what still runs of it holds nothing.
    Revoked,
}

impl Lease {
    /// Waits for a token, and holds it.
    pub(crate) fn acquire(tokens: Arc<Tokens>, place: Option<Arc<dyn Place>>) -> Arc<Self> {
        let state = LeaseState::Held(tokens.acquire());
        Arc::new(Self { tokens, state: Mutex::new(state), place })
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
        matches!(*self.lock(), LeaseState::Revoked)
    }

    fn lend(&self) {
        self.change(LeaseState::Lent);
    }

    fn take_back(&self) {
        if self.is_revoked() {
            return;
        }
        let token = self.tokens.acquire();
        let mut state = self.lock();
        if matches!(*state, LeaseState::Revoked) {
            // It was taken away while this thread waited. The token must not be dropped under the lock.
            drop(state);
            return drop(token);
        }
        *state = LeaseState::Held(token);
        drop(state);
        self.place.iter().for_each(|place| place.taken_again());
    }

    fn change(&self, to: LeaseState) {
        let mut state = self.lock();
        if matches!(*state, LeaseState::Revoked) {
            // What has been taken away stays so.
            return;
        }
        let before = std::mem::replace(&mut *state, to);
        drop(state);
        if let LeaseState::Held(token) = before {
            drop(token);
            self.place.iter().for_each(|place| place.left());
        }
    }

    fn lock(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
