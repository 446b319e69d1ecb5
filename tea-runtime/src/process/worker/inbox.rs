//! The work that the parent sends, in order.

use std::sync::Arc;

use rustix::{
    event::{PollFd, PollFlags},
    fd::OwnedFd,
};

use super::{
    damaged, give_up,
    order::{Order, Orders},
    watch,
};
use crate::process::{awake, frame::LaneReader};

/// The way from the parent.
pub(crate) struct Inbox {
    lane: LaneReader,
    orders: Orders,
    awake: bool,
}

impl Inbox {
    pub(crate) fn new(pipe: OwnedFd, socket: Arc<OwnedFd>) -> Self {
        Self { lane: LaneReader::new(pipe, socket, 0), orders: Orders::default(), awake: awake::is_possible() }
    }

    /// Whether the next order has come already.
    pub(crate) fn has_next(&mut self) -> bool {
        // If it is damaged, that is told when it is taken.
        self.lane.arrive().unwrap_or(true)
    }

    /// The next order. Waits for it; awake at first, if it is expected `soon`.
    pub(crate) fn next(&mut self, soon: bool) -> Order<'_> {
        if soon && self.awake && !self.has_next() {
            awake::wait(&mut [PollFd::from_borrowed_fd(self.lane.source(), PollFlags::IN)]);
        }
        loop {
            match self.lane.arrive() {
                Ok(true) => break,
                Ok(false) => match self.lane.fill() {
                    Ok(0) => watch::end(),
                    Ok(_) => {}
                    Err(error) => give_up(&format!("its parent cannot be reached: {error}")),
                },
                Err(error) => damaged(&error),
            }
        }
        let frame = self.lane.take().expect("it has arrived");
        self.orders.read(frame.payload).unwrap_or_else(|error| give_up(&error))
    }
}
