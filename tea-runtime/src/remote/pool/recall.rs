//! Asks hosts to give back what waits there behind something long, when another host could run it.

use std::{cmp::Reverse, time::Instant};

use super::{Inner, Pool, state::behind};
use crate::{pacing::remote::RECALL, remote::message::ToAgent};

impl Inner {
    /// The hosts that may have to give something back.
    pub(super) fn behind(&self) -> Vec<usize> {
        behind(self.hosts.iter().map(|host| &host.load).enumerate(), self.waiting.len())
    }
}

impl Pool {
    /// Asks a host for what has not begun there and has no place, if another one could run it. Returns when to look again.
    /// The caller has to send what was added for the host.
    pub(super) fn recall(&self, at: usize) -> Option<Instant> {
        let mut inner = self.lock();
        if !inner.behind().contains(&at) {
            return None;
        }
        let Inner { hosts, paces, .. } = &mut *inner;
        let host = &mut hosts[at];
        let side = host.side.as_ref()?;
        let now = Instant::now();
        let waits = host.in_flight.values_mut().filter(|queued| !queued.begun && !queued.recalled && !queued.alone());
        let (mut late, early): (Vec<_>, Vec<_>) = waits.partition(|queued| now >= queued.given + RECALL);
        let next = early.iter().map(|queued| queued.given + RECALL).min();
        // Those that came last; the others have places there.
        late.sort_by_key(|queued| Reverse(queued.given));
        for queued in late.into_iter().take(host.load.in_flight.saturating_sub(host.load.slots)) {
            queued.recalled = true;
            // No more of its kind wait on a host.
            paces.takes(queued.kind(), RECALL);
            side.outbox.add(&ToAgent::Recall { unit: queued.number() });
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::pool::state::{Load, Stage};

    #[test]
    fn what_waits_on_a_host_is_asked_back_only_for_another_that_could_run_it() {
        let host = |stage, in_flight| Load { stage, slots: 2, in_flight, ends: None };
        let of = |loads: &[Load], waiting| -> Vec<usize> { behind(loads.iter().enumerate(), waiting) };
        let busy = host(Stage::Ready, 5);
        assert_eq!(of(&[busy.clone(), host(Stage::Ready, 1)], 0), [0]);
        assert_eq!(of(&[host(Stage::Leaving, 5), host(Stage::Off, 0)], 0), [0]);
        assert_eq!(of(&[busy.clone(), host(Stage::Ready, 1)], 1), [0; 0], "that is for what waits");
        for other in [host(Stage::Ready, 2), host(Stage::Silent, 0), host(Stage::Starting, 0)] {
            assert_eq!(of(&[busy.clone(), other], 0), [0; 0], "it could not run it now");
        }
        assert_eq!(of(&[host(Stage::Silent, 5), host(Stage::Ready, 0)], 0), [0; 0], "it does not answer");
    }
}
