//! The thread that looks after the workers of a pool: it starts them, waits for what they send, and makes sure that they
//! end. What it does when something has arrived is in [`turn`](super::turn).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::AsFd as _,
};

use super::{
    Pool, WAY_OUT, cannot_start,
    dispatch::Side,
    link::{Link, Phase, Why},
    output::Output,
    queued::Queued,
    state::Stage,
};
use crate::{
    executor::{message::Note, run_info::RunInfo},
    failure::{Failure, FailureKind},
    pacing::process::{ENDING, FLOODED, PULSE, start_delay},
    panic::guard,
    process::{
        identity,
        loss::MemoryKills,
        message::{Setup, ToWorker},
        spawn::Program,
        worker,
    },
    sync::look,
    timer, user_code,
    words::counted,
};

/// How many workers in a row may end before they are ready.
pub(super) const FAILED_STARTS: u32 = 10;

/// The state that only the supervisor uses.
pub(super) struct Supervisor<'a> {
    pub(super) pool: &'a Arc<Pool>,
    pub(super) links: BTreeMap<u32, Link>,
    /// The standard errors of workers that are gone, if another process still holds them open.
    pub(super) orphans: Vec<Orphan>,
    pub(super) failed_starts: u32,
    /// When the next worker may be started.
    next_start: Instant,
    /// Whether the last start was the only one at that time, because earlier ones had failed for lack of a system resource.
    pub(super) tried_alone: bool,
    pub(super) memory_kills: MemoryKills,
    /// The run of the units that arrived last.
    pub(super) run: Weak<RunInfo>,
    /// What has ended in this turn. It is delivered at the end of the turn, so that drivers, which will submit the next units, do
    /// not wait for the locks that the rest of the turn needs.
    pub(super) ended: Vec<Ended>,
    /// How long the last unit took. The next one probably takes about as long.
    took: Duration,
    /// Workers whose frames have arrived but have not all been handled.
    pub(super) unread: BTreeSet<u32>,
    /// The reasons for replacing workers that have been reported.
    pub(super) told: BTreeSet<String>,
    alarm: Option<(Instant, timer::Handle)>,
}

/// A unit whose parts have all ended, how long it took, and the worker that ran it.
pub(super) type Ended = (Box<Queued>, Duration, u32, u32);

fn deliver(ended: &mut Vec<Ended>) {
    ended.drain(..).for_each(|(queued, elapsed, worker, pid)| queued.finish(elapsed, worker, pid));
}

/// The standard error of a worker that is gone.
pub(super) struct Orphan {
    pub(super) number: u32,
    pub(super) pid: u32,
    pub(super) output: Output,
    pub(super) until: Instant,
    pub(super) run: Weak<RunInfo>,
}

/// What is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Wake,
    Stream(u32),
    Room(u32),
    Output(u32),
    Ended(u32),
    Orphan(usize),
}

/// Runs the supervisor's thread.
pub(super) fn run(pool: &Arc<Pool>) {
    let outcome = guard(|| {
        user_code::forbid();
        Supervisor::new(pool).run();
    });
    if let Err(panic) = outcome {
        // Everything that it held has been dropped: links end their workers then.
        let message = format!("the thread that looks after worker processes panicked: {}", panic.message);
        let failure = Failure::new(FailureKind::Transport, message);
        let mut inner = pool.lock();
        inner.refuse_all(&failure);
        for (_, worker) in std::mem::take(&mut inner.state.workers) {
            for in_flight in worker.in_flight {
                if let super::queued::InFlight::Unit(queued) = in_flight {
                    queued.fail(&failure);
                }
            }
        }
        inner.sides.clear();
        inner.tokens.clear();
    }
    pool.close_inbox();
}

impl<'a> Supervisor<'a> {
    fn new(pool: &'a Arc<Pool>) -> Self {
        Self {
            pool,
            links: BTreeMap::new(),
            orphans: Vec::new(),
            failed_starts: 0,
            next_start: Instant::now(),
            tried_alone: false,
            memory_kills: MemoryKills::now(),
            run: Weak::new(),
            ended: Vec::new(),
            took: Duration::ZERO,
            unread: BTreeSet::new(),
            told: BTreeSet::new(),
            alarm: None,
        }
    }

    fn run(mut self) {
        loop {
            self.obey();
            self.give_out();
            let more_starts = self.start_one();
            let unused = self.pool.lock().unused_tokens();
            drop(unused);
            self.see_off();
            if self.pool.lock().closing && self.links.is_empty() && self.orphans.is_empty() {
                return deliver(&mut self.ended);
            }
            let recalls_at = self.recall();
            let ready = self.wait(more_starts, recalls_at);
            for what in ready {
                match what {
                    What::Wake => self.pool.wake.clear(),
                    What::Stream(number) => self.said(number),
                    What::Room(number) => self.links.get(&number).iter().for_each(|link| _ = link.outbox.flush()),
                    What::Output(number) => self.wrote(number),
                    What::Ended(number) => self.ended(number),
                    What::Orphan(at) => self.orphan_wrote(at),
                }
            }
            self.look();
        }
    }

    /// Waits until something has arrived or is due. Returns what has arrived.
    fn wait(&mut self, more_starts: bool, recalls_at: Option<Instant>) -> Vec<What> {
        let due = self.due(more_starts, recalls_at);
        let mut ended = std::mem::take(&mut self.ended);
        self.took = ended.last().map_or(self.took, |(_, elapsed, ..)| *elapsed);
        let (mut whats, mut sources) = (vec![What::Wake], vec![PollFd::new(&self.pool.wake.read, PollFlags::IN)]);
        let inner = self.pool.lock();
        let (mut flooded, mut resting) = (false, Vec::new());
        for (number, link) in &self.links {
            let worker = inner.state.workers.get(number);
            let front = worker.and_then(|worker| worker.in_flight.front()).and_then(|front| front.unit());
            let is_flooded = front.is_some_and(Queued::is_flooded);
            flooded |= is_flooded;
            resting.extend(link.rests_until.filter(|_| !link.is_ending()).map(|until| (*number, until)));
            let rests = is_flooded || link.rests_until.is_some();
            if !link.is_ending() && !rests {
                whats.push(What::Stream(*number));
                sources.push(PollFd::new(link.source(), PollFlags::IN));
            }
            if !link.is_ending() && link.outbox.is_waiting() {
                whats.push(What::Room(*number));
                sources.push(PollFd::from_borrowed_fd(link.outbox.stream(), PollFlags::OUT));
            }
            if let (Some(pipe), false) = (link.output.pipe(), is_flooded) {
                whats.push(What::Output(*number));
                sources.push(PollFd::new(pipe, PollFlags::IN));
            }
            if let Some(ended) = &link.ended {
                whats.push(What::Ended(*number));
                sources.push(PollFd::new(ended, PollFlags::IN));
            }
        }
        drop(inner);
        for (at, orphan) in self.orphans.iter().enumerate() {
            if let Some(pipe) = orphan.output.pipe() {
                whats.push(What::Orphan(at));
                sources.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
            }
        }
        let flood = flooded.then(|| Instant::now() + FLOODED);
        let until = due.into_iter().chain(flood).chain(resting.iter().map(|(_, until)| *until)).min();
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout: Option<Timespec> = timeout.and_then(|timeout| timeout.try_into().ok());
        deliver(&mut ended);
        // If it is interrupted, nothing has arrived.
        if !look(self.took, || poll(&mut sources, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)) {
            let _ = poll(&mut sources, timeout.as_ref());
        }
        let ready = sources.iter().zip(&whats).filter(|(source, _)| !source.revents().is_empty());
        let mut ready: Vec<_> = ready.map(|(_, what)| *what).collect();
        if !resting.is_empty() {
            let now = Instant::now();
            for (number, _) in resting.into_iter().filter(|(_, until)| *until <= now) {
                self.links.get_mut(&number).into_iter().for_each(|link| link.rests_until = None);
                ready.push(What::Stream(number));
            }
        }
        ready
    }

    /// When the next thing is due, by the clock.
    fn due(&self, more_starts: bool, recalls_at: Option<Instant>) -> Option<Instant> {
        let inner = self.pool.lock();
        let busy = inner.state.workers.values().any(|worker| !worker.in_flight.is_empty());
        drop(inner);
        let pulse = (busy || self.links.values().any(|link| link.ended.is_none())).then(|| Instant::now() + PULSE);
        let start = more_starts.then_some(self.next_start);
        let orphans = self.orphans.iter().map(|orphan| orphan.until).min();
        let links = self.links.values().filter_map(Link::due).min();
        [pulse, start, orphans, links, recalls_at].into_iter().flatten().min()
    }

    /// Sets the timer to wake the supervisor at a unit's deadline, in this process's time.
    pub(super) fn set_alarm(&mut self, due: Option<Instant>, now: Instant) {
        if self.alarm.as_ref().map(|(due, _)| *due) == due && due.is_none_or(|due| due > now) {
            return;
        }
        if let Some((_, handle)) = self.alarm.take() {
            handle.cancel();
        }
        self.alarm = due.map(|due| {
            let pool = Arc::downgrade(self.pool);
            let wake = move || pool.upgrade().iter().for_each(|pool| pool.wake.wake());
            (due, timer::at(due, Box::new(wake)))
        });
    }

    /// Starts a worker if one is needed. Returns whether another one is.
    fn start_one(&mut self) -> bool {
        let mut inner = self.pool.lock();
        if inner.closing || inner.refusal.is_some() {
            return false;
        }
        inner.state.make_room();
        let starts = inner.state.starts(self.failed_starts > 0);
        let Some(limit) = starts.first().copied() else { return false };
        if self.next_start > Instant::now() {
            return true;
        }
        let Some(task) = inner.state.oldest(limit) else { return false };
        let (run, depth) = (Arc::clone(&task.unit.fan_out().run), task.unit.depth());
        // Without a token, it could not run anything.
        let Some(token) = self.pool.token(&mut inner.tokens, &run, depth) else { return false };
        let number = inner.state.start(limit);
        drop(inner);
        self.run = Arc::downgrade(&run);
        let handshake = self.pool.options.handshake;
        let until = timer::later(Instant::now(), handshake);
        let started = self.program().and_then(|program| program.start());
        let link = started.map(|started| Link::new(number, started, Arc::downgrade(&run), until));
        match link {
            Ok(link) => {
                let inherited_limit = worker::inherited_limit();
                let setup = Setup { memory_limit: limit, inherited_limit };
                link.outbox.add(&ToWorker::Setup(setup));
                link.outbox.flush();
                let mut inner = self.pool.lock();
                let side = Side {
                    group: Arc::clone(&link.group),
                    outbox: Arc::clone(&link.outbox),
                    token: Some(token),
                    known: Vec::new(),
                    view: None,
                    folder: None,
                };
                inner.sides.insert(number, side);
                drop(inner);
                self.links.insert(number, link);
            }
            Err(error) => {
                drop(token);
                self.pool.lock().state.workers.remove(&number);
                self.system_failed(&error);
            }
        }
        starts.len() > 1
    }

    fn program(&self) -> std::io::Result<Program> {
        let options = &self.pool.options;
        let threads = (crate::executor::parallelism() / options.max_workers.max(1)).max(1);
        match (&options.program, identity::entry()) {
            (Some(path), _) => Ok(Program::other(path.clone(), threads)),
            (None, Some(entry)) => Program::current(&entry, threads).map(|program| program.with_env(&options.env)),
            (None, None) => Err(std::io::Error::other("no entry")),
        }
    }

    /// Handles a start that failed because the system has no resources for it.
    fn system_failed(&mut self, error: &std::io::Error) {
        let mut inner = self.pool.lock();
        let here = inner.state.workers.len();
        if here == 0 && !self.tried_alone {
            // Several starts at the same time may have taken the last descriptors from each other.
            self.tried_alone = true;
            self.next_start = Instant::now() + start_delay(1);
            return;
        }
        if here == 0 {
            return inner.refuse_all(&cannot_start(error));
        }
        inner.state.limit = here;
        drop(inner);
        self.warn(format!("only {} can run, no more can be started: {error}", processes(here)));
    }

    /// Handles a worker that ended before it was ready.
    pub(super) fn start_failed(&mut self, failure: &Failure, wrong: bool) {
        self.failed_starts += 1;
        self.next_start = Instant::now() + start_delay(self.failed_starts);
        if !wrong && self.failed_starts < FAILED_STARTS {
            return;
        }
        let message = if wrong {
            failure.message.clone()
        } else {
            let program = self.program().map(|program| program.to_string()).unwrap_or_default();
            format!(
                "{FAILED_STARTS} worker processes in a row ended before they were ready; they were started from \
                 {program}; the last: {}",
                failure.message
            )
        };
        let mut inner = self.pool.lock();
        let here = inner.state.workers.values().filter(|worker| worker.stage == Stage::Ready).count();
        if here > 0 {
            inner.state.limit = here;
            drop(inner);
            return self.warn(format!("only {} can run, no more are started: {message}", processes(here)));
        }
        let message = format!("{message}{}", if wrong { "" } else { WAY_OUT });
        inner.refuse_all(&Failure { message, ..failure.clone() });
    }

    /// Handles a worker that is ready.
    pub(super) fn started_well(&mut self) {
        self.failed_starts = 0;
        self.tried_alone = false;
        self.next_start = Instant::now();
    }

    /// Reports something that is not a failure, but that the user should know.
    pub(super) fn warn(&self, message: String) {
        if let Some(run) = self.run.upgrade() {
            run.note(Note::Warning { message });
        }
    }

    /// Keeps the standard error of a worker that is gone, to be read for a while.
    pub(super) fn orphaned(link: Link) -> Option<Orphan> {
        let (number, pid, run) = (link.number, link.pid(), link.run.clone());
        let Link { output, .. } = link;
        let until = Instant::now() + ENDING.max(Duration::ZERO);
        output.pipe().is_some().then_some(Orphan { number, pid, output, until, run })
    }

    /// Ends workers whose start takes too long, or that do not end after their goodbye.
    pub(super) fn end_what_is_late(&mut self) {
        let now = Instant::now();
        let limit = self.pool.options.handshake;
        for link in self.links.values_mut() {
            if let Phase::Hello { by_clock, .. } = &link.phase
                && *by_clock <= now
            {
                let after = link.after_noise();
                link.end(Why::NoHello(format!("it did not say hello within {limit:?}{after}")));
            }
            if link.goodbye_until.is_some_and(|until| until <= now) {
                link.goodbye_until = None;
                link.group.signal(rustix::process::Signal::KILL);
            }
        }
    }
}

fn processes(count: usize) -> String {
    counted(count as u64, "worker process", "worker processes")
}
