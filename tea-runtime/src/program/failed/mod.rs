//! The report of a failed run: what failed, where and why, and what had been done.

mod json;
mod text;

use std::time::Duration;

use super::{args::Style, history::History};
use crate::{error::BranchFailure, failure::Failure, plan::Plan};

/// A failed run.
pub(super) struct FailedRun<'a> {
    /// Its plan.
    pub(super) plan: &'a Plan,
    /// The failures, in declared order.
    pub(super) failures: Vec<Failed<'a>>,
    /// What was done before it failed.
    pub(super) done: Vec<String>,
    /// What else happened.
    pub(super) history: &'a History,
    /// How long it took.
    pub(super) elapsed: Duration,
    /// The signal that ended it, if one did.
    pub(super) signal: Option<i32>,
    /// How it can be resumed, if it was recorded, and the name with which that is done.
    pub(super) way_on: Option<String>,
    pub(super) run: Option<&'a str>,
}

/// One failure.
pub(super) struct Failed<'a> {
    /// The branch or item, with the enclosing ones; empty outside of any.
    pub(super) branch: String,
    /// The label of the item.
    pub(super) label: Option<&'a str>,
    /// The failure of the last attempt.
    pub(super) failure: &'a Failure,
    /// The number of attempts.
    pub(super) attempts: u32,
    /// Why earlier attempts failed, oldest first.
    pub(super) earlier: &'a [Failure],
    /// The time since its first start.
    pub(super) elapsed: Option<Duration>,
    /// The process of the last attempt.
    pub(super) pid: Option<u32>,
    /// The worker of the last attempt.
    pub(super) worker: Option<u32>,
    /// The host of that worker, if it is one of a pool.
    pub(super) host: Option<&'a str>,
    /// Its processor time.
    pub(super) cpu: Option<Duration>,
    /// The most memory that it had.
    pub(super) peak_memory: Option<u64>,
}

impl<'a> Failed<'a> {
    /// Takes one failure from the error of a run.
    pub(super) fn of(failure: &BranchFailure<'a>) -> Self {
        let result = failure.result;
        Self {
            branch: failure.branch.join("/"),
            label: result.and_then(|result| result.label.as_deref()),
            failure: failure.failure,
            attempts: result.map_or(1, |result| result.attempts),
            earlier: result.map_or(&[], |result| &result.attempt_errors),
            elapsed: result.map(|result| result.elapsed),
            pid: result.map(|result| result.pid),
            worker: result.and_then(|result| result.worker),
            host: result.and_then(|result| result.host.as_deref()),
            cpu: result.and_then(|result| result.cpu),
            peak_memory: result.and_then(|result| result.peak_memory),
        }
    }
}

impl FailedRun<'_> {
    /// The report for people, with colors, or for programs, on one line.
    pub(super) fn render(&self, style: Style) -> String {
        match style {
            Style::Text => text::render(self),
            Style::Json => json::render(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        failure::{ExitStatus, FailureKind},
        plan::Place,
        program::{history::MapHistory, sample::READ_QC},
    };

    fn crash() -> Failure {
        Failure {
            exit: Some(ExitStatus::Signal(11)),
            output: vec!["reading part 3".to_owned(), "assertion failed: x".to_owned()],
            ..Failure::new(FailureKind::Crash, "the worker process was ended by signal 11 (SIGSEGV)")
        }
    }

    fn error() -> Failure {
        Failure {
            node: Some("gc".to_owned()),
            place: Some(Place { line: 18, column: 5 }),
            causes: vec!["cannot open a.fq".to_owned(), "No such file or directory (os error 2)".to_owned()],
            ..Failure::new(FailureKind::Error, "cannot profile chunk 7\nof a.fq")
        }
    }

    fn failed<'a>(branch: &'a str, failure: &'a Failure) -> Failed<'a> {
        Failed {
            branch: branch.to_owned(),
            label: None,
            failure,
            attempts: 1,
            earlier: &[],
            elapsed: None,
            pid: None,
            worker: None,
            host: None,
            cpu: None,
            peak_memory: None,
        }
    }

    fn history() -> History {
        History {
            done: vec!["load".to_owned(), "sum".to_owned()],
            branches_done: 1,
            branches_failed: 3,
            items_done: 120,
            items_failed: 3,
            retries: 1,
            workers_lost: 1,
            ..History::default()
        }
    }

    fn text(report: &FailedRun<'_>) -> String {
        anstream::adapter::strip_str(&report.render(Style::Text)).to_string()
    }

    #[test]
    fn every_failure_says_what_where_and_why() {
        let (crash, error) = (crash(), error());
        let timeout = Failure::new(FailureKind::Timeout, "ran over its `timeout` of 30s");
        let cancelled = Failure::new(FailureKind::Cancelled, "cancelled");
        let earlier = [timeout];
        let report = FailedRun {
            plan: &READ_QC,
            failures: vec![
                Failed {
                    attempts: 2,
                    earlier: &earlier,
                    elapsed: Some(Duration::from_millis(2150)),
                    pid: Some(4242),
                    worker: Some(1),
                    cpu: Some(Duration::from_millis(40)),
                    ..failed("count", &crash)
                },
                failed("gc", &error),
                failed("left", &cancelled),
            ],
            done: history().done,
            history: &history(),
            elapsed: Duration::from_secs(75),
            signal: None,
            way_on: None,
            run: None,
        };
        assert_eq!(
            text(&report),
            "\
error[crash]: the worker process was ended by signal 11 (SIGSEGV)
  --> src/flow.yaml:30:5
   = in: branch `count`, attempt 2, after 2.1 s (40 ms of processor time), worker 1 (process 4242)
   = last output:
       reading part 3
       assertion failed: x
   = attempt 1: timeout: ran over its `timeout` of 30s
   = help: under a debugger it crashes in this process with `--parallel-strategy thread`

error: cannot profile chunk 7
       of a.fq
  --> src/flow.yaml:18:5, node `gc`
   = in: branch `gc`
   = caused by: cannot open a.fq
   = caused by: No such file or directory (os error 2)

error: `read-qc` failed after 1 min 15 s
   = cancelled: `left`
   = done: `load`, `sum`
   = in all: 4 branches (3 failed), 123 items (3 failed), 1 retry, 1 worker lost
   = to see more: `-v` tells of every branch, `-vv` of every node; `--timing FILE` draws the run
"
        );
    }

    #[test]
    fn an_interrupted_run_says_by_what() {
        let cancelled = Failure::new(FailureKind::Cancelled, "cancelled");
        let report = FailedRun {
            plan: &READ_QC,
            failures: vec![failed("", &cancelled)],
            done: Vec::new(),
            history: &History::default(),
            elapsed: Duration::from_millis(800),
            signal: Some(2),
            way_on: Some("`read-qc --resume 7`".to_owned()),
            run: Some("7"),
        };
        assert_eq!(
            text(&report),
            "error: `read-qc` was interrupted by SIGINT after 800 ms\n   = done: nothing\n   \
             = to resume: `read-qc --resume 7`\n"
        );
    }

    #[test]
    fn many_failures_are_counted() {
        let error = Failure::new(FailureKind::Error, "no");
        let report = FailedRun {
            plan: &READ_QC,
            failures: (0..40).map(|_| failed("gc", &error)).collect(),
            done: Vec::new(),
            history: &History::default(),
            elapsed: Duration::ZERO,
            signal: None,
            way_on: None,
            run: None,
        };
        let text = text(&report);
        assert_eq!(text.matches("error: no\n").count(), 10);
        assert!(text.contains("   = not shown: 30 more failures; `--error-format json` has all of them\n"), "{text}");
    }

    #[test]
    fn failures_that_are_not_kept_are_counted_too() {
        let error = Failure::new(FailureKind::Error, "no");
        let map = MapHistory { done: 5000, failed: 3000, ..MapHistory::default() };
        let history = History { maps: [("each".to_owned(), map)].into(), ..History::default() };
        let report = FailedRun {
            plan: &READ_QC,
            failures: (0..1000).map(|_| failed("each[1]", &error)).collect(),
            done: Vec::new(),
            history: &history,
            elapsed: Duration::ZERO,
            signal: None,
            way_on: None,
            run: None,
        };
        let text = text(&report);
        assert!(
            text.contains("   = not shown: 2990 more failures; `--error-format json` has 1000 of them\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&report.render(Style::Json)).unwrap();
        assert_eq!(json["failures_in_all"], 3000);
    }

    #[test]
    fn json_is_one_line_with_the_same_facts() {
        let (crash, history) = (crash(), history());
        let earlier = [error()];
        let report = FailedRun {
            plan: &READ_QC,
            failures: vec![Failed { attempts: 2, earlier: &earlier, pid: Some(4242), ..failed("count", &crash) }],
            done: history.done.clone(),
            history: &history,
            elapsed: Duration::from_millis(1500),
            signal: None,
            way_on: None,
            run: None,
        };
        let line = report.render(Style::Json);
        assert_eq!(line.matches('\n').count(), 1);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["error"], "run_failed");
        assert_eq!(json["workflow"], "read-qc");
        assert_eq!(json["elapsed_seconds"], 1.5);
        assert_eq!(json["done"], serde_json::json!(["load", "sum"]));
        let failure = &json["failures"][0];
        assert_eq!(failure["kind"], "crash");
        assert_eq!(failure["exit"], serde_json::json!({ "signal": 11 }));
        assert_eq!(failure["attempt_errors"][0]["place"], serde_json::json!({ "line": 18, "column": 5 }));
        assert_eq!(failure["output"][0], "reading part 3");
        assert_eq!(failure["attempts"], 2);
        assert_eq!(failure["attempt_errors"][0]["kind"], "error");
        assert_eq!(failure["attempt_errors"][0]["causes"][0], "cannot open a.fq");
    }
}
