//! Gives units to hosts: the one that has the least to do gets the oldest unit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Inner, Side,
    kept::Kept,
    outbox::Outbox,
    queued::Queued,
    state::{Stage, place},
};
use crate::{
    executor::run_info::RunInfo,
    process::{folder::Folder, message::Run},
    remote::message::ToAgent,
};

impl Inner {
    /// How long a unit may take, as far as is known: twice as long as the longest of its kind, and no longer than its `timeout`.
    pub(super) fn needs(&self, unit: &Queued) -> Duration {
        let seen = self.longest.get(&unit.kind()).map(|longest| 2 * *longest);
        let timeout = unit.unit.config().timeout;
        seen.map_or(timeout, |seen| Some(timeout.map_or(seen, |timeout| seen.min(timeout)))).unwrap_or_default()
    }

    /// Gives units to hosts that have room for them. The caller has to send what was added for them.
    pub(super) fn give_out(&mut self) -> Vec<(usize, Arc<Outbox>)> {
        let mut outboxes: Vec<(usize, Arc<Outbox>)> = Vec::new();
        while let Some((&age, oldest)) = self.waiting.first_key_value() {
            let window = if oldest.alone() { 1 } else { self.paces.known_window(oldest.kind()).unwrap_or(1) };
            let loads = self.hosts.iter().map(|host| &host.load).enumerate();
            let Some(at) = place(loads, window, self.needs(oldest)) else { break };
            let host = &mut self.hosts[at];
            let (Some(side), Some(mut queued)) = (&mut host.side, self.waiting.remove(&age)) else {
                // A host without streams is not ready.
                host.load.stage = Stage::Off;
                continue;
            };
            (queued.given, queued.recalled, queued.begun) = (Instant::now(), false, false);
            side.send(&queued, self.folder.as_ref());
            if !outboxes.iter().any(|(known, _)| *known == at) {
                outboxes.push((at, Arc::clone(&side.outbox)));
            }
            host.in_flight.insert(queued.number(), queued);
            host.load.in_flight = host.in_flight.len();
        }
        outboxes
    }
}

/// Makes an agent forget what is not there any more.
fn forget(kept: &mut Kept, outbox: &Outbox) {
    let gone = kept.gone();
    if !gone.is_empty() {
        outbox.add(&ToAgent::Forget { kept: gone });
    }
}

impl Side {
    /// Makes the agent forget what is not there any more.
    pub(super) fn forget(&mut self) {
        forget(&mut self.kept, &self.outbox);
    }

    /// Adds a unit for the agent, and what it must know before.
    fn send(&mut self, queued: &Queued, folder: Option<&Folder>) {
        self.announce(&queued.unit.fan_out().run);
        let folder = folder.filter(|folder| self.folder.as_ref() != Some(*folder));
        let Self { outbox, kept, .. } = self;
        let (message, own) = queued.message(folder.map(Folder::path), |piece, value| {
            let (number, is_known) = kept.number(value);
            if !is_known {
                // Before there is more of it.
                forget(kept, outbox);
                outbox.add_kept(number, piece.clone());
            }
            number
        });
        outbox.add_with(&message, own);
        if folder.is_some() {
            self.folder = folder.cloned();
        }
    }

    /// Tells the agent about a run, and makes it forget those that have ended.
    fn announce(&mut self, info: &Arc<RunInfo>) {
        if self.known.iter().any(|(number, _)| *number == info.number) {
            return;
        }
        let Self { outbox, known, .. } = self;
        known.retain(|(run, alive)| {
            let alive = alive.strong_count() > 0;
            if !alive {
                outbox.add(&ToAgent::RunEnded { run: *run });
            }
            alive
        });
        known.push((info.number, Arc::downgrade(info)));
        outbox.add(&ToAgent::Run(Run::of(info)));
    }
}
