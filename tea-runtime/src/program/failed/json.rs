//! The report for programs: a JSON object on one line.

use serde::Serialize;

use super::FailedRun;
use crate::{
    failure::{ExitStatus, Failure, FailureKind},
    plan::Place,
};

/// The whole line.
#[derive(Serialize)]
struct Line<'a> {
    error: &'static str,
    workflow: &'a str,
    file: &'a str,
    signal: Option<i32>,
    elapsed_seconds: f64,
    failures: Vec<Entry<'a>>,
    /// The number of failures. `failures` contains only the first 1,000 failed items of a map.
    failures_in_all: u64,
    done: &'a [String],
    branches_done: u64,
    branches_failed: u64,
    items_done: u64,
    items_failed: u64,
    retries: u64,
    workers_lost: u64,
    /// The name with which the run can be resumed, if it was recorded.
    run: Option<&'a str>,
}

#[derive(Serialize)]
struct Entry<'a> {
    branch: &'a str,
    label: Option<&'a str>,
    #[serde(flatten)]
    failure: Cause<'a>,
    attempts: u32,
    attempt_errors: Vec<Cause<'a>>,
    elapsed_seconds: Option<f64>,
    pid: Option<u32>,
    worker: Option<u32>,
    /// The host of that worker, if it is one of a pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    cpu_seconds: Option<f64>,
    peak_memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Cause<'a> {
    kind: FailureKind,
    message: &'a str,
    causes: &'a [String],
    permanent: bool,
    node: Option<&'a str>,
    place: Option<Place>,
    /// The file of the place, if it is not that of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    panicked_at: Option<&'a str>,
    exit: Option<ExitStatus>,
    output: &'a [String],
}

impl<'a> From<&'a Failure> for Cause<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            kind: failure.kind,
            message: &failure.message,
            causes: &failure.causes,
            permanent: failure.permanent,
            node: failure.node.as_deref(),
            place: failure.place,
            file: failure.file.as_deref(),
            panicked_at: failure.panicked_at.as_deref(),
            exit: failure.exit,
            output: &failure.output,
        }
    }
}

pub(super) fn render(report: &FailedRun<'_>) -> String {
    let failures = report.failures.iter().map(|failed| Entry {
        branch: &failed.branch,
        label: failed.label,
        failure: failed.failure.into(),
        attempts: failed.attempts,
        attempt_errors: failed.earlier.iter().map(Into::into).collect(),
        elapsed_seconds: failed.elapsed.map(|elapsed| elapsed.as_secs_f64()),
        pid: failed.pid,
        worker: failed.worker,
        host: failed.host,
        cpu_seconds: failed.cpu.map(|cpu| cpu.as_secs_f64()),
        peak_memory_bytes: failed.peak_memory,
    });
    let history = report.history;
    let line = Line {
        error: if report.signal.is_some() { "interrupted" } else { "run_failed" },
        workflow: report.plan.name,
        file: report.plan.file,
        signal: report.signal,
        elapsed_seconds: report.elapsed.as_secs_f64(),
        failures: failures.collect(),
        failures_in_all: history.failures(report.failures.len()),
        done: &report.done,
        branches_done: history.branches_done,
        branches_failed: history.branches_failed,
        items_done: history.items_done,
        items_failed: history.items_failed,
        retries: history.retries,
        workers_lost: history.workers_lost,
        run: report.run,
    };
    let mut text = serde_json::to_string(&line).expect("plain data can be written as JSON");
    text.push('\n');
    text
}
