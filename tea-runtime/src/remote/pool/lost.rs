//! Handles hosts that are lost, and the units that they had.

use std::{sync::Arc, time::Instant};

use super::{
    Pool,
    host::{End, Excuse},
    state::Stage,
};
use crate::{cancel::CancelReason, executor::message::Note, failure::cancelled, words::counted};

impl Pool {
    /// Until when units of a host whose agent is lost may still be running there. `None` if that time is over, there are none, or
    /// nobody wants to know.
    pub(super) fn unfenced_until(&self, at: usize) -> Option<Instant> {
        let inner = self.lock();
        let host = &inner.hosts[at];
        host.over.filter(|over| !inner.closing && !host.in_flight.is_empty() && Instant::now() < *over)
    }

    /// The connection to a host's agent has ended. What it was given may still be running there, and what waits goes to other hosts.
    /// Returns what is known of its end so far.
    pub(super) fn unfenced(self: &Arc<Self>, at: usize) -> End {
        let mut inner = self.lock();
        let host = &mut inner.hosts[at];
        host.side.take().iter().for_each(|side| side.outbox.close());
        let served = host.load.stage != Stage::Starting;
        let useful = served && (std::mem::take(&mut host.ended) > 0 || host.in_flight.is_empty());
        // Now, and not when its lease is over.
        let is_over = host.load.ends.is_some_and(|ends| ends.is_over(Instant::now()));
        let excuse = is_over.then_some(Excuse::TimeOver);
        // One that is leaving gets nothing either, and is not taken for lost if it had nothing to do.
        if let Stage::Ready | Stage::Silent = host.load.stage {
            host.load.stage = Stage::Unfenced;
        }
        self.start_hosts(&mut inner);
        End { served, useful, excuse, ..End::unserved(String::new()) }
    }

    /// Handles the end of a host's agent and of all that it was given: units that had not begun there go to other hosts, and so do
    /// those that had, which run again. Returns whether the host is needed again.
    pub(super) fn gone(self: &Arc<Self>, at: usize, end: &End) -> bool {
        let End { served, why, excuse, .. } = end;
        let mut inner = self.lock();
        let closing = inner.closing;
        let host = &mut inner.hosts[at];
        (host.over, host.load.ends) = (None, None);
        let unusable = match &host.load.stage {
            Stage::Unusable(why) => Some(why.clone()),
            _ => None,
        };
        let left = host.load.stage == Stage::Leaving;
        if unusable.is_none() {
            host.load.stage = Stage::Off;
        }
        host.load.in_flight = 0;
        host.life += 1;
        let name = host.name;
        let mut in_flight: Vec<_> = std::mem::take(&mut host.in_flight).into_values().collect();
        in_flight.sort_by_key(|queued| queued.age);
        let (mut begun, mut moved, mut ended) = (0_u32, 0_u32, Vec::new());
        for mut queued in in_flight {
            let ran = queued.begun;
            if let Some(reason) = queued.unit.cancellation().reason() {
                ended.push((queued, cancelled(reason)));
            } else if closing {
                ended.push((queued, cancelled(CancelReason::Requested)));
            } else if let Some(failure) = queued.host_lost(name, excuse.is_some()) {
                ended.push((queued, Box::new(failure)));
            } else {
                (begun, moved) = (begun + u32::from(ran), moved + u32::from(!ran));
                inner.waiting.insert(queued.age, queued);
            }
        }
        if !closing && let Some(refusal) = inner.refusal.clone() {
            inner.refuse_all(&refusal);
        }
        let outboxes = inner.give_out();
        let wanted = !inner.waiting.is_empty() && unusable.is_none() && !closing;
        if wanted {
            inner.hosts[at].load.stage = Stage::Starting;
        }
        self.start_hosts(&mut inner);
        let refused = inner.refusal.is_some();
        self.send(inner, &outboxes);
        for (queued, failure) in ended {
            queued.fail(&failure);
        }
        if !closing {
            let again = (begun > 0).then(|| format!("{} that ran there {} again", units(begun), verb(begun, "run")));
            let elsewhere =
                (moved > 0).then(|| format!("{} that had not begun {} on", units(moved), verb(moved, "move")));
            let rest: Vec<_> = again.into_iter().chain(elsewhere).collect();
            let rest = if rest.is_empty() { String::new() } else { format!("; {}", rest.join(", and ")) };
            let message = match (unusable, served) {
                // The error says it.
                (Some(_), _) if refused => return false,
                (Some(why), _) => format!("host `{name}` cannot be used: {why}"),
                (None, true) if left && rest.is_empty() => return wanted,
                (None, true) if *excuse == Some(Excuse::TimeOver) => format!("the time of host `{name}` is over{rest}"),
                (None, true) => format!("host `{name}` is lost: {why}{rest}"),
                // It is tried again, or was given back.
                (None, false) => return wanted,
            };
            self.tell(Note::Warning { message });
        }
        wanted
    }
}

fn units(count: u32) -> String {
    counted(count, "unit", "units")
}

fn verb(count: u32, verb: &str) -> String {
    if count == 1 { format!("{verb}s") } else { verb.to_owned() }
}
