//! The entries of a trace: slices, marks and labels, each on a track.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    thread::ThreadId,
    time::Duration,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::attempt::{Attempt, Slice};
use crate::{
    event::{Event, Scope},
    failure::Failure,
};

/// What is known so far.
#[derive(Default)]
pub(super) struct Trace {
    /// The entries as JSON, separated by commas. Most of a trace is text that does not change anymore.
    pub(super) entries: Vec<u8>,
    threads: HashMap<ThreadId, u64>,
    /// The attempts that have started on a worker and not ended, oldest first. The next one may start before the end of
    /// the last one is reported.
    pub(super) begun: HashMap<Track, VecDeque<Attempt>>,
    /// The worker that runs the branch, if one does.
    pub(super) workers: HashMap<Scope, Track>,
    /// The hosts of a pool, by the order in which they were first heard of.
    hosts: Vec<String>,
    /// The processes and tracks of workers that have a name.
    labelled: HashSet<Track>,
    /// The names of maps that are running.
    pub(super) maps: HashMap<Scope, String>,
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
pub(super) struct Track {
    pub(super) pid: u32,
    pub(super) tid: u64,
}

/// A finished period of time.
pub(super) struct Span {
    pub(super) end: Duration,
    pub(super) elapsed: Duration,
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
    pub(super) fn names(self) -> &'static str {
        if self.pid < HOSTS { "process_name" } else { "thread_name" }
    }
}

impl Trace {
    /// An attempt has ended at this time.
    pub(super) fn attempt_finished(&mut self, event: &Event<'_>, now: Duration) {
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
    pub(super) fn this_thread(&mut self) -> Track {
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
    pub(super) fn worker(&mut self, host: Option<&str>, pid: u32) -> Track {
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
    pub(super) fn attempt(&mut self, scope: Scope) -> Option<&mut Attempt> {
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

    pub(super) fn label_once(&mut self, what: &str, at: Track, label: impl FnOnce() -> String) {
        if self.labelled.insert(at) {
            self.label(what, at, &label());
        }
    }

    pub(super) fn label(&mut self, what: &str, at: Track, label: &str) {
        let args = json!({ "name": label });
        let Track { pid, tid } = at;
        self.push(&Entry { ph: "M", name: what, cat: "", pid, tid, ts: 0.0, dur: None, s: None, args: &args });
    }

    pub(super) fn slice(&mut self, name: &str, cat: &str, at: Track, span: &Span, args: &Value) {
        let Track { pid, tid } = at;
        let (ts, dur) = (microseconds(span.end.saturating_sub(span.elapsed)), Some(microseconds(span.elapsed)));
        self.push(&Entry { ph: "X", name, cat, pid, tid, ts, dur, s: None, args });
    }

    pub(super) fn mark(&mut self, name: &str, at: Track, time: Duration, args: &Value) {
        let Track { pid, tid } = at;
        self.push(&Entry { ph: "i", name, cat: "", pid, tid, ts: microseconds(time), dur: None, s: Some("t"), args });
    }

    fn push(&mut self, entry: &Entry<'_>) {
        self.entries.extend_from_slice(if self.entries.is_empty() { b"" } else { b",\n" });
        serde_json::to_writer(&mut self.entries, entry).expect("plain data can be written as JSON");
    }
}

pub(super) fn told(failure: Option<&Failure>) -> Value {
    failure.map_or(Value::Null, |failure| json!({ "kind": failure.kind, "message": failure.message }))
}

fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e9).round() / 1e3
}
