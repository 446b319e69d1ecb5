//! Giving units to workers: who has room gets the oldest, with a token of its run to run it by.

use std::{
    cell::RefCell,
    sync::{Arc, PoisonError, Weak},
};

use super::{
    Inner, Pool,
    outbox::Outbox,
    queued::{InFlight, Queued},
    state::{Stage, Worker},
};
use crate::{
    executor::{
        run_info::RunInfo,
        tokens::{Tokens, Waker},
    },
    process::{
        group::Group,
        message::{Run, ToWorker},
    },
    timer,
};

/// What is needed to send something to a worker.
pub(super) struct Side {
    pub(super) group: Arc<Group>,
    pub(super) outbox: Arc<Outbox>,
    /// Its token comes from these.
    pub(super) token: Option<Arc<Tokens>>,
    /// The runs that it knows.
    pub(super) known: Vec<(u64, Weak<RunInfo>)>,
    /// The number of the view, and the folder, that it was sent last.
    pub(super) view: Option<u64>,
    pub(super) folder: Option<Vec<u8>>,
}

impl Pool {
    /// Gives units to workers that have room for them. What was added for them is to be sent.
    pub(super) fn give_out(self: &Arc<Self>, inner: &mut Inner) -> Vec<Arc<Outbox>> {
        let mut outboxes: Vec<Arc<Outbox>> = Vec::new();
        loop {
            let mut got: Option<Arc<Tokens>> = None;
            let Inner { state, paces, .. } = &*inner;
            let place = {
                let got = RefCell::new(&mut got);
                #[expect(clippy::borrowed_box, reason = "it is what the queue holds")]
                let may_begin = |queued: &Box<Queued>, worker: &Worker<InFlight>| {
                    let mut got = got.borrow_mut();
                    let run = &queued.unit.fan_out().run;
                    if !worker.has_token && got.is_none() && self.acquire(run) {
                        **got = Some(Arc::clone(&run.tokens));
                    }
                    worker.has_token || got.is_some()
                };
                state.next_place(|kind| paces.window(kind), may_begin)
            };
            let Some(place) = place else {
                if let Some(tokens) = got {
                    tokens.release();
                }
                return outboxes;
            };
            let Some((mut queued, worker)) = inner.state.take(place) else { return outboxes };
            let Some(side) = inner.sides.get_mut(&place.worker) else {
                inner.state.put(place.age, queued);
                return outboxes;
            };
            match got {
                Some(tokens) if !worker.has_token => {
                    worker.has_token = true;
                    side.token = Some(tokens);
                }
                Some(tokens) => tokens.release(),
                None => {}
            }
            side.announce(&queued.unit.fan_out().run);
            let known_view = side.view == Some(queued.view());
            let folder = inner.folder.as_deref().filter(|folder| side.folder.as_deref() != Some(*folder));
            let message = queued.message(known_view, folder);
            side.view = Some(queued.view());
            if folder.is_some() {
                side.folder.clone_from(&inner.folder);
            }
            queued.turn = worker.given - 1;
            if worker.in_flight.is_empty() {
                queued.begin(timer::now(), place.worker, side.group.pid());
                // It may have a deadline, which the supervisor keeps.
                self.wake_for(&queued);
            }
            worker.in_flight.push_back(InFlight::Unit(queued));
            side.outbox.add_unit(message);
            if !outboxes.iter().any(|outbox| Arc::ptr_eq(outbox, &side.outbox)) {
                outboxes.push(Arc::clone(&side.outbox));
            }
        }
    }

    /// Has the supervisor look at a deadline.
    fn wake_for(&self, queued: &Queued) {
        if queued.unit.limit().is_some() {
            self.wake.wake();
        }
    }

    /// Takes a token of a run, or has the supervisor woken when there is one.
    pub(super) fn acquire(self: &Arc<Self>, run: &RunInfo) -> bool {
        run.tokens.try_acquire(|| {
            let asks = self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(run.number);
            asks.then(|| {
                let asked = Asked { pool: Arc::downgrade(self), run: run.number };
                Box::new(move || drop(asked)) as Waker
            })
        })
    }
}

impl Inner {
    /// Workers that have nothing to run give their tokens back.
    pub(super) fn release_tokens(&mut self) {
        for (number, worker) in &mut self.state.workers {
            if worker.has_token && worker.in_flight.is_empty() && worker.stage != Stage::Starting {
                worker.has_token = false;
                let token = self.sides.get_mut(number).and_then(|side| side.token.take());
                if let Some(tokens) = token {
                    tokens.release();
                }
            }
        }
    }
}

impl Side {
    /// Has the worker know a run, and forget those that have ended.
    fn announce(&mut self, info: &Arc<RunInfo>) {
        if self.known.iter().any(|(number, _)| *number == info.number) {
            return;
        }
        let outbox = &self.outbox;
        self.known.retain(|(run, alive)| {
            let alive = alive.strong_count() > 0;
            if !alive {
                outbox.add(&ToWorker::RunEnded { run: *run });
                // With the run goes what its units read.
                self.view = None;
            }
            alive
        });
        self.known.push((info.number, Arc::downgrade(info)));
        outbox.add(&ToWorker::Run(Run {
            run: info.number,
            module: info.plan.module.to_owned(),
            workflow: info.plan.name.to_owned(),
            tells: info.tells,
            settings: info.settings.clone(),
        }));
    }
}

/// A token was asked for. Once one may be free, or there will be none, the supervisor is woken.
struct Asked {
    pool: Weak<Pool>,
    run: u64,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run);
            pool.wake.wake();
        }
    }
}
