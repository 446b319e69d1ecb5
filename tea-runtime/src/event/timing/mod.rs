//! A trace of what ran when and where, for <https://ui.perfetto.dev> and `chrome://tracing`.

mod attempt;
mod trace;

#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use self::{
    attempt::Attempt,
    trace::{Span, Trace, Track, told},
};
use super::{Event, Listener};

/// Collects a trace in the Trace Event Format. Each process is a group, and each thread and worker a track; a host of a pool is
/// one group, with a track for each process there. Attempts
/// and nodes are slices, with the bytes sent and received, and retries are marks.
pub struct Timing {
    start: Instant,
    trace: Mutex<Trace>,
}

impl Timing {
    /// An empty trace that starts now.
    #[must_use]
    pub fn new() -> Self {
        let timing = Self { start: Instant::now(), trace: Mutex::default() };
        timing.lock().label("process_name", Track { pid: std::process::id(), tid: 0 }, "this process");
        timing
    }

    /// Writes the current trace.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(br#"{"displayTimeUnit":"ms","traceEvents":["#)?;
        out.write_all(&self.lock().entries)?;
        out.write_all(b"]}\n")
    }

    fn time(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.start)
    }

    fn lock(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::new()
    }
}

impl Listener for Timing {
    fn on_event(&self, event: &Event<'_>) {
        let now = self.start.elapsed();
        let mut log = self.lock();
        match *event {
            Event::RunFinished { elapsed, success } => {
                let at = log.this_thread();
                log.slice("run", "run", at, &Span { end: now, elapsed }, &json!({ "success": success }));
            }
            Event::NodeStarted { scope, node, place, worker: Some(_), pid, started } => {
                let started = self.time(started);
                if let Some(attempt) = log.attempt(scope) {
                    attempt.node_started(node, place, pid, started);
                }
            }
            Event::NodeFinished { scope, node, worker: Some(_), pid, started, elapsed, failure, .. } => {
                let started = self.time(started);
                if let Some(attempt) = log.attempt(scope) {
                    attempt.node_finished(node, pid, started, elapsed, failure);
                }
            }
            Event::NodeFinished { node, place, worker: None, started, elapsed, failure, .. } => {
                let at = log.this_thread();
                let args = json!({ "line": place.line, "column": place.column, "failure": told(failure) });
                log.slice(node, "node", at, &Span { end: self.time(started) + elapsed, elapsed }, &args);
            }
            Event::AttemptStarted { scope, name, attempt, worker: Some(_), host, pid, started, sent } => {
                let at = log.worker(host, pid);
                log.workers.insert(scope, at);
                let begun = Attempt::new(scope, name, attempt, self.time(started), sent);
                // A worker may give back what it was about to run, and another one, or the same, starts it again.
                log.begun.values_mut().for_each(|others| others.retain(|other| !other.is_same(&begun)));
                log.begun.entry(at).or_default().push_back(begun);
            }
            Event::AttemptFinished { .. } => log.attempt_finished(event, now),
            Event::RetryScheduled { scope: _, name, label, attempt, delay, failure } => {
                let at = log.this_thread();
                let delay = delay.as_secs_f64();
                let failure = told(Some(failure));
                let args = json!({ "label": label, "attempt": attempt, "delay_seconds": delay, "failure": failure });
                log.mark(&format!("retry {name}"), at, now, &args);
            }
            Event::CircuitChanged { name, state, .. } => {
                let at = log.this_thread();
                log.mark(&format!("circuit of {name} {}", state.name()), at, now, &Value::Null);
            }
            Event::BranchFinished { scope, result } => {
                log.workers.remove(&scope);
                if result.skipped {
                    let at = log.this_thread();
                    log.mark(&format!("skipped {}", result.branch), at, now, &Value::Null);
                }
            }
            Event::MapStarted { scope, name, .. } => {
                log.maps.insert(scope, name.to_owned());
            }
            Event::MapFinished { scope, elapsed, done, failed, .. } => {
                log.workers.remove(&scope);
                let (name, at) = (log.maps.remove(&scope).unwrap_or_default(), log.this_thread());
                log.slice(&name, "map", at, &Span { end: now, elapsed }, &json!({ "items": done, "failed": failed }));
            }
            Event::WorkerStarted { worker, host, pid, elapsed } => {
                let at = log.worker(host, pid);
                log.label_once(at.names(), at, || format!("worker {worker}"));
                log.slice("starts", "worker", at, &Span { end: now, elapsed }, &Value::Null);
            }
            Event::WorkerLost { worker: _, host, pid, exit, running } => {
                let at = log.worker(host, pid);
                log.mark("lost", at, now, &json!({ "exit": exit, "running": running }));
            }
            Event::WorkerEnded { worker: _, host, pid } => {
                let at = log.worker(host, pid);
                log.mark("ended", at, now, &Value::Null);
            }
            _ => {}
        }
    }
}
