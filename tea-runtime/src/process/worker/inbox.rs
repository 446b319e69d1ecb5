//! What the parent says: read at all times by a thread of its own, which hands the work to the thread that runs it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::event::PollFlags;

use super::{
    give_up,
    outbox::Outbox,
    parent::{self, Parent},
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    executor::{breakers::Reply, tokens::Tokens, wire},
    process::{
        frame::FrameReader,
        message::{FromWorker, MESSAGE, Run, Setup, ToWorker},
    },
    user_code,
};

/// What there is to do, in the order in which it was sent, and what cancels it.
pub(crate) struct Inbox {
    state: Mutex<State>,
    there: Condvar,
    tokens: Arc<Tokens>,
    outbox: Arc<Outbox>,
    asked: Mutex<HashMap<u64, Reply>>,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    /// The unit that runs.
    running: Option<(u64, CancellationToken)>,
}

/// Something for the thread that runs units.
#[derive(Debug)]
pub(crate) enum Order {
    Setup(Setup),
    Run(Run),
    RunEnded(u64),
    Unit(Queued),
    Goodbye,
}

/// A unit that has not begun.
#[derive(Debug)]
pub(crate) struct Queued {
    number: u64,
    /// The whole message, and the values behind it.
    pub(crate) message: Vec<u8>,
    pub(crate) token: CancellationToken,
}

impl Inbox {
    /// An empty one, for what is granted to these tokens. Answers are sent through `outbox`.
    pub(crate) fn new(tokens: Arc<Tokens>, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), there: Condvar::new(), tokens, outbox, asked: Mutex::default() })
    }

    /// Starts the thread that reads.
    pub(crate) fn start(self: &Arc<Self>, parent: Arc<Parent>) {
        let inbox = Arc::clone(self);
        let read = move || inbox.read(&parent);
        if let Err(error) = thread::Builder::new().name("tea-reader".into()).stack_size(256 << 10).spawn(read) {
            give_up(&format!("it cannot start a thread: {error}"));
        }
    }

    /// Waits for the next thing to do. A unit begins with that.
    pub(crate) fn next(&self) -> Order {
        let mut state = self.state();
        loop {
            let Some(order) = state.orders.pop_front() else {
                state = self.there.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if let Order::Unit(unit) = &order {
                state.running = Some((unit.number, unit.token.clone()));
            }
            return order;
        }
    }

    /// The unit that began last has ended.
    pub(crate) fn finish(&self) {
        self.state().running = None;
    }

    /// The answer to breaker call number `ask` is for this.
    pub(crate) fn expect_answer(&self, ask: u64, reply: Reply) {
        self.asked().insert(ask, reply);
    }

    fn read(&self, parent: &Parent) {
        user_code::forbid();
        // The other side is trusted with lengths: it is this program, and a damaged header is noticed.
        let mut frames = FrameReader::new(u64::MAX >> 1);
        loop {
            match frames.next() {
                Ok(Some(frame)) if frame.kind == MESSAGE => {
                    self.take(frame.payload.into()).unwrap_or_else(|error| give_up(&error));
                }
                Ok(Some(frame)) => give_up(&format!("it received a frame of the unknown kind {}", frame.kind)),
                Ok(None) => {
                    parent.wait(PollFlags::IN);
                    match frames.fill(&parent.stream) {
                        Ok(0) => parent::end(),
                        Ok(_) => {}
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => parent::end(),
                        Err(error) => give_up(&format!("its parent cannot be reached: {error}")),
                    }
                }
                Err(error) => give_up(&format!("what it receives is damaged: {error}")),
            }
        }
    }

    /// Takes a message, and the values behind it.
    pub(super) fn take(&self, message: Vec<u8>) -> Result<(), String> {
        let order = match wire::read::<ToWorker<'_>>(&message)?.0 {
            ToWorker::Setup(setup) => Order::Setup(setup),
            ToWorker::Run(run) => Order::Run(run),
            ToWorker::RunEnded { run } => Order::RunEnded(run),
            ToWorker::Unit(unit) => {
                let number = unit.unit;
                Order::Unit(Queued { number, message, token: CancellationToken::new() })
            }
            ToWorker::Goodbye => Order::Goodbye,
            ToWorker::Cancel { unit, sibling } => {
                self.cancel(unit, if sibling { CancelReason::Sibling } else { CancelReason::Requested });
                return Ok(());
            }
            ToWorker::Recall { unit } => {
                self.give_back(unit);
                return Ok(());
            }
            ToWorker::Token => {
                self.tokens.grant();
                return Ok(());
            }
            ToWorker::Breaker { ask, answer } => {
                let reply = self.asked().remove(&ask);
                reply.ok_or_else(|| format!("it received an answer to question {ask}, which it did not ask"))?(answer);
                return Ok(());
            }
        };
        self.state().orders.push_back(order);
        self.there.notify_one();
        Ok(())
    }

    /// Gives a unit back, unless it has begun.
    fn give_back(&self, unit: u64) {
        let mut state = self.state();
        let is_it = |order: &Order| matches!(order, Order::Unit(queued) if queued.number == unit);
        if let Some(at) = state.orders.iter().position(is_it) {
            state.orders.remove(at);
            // Under the lock, because the end of the next one must not be reported before.
            self.outbox.send(&FromWorker::Recalled { unit });
        }
    }

    fn cancel(&self, unit: u64, reason: CancelReason) {
        let state = self.state();
        let queued = state.orders.iter().filter_map(|order| match order {
            Order::Unit(Queued { number, token, .. }) => Some((*number, token)),
            _ => None,
        });
        let running = state.running.iter().map(|(number, token)| (*number, token));
        // One that is not here has ended: what stands before this message on the stream has been read.
        let token = running.chain(queued).find(|(number, _)| *number == unit).map(|(_, token)| token.clone());
        drop(state);
        if let Some(token) = token {
            token.cancel_for(reason);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, Reply>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
