//! What the parent tells the worker, in order; cancellations at once.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{fd::OwnedFd, io::Errno, net::RecvFlags};

use super::{
    give_up,
    order::{Order, Orders},
    watch,
};
use crate::{
    cancel::{CancelReason, CancellationToken},
    process::{
        frame::FrameReader,
        message::{self, CANCEL, ToWorker},
    },
};

/// The way from the parent.
///
/// While no task runs, the main thread waits in `recv` and holds `stream`. While one runs, the watch may take what
/// arrives; it never waits for the lock, and never receives without the lock.
pub(crate) struct Inbox {
    socket: Arc<OwnedFd>,
    stream: Mutex<Stream>,
    /// Odd while a task runs; counted up at its start and at its end.
    turn: AtomicU64,
    running: Mutex<Running>,
}

struct Stream {
    frames: FrameReader,
    orders: Orders,
    /// Work that the watch took from the socket.
    waiting: VecDeque<Vec<u8>>,
}

#[derive(Default)]
struct Running {
    task: Option<(u64, CancellationToken)>,
    /// Tasks that were cancelled before they began.
    cancelled: BTreeSet<u64>,
    sibling: bool,
}

/// Whether the watch goes on reading.
pub(crate) enum Took {
    /// All that was there.
    All,
    /// Nothing: the main thread is at it.
    Busy,
}

impl Inbox {
    pub(crate) fn new(socket: Arc<OwnedFd>) -> Arc<Self> {
        // The parent is trusted with lengths: it is this program, and a damaged header is noticed.
        let stream =
            Stream { frames: FrameReader::new(u64::MAX >> 1), orders: Orders::default(), waiting: VecDeque::new() };
        Arc::new(Self {
            socket,
            stream: Mutex::new(stream),
            turn: AtomicU64::new(0),
            running: Mutex::new(Running::default()),
        })
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// The next order. Waits for it.
    pub(crate) fn next(&self) -> Order {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Stream { frames, orders, waiting } = &mut *stream;
        if let Some(payload) = waiting.pop_front() {
            return read(orders, &payload);
        }
        loop {
            match frames.next() {
                Ok(Some(frame)) if frame.kind == CANCEL => self.cancel(frame.payload),
                Ok(Some(frame)) => return read(orders, frame.payload),
                Ok(None) => receive(frames, &self.socket, RecvFlags::empty()),
                Err(error) => give_up(&format!("what it receives is damaged: {error}")),
            }
        }
    }

    /// Takes what has arrived while a task runs.
    pub(crate) fn take_while_busy(&self) -> Took {
        let Ok(mut stream) = self.stream.try_lock() else { return Took::Busy };
        if !self.is_busy() {
            return Took::Busy;
        }
        let Stream { frames, waiting, .. } = &mut *stream;
        receive(frames, &self.socket, RecvFlags::DONTWAIT);
        loop {
            match frames.next() {
                Ok(Some(frame)) if frame.kind == CANCEL => self.cancel(frame.payload),
                Ok(Some(frame)) => waiting.push_back(frame.payload.to_vec()),
                Ok(None) => return Took::All,
                Err(error) => give_up(&format!("what it receives is damaged: {error}")),
            }
        }
    }

    /// A task begins. Gives what cancels it.
    pub(crate) fn begin(&self, task: u64) -> CancellationToken {
        let token = CancellationToken::new();
        let mut running = self.running();
        if running.cancelled.remove(&task) {
            token.cancel_for(running.reason());
        }
        running.task = Some((task, token.clone()));
        drop(running);
        self.turn.fetch_add(1, Ordering::Release);
        token
    }

    /// The task ended.
    pub(crate) fn finish(&self) {
        self.turn.fetch_add(1, Ordering::Release);
        let mut running = self.running();
        running.task = None;
    }

    /// A number that is odd while a task runs, and another one for each.
    pub(crate) fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    fn is_busy(&self) -> bool {
        self.turn() % 2 == 1
    }

    fn cancel(&self, payload: &[u8]) {
        let Ok((ToWorker::Cancel { task, sibling }, _)) = message::decode(payload) else {
            give_up("a cancellation cannot be read")
        };
        let mut running = self.running();
        running.sibling = sibling;
        let reason = running.reason();
        match &running.task {
            Some((current, token)) if *current == task => {
                let token = token.clone();
                drop(running);
                token.cancel_for(reason);
            }
            _ => drop(running.cancelled.insert(task)),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn reason(&self) -> CancelReason {
        if self.sibling { CancelReason::Sibling } else { CancelReason::Requested }
    }
}

fn read(orders: &mut Orders, payload: &[u8]) -> Order {
    orders.read(payload).unwrap_or_else(|error| give_up(&error))
}

fn receive(frames: &mut FrameReader, socket: &OwnedFd, flags: RecvFlags) {
    match frames.fill(socket, flags) {
        Ok(0) => watch::end(),
        Ok(_) => {}
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INTR | Errno::AGAIN) => {}
            Some(Errno::CONNRESET) => watch::end(),
            _ => give_up(&format!("its parent cannot be reached: {error}")),
        },
    }
}
