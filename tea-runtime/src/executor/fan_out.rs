//! What an executor knows of the fan-out that a unit is of.

use std::{fmt, sync::Arc};

use super::{message::Message, queue::CompletionQueue, run_info::RunInfo, thread::cache::drop_elsewhere};
use crate::{
    cancel::CancellationToken,
    context::{CallPath, Origin},
    position::Position,
    user_code,
};

/// What all units of a fan-out share.
pub(crate) struct FanOut {
    pub(crate) run: Arc<RunInfo>,
    pub(crate) queue: CompletionQueue<Message>,
    pub(crate) cancel: CancellationToken,
    pub(crate) position: Position,
    pub(crate) path: CallPath,
}

impl Origin for FanOut {
    fn run(&self) -> u128 {
        self.run.id
    }

    fn position(&self) -> &Position {
        &self.position
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Drop for FanOut {
    /// Messages that nobody took hold values, whose `Drop` is the user's. The last to let go may be whoever brought the
    /// outcome of a unit that was given up.
    fn drop(&mut self) {
        if !user_code::is_allowed() {
            let mut messages = Vec::new();
            self.queue.wait(0, None, &mut messages);
            if !messages.is_empty() {
                drop_elsewhere(messages);
            }
        }
    }
}
