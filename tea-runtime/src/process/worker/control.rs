//! What the parent tells the worker besides its work: first what it must know, then cancellations.

use std::{
    collections::BTreeSet,
    io::IoSliceMut,
    mem::MaybeUninit,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    cmsg_space,
    fd::OwnedFd,
    io::retry_on_intr,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};

use super::{damaged, give_up, stdio, watch};
use crate::{
    cancel::{CancelReason, CancellationToken},
    process::{
        frame::FrameReader,
        message::{self, LANE_ENDS, Setup, ToWorker},
    },
};

/// The way from the parent that is read at once.
pub(crate) struct Control {
    socket: OwnedFd,
    frames: FrameReader,
}

/// The worker's ends of the lanes.
pub(crate) type LaneEnds = [OwnedFd; LANE_ENDS];

impl Control {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, frames: FrameReader::new(u64::MAX >> 1) }
    }

    /// Receives the first message, and the ends of the lanes with it.
    pub(crate) fn set_up(&mut self) -> (Setup, LaneEnds) {
        let mut ends = Vec::new();
        loop {
            match self.frames.next() {
                Ok(Some(frame)) => {
                    let setup = message::decode(frame.payload).map(|(message, _)| message);
                    return match (setup, ends.try_into()) {
                        (Ok(ToWorker::Setup(setup)), Ok(ends)) => (setup, ends),
                        _ => give_up("its parent does not tell it how to work"),
                    };
                }
                Ok(None) => ends.extend(self.receive_ends()),
                Err(error) => damaged(&error),
            }
        }
    }

    fn receive_ends(&mut self) -> Vec<OwnedFd> {
        let mut bytes = [0; 4 << 10];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(LANE_ENDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::empty())
        });
        match received.map(|received| received.bytes) {
            Ok(0) => watch::end(),
            Ok(length) => self.frames.push(&bytes[..length]),
            Err(error) => give_up(&format!("its parent cannot be reached: {error}")),
        }
        let rights = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(ends) => Some(ends),
            _ => None,
        });
        let ends = rights.flatten().map(|end| stdio::private(&end));
        ends.collect::<Result<_, _>>().unwrap_or_else(|error| give_up(&format!("it has no descriptors left: {error}")))
    }

    /// Receives cancellations, until the parent is gone.
    pub(crate) fn listen(&mut self, tasks: &Tasks) {
        loop {
            match self.frames.next() {
                Ok(Some(frame)) => tasks.cancel(frame.payload),
                Ok(None) => match self.frames.fill(&self.socket) {
                    Ok(1..) => {}
                    _ => return,
                },
                Err(error) => damaged(&error),
            }
        }
    }
}

/// What runs, and what was cancelled.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Running>);

#[derive(Default)]
struct Running {
    task: Option<(u64, CancellationToken)>,
    /// Tasks that were cancelled before they began.
    cancelled: BTreeSet<u64>,
    sibling: bool,
}

impl Tasks {
    /// A task begins. Gives what cancels it.
    pub(crate) fn begin(&self, task: u64) -> CancellationToken {
        let token = CancellationToken::new();
        let mut running = self.running();
        if running.cancelled.remove(&task) {
            token.cancel_for(running.reason());
        }
        running.task = Some((task, token.clone()));
        token
    }

    /// The task ended.
    pub(crate) fn finish(&self) {
        self.running().task = None;
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn reason(&self) -> CancelReason {
        if self.sibling { CancelReason::Sibling } else { CancelReason::Requested }
    }
}
