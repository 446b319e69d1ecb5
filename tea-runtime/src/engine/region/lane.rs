//! A thread that runs tasks of a fan-out one after the other.

use std::time::Instant;

use super::{ends::Ended, share::Pace};
use crate::{
    engine::frame::Walk,
    state::{Value, View},
};

/// What passes from one task to the next on a thread, and what they leave behind, until it is settled.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) walk: Option<Box<Walk>>,
    /// What the last task was sent.
    pub(super) view: Option<View>,
    /// Room for another.
    pub(super) spare: Option<View>,
    /// When it ended.
    pub(super) now: Option<Instant>,
    pub(super) pace: Pace,
    /// Tasks that ended.
    pub(super) ends: Vec<Ended>,
    /// What they wrote: task, key and value.
    pub(super) writes: Vec<(usize, u32, Value)>,
    /// Claims that are done with.
    pub(super) released: usize,
}

impl Lane {
    /// Lets go of what does not outlast a rest: others may need the values, and time passes.
    pub(super) fn rest(&mut self) {
        (self.view, self.spare, self.now) = (None, None, None);
    }
}
