//! Looks at each host of a pool without running anything there.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{Inner, Pool, host, no_folder, outbox::Outbox, state::Stage};
use crate::{executor::wire::Piece, process::folder::Folder, remote::message::ToAgent};

/// The number of round trips of which the shortest is told.
const ROUNDS: u32 = 20;

/// The number of bytes that are sent to see how fast that is.
const LOAD: u32 = 8 << 20;

/// What an agent said of its host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// From the start of the command until the agent was ready.
    pub ready_after: Duration,
    /// The time of a message there and back.
    pub round_trip: Duration,
    /// How many bytes a second were sent to it.
    pub bandwidth: f64,
    /// The number of units that it runs at once.
    pub slots: usize,
    /// The bytes of memory that are there for them, if that is known.
    pub memory: Option<u64>,
    /// How long it may be used, if that is known.
    pub time_left: Option<Duration>,
    /// Whether it was probed, with success, that it sees the program's files.
    pub sees_files: bool,
}

/// A host of a pool that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct HostCheck {
    /// Its name.
    pub name: String,
    /// What was found, or why nothing can run there.
    pub found: Result<Found, String>,
}

/// What is known so far.
#[derive(Debug)]
pub(super) struct Check {
    started: Instant,
    ready: Option<Duration>,
    pinged: Instant,
    rounds: u32,
    round_trip: Duration,
    memory: Option<u64>,
    /// How long it took to send [`LOAD`] bytes.
    load: Option<Duration>,
}

impl Check {
    fn new() -> Self {
        let now = Instant::now();
        Self { started: now, ready: None, pinged: now, rounds: 0, round_trip: Duration::MAX, memory: None, load: None }
    }

    /// Whether everything is known.
    pub(super) fn is_done(&self) -> bool {
        self.load.is_some()
    }
}

impl Inner {
    /// An agent is ready, or has answered: asks it again, if it is looked at.
    pub(super) fn look(&mut self, at: usize, memory: Option<u64>) -> Option<Arc<Outbox>> {
        let host = &mut self.hosts[at];
        let (check, side) = (host.check.as_mut()?, host.side.as_ref()?);
        let now = Instant::now();
        if check.ready.is_none() {
            (check.ready, check.memory) = (Some(now - check.started), memory);
        } else if check.rounds == ROUNDS {
            check.load = Some(now - check.pinged);
        } else {
            check.rounds += 1;
            check.round_trip = check.round_trip.min(now - check.pinged);
        }
        if !check.is_done() {
            check.pinged = now;
            let values = if check.rounds == ROUNDS { vec![Piece::Written(vec![0; LOAD as usize])] } else { Vec::new() };
            side.outbox.add_with(&ToAgent::Ping, values);
        }
        Some(Arc::clone(&side.outbox))
    }
}

impl Pool {
    /// Starts an agent on each host and ends it again.
    pub(crate) fn check(self: &Arc<Self>) -> Vec<HostCheck> {
        let mut inner = self.lock();
        let count = inner.hosts.len().min(self.launcher.differ());
        let names: Vec<_> = inner.hosts[..count].iter().map(|host| host.name.to_owned()).collect();
        match Folder::current() {
            Ok(folder) => inner.folder = Some(folder),
            Err(error) => {
                let found = |name| HostCheck { name, found: Err(no_folder(&error)) };
                return names.into_iter().map(found).collect();
            }
        }
        for host in &mut inner.hosts[..count] {
            (host.load.stage, host.check) = (Stage::Starting, Some(Check::new()));
        }
        drop(inner);
        thread::scope(|scope| {
            let look = |at| scope.spawn(move || self.check_host(at));
            let looks: Vec<_> = (0..names.len()).map(look).collect();
            let found = looks.into_iter().map(|look| look.join().unwrap_or_else(|_| Err("it panicked".to_owned())));
            names.into_iter().zip(found).map(|(name, found)| HostCheck { name, found }).collect()
        })
    }

    fn check_host(self: &Arc<Self>, at: usize) -> Result<Found, String> {
        let host::End { why, .. } = host::life(self, at);
        let inner = self.lock();
        let host = &inner.hosts[at];
        match (&host.load.stage, &host.check) {
            (Stage::Unusable(why), _) => Err(why.clone()),
            (_, Some(Check { ready: Some(ready_after), round_trip, memory, load: Some(load), .. })) => Ok(Found {
                ready_after: *ready_after,
                round_trip: *round_trip,
                bandwidth: f64::from(LOAD) / load.saturating_sub(*round_trip).as_secs_f64().max(1e-9),
                slots: host.load.slots,
                memory: *memory,
                time_left: host.load.ends.map(|ends| ends.left(Instant::now())),
                sees_files: self.probe.is_some(),
            }),
            _ => Err(why),
        }
    }
}
