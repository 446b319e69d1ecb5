//! Gives units to workers: a worker with room gets the oldest unit, together with a token of its run.

use std::sync::{Arc, PoisonError, Weak};

use super::{
    Command, Inner, Pool,
    outbox::Outbox,
    queued::{InFlight, Queued},
    state::Stage,
};
use crate::{
    executor::{run_info::RunInfo, tokens::Token},
    process::{
        folder::Folder,
        group::Group,
        message::{Run, ToWorker},
    },
    timer,
};

/// What is needed to send something to a worker.
pub(super) struct Side {
    pub(super) group: Arc<Group>,
    pub(super) outbox: Arc<Outbox>,
    /// The token that it has as long as it has something to run.
    pub(super) token: Option<Token>,
    /// The runs that it knows.
    pub(super) known: Vec<(u64, Weak<RunInfo>)>,
    /// The number of the view, and the directory, that it was sent last.
    pub(super) view: Option<u64>,
    pub(super) folder: Option<Folder>,
}

impl Pool {
    /// Gives units to workers that have room for them. The caller has to send what was added for them.
    pub(super) fn give_out(self: &Arc<Self>, inner: &mut Inner) -> Vec<Arc<Outbox>> {
        let mut outboxes: Vec<Arc<Outbox>> = Vec::new();
        loop {
            let mut token = None;
            let Inner { state, paces, sides, tokens, .. } = &mut *inner;
            #[expect(clippy::borrowed_box, reason = "it is what the queue holds")]
            let may_begin = |queued: &Box<Queued>, worker: u32| {
                let is_given_back = queued.unit.fan_out().run.tokens.is_wanted_before(queued.unit.depth());
                let has_token = !is_given_back && sides.get(&worker).is_some_and(|side| side.token.is_some());
                if !has_token && token.is_none() {
                    token = self.token(tokens, &queued.unit.fan_out().run, queued.unit.depth());
                }
                has_token || token.is_some()
            };
            let Some(place) = state.next_place(|kind| paces.window(kind), may_begin) else { return outboxes };
            let Some((mut queued, worker)) = inner.state.take(place) else { return outboxes };
            let Some(side) = inner.sides.get_mut(&place.worker) else {
                inner.state.put(place.age, queued);
                return outboxes;
            };
            if side.token.is_none() {
                side.token = token;
            }
            side.announce(&queued.unit.fan_out().run);
            let known_view = side.view == Some(queued.view());
            let folder = inner.folder.as_ref().filter(|folder| side.folder.as_ref() != Some(*folder));
            let message = queued.message(known_view, folder.map(Folder::path));
            side.view = Some(queued.view());
            if folder.is_some() {
                side.folder.clone_from(&inner.folder);
            }
            queued.turn = worker.given - 1;
            if worker.in_flight.is_empty() {
                queued.begin(timer::now(), place.worker, side.group.pid());
                // It may have a deadline, which the supervisor watches.
                self.wake_for(&queued);
            }
            worker.in_flight.push_back(InFlight::Unit(queued));
            side.outbox.add_unit(message);
            if !outboxes.iter().any(|outbox| Arc::ptr_eq(outbox, &side.outbox)) {
                outboxes.push(Arc::clone(&side.outbox));
            }
        }
    }

    /// Makes the supervisor look at a deadline.
    fn wake_for(&self, queued: &Queued) {
        if queued.unit.limit().is_some() {
            self.wake.wake();
        }
    }

    /// A token of a run, for a unit of this depth: one that arrived for this pool, or a free one. If there is none, one has been requested.
    pub(super) fn token(self: &Arc<Self>, came: &mut Vec<Token>, run: &RunInfo, depth: u32) -> Option<Token> {
        if let Some(at) = came.iter().position(|token| token.is_of(&run.tokens)) {
            return Some(came.swap_remove(at));
        }
        let token = run.tokens.try_acquire();
        if token.is_none() && self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(run.number) {
            let asked = Asked { pool: Arc::downgrade(self), run: run.number };
            let take = Box::new(move |token| {
                let pool = asked.pool.clone();
                // This must come before the supervisor can see the token, and find that there should be another.
                drop(asked);
                if let Some(pool) = pool.upgrade() {
                    pool.command(Command::Token(token));
                }
            });
            run.tokens.acquire_later(depth, take);
        }
        token
    }

    /// Requests a token for fan-outs inside the unit that a worker is running, which are a part of so many items.
    pub(super) fn ask_for_worker(self: &Arc<Self>, run: &RunInfo, depth: u32, worker: u32) {
        let pool = Arc::downgrade(self);
        let take = Box::new(move |token| {
            if let Some(pool) = pool.upgrade() {
                pool.command(Command::Grant(worker, token));
            }
        });
        run.tokens.acquire_later(depth, take);
    }
}

impl Inner {
    /// Takes the tokens that are not needed here: those of idle workers, and those that arrived too late.
    pub(super) fn unused_tokens(&mut self) -> Vec<Token> {
        let mut unused = std::mem::take(&mut self.tokens);
        for (number, worker) in &self.state.workers {
            if worker.in_flight.is_empty() && worker.stage != Stage::Starting {
                unused.extend(self.sides.get_mut(number).and_then(|side| side.token.take()));
            }
        }
        unused
    }
}

impl Side {
    /// Asks the worker to give back a unit. What was added is to be sent.
    pub(super) fn recall(&mut self, queued: &Queued) {
        self.outbox.add(&ToWorker::Recall { unit: queued.id().get() });
        // The worker may have got the view and the directory of the next one together with it.
        (self.view, self.folder) = (None, None);
    }

    /// Tells the worker about a run, and makes it forget those that have ended.
    fn announce(&mut self, info: &Arc<RunInfo>) {
        if self.known.iter().any(|(number, _)| *number == info.number) {
            return;
        }
        let outbox = &self.outbox;
        self.known.retain(|(run, alive)| {
            let alive = alive.strong_count() > 0;
            if !alive {
                outbox.add(&ToWorker::RunEnded { run: *run });
                // What the units of the run read goes with it.
                self.view = None;
            }
            alive
        });
        self.known.push((info.number, Arc::downgrade(info)));
        outbox.add(&ToWorker::Run(Run::of(info)));
    }
}

/// Records that the pool waits for a token of a run; it waits for only one at a time.
struct Asked {
    pool: Weak<Pool>,
    run: u64,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
        }
    }
}
