//! Handles hosts that are lost, and the units that they had.

use std::{sync::Arc, time::Instant};

use super::{Pool, host::End, state::Stage};
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
    /// Returns whether it was ready at some time, and whether it did something, or had nothing to do.
    pub(super) fn unfenced(self: &Arc<Self>, at: usize) -> (bool, bool) {
        let mut inner = self.lock();
        let host = &mut inner.hosts[at];
        host.side.take().iter().for_each(|side| side.outbox.close());
        let served = host.load.stage != Stage::Starting;
        let useful = served && (std::mem::take(&mut host.ended) > 0 || host.in_flight.is_empty());
        if let Stage::Ready | Stage::Silent = host.load.stage {
            host.load.stage = Stage::Unfenced;
        }
        self.start_hosts(&mut inner);
        (served, useful)
    }

    /// Handles the end of a host's agent and of all that it was given: units that had not begun there go to other hosts, and so do
    /// those that had, which run again. Returns whether the host is needed again.
    pub(super) fn gone(self: &Arc<Self>, at: usize, end: &End) -> bool {
        let End { served, why, by_us, .. } = end;
        let mut inner = self.lock();
        let closing = inner.closing;
        let host = &mut inner.hosts[at];
        host.over = None;
        let unusable = match &host.load.stage {
            Stage::Unusable(why) => Some(why.clone()),
            _ => None,
        };
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
            } else if let Some(failure) = queued.host_lost(name, *by_us) {
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
        drop(inner);
        self.flush(&outboxes);
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
                (None, true) => format!("host `{name}` is lost: {why}{rest}"),
                // It is tried again.
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
