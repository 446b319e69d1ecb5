//! The program's side: units that wait, and hosts with agents that run them.
//!
//! The thread that submits a unit gives it to a host directly if one has room, and writes to it without waiting. Everything else
//! is done by one thread for each host. None of them runs any of the user's Rust: units arrive here as bytes, and outcomes are
//! passed on as bytes.
//!
//! | module | duty |
//! |---|---|
//! | `state` | which unit goes to which host: decisions, no input or output |
//! | `queued` | a unit in the pool |
//! | `check` | looks at hosts without running anything there |
//! | `dials` | how many agents are being started at once |
//! | `dispatch` | giving units to hosts |
//! | `host` | the thread of a host: starts agents there |
//! | `kept` | what an agent keeps for several units |
//! | `link` | the streams of an agent |
//! | `hearing`, `lost` | what it does when an agent has sent something, or is gone |
//! | `recall` | asking hosts for what waits there behind something long |
//! | `probe` | a file that hosts must see |
//! | `outbox` | sending to an agent |

mod check;
mod dials;
mod dispatch;
mod hearing;
mod host;
mod kept;
mod link;
mod lost;
mod outbox;
mod probe;
mod queued;
mod recall;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    os::unix::ffi::OsStringExt as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use self::check::{Found, HostCheck};

use self::{
    check::Check,
    dials::Dials,
    kept::Kept,
    outbox::Outbox,
    probe::ProbeFile,
    queued::Queued,
    state::{Health, Load, Numbers, Stage, shares, starts},
};
use super::{launch::Launcher, lease::Terms, message::ToAgent};
use crate::{
    cancel::CancelReason,
    executor::{Unit, UnitId, message::Note, parallelism, run_info::RunInfo},
    failure::{Failure, FailureKind, cancelled},
    process::{
        folder::Folder,
        pool::{pace::Paces, wake::Wake},
    },
    words::kept,
};

/// What holds for all hosts of a pool.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// How many of them are kept when they have nothing to do.
    pub(crate) least: usize,
    /// After which time with nothing to do the others are given back; never if it is not given.
    pub(crate) idle: Option<Duration>,
    /// The variables of this process that workers on hosts get.
    pub(crate) env: Vec<String>,
    /// Whether hosts must see the program's files.
    pub(crate) shared: bool,
    /// How long they may be silent.
    pub(crate) terms: Terms,
}

/// Hosts, and the units that they will run.
pub(crate) struct Pool {
    launcher: Box<dyn Launcher>,
    terms: Terms,
    dials: Dials,
    /// How many hosts are kept when they have nothing to do.
    least: usize,
    /// After which time with nothing to do the others are given back.
    idle: Option<Duration>,
    /// The variables that workers on hosts get.
    env: Vec<(Vec<u8>, Vec<u8>)>,
    /// The file by which it is seen whether hosts see the program's files, if they must.
    probe: Option<Mutex<Option<ProbeFile>>>,
    inner: Mutex<Inner>,
    /// Wakes the thread of each host.
    wakes: Vec<Wake>,
}

/// What the lock of a pool protects.
struct Inner {
    /// By age.
    waiting: BTreeMap<u64, Box<Queued>>,
    next_age: u64,
    hosts: Vec<Host>,
    paces: Paces,
    /// The longest that a unit of each kind has taken.
    longest: HashMap<usize, Duration>,
    numbers: Numbers,
    health: Health,
    /// The program's current directory when the last units were submitted. They run there.
    folder: Option<Folder>,
    /// The run of the units that were submitted last.
    run: Weak<RunInfo>,
    /// Why nothing can run.
    refusal: Option<Box<Failure>>,
    closing: bool,
}

/// A host of the pool.
struct Host {
    name: &'static str,
    load: Load,
    /// The number of units that it runs at once; as many as it has processors if it is not given.
    slots: Option<u32>,
    /// The most that it may run at once, whatever it has.
    share: Option<u32>,
    /// The number of agents that were started there.
    life: u32,
    /// By their numbers.
    in_flight: HashMap<u64, Box<Queued>>,
    side: Option<Side>,
    /// When the lease is over that was granted to its agent last. Until then, its units may be running.
    over: Option<Instant>,
    /// The units that have ended there since its agent was started.
    ended: u64,
    /// If it is only looked at.
    check: Option<Check>,
    thread: Option<JoinHandle<()>>,
}

/// What is needed to send something to the agent of a host.
struct Side {
    outbox: Arc<Outbox>,
    /// The runs that it knows.
    known: Vec<(u64, Weak<RunInfo>)>,
    kept: Kept,
    /// The directory that it was told last.
    folder: Option<Folder>,
}

impl Pool {
    /// A pool of hosts with that many slots, where that is known. Together they run at most `most` units at once.
    pub(crate) fn new(
        slots: &[Option<u32>],
        launcher: Box<dyn Launcher>,
        most: Option<usize>,
        settings: &Settings,
    ) -> std::io::Result<Arc<Self>> {
        let host = |(at, share): (usize, Option<u32>)| Host {
            name: kept(&launcher.name(at)),
            load: Load {
                stage: Stage::Off,
                slots: {
                    let guess = slots[at].map_or_else(parallelism, |slots| slots as usize);
                    share.map_or(guess, |share| guess.min(share as usize))
                },
                in_flight: 0,
                ends: None,
            },
            slots: slots[at],
            share,
            life: 0,
            in_flight: HashMap::new(),
            side: None,
            over: None,
            ended: 0,
            check: None,
            thread: None,
        };
        let hosts: Vec<_> = shares(slots.len(), most).into_iter().enumerate().map(host).collect();
        let wakes = hosts.iter().map(|_| Wake::new()).collect::<Result<_, _>>()?;
        let inner = Inner {
            waiting: BTreeMap::new(),
            next_age: 0,
            hosts,
            paces: Paces::default(),
            longest: HashMap::new(),
            numbers: Numbers::default(),
            health: Health::default(),
            folder: None,
            run: Weak::new(),
            refusal: None,
            closing: false,
        };
        let dials = Dials::new(launcher.dials());
        let Settings { least, idle, terms, .. } = *settings;
        let probe = settings.shared.then(Mutex::default);
        let env = settings
            .env
            .iter()
            .filter_map(|name| Some((name.clone().into_bytes(), std::env::var_os(name)?.into_vec())));
        let env = env.collect();
        Ok(Arc::new(Self { launcher, terms, dials, least, idle, env, probe, inner: Mutex::new(inner), wakes }))
    }

    /// The number of units that all hosts together run at once, as far as is known.
    pub(crate) fn slots(&self) -> usize {
        self.lock().hosts.iter().map(|host| host.load.slots).sum()
    }

    /// Accepts units.
    pub(crate) fn submit(self: &Arc<Self>, units: Vec<Unit>) {
        let folder = match Folder::current() {
            Ok(folder) => folder,
            Err(error) => {
                let failure = Failure::new(FailureKind::Error, no_folder(&error));
                return units.into_iter().for_each(|unit| unit.refuse(&failure));
            }
        };
        let mut cancels = Vec::with_capacity(units.len());
        let mut inner = self.lock();
        if inner.closing {
            drop(inner);
            return units.into_iter().for_each(|unit| unit.fail(&cancelled(CancelReason::Requested)));
        }
        inner.folder = Some(folder);
        for unit in units {
            inner.run = Arc::downgrade(&unit.fan_out().run);
            let cancel = unit.cancellation().clone();
            match Queued::new(unit) {
                Ok(mut queued) => {
                    cancels.push((queued.id(), cancel));
                    inner.next_age += 1;
                    queued.age = inner.next_age;
                    inner.waiting.insert(queued.age, queued);
                }
                Err(unit) => {
                    let message = "a unit came that was not written as bytes before";
                    unit.fail(&Failure::new(FailureKind::Transport, message));
                }
            }
        }
        if let Some(refusal) = inner.refusal.clone() {
            inner.refuse_all(&refusal);
            return;
        }
        let outboxes = inner.give_out();
        self.start_hosts(&mut inner);
        self.send(inner, &outboxes);
        for (id, cancel) in cancels {
            let pool = Arc::downgrade(self);
            cancel.on_cancel(move |reason| {
                if let Some(pool) = pool.upgrade() {
                    pool.cancel(id, reason);
                }
            });
        }
    }

    /// Starts the threads of hosts that are needed.
    fn start_hosts(self: &Arc<Self>, inner: &mut Inner) {
        let loads = inner.hosts.iter().map(|host| &host.load).enumerate();
        for at in starts(loads, inner.waiting.len(), self.least) {
            let pool = Arc::clone(self);
            let started = thread::Builder::new().name("tea-host".into()).spawn(move || host::run(&pool, at));
            let host = &mut inner.hosts[at];
            match started {
                Ok(thread) => {
                    // The one before it has ended, or is about to.
                    host.thread = Some(thread);
                    host.load.stage = Stage::Starting;
                }
                Err(error) => inner.unusable(at, format!("no thread can be started for it: {error}")),
            }
        }
    }

    /// Sends what was given out, and makes hosts look whether they give something back.
    fn send(&self, inner: MutexGuard<'_, Inner>, outboxes: &[(usize, Arc<Outbox>)]) {
        let behind = inner.behind();
        drop(inner);
        self.flush(outboxes);
        for at in behind {
            self.wakes[at].wake();
        }
    }

    /// Sends what was added. What is not accepted at once is sent by the threads of the hosts.
    fn flush(&self, outboxes: &[(usize, Arc<Outbox>)]) {
        for (at, outbox) in outboxes {
            if !outbox.flush() {
                self.wakes[*at].wake();
            }
        }
    }

    fn cancel(&self, id: UnitId, reason: CancelReason) {
        let mut inner = self.lock();
        let age = inner.waiting.iter().find(|(_, queued)| queued.id() == id).map(|(age, _)| *age);
        if let Some(queued) = age.and_then(|age| inner.waiting.remove(&age)) {
            drop(inner);
            return queued.fail(&cancelled(reason));
        }
        let host = inner.hosts.iter_mut().enumerate().find(|(_, host)| host.in_flight.contains_key(&id.get()));
        let Some((at, host)) = host else { return };
        let Some(side) = &host.side else {
            // Nobody can be told, and it will not be given to another host.
            let queued = host.in_flight.remove(&id.get());
            drop(inner);
            return queued.into_iter().for_each(|queued| queued.fail(&cancelled(reason)));
        };
        let outbox = Arc::clone(&side.outbox);
        drop(inner);
        outbox.add(&ToAgent::Cancel { unit: id.get(), sibling: reason == CancelReason::Sibling });
        self.flush(&[(at, outbox)]);
    }

    /// Ends all agents and waits for them, with whatever they are running.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closing = true;
        let threads: Vec<_> = inner.hosts.iter_mut().filter_map(|host| host.thread.take()).collect();
        let failure = cancelled(CancelReason::Requested);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        for queued in waiting.into_values() {
            queued.fail(&failure);
        }
        self.dials.close();
        self.wakes.iter().for_each(Wake::wake);
        for thread in threads {
            // If it panicked, the panic hook has reported that, and its units have failed.
            drop(thread.join());
        }
    }

    /// Leaves a note for the run whose units came last.
    fn tell(&self, note: Note) {
        let run = self.lock().run.upgrade();
        if let Some(run) = run {
            run.note(note);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Fails all units that wait, now and later.
    fn refuse_all(&mut self, failure: &Failure) {
        self.refusal = Some(Box::new(failure.clone()));
        for queued in std::mem::take(&mut self.waiting).into_values() {
            queued.refuse(failure);
        }
    }

    /// A host cannot be used. If none can, nothing can run.
    fn unusable(&mut self, at: usize, why: String) {
        self.hosts[at].load.stage = Stage::Unusable(why);
        let reasons: Vec<_> = self
            .hosts
            .iter()
            .filter_map(|host| match &host.load.stage {
                Stage::Unusable(why) => Some(format!("`{}`: {why}", host.name)),
                _ => None,
            })
            .collect();
        if reasons.len() == self.hosts.len() {
            let mut failure = Failure::new(FailureKind::Error, "no host of the pool can be used");
            failure.message = format!("no host of the pool can be used: {}", reasons.join("; "));
            self.refuse_all(&failure);
        }
    }
}

/// The program's directory has no path by which a host could enter it.
fn no_folder(error: &std::io::Error) -> String {
    format!(
        "hosts cannot run anything in the program's current directory: {error}; if it was deleted, start the program in another one, or let \
         nodes not delete it"
    )
}
