//! The supervisor: one thread that keeps the deadlines of all workers of a pool.

use std::{
    sync::{Arc, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{Pool, State};

/// The supervisor is on time up to here.
const LATE: Duration = Duration::from_millis(20);

/// Starts the pool's supervisor if it has none.
pub(super) fn ensure(pool: &Arc<Pool>, state: &mut State) {
    if state.supervised {
        return;
    }
    let weak = Arc::clone(pool);
    match thread::Builder::new().name("tea-supervisor".into()).stack_size(256 << 10).spawn(move || supervise(&weak)) {
        Ok(thread) => {
            state.supervised = true;
            state.threads.push(thread);
        }
        Err(error) => Pool::no_more(state, &error),
    }
}

fn supervise(pool: &Arc<Pool>) {
    let mut state = pool.lock();
    loop {
        let now = Instant::now();
        if let Some(planned) = state.next_look
            && now.saturating_duration_since(planned) > LATE
        {
            for slot in &state.slots {
                slot.link.postpone(now - planned);
            }
        }
        state.next_look = None;
        if state.closing && state.slots.is_empty() && state.starting.values().all(|starting| *starting == 0) {
            return;
        }
        let next = state.slots.iter().filter_map(|slot| slot.link.look(now)).min();
        state.next_look = next;
        state = match next {
            Some(next) => {
                let wait = next.saturating_duration_since(Instant::now());
                pool.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
            }
            None => pool.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

impl Pool {
    /// Something must be done at this time.
    pub(super) fn look_at(&self, time: Instant) {
        let mut state = self.lock();
        if state.next_look.is_none_or(|next| time < next) {
            state.next_look = Some(time);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Something is to be done.
    pub(super) fn look_now(&self) {
        self.look_at(Instant::now());
    }
}
