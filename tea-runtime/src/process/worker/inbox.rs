//! Receives the parent's messages.
//!
//! The thread that runs the units reads them itself while it has nothing to run, because being woken by another thread takes
//! longer than a short unit. When a unit has been running for [`WATCH`], or waits for an answer, a second thread, the watch,
//! reads: cancellations and answers must arrive in the meantime, and the process must end when the parent is gone. The watch
//! stops when it has received something to run and nothing is running. The state under the lock determines which of the two
//! may read: the watch while `watching` is set, otherwise the thread that runs units, which reads only while it runs none.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::event::PollFlags;

use super::{
    give_up,
    outbox::Outbox,
    parent::{self, Parent},
    upstream::TokensUpstream,
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    executor::{breakers::Reply, tokens::Tokens, wire},
    pacing::process::WATCH,
    process::{
        frame::{FrameReader, Spare},
        message::{FromWorker, MESSAGE, Run, Setup, ToWorker},
    },
    sync::look,
    user_code,
};

/// The orders, as they were sent, and what cancels them.
pub(crate) struct Inbox {
    state: Mutex<State>,
    /// Tells the thread that runs units that there is an order.
    there: Condvar,
    /// Tells the watch that a unit is running, or that an answer is wanted.
    wanted: Condvar,
    parent: Arc<Parent>,
    frames: Mutex<FrameReader>,
    spare: Spare,
    tokens: Arc<Tokens>,
    outbox: Arc<Outbox>,
    asked: Mutex<HashMap<u64, Reply>>,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    /// The unit that is running.
    running: Option<Running>,
    /// How long the last one took: the next one probably comes as soon.
    took: Duration,
    /// Whether the watch is reading.
    watching: bool,
    /// Whether the watch sleeps until it is needed.
    asleep: bool,
    /// Whether the running unit is waiting for an answer.
    urgent: bool,
}

/// A unit that is running.
struct Running {
    number: u64,
    token: CancellationToken,
    since: Instant,
}

/// A thing to do for the thread that runs units.
#[derive(Debug)]
pub(crate) enum Order {
    Setup(Setup),
    Run(Run),
    RunEnded(u64),
    Unit(Queued),
    Goodbye,
}

/// A unit that has not started.
#[derive(Debug)]
pub(crate) struct Queued {
    number: u64,
    /// The whole message, and the values after it.
    pub(crate) message: Vec<u8>,
    pub(crate) token: CancellationToken,
}

#[cfg(test)]
impl Queued {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Inbox {
    /// An empty inbox for the messages of this parent. Answers are sent through `outbox`.
    pub(crate) fn new(parent: Arc<Parent>, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new_cyclic(|inbox| {
            // Lengths from the other side are trusted: it is the same program, and a corrupt header is noticed.
            let frames = FrameReader::new(u64::MAX >> 1);
            let upstream = TokensUpstream { outbox: Arc::clone(&outbox), inbox: inbox.clone() };
            Self {
                state: Mutex::default(),
                there: Condvar::new(),
                wanted: Condvar::new(),
                parent,
                spare: frames.spare(),
                frames: Mutex::new(frames),
                tokens: Tokens::new(1, Some(Box::new(upstream))),
                outbox,
                asked: Mutex::default(),
            }
        })
    }

    /// The tokens of this process.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Keeps the memory of large messages that were read.
    pub(crate) fn spare(&self) -> Spare {
        self.spare.clone()
    }

    /// Starts the watch.
    pub(crate) fn start(self: &Arc<Self>) {
        let inbox = Arc::clone(self);
        let watch = move || inbox.watch();
        if let Err(error) = thread::Builder::new().name("tea-reader".into()).stack_size(256 << 10).spawn(watch) {
            give_up(&format!("it cannot start a thread: {error}"));
        }
    }

    /// Waits for the next order. A unit counts as running from then on.
    pub(crate) fn next(&self) -> Order {
        let mut state = self.state();
        loop {
            if let Some(order) = state.orders.pop_front() {
                if let Order::Unit(unit) = &order {
                    let (number, token) = (unit.number, unit.token.clone());
                    state.running = Some(Running { number, token, since: Instant::now() });
                    if state.asleep {
                        self.wanted.notify_one();
                    }
                }
                return order;
            }
            if state.watching {
                state = self.there.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let took = state.took;
            drop(state);
            let frames = self.frames();
            // The watch was reading until now, and may have received another order.
            state = self.state();
            if state.orders.is_empty() {
                drop(state);
                self.read(frames, took);
                state = self.state();
            }
        }
    }

    /// Records that the running unit has ended.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.urgent = false;
        state.took = state.running.take().map(|running| running.since.elapsed()).unwrap_or_default();
    }

    /// Records that the running unit waits for an answer from the parent.
    pub(crate) fn want_answer(&self) {
        let mut state = self.state();
        if state.running.is_some() && !state.watching {
            state.urgent = true;
            self.wanted.notify_one();
        }
    }

    /// Says where the answer to question number `ask` about a breaker should go.
    pub(crate) fn expect_answer(&self, ask: u64, reply: Reply) {
        self.asked().insert(ask, reply);
    }

    /// Runs the watch.
    fn watch(&self) {
        user_code::forbid();
        let mut state = self.state();
        let mut seen = None;
        loop {
            let running = state.running.as_ref().map(|running| running.number);
            if running.is_some() && (running == seen || state.urgent) {
                (state.watching, state.urgent) = (true, false);
                while state.watching {
                    drop(state);
                    self.read(self.frames(), Duration::MAX);
                    state = self.state();
                }
                continue;
            }
            // Still, nothing is running.
            state.asleep = running.is_none() && seen.is_none();
            seen = running;
            state = if state.asleep {
                self.wanted.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.wanted.wait_timeout(state, WATCH).unwrap_or_else(PoisonError::into_inner).0
            };
            state.asleep = false;
        }
    }

    /// Reads what has arrived, or waits for something to arrive, which is `expected` after so long.
    fn read(&self, mut frames: MutexGuard<'_, FrameReader>, expected: Duration) {
        let mut any = false;
        loop {
            match frames.next() {
                Ok(Some(frame)) if frame.kind == MESSAGE => {
                    self.take(frame.payload.into()).unwrap_or_else(|error| give_up(&error));
                    any = true;
                }
                Ok(Some(frame)) => give_up(&format!("it received a frame of the unknown kind {}", frame.kind)),
                Ok(None) if any => return,
                Ok(None) => {
                    while !look(expected, || self.fill(&mut frames)) {
                        self.parent.wait(&self.parent.socket, PollFlags::IN);
                    }
                }
                Err(error) => give_up(&format!("what it receives is damaged: {error}")),
            }
        }
    }

    /// Reads what has arrived. Returns whether something has.
    fn fill(&self, frames: &mut FrameReader) -> bool {
        match frames.fill(&self.parent.socket) {
            Ok(0) => parent::end(),
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => parent::end(),
            Err(error) => give_up(&format!("its parent cannot be reached: {error}")),
        }
    }

    /// Handles a message, and the values after it.
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
            ToWorker::Cancel { unit, why } => {
                self.cancel(unit, why);
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
        let mut state = self.state();
        state.orders.push_back(order);
        if state.watching && state.running.is_none() {
            state.watching = false;
            self.there.notify_one();
        }
        Ok(())
    }

    /// Returns a unit to the parent, unless it has started.
    fn give_back(&self, unit: u64) {
        let mut state = self.state();
        let is_it = |order: &Order| matches!(order, Order::Unit(queued) if queued.number == unit);
        if let Some(at) = state.orders.iter().position(is_it) {
            state.orders.remove(at);
            // This is under the lock because the end of the next unit must not be reported before it.
            self.outbox.send(&FromWorker::Recalled { unit });
        }
    }

    fn cancel(&self, unit: u64, reason: CancelReason) {
        let state = self.state();
        let queued = state.orders.iter().filter_map(|order| match order {
            Order::Unit(Queued { number, token, .. }) => Some((*number, token)),
            _ => None,
        });
        let running = state.running.iter().map(|running| (running.number, &running.token));
        // A unit that is not here has ended: everything before this message on the stream has been read.
        let token = running.chain(queued).find(|(number, _)| *number == unit).map(|(_, token)| token.clone());
        drop(state);
        if let Some(token) = token {
            token.cancel_for(reason);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn frames(&self) -> MutexGuard<'_, FrameReader> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<u64, Reply>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
