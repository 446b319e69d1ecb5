//! Limits how much runs at once in a run, in all of its threads and worker processes, like the jobserver of `make`.
//!
//! Whatever runs user code for a unit holds a token: a thread, or a worker process as long as it has something to run.
//! A thread that waits for a nested fan-out [lends](lend) its token. So nesting cannot deadlock: there is always a
//! token for what is waited for. A worker process has its own token, which its parent counts, and any others that the
//! parent grants on request. These are returned as soon as nobody in the worker waits for one.
//!
//! A token that is returned is handed to a thread that has lent its own and wants to continue, or else to something that
//! is to begin, first of all to what belongs to an item of a map that has begun; of each, to whoever has waited longest. So
//! what has begun is ended before more is begun. Nobody starves: what has begun is finite, holds a token only while it runs,
//! and waits for one only if others run. If a token is no longer needed where it arrives, it is dropped, which hands it to the
//! next in line. So a token is free only while nobody waits.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The tokens of a run.
pub(crate) struct Tokens {
    state: Mutex<State>,
    upstream: Option<Box<dyn Upstream>>,
    /// The turn of what waits in front, and 0 if nothing does. It is read without the lock, before each unit.
    front: AtomicU32,
}

#[derive(Default)]
struct State {
    /// Free tokens; there are none while somebody waits.
    free: usize,
    /// What waits, in the order in which it gets tokens.
    waiting: VecDeque<(Turn, Waiting)>,
    /// Tokens that have been requested upstream and not yet granted.
    requested: usize,
    /// Tokens that upstream has granted and that have not been returned.
    granted: usize,
}

/// What a token is wanted for. What is greater goes first; it is never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u32);

impl Turn {
    /// Something that has begun, and lent its token.
    const CONTINUES: Self = Self(u32::MAX);

    /// Something new, which is a part of so many items of maps.
    fn begins(depth: u32) -> Self {
        Self(depth.saturating_add(1).min(u32::MAX - 1))
    }
}

/// Something that waits for a token.
enum Waiting {
    /// A sleeping thread. It has a token once this is removed from the queue.
    Thread(Arc<Condvar>),
    /// A callback, for something that does other work in the meantime.
    Later(Taker),
}

/// Receives a token. It may only pass it on, because it runs on any thread.
pub(crate) type Taker = Box<dyn FnOnce(Token) + Send>;

/// The source that grants tokens to this process.
pub(crate) trait Upstream: Send + Sync {
    /// Requests a token, which arrives through [`Tokens::grant`].
    fn request(&self);

    /// Returns a granted token.
    fn give_back(&self);
}

/// The right to run something. When dropped, it goes to whoever waits for one.
pub(crate) struct Token(Arc<Tokens>);

impl Token {
    /// Whether it belongs to these tokens.
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
    /// A number of tokens, all of them free.
    pub(crate) fn new(free: usize, upstream: Option<Box<dyn Upstream>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free, ..State::default() }), upstream, front: AtomicU32::new(0) })
    }

    /// Takes a token, and waits if none is free.
    fn acquire(self: &Arc<Self>, turn: Turn) -> Token {
        let called = Arc::new(Condvar::new());
        if let Some(token) = self.take_or_wait(turn, || Waiting::Thread(Arc::clone(&called))) {
            return token;
        }
        let mut state = self.lock();
        let is_this =
            |waiting: &(Turn, Waiting)| matches!(&waiting.1, Waiting::Thread(other) if Arc::ptr_eq(other, &called));
        while state.waiting.iter().any(is_this) {
            state = called.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Token(Arc::clone(self))
    }

    /// Takes a token if one is free.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Token> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Token(Arc::clone(self)))
    }

    /// Calls `take` with a token for something that is a part of so many items: at once if one is free, otherwise when it is its
    /// turn.
    pub(crate) fn acquire_later(self: &Arc<Self>, depth: u32, take: Taker) {
        let mut take = Some(take);
        let token = self.take_or_wait(Turn::begins(depth), || Waiting::Later(take.take().expect("it waits once")));
        if let (Some(token), Some(take)) = (token, take) {
            take(token);
        }
    }

    /// Receives a token that was requested upstream.
    pub(crate) fn grant(self: &Arc<Self>) {
        let mut state = self.lock();
        state.requested = state.requested.saturating_sub(1);
        state.granted += 1;
        self.hand_on(state);
    }

    /// Takes a token if one is free. Otherwise adds `waiting` to those who wait, and requests a token from upstream if fewer
    /// have been requested than are waited for.
    fn take_or_wait(self: &Arc<Self>, turn: Turn, waiting: impl FnOnce() -> Waiting) -> Option<Token> {
        let mut state = self.lock();
        if let Some(left) = state.free.checked_sub(1) {
            state.free = left;
            return Some(Token(Arc::clone(self)));
        }
        let before = state.waiting.iter().rposition(|other| other.0 >= turn).map_or(0, |last| last + 1);
        state.waiting.insert(before, (turn, waiting()));
        self.show_front(&state);
        if let Some(upstream) = &self.upstream
            && state.requested < state.waiting.len()
        {
            state.requested += 1;
            drop(state);
            upstream.request();
        }
        None
    }

    /// Passes on a token that nobody holds: to whose turn it is, or else back upstream if it came from there.
    fn hand_on(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let next = state.waiting.pop_front().map(|(_, next)| next);
        self.show_front(&state);
        match (next, &self.upstream) {
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

    /// Whether something waits for a token that goes before what is a part of so many items and has not begun. Whoever has a
    /// token for the next such unit gives it back, instead of keeping it from one unit to the next.
    pub(crate) fn is_wanted_before(&self, depth: u32) -> bool {
        self.front.load(Ordering::Relaxed) > Turn::begins(depth).0
    }

    fn show_front(&self, state: &State) {
        self.front.store(state.waiting.front().map_or(0, |(turn, _)| turn.0), Ordering::Relaxed);
    }

    /// How many threads have lent their tokens and want to continue.
    #[cfg(test)]
    #[allow(dead_code, reason = "the model checks ask for it")]
    pub(crate) fn returning(&self) -> usize {
        self.lock().waiting.iter().filter(|(turn, _)| *turn == Turn::CONTINUES).count()
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

/// A token that a thread holds while it runs a unit. It can be lent, and taken away for good. Dropping the permit
/// returns the token if it is held; the thread keeps its place.
pub(crate) struct Permit {
    tokens: Arc<Tokens>,
    state: Mutex<PermitState>,
    place: Option<Arc<dyn Place>>,
}

/// The place of a thread in an executor, which goes with its token.
pub(crate) trait Place: Send + Sync {
    /// The thread waits or has been abandoned, so another one may have its place.
    fn left(&self);

    /// The thread continues.
    fn taken_again(&self);
}

enum PermitState {
    Held(Token),
    Lent,
    /// The unit has been abandoned: if it is still running, it holds no token.
    Revoked,
}

impl Permit {
    /// Waits for a token for a part of so many items, and holds it.
    pub(crate) fn acquire(tokens: Arc<Tokens>, depth: u32, place: Option<Arc<dyn Place>>) -> Arc<Self> {
        let state = PermitState::Held(tokens.acquire(Turn::begins(depth)));
        Arc::new(Self { tokens, state: Mutex::new(state), place })
    }

    /// The tokens that it belongs to.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Takes away the token and the place for good.
    pub(crate) fn revoke(&self) {
        self.change(PermitState::Revoked);
    }

    /// Whether it has been taken away.
    pub(crate) fn is_revoked(&self) -> bool {
        matches!(*self.lock(), PermitState::Revoked)
    }

    fn lend(&self) {
        self.change(PermitState::Lent);
    }

    fn take_back(&self) {
        if self.is_revoked() {
            return;
        }
        let token = self.tokens.acquire(Turn::CONTINUES);
        let mut state = self.lock();
        if matches!(*state, PermitState::Revoked) {
            // The permit was taken away while this thread waited. The token must not be dropped under the lock.
            drop(state);
            return drop(token);
        }
        *state = PermitState::Held(token);
        drop(state);
        self.place.iter().for_each(|place| place.taken_again());
    }

    fn change(&self, to: PermitState) {
        let mut state = self.lock();
        if matches!(*state, PermitState::Revoked) {
            // What has been taken away is not returned.
            return;
        }
        let before = std::mem::replace(&mut *state, to);
        drop(state);
        if let PermitState::Held(token) = before {
            drop(token);
            self.place.iter().for_each(|place| place.left());
        }
    }

    fn lock(&self) -> MutexGuard<'_, PermitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

thread_local! {
    /// The permit of the unit that this thread runs.
    static CURRENT: RefCell<Option<Arc<Permit>>> = const { RefCell::new(None) };
}

/// Sets the permit with which this thread runs units from now on. Returns the previous one.
pub(crate) fn set_current(permit: Option<Arc<Permit>>) -> Option<Arc<Permit>> {
    CURRENT.replace(permit)
}

/// Lends this thread's token, if it holds one, until the returned value is dropped. The drop waits for a token again.
pub(crate) fn lend() -> Lent {
    let permit = CURRENT.with_borrow(Clone::clone);
    if let Some(permit) = &permit {
        permit.lend();
    }
    Lent(permit)
}

/// Lends a token for as long as it exists.
pub(crate) struct Lent(Option<Arc<Permit>>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.iter().for_each(|permit| permit.take_back());
    }
}
