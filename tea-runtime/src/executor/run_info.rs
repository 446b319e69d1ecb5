//! What an executor needs to know about the run that a unit belongs to.

use std::{
    fmt,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{breakers::Breakers, fan_out::FanOut, message::Note, thread::cache::drop_elsewhere, tokens::Tokens};
use crate::{
    context::CallPath,
    event::{Detail, Events},
    plan::Plan,
    sync::lock,
    user_code,
};

/// What an executor needs to know about a run.
pub(crate) struct RunInfo {
    /// Identifies the run within this process.
    pub(crate) number: u64,
    /// Identifies the run among all runs, in all of its processes, and when it is resumed.
    pub(crate) id: u128,
    pub(crate) plan: &'static Plan,
    pub(crate) events: Events,
    /// What listeners want to know about nodes that run in other processes.
    pub(crate) tells: Detail,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) breakers: Arc<Breakers>,
    /// What the caller changed in the plan's settings, as a message of the engine for the same run in a worker.
    pub(crate) settings: Vec<u8>,
    /// Notes from threads that may not run listeners, which do not belong to a unit.
    notes: Mutex<Vec<Note>>,
    /// The fan-outs whose drivers report them.
    fan_outs: Mutex<Vec<Weak<FanOut>>>,
}

impl RunInfo {
    pub(crate) fn new(
        id: u128,
        plan: &'static Plan,
        events: Events,
        tokens: Arc<Tokens>,
        breakers: Arc<Breakers>,
        settings: Vec<u8>,
    ) -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        // Which nodes were taken from the cache is always told.
        let nodes = plan.has_cache() && events.is_active();
        let tells = Detail { nodes: events.wants().nodes || nodes, ..events.wants() };
        Arc::new(Self {
            number,
            id,
            plan,
            events,
            tells,
            tokens,
            breakers,
            settings,
            notes: Mutex::default(),
            fan_outs: Mutex::default(),
        })
    }

    /// The driver of a fan-out reports notes as soon as they come, from now on.
    pub(crate) fn reported_by(&self, fan_out: &Arc<FanOut>) {
        let mut fan_outs = lock(&self.fan_outs);
        fan_outs.retain(|fan_out| fan_out.strong_count() > 0);
        fan_outs.push(Arc::downgrade(fan_out));
    }

    /// Leaves a note, which a driver reports, or the end of the run.
    pub(crate) fn note(&self, note: Note) {
        lock(&self.notes).push(note);
        let fan_out = lock(&self.fan_outs).iter().rev().find_map(Weak::upgrade);
        if let Some(fan_out) = fan_out {
            fan_out.queue.nudge();
        }
    }

    /// Takes the notes, for who passes them on.
    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut *lock(&self.notes))
    }

    /// Reports the notes, on a thread that may run listeners.
    pub(crate) fn tell_notes(&self) {
        let notes = self.take_notes();
        for note in &notes {
            note.tell(&self.events, &CallPath::default());
        }
    }
}

impl Drop for RunInfo {
    /// Listeners are the user's. The last to let go of a run may be a thread of ours that was about to leave a note.
    fn drop(&mut self) {
        if !user_code::is_allowed() && self.events.is_active() {
            drop_elsewhere(std::mem::take(&mut self.events));
        }
    }
}

impl fmt::Debug for RunInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunInfo").field("number", &self.number).field("plan", &self.plan.name).finish_non_exhaustive()
    }
}
