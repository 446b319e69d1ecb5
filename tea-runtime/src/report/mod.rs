//! The report of a run: a page that says what it cost, what ran when, and what failed.
//!
//! `Report` listens to a run, in bounded memory. `facts` are what is known at its end, `page` writes them as one file that
//! needs no other.

mod facts;
mod file;
mod page;
#[cfg(feature = "cli")]
mod recorded;
mod rows;
mod spread;
mod timeline;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use self::{
    facts::FailureFacts,
    rows::{Kind, Rows},
    timeline::{Bar, Timeline, micros},
};
#[cfg(feature = "cli")]
pub(crate) use self::{
    facts::State,
    recorded::{Recorded, of_records},
};
pub(crate) use self::{
    facts::{Ending, Given, given},
    file::ReportFile,
};
use crate::{
    error::Error,
    event::{Detail, Event, Listener, Scope},
    failure::Failure,
    plan::Plan,
    result::ParallelFlowResult,
    usage,
};

/// So many failures are told in full.
const MOST_FAILURES: usize = 1000;
const MOST_WARNINGS: usize = 100;

/// Listens to a run, and tells of it.
pub(crate) struct Report {
    plan: &'static Plan,
    started: Instant,
    began: SystemTime,
    /// The processor time of this process and of those that it waited for, when the run began.
    cpu: Option<Duration>,
    book: Mutex<Book>,
}

/// What is known so far.
#[derive(Default)]
struct Book {
    rows: Rows,
    timeline: Timeline,
    failures: Vec<FailureFacts>,
    /// Their names and messages.
    known: HashSet<(String, String)>,
    failures_in_all: u64,
    warnings: Vec<String>,
    /// The rows of branches and maps that have started.
    scopes: HashMap<Scope, u32>,
    /// The attempts that have started in each worker, oldest first.
    in_workers: HashMap<u32, VecDeque<Begun>>,
    on_threads: HashMap<(Scope, String, u32), (Begun, u32)>,
    hosts: HashMap<u32, String>,
    /// Workers that have ended, and the ends of whose attempts have not been told.
    gone: Vec<u32>,
    totals: Totals,
}

/// Sums over the run.
#[derive(Debug, Default, Clone, serde::Serialize)]
struct Totals {
    attempts: u64,
    retries: u64,
    workers_started: u64,
    workers_lost: u64,
    bytes_sent: u64,
    bytes_received: u64,
    #[serde(skip)]
    remote_cpu: Duration,
    peak_memory: Option<u64>,
}

/// An attempt that has started.
struct Begun {
    scope: Scope,
    name: String,
    attempt: u32,
    started: Duration,
    sent: u64,
}

impl Report {
    /// A report of a run that starts now.
    pub(crate) fn new(plan: &'static Plan) -> Self {
        let (started, began, cpu) = (Instant::now(), SystemTime::now(), usage::of_run());
        Self { plan, started, began, cpu, book: Mutex::default() }
    }

    /// The page, when the run has ended.
    pub(crate) fn page(&self, ending: &Ending<'_>) -> String {
        let elapsed = self.started.elapsed();
        let cpu = usage::of_run().zip(self.cpu).map(|(now, before)| now.saturating_sub(before));
        let mut book = self.book();
        if let Some(error) = ending.error {
            book.outside(error);
        }
        page::render(&facts::facts(self.plan, &book, ending, (self.began, Some(elapsed), cpu)), self.plan)
    }

    fn since(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.started)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Report {
    fn on_event(&self, event: &Event<'_>) {
        let now = self.started.elapsed();
        let mut book = self.book();
        match *event {
            Event::NodeFinished { scope, node, place, worker, started, elapsed, failure, cached, .. } => {
                let row = book.rows.at(Kind::Node, node, Some(place));
                book.rows.node(row, elapsed, failure, cached);
                if scope == Scope::ROOT && worker.is_none() {
                    let (start, lane) = (self.since(started), book.timeline.trunk());
                    book.bar(lane, row, node, (start, start + elapsed), has_failed(failure));
                }
            }
            Event::BranchStarted { scope, name, place, .. } => {
                let row = book.rows.at(Kind::Branch, name, Some(place));
                book.scopes.insert(scope, row);
            }
            Event::BranchFinished { scope, result } => book.branch(scope, result),
            Event::MapStarted { scope, name, place, .. } => {
                let row = book.rows.at(Kind::Map, name, Some(place));
                book.scopes.insert(scope, row);
                book.rows.name_of(scope, name);
            }
            Event::ItemFailed { scope, index, result } => {
                let name = format!("{}[{index}]", book.rows.shown(scope));
                book.failed(&name, result);
            }
            Event::MapFinished { scope, done, failed, unfinished, restored, cached, .. } => {
                if let Some(row) = book.scopes.remove(&scope) {
                    book.rows.map(row, [done - failed - unfinished, failed, unfinished], [restored, cached]);
                }
                book.rows.forget(scope);
            }
            Event::AttemptStarted { scope, name, attempt, worker, started, sent, .. } => {
                let (name, started) = (name.to_owned(), self.since(started));
                book.attempt_started(worker, Begun { scope, name, attempt, started, sent });
            }
            Event::AttemptFinished { .. } => book.attempt_finished(event, now),
            Event::RetryScheduled { scope, .. } => {
                book.totals.retries += 1;
                if let Some(row) = book.scopes.get(&scope).copied() {
                    book.rows.retry(row);
                }
            }
            Event::WorkerStarted { worker, host, .. } => {
                book.totals.workers_started += 1;
                book.timeline.worker(worker, host);
                if let Some(host) = host {
                    book.hosts.insert(worker, host.to_owned());
                }
            }
            Event::WorkerEnded { worker, .. } => book.worker_ended(worker, now, None),
            Event::WorkerLost { worker, pid, exit, running, .. } => {
                book.totals.workers_lost += 1;
                let how = exit.map_or_else(String::new, |exit| format!(", {}", facts::exit(exit)));
                let what = if running.is_empty() { String::new() } else { format!(" in `{running}`") };
                book.worker_ended(worker, now, Some(format!("process {pid} was lost{what}{how}")));
            }
            Event::Warning { message } if book.warnings.len() < MOST_WARNINGS => {
                book.warnings.push(facts::cut(message));
            }
            _ => {}
        }
    }

    fn wants(&self) -> Detail {
        Detail { nodes: true, progress: false }
    }
}

/// Whether this is a failure: not of what was only told to end, or waits for an answer.
fn has_failed(failure: Option<&Failure>) -> bool {
    failure.is_some_and(|failure| !failure.kind.is_unfinished())
}

impl Book {
    fn bar(&mut self, lane: u32, row: u32, name: &str, (start, end): (Duration, Duration), failed: bool) {
        let (start, end) = (micros(start), micros(end));
        let (busy, failed) = (end - start, u64::from(failed));
        let bar = Bar { lane, row: Some(row), start, end, busy, count: 1, failed, ..Bar::default() };
        self.timeline.add(Bar { name: Some(name.into()), ..bar });
    }

    fn attempt_started(&mut self, worker: Option<u32>, begun: Begun) {
        let Some(worker) = worker else {
            let lane = self.timeline.take(timeline::Kind::Thread, "");
            self.on_threads.insert((begun.scope, begun.name.clone(), begun.attempt), (begun, lane));
            return;
        };
        // A worker may give back what it was about to run, and another one, or the same, starts it again.
        let key = |begun: &Begun| (begun.scope, begun.attempt, begun.name.clone());
        let this = key(&begun);
        self.in_workers.values_mut().for_each(|others| others.retain(|other| key(other) != this));
        self.in_workers.entry(worker).or_default().push_back(begun);
        self.leave_lanes();
    }

    /// The attempt that has ended, and its line.
    fn begun(&mut self, scope: Scope, name: &str, attempt: u32, worker: Option<u32>) -> Option<(Begun, u32)> {
        let Some(worker) = worker else { return self.on_threads.remove(&(scope, name.to_owned(), attempt)) };
        let begun = self.in_workers.get_mut(&worker)?.pop_front()?;
        let lane = self.timeline.worker(worker, self.hosts.get(&worker).map(String::as_str));
        Some((begun, lane))
    }

    fn attempt_finished(&mut self, event: &Event<'_>, now: Duration) {
        let Event::AttemptFinished {
            scope,
            name,
            label,
            attempt,
            worker,
            host,
            pid,
            elapsed,
            received,
            cpu,
            peak_memory,
            failure,
        } = *event
        else {
            return;
        };
        let begun = self.begun(scope, name, attempt, worker);
        let Some(row) = self.scopes.get(&scope).copied() else { return };
        self.totals.attempts += 1;
        self.totals.bytes_received += received;
        self.totals.peak_memory = self.totals.peak_memory.max(peak_memory);
        if host.is_some() {
            self.totals.remote_cpu += cpu.unwrap_or_default();
        }
        let count = rows::parts(name);
        self.rows.attempt(row, count, elapsed, cpu, peak_memory);
        let Some((begun, lane)) = begun else { return };
        self.totals.bytes_sent += begun.sent;
        let start = micros(begun.started);
        let end = (start + micros(elapsed)).clamp(start, micros(now).max(start));
        let (busy, failed, again) = (end - start, u64::from(has_failed(failure)), u64::from(attempt > 1));
        let name = label.map_or_else(|| name.into(), |label| format!("{name} ({})", facts::cut(label)).into());
        let (row, name) = (Some(row), Some(name));
        self.timeline.add(Bar { lane, row, start, end, busy, count, failed, again, name, pid });
        match worker {
            Some(_) => self.leave_lanes(),
            None => self.timeline.leave(lane),
        }
    }

    fn worker_ended(&mut self, worker: u32, now: Duration, lost: Option<String>) {
        self.timeline.mark(worker, now, lost);
        self.gone.push(worker);
        self.leave_lanes();
    }

    /// Lets others have the lines of workers that have ended.
    fn leave_lanes(&mut self) {
        let Self { gone, in_workers, timeline, hosts, .. } = self;
        gone.retain(|worker| {
            let waits = in_workers.get(worker).is_some_and(|begun| !begun.is_empty());
            if !waits {
                in_workers.remove(worker);
                hosts.remove(worker);
                timeline.ended(*worker);
            }
            waits
        });
    }

    fn branch(&mut self, scope: Scope, result: &ParallelFlowResult) {
        // One that is skipped has not started.
        let row = self.scopes.remove(&scope).unwrap_or_else(|| self.rows.at(Kind::Branch, &result.branch, None));
        self.rows.branch(row, result);
        if !result.success && !result.skipped {
            let name = self.rows.name(row).to_owned();
            self.failed(&name, result);
        }
    }

    /// Adds a failure, or those of the branches within.
    fn failed(&mut self, name: &str, result: &ParallelFlowResult) {
        let Some(failure) = &result.error else { return };
        for inner in &failure.branches {
            self.failed(&format!("{name}/{}", inner.branch), inner);
        }
        // What was only told to end, or waits for an answer, has not failed.
        if !failure.kind.is_unfinished() && (failure.branches.is_empty() || failure.told) {
            let place = failure.place.or_else(|| self.rows.place(name));
            self.add(FailureFacts::new(name, failure, Some(result), place));
        }
    }

    /// Adds what failed outside of branches.
    fn outside(&mut self, error: &Error) {
        for failed in error.told().into_iter().filter(|failed| has_failed(Some(failed.failure))) {
            match failed.result {
                Some(result) => self.failed(&failed.branch.join("/"), result),
                None => self.node_failed(failed.failure),
            }
        }
    }

    fn node_failed(&mut self, failure: &Failure) {
        self.add(FailureFacts::new(failure.node.as_deref().unwrap_or_default(), failure, None, failure.place));
    }

    fn add(&mut self, failed: FailureFacts) {
        // A failure within a branch may be told by itself, by the branch, and by the run.
        if self.known.contains(&failed.key()) {
            return;
        }
        self.failures_in_all += 1;
        if self.failures.len() < MOST_FAILURES {
            self.known.insert(failed.key());
            self.failures.push(failed);
        }
    }
}
