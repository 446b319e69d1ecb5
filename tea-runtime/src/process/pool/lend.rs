//! A link's thread, lent: it runs what an end leads to.
//!
//! The end of a branch may let the workflow go on: nodes run, and often the next branch is sent to the very worker that
//! brought the end. To hand that over to another thread costs a wake-up, as much as all the rest. So the link's thread
//! goes on itself, as the thread that called for the run does, if its worker has nothing to do meanwhile.
//!
//! That may take any time. As long as it takes, the worker is given nothing; and should it be needed, or the pool be
//! closed, or it take long enough for the worker's end to matter, another thread takes over what is [read with](Ears),
//! and the lent one does not come back.

use std::{
    sync::{Arc, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::{Pool, Slot, State, errand::Ending, frames::Frames, link::Link, output::Output, reader};
use crate::engine::timer;

/// How long an attempt waits for a lent thread.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long a worker that nothing needs is not looked at, at the most twice.
const UNSEEN: Duration = Duration::from_millis(20);

/// How long a pool that closes waits for lent threads. Mostly one of them ran the end, and is about to come back.
const LEAVING: Duration = Duration::from_millis(50);

/// That a link's thread is lent, and gets its worker nothing meanwhile.
pub(super) struct Lent {
    thread: ThreadId,
    since: Instant,
    /// Another thread is to take its place.
    awaited: bool,
}

impl Lent {
    /// This thread, from now on.
    pub(super) fn this() -> Self {
        Self { thread: thread::current().id(), since: Instant::now(), awaited: false }
    }
}

/// What a link's thread reads with. It lies at the link while the thread is lent.
pub(super) struct Ears {
    pub(super) frames: Frames,
    pub(super) output: Output,
}

/// Tells `ending` on this thread, and runs what that leads to. Gives the ears back, unless others took them.
pub(super) fn lend(pool: &Arc<Pool>, link: &Arc<Link>, ears: Ears, ending: Ending) -> Option<Ears> {
    *link.ears() = Some(ears);
    ending.go_on();
    let ears = link.ears().take()?;
    pool.come_back(link);
    Some(ears)
}

impl Pool {
    /// A thread is back at its link.
    fn come_back(self: &Arc<Self>, link: &Arc<Link>) {
        let mut state = self.lock();
        state.come_back(link);
        let (waits, closing) = (state.waits(), state.closing);
        drop(state);
        if closing {
            self.closed.notify_all();
        } else if waits {
            self.pump();
        }
    }

    /// Where something waits that a worker could run whose thread is lent, another takes over in a while.
    pub(super) fn await_lent(self: &Arc<Self>, state: &mut State) {
        let State { slots, queues, .. } = state;
        let waits = |limit| queues.get(&limit).is_some_and(|queue| !queue.is_empty());
        for Slot { link, lent, .. } in slots.iter_mut().filter(|slot| waits(slot.link.memory_limit())) {
            let Some(lent) = lent.as_mut().filter(|lent| !lent.awaited) else { continue };
            lent.awaited = true;
            let (pool, link) = (Arc::downgrade(self), Arc::clone(link));
            let alarm = move || {
                if let Some(pool) = pool.upgrade() {
                    pool.call_another(&mut pool.lock(), link);
                }
            };
            timer::after(PATIENCE, Box::new(alarm));
        }
    }

    /// A thread was lent: those that stay so are found. One alarm for many that come back at once.
    pub(super) fn watch_lent(self: &Arc<Self>, state: &mut State) {
        if std::mem::replace(&mut state.watched, true) {
            return;
        }
        let pool = Arc::downgrade(self);
        let look = move || {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.lock();
            state.watched = false;
            let (mut any, mut stay) = (false, Vec::new());
            for Slot { link, lent, .. } in &mut state.slots {
                let Some(lent) = lent else { continue };
                any = true;
                if lent.since.elapsed() >= UNSEEN && !std::mem::replace(&mut lent.awaited, true) {
                    stay.push(Arc::clone(link));
                }
            }
            for link in stay {
                pool.call_another(&mut state, link);
            }
            if any {
                pool.watch_lent(&mut state);
            }
        };
        timer::after(UNSEEN, Box::new(look));
    }

    /// Starts a thread that takes over from a lent one.
    fn call_another(self: &Arc<Self>, state: &mut State, link: Arc<Link>) {
        let pool = Arc::clone(self);
        // Without a thread to spare, it goes on when the lent one comes back.
        let _ = state.spawn(link.number(), move || pool.take_over(&link));
    }

    /// Reads on this thread, if the one that should is lent. Nobody waits for that one any more.
    fn take_over(self: &Arc<Self>, link: &Arc<Link>) {
        let Some(ears) = link.ears().take() else { return };
        let this = thread::current().id();
        self.lock().threads.retain(|(number, thread)| *number != link.number() || thread.thread().id() == this);
        self.come_back(link);
        reader::read(self, link, ears);
    }

    /// As the pool closes: waits for lent threads to come back, and takes over from those that do not.
    pub(super) fn call_back(self: &Arc<Self>) {
        let deadline = Instant::now() + LEAVING;
        let mut state = self.lock();
        while let Some(lent) = state.slots.iter().find(|slot| slot.lent.is_some()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let link = Arc::clone(&lent.link);
                drop(state);
                self.take_over(&link);
                state = self.lock();
            } else {
                state = self.closed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

impl State {
    /// Whether this thread is lent. What it submits is given out when it comes back, which it does next.
    pub(super) fn is_lent(&self) -> bool {
        let mut lent = self.slots.iter().filter_map(|slot| slot.lent.as_ref()).peekable();
        lent.peek().is_some() && {
            let this = thread::current().id();
            lent.any(|lent| lent.thread == this)
        }
    }

    fn come_back(&mut self, link: &Arc<Link>) {
        if let Some(slot) = self.slot(link) {
            slot.lent = None;
        }
    }
}
