//! The parent's side: a pool of warm workers, and the units that wait for them.
//!
//! The thread that submits a unit gives it to a worker directly if one is ready, and writes to it without waiting. Everything
//! else is done by the [supervisor](self::supervisor), one thread for each pool: it starts workers, reads what they send, and
//! ends them. Neither runs any of the user's Rust: units arrive here as bytes, and results are passed on as bytes.
//!
//! | module | duty |
//! |---|---|
//! | `state` | what waits, the workers, and who gets what: decisions, no input or output |
//! | `dispatch` | giving units to workers |
//! | `queued`, `ending` | a unit in the pool; how it is ended at its deadline |
//! | `supervisor`, `turn` | the thread; what it does in each turn |
//! | `reading`, `lost` | what it does when a worker has sent something, or is gone |
//! | `link`, `outbox`, `output` | input and output of one worker |
//! | `pace` | how many units a worker may have |

mod dispatch;
mod ending;
mod link;
mod lost;
mod outbox;
pub(crate) mod output;
pub(crate) mod pace;
mod queued;
mod reading;
pub(crate) mod state;
mod supervisor;
mod turn;
mod unsent;
pub(crate) mod wake;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use self::{
    dispatch::Side,
    pace::{MOST, Paces},
    queued::{InFlight, Queued},
    state::State,
    wake::Wake,
};
use super::{folder::Folder, identity, pause};
use crate::{
    cancel::CancelReason,
    executor::{Unit, UnitId, breakers::BreakerAnswer, tokens::Token},
    failure::{Failure, FailureKind, cancelled},
};

/// The number of descriptors that each worker takes up here, and the minimum that is left for the program itself.
const DESCRIPTORS: (u64, u64) = (5, 64);

/// A pool's settings.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The maximum number of workers at the same time.
    pub(crate) max_workers: usize,
    /// The program to start as a worker, if it is not this one.
    pub(crate) program: Option<PathBuf>,
    /// How long a worker may take from its start to its hello.
    pub(crate) handshake: Duration,
    /// Further variables in their environment.
    pub(crate) env: Vec<(OsString, OsString)>,
}

/// Workers, and the units that they will run.
pub(crate) struct Pool {
    options: Options,
    inner: Mutex<Inner>,
    /// `None` once it is no longer read.
    inbox: Mutex<Option<Vec<Command>>>,
    wake: Wake,
    /// The runs that it has requested a token from.
    asked: Mutex<BTreeSet<u64>>,
}

/// What the lock of a pool protects.
struct Inner {
    state: State<Box<Queued>, InFlight>,
    /// What is needed to send something to each worker that is ready.
    sides: BTreeMap<u32, Side>,
    paces: Paces,
    /// Tokens that arrived for waiting units.
    tokens: Vec<Token>,
    /// The program's current directory when the last units were submitted. They run there.
    folder: Option<Folder>,
    /// Why nothing can run.
    refusal: Option<Box<Failure>>,
    closing: bool,
    supervisor: Option<JoinHandle<()>>,
}

/// Something for the supervisor to do.
enum Command {
    Cancel(UnitId, CancelReason),
    /// A unit should run elsewhere, if it has not begun.
    #[cfg(feature = "remote")]
    GiveBack(UnitId),
    /// An answer to a worker's question about a circuit breaker.
    Breaker(u32, u64, BreakerAnswer),
    /// A token for units that are waiting here.
    Token(Token),
    /// A token for fan-outs inside the unit that a worker is running.
    Grant(u32, Token),
    /// Idle workers should end.
    EndIdle,
    #[cfg(test)]
    Panic,
}

impl Pool {
    pub(crate) fn new(options: Options) -> io::Result<Arc<Self>> {
        allow_descriptors(options.max_workers);
        let inner = Inner {
            state: State::new(options.max_workers),
            sides: BTreeMap::new(),
            paces: Paces::default(),
            tokens: Vec::new(),
            folder: None,
            refusal: None,
            closing: false,
            supervisor: None,
        };
        let (inner, inbox, asked) = (Mutex::new(inner), Mutex::new(Some(Vec::new())), Mutex::default());
        let pool = Arc::new(Self { options, inner, inbox, wake: Wake::new()?, asked });
        pause::add(Arc::downgrade(&pool));
        Ok(pool)
    }

    /// The number of units that are useful to have here at the same time.
    pub(crate) fn window(&self) -> usize {
        self.options.max_workers * MOST
    }

    /// Accepts units.
    pub(crate) fn submit(self: &Arc<Self>, units: Vec<Unit>) {
        let folder = Folder::here();
        let mut cancels = Vec::with_capacity(units.len());
        let mut inner = self.lock();
        if inner.closing {
            drop(inner);
            return units.into_iter().for_each(|unit| unit.fail(&cancelled(CancelReason::Requested)));
        }
        inner.folder = Some(folder);
        for unit in units {
            let cancel = unit.cancellation().clone();
            match Queued::new(unit) {
                Ok(mut queued) => {
                    cancels.push((queued.id(), cancel));
                    queued.age = inner.state.next_age();
                    inner.state.put(queued.age, queued);
                }
                Err(unit) => {
                    let message = "a unit came that was not written as bytes before";
                    unit.fail(&Failure::new(FailureKind::Transport, message));
                }
            }
        }
        if inner.refusal.is_none()
            && let Err(failure) = identity::can_have_workers(self.options.program.is_some())
        {
            inner.refusal = Some(failure);
        }
        if let Some(refusal) = inner.refusal.clone() {
            inner.refuse_all(&refusal);
            return;
        }
        self.supervise(&mut inner);
        let outboxes = self.give_out(&mut inner);
        let wants_worker = inner.state.wants_worker();
        drop(inner);
        let mut left = false;
        for outbox in outboxes {
            left |= !outbox.flush();
        }
        for (id, cancel) in cancels {
            let pool = Arc::downgrade(self);
            cancel.on_cancel(move |reason| {
                if let Some(pool) = pool.upgrade() {
                    pool.command(Command::Cancel(id, reason));
                }
            });
        }
        if left || wants_worker {
            self.wake.wake();
        }
    }

    /// Starts the supervisor, if it is not running.
    fn supervise(self: &Arc<Self>, inner: &mut Inner) {
        if inner.supervisor.is_some() {
            return;
        }
        let pool = Arc::clone(self);
        match thread::Builder::new().name("tea-supervisor".into()).spawn(move || supervisor::run(&pool)) {
            Ok(thread) => inner.supervisor = Some(thread),
            Err(error) => {
                inner.refuse_all(&cannot_start(&error));
            }
        }
    }

    /// Ends all workers and waits for them. Those that are running something are killed, the others say goodbye first.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closing = true;
        let supervisor = inner.supervisor.take();
        for queued in inner.state.take_all() {
            queued.fail(&cancelled(CancelReason::Requested));
        }
        drop(inner);
        self.wake.wake();
        if let Some(supervisor) = supervisor {
            // If it panicked, the panic hook has reported that, and all units here have failed.
            drop(supervisor.join());
        }
    }

    /// Refuses a unit as cancelled if it has not begun: it runs elsewhere.
    #[cfg(feature = "remote")]
    pub(crate) fn give_back(&self, id: UnitId) {
        self.command(Command::GiveBack(id));
    }

    /// Ends idle workers.
    pub(super) fn end_idle(&self) {
        if self.lock().supervisor.is_some() {
            self.command(Command::EndIdle);
        }
    }

    /// Sends a signal to all workers and to what they have started.
    pub(super) fn signal(&self, signal: Signal) {
        self.lock().sides.values().for_each(|side| side.group.signal(signal));
    }

    /// Makes the supervisor panic, as a defect in it would.
    #[cfg(test)]
    pub(super) fn panic(&self) {
        self.command(Command::Panic);
    }

    fn command(&self, command: Command) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(commands) = &mut *inbox {
            commands.push(command);
            drop(inbox);
            self.wake.wake();
        }
    }

    fn commands(&self) -> Vec<Command> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        inbox.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Closes the inbox: the tokens in it are returned, and so are those that still arrive.
    fn close_inbox(&self) {
        let commands = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(commands);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Fails all units, now and later.
    fn refuse_all(&mut self, failure: &Failure) {
        self.refusal = Some(Box::new(failure.clone()));
        for queued in self.state.take_all() {
            queued.refuse(failure);
        }
    }
}

/// The failure of units when no worker can be started.
pub(crate) fn cannot_start(error: &io::Error) -> Failure {
    let message = format!("no worker process can be started: {error}{WAY_OUT}");
    Failure::new(FailureKind::Error, message)
}

/// What works without worker processes.
const WAY_OUT: &str = "; `--parallel-strategy thread` runs without worker processes";

/// Makes sure that there are descriptors for this many workers, as far as the system allows: most systems allow 1,024 unless
/// a program asks for more. If there are not enough, there are fewer workers.
fn allow_descriptors(workers: usize) {
    let wanted = workers as u64 * DESCRIPTORS.0 + DESCRIPTORS.1;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < wanted) {
        let current = Some(maximum.map_or(wanted, |most| most.min(wanted)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

// They are not in the modules themselves because a model checker compiles those a second time: see `tests/tests/schedules`.
#[cfg(test)]
mod tests;
