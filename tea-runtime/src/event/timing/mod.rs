//! A trace of what ran when and where, for <https://ui.perfetto.dev> and `chrome://tracing`.

mod attempt;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::ThreadId,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::{Value, json};

use self::attempt::{Attempt, Slice};
use super::{Event, Listener, Scope};
use crate::failure::Failure;

/// Collects a trace in the Trace Event Format. Each process is a group, and each thread and worker a track; a host of a pool is
/// one group, with a track for each process there. Attempts
/// and nodes are slices, with the bytes sent and received, and retries are marks.
pub struct Timing {
    start: Instant,
    trace: Mutex<Trace>,
}

/// What is known so far.
#[derive(Default)]
struct Trace {
    /// The entries as JSON, separated by commas. Most of a trace is text that does not change anymore.
    entries: Vec<u8>,
    threads: HashMap<ThreadId, u64>,
    /// The attempts that have started on a worker and not ended, oldest first. The next one may start before the end of
    /// the last one is reported.
    begun: HashMap<Track, VecDeque<Attempt>>,
    /// The worker that runs the branch, if one does.
    workers: HashMap<Scope, Track>,
    /// The hosts of a pool, by the order in which they were first heard of.
    hosts: Vec<String>,
    /// The processes and tracks of workers that have a name.
    labelled: HashSet<Track>,
    /// The names of maps that are running.
    maps: HashMap<Scope, String>,
}

/// An entry, with the field names of the format.
#[derive(Serialize)]
struct Entry<'a> {
    ph: &'a str,
    name: &'a str,
    cat: &'a str,
    pid: u32,
    tid: u64,
    /// The time in microseconds.
    ts: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'a str>,
    args: &'a Value,
}

/// A track: a process and one of its threads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Track {
    pid: u32,
    tid: u64,
}

/// A finished period of time.
struct Span {
    end: Duration,
    elapsed: Duration,
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

/// The groups of hosts, above the numbers of processes.
const HOSTS: u32 = 1 << 30;

impl Track {
    /// The track of a process in the same place.
    fn beside(self, pid: u32) -> Self {
        let group = if self.pid < HOSTS { pid } else { self.pid };
        Self { pid: group, tid: u64::from(pid) }
    }

    /// What its name is that of: a process is a group of its own on this machine, and a track of its host elsewhere.
    fn names(self) -> &'static str {
        if self.pid < HOSTS { "process_name" } else { "thread_name" }
    }
}

impl Trace {
    /// An attempt has ended at this time.
    fn attempt_finished(&mut self, event: &Event<'_>, now: Duration) {
        let Event::AttemptFinished {
            scope: _,
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
        let at = if worker.is_some() { self.worker(host, pid) } else { self.this_thread() };
        let cpu = cpu.map(|cpu| cpu.as_secs_f64());
        let mut args = json!({ "label": label, "attempt": attempt, "cpu_seconds": cpu, "failure": told(failure) });
        let mut span = Span { end: now, elapsed };
        if let Some(worker) = worker {
            let begun = self.begun.entry(at).or_default();
            let attempt = begun.pop_front();
            let (start, sent) = attempt.as_ref().map(|attempt| (attempt.started, attempt.sent)).unzip();
            // The slices of a track must not overlap.
            span.end = begun.front().map_or(now, |next| now.min(next.started));
            span.elapsed = elapsed.min(span.end.saturating_sub(start.unwrap_or_default()));
            args["worker"] = worker.into();
            args["sent_bytes"] = sent.into();
            args["received_bytes"] = received.into();
            args["peak_memory_bytes"] = peak_memory.into();
            self.nodes(attempt, (worker, at), &span);
        }
        self.slice(name, "attempt", at, &span, &args);
    }

    /// The track of the thread that emitted the event, which is the one that ran the node.
    fn this_thread(&mut self) -> Track {
        let pid = std::process::id();
        let thread = std::thread::current();
        if let Some(&tid) = self.threads.get(&thread.id()) {
            return Track { pid, tid };
        }
        let tid = self.threads.len() as u64 + 1;
        self.threads.insert(thread.id(), tid);
        self.label("thread_name", Track { pid, tid }, thread.name().unwrap_or("thread"));
        Track { pid, tid }
    }

    /// The track of a worker. There is only one, because a worker runs one attempt at a time.
    fn worker(&mut self, host: Option<&str>, pid: u32) -> Track {
        let Some(host) = host else { return Track { pid, tid: u64::from(pid) } };
        let known = self.hosts.iter().position(|known| known == host);
        let at = known.unwrap_or(self.hosts.len());
        let group = HOSTS + u32::try_from(at).unwrap_or_default();
        if known.is_none() {
            self.hosts.push(host.to_owned());
            self.label("process_name", Track { pid: group, tid: 0 }, &format!("host {host}"));
        }
        Track { pid: group, tid: u64::from(pid) }
    }

    /// The attempt on a worker that belongs to `scope`.
    fn attempt(&mut self, scope: Scope) -> Option<&mut Attempt> {
        let begun = self.begun.get_mut(self.workers.get(&scope)?)?;
        begun.iter_mut().rev().find(|attempt| attempt.scope == scope)
    }

    /// Draws the nodes of an attempt that has ended. Nodes that ran at the same time get separate tracks.
    fn nodes(&mut self, attempt: Option<Attempt>, (worker, track): (u32, Track), span: &Span) {
        for Slice { name, pid, lane, span, args } in attempt.into_iter().flat_map(|attempt| attempt.slices(span)) {
            let mut at = track.beside(pid);
            self.label_once(at.names(), at, || format!("process {pid} of worker {worker}"));
            if lane > 0 {
                at.tid = lane;
                self.label_once("thread_name", at, || format!("at the same time, {}", lane + 1));
            }
            self.slice(&name, "node", at, &span, &args);
        }
    }

    fn label_once(&mut self, what: &str, at: Track, label: impl FnOnce() -> String) {
        if self.labelled.insert(at) {
            self.label(what, at, &label());
        }
    }

    fn label(&mut self, what: &str, at: Track, label: &str) {
        let args = json!({ "name": label });
        let Track { pid, tid } = at;
        self.push(&Entry { ph: "M", name: what, cat: "", pid, tid, ts: 0.0, dur: None, s: None, args: &args });
    }

    fn slice(&mut self, name: &str, cat: &str, at: Track, span: &Span, args: &Value) {
        let Track { pid, tid } = at;
        let (ts, dur) = (microseconds(span.end.saturating_sub(span.elapsed)), Some(microseconds(span.elapsed)));
        self.push(&Entry { ph: "X", name, cat, pid, tid, ts, dur, s: None, args });
    }

    fn mark(&mut self, name: &str, at: Track, time: Duration, args: &Value) {
        let Track { pid, tid } = at;
        self.push(&Entry { ph: "i", name, cat: "", pid, tid, ts: microseconds(time), dur: None, s: Some("t"), args });
    }

    fn push(&mut self, entry: &Entry<'_>) {
        self.entries.extend_from_slice(if self.entries.is_empty() { b"" } else { b",\n" });
        serde_json::to_writer(&mut self.entries, entry).expect("plain data can be written as JSON");
    }
}

fn told(failure: Option<&Failure>) -> Value {
    failure.map_or(Value::Null, |failure| json!({ "kind": failure.kind, "message": failure.message }))
}

fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e9).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::FailureKind, place::Place};

    /// The end of a first attempt that succeeded.
    fn ended<'a>(name: &'a str, worker: Option<u32>, host: Option<&'a str>, pid: u32, elapsed: Duration) -> Event<'a> {
        Event::AttemptFinished {
            scope: Scope::ROOT,
            name,
            label: None,
            attempt: 1,
            worker,
            host,
            pid,
            elapsed,
            received: 1,
            cpu: None,
            peak_memory: None,
            failure: None,
        }
    }

    /// A worker gave it back, and another one ran it.
    #[test]
    fn nodes_stand_in_the_attempt_that_ran_and_not_in_one_that_was_about_to() {
        let timing = Timing::new();
        let (scope, name, node, started, place) =
            (Scope::ROOT, "count", "load", Instant::now(), Place { line: 1, column: 1 });
        let (attempt, elapsed, failure) = (1, Duration::from_millis(1), None);
        for (worker, pid) in [(3, 4242), (4, 4343), (3, 4242)] {
            let (worker, host) = (Some(worker), None);
            timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent: 100 });
        }
        let (worker, pid, cached) = (Some(3), 4242, false);
        timing.on_event(&Event::NodeStarted { scope, node, place, worker, pid, started });
        timing.on_event(&Event::NodeFinished { scope, node, place, worker, pid, started, elapsed, failure, cached });
        timing.on_event(&ended(name, worker, None, pid, Duration::from_millis(2)));
        let mut json = Vec::new();
        timing.write(&mut json).unwrap();
        let trace: Value = serde_json::from_slice(&json).unwrap();
        let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|entry| entry["ph"] == "X");
        let names: Vec<_> = slices.map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["load", "count"]);
    }

    #[test]
    fn attempts_stand_on_the_track_of_their_worker() {
        let timing = Timing::new();
        let failure = Failure::new(FailureKind::Crash, "lost \"it\"");
        let (scope, name, host, pid) = (Scope::ROOT, "count", None, 4242);
        let second = Duration::from_secs(1);
        timing.on_event(&Event::WorkerStarted { worker: 3, host, pid, elapsed: Duration::ZERO });
        let started = Instant::now();
        let worker = Some(3);
        timing.on_event(&Event::AttemptStarted { scope, name, attempt: 1, worker, host, pid, started, sent: 100 });
        timing.on_event(&Event::AttemptFinished {
            scope,
            name,
            label: Some("a.csv"),
            attempt: 1,
            worker,
            host,
            pid,
            elapsed: second,
            received: 7,
            cpu: Some(Duration::from_millis(1500)),
            peak_memory: Some(1 << 20),
            failure: Some(&failure),
        });
        timing.on_event(&Event::RetryScheduled {
            scope,
            name,
            label: Some("a.csv"),
            attempt: 2,
            delay: second,
            failure: &failure,
        });
        timing.on_event(&Event::RunFinished { elapsed: second, success: false });
        let mut text = Vec::new();
        timing.write(&mut text).unwrap();
        let trace: Value = serde_json::from_slice(&text).unwrap();
        let entries = trace["traceEvents"].as_array().unwrap();
        let find = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap();
        let attempt = find("count");
        assert_eq!(attempt["ph"], "X");
        assert_eq!((&attempt["pid"], &attempt["tid"]), (&json!(pid), &json!(pid)));
        // It cannot have run longer than the trace.
        assert!(attempt["dur"].as_f64().unwrap() < 1e6, "{attempt}");
        assert_eq!(attempt["args"]["sent_bytes"], 100);
        assert_eq!(attempt["args"]["received_bytes"], 7);
        assert_eq!(attempt["args"]["cpu_seconds"], 1.5);
        assert_eq!(attempt["args"]["peak_memory_bytes"], 1 << 20);
        assert_eq!(attempt["args"]["failure"]["kind"], "crash");
        assert_eq!(find("retry count")["ph"], "i");
        assert_eq!([&attempt["args"]["label"], &find("retry count")["args"]["label"]], ["a.csv"; 2]);
        assert_eq!(find("run")["pid"], std::process::id());
        let labels: Vec<_> =
            entries.iter().filter(|entry| entry["ph"] == "M").map(|entry| &entry["args"]["name"]).collect();
        assert!(labels.contains(&&json!("worker 3")), "{labels:?}");
    }

    /// Processes of two hosts may have the same number.
    #[test]
    fn each_host_is_a_group_of_tracks() {
        let timing = Timing::new();
        let (scope, pid, elapsed) = (Scope::ROOT, 4242, Duration::from_millis(1));
        for (worker, host) in [(0, Some("n1")), (1, Some("n2")), (2, None)] {
            timing.on_event(&Event::WorkerStarted { worker, host, pid, elapsed });
            let (name, attempt, worker, started) = (host.unwrap_or("here"), 1, Some(worker), Instant::now());
            timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent: 0 });
        }
        for (worker, host) in [(0, Some("n1")), (1, Some("n2")), (2, None)] {
            let (name, worker) = (host.unwrap_or("here"), Some(worker));
            timing.on_event(&ended(name, worker, host, pid, elapsed));
        }
        let mut text = Vec::new();
        timing.write(&mut text).unwrap();
        let trace: Value = serde_json::from_slice(&text).unwrap();
        let entries = trace["traceEvents"].as_array().unwrap();
        let group = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap()["pid"].as_u64().unwrap();
        let named =
            |name: &str| entries.iter().find(|entry| entry["args"]["name"] == name).unwrap()["pid"].as_u64().unwrap();
        assert_eq!([group("n1"), group("n2"), group("here")], [named("host n1"), named("host n2"), named("worker 2")]);
        assert!(group("n1") != group("n2") && group("here") == u64::from(pid), "{trace}");
    }

    #[test]
    fn slices_of_a_worker_do_not_overlap() {
        let timing = Timing::new();
        let (scope, worker, host, pid) = (Scope::ROOT, Some(0), None, 4242);
        let begin = |name| {
            let (attempt, started, sent) = (1, Instant::now(), 1);
            timing.on_event(&Event::AttemptStarted { scope, name, attempt, worker, host, pid, started, sent });
        };
        let end = |name| {
            let elapsed = Duration::from_secs(1);
            timing.on_event(&ended(name, worker, host, pid, elapsed));
        };
        begin("a");
        // The worker continues at once; the end of the first attempt is reported later.
        begin("b");
        end("a");
        end("b");
        let mut text = Vec::new();
        timing.write(&mut text).unwrap();
        let trace: Value = serde_json::from_slice(&text).unwrap();
        let slices: Vec<_> =
            trace["traceEvents"].as_array().unwrap().iter().filter(|entry| entry["ph"] == "X").collect();
        let [a, b] = slices.as_slice() else { panic!("{slices:?}") };
        let start = |slice: &Value| slice["ts"].as_f64().unwrap();
        assert!(start(a) + a["dur"].as_f64().unwrap() <= start(b) + 1e-3, "{slices:?}");
    }
}
