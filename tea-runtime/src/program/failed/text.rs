//! The report for people, in the layout of rustc's errors.

use std::fmt::Write;

use super::{Failed, FailedRun};
use crate::{
    failure::FailureKind,
    plan::{Place, Plan, Site},
    program::{human, page::Page},
    words::{counted, on_host},
};

/// The maximum number of failures that are shown; the others are only counted.
const MOST_SHOWN: usize = 10;
const MOST_NAMES: usize = 12;

pub(super) fn render(report: &FailedRun<'_>) -> String {
    let mut page = Page::default();
    // A branch that was cancelled because another one failed, or at the user's request, is not worth reporting.
    let (cancelled, failed): (Vec<_>, Vec<_>) =
        report.failures.iter().partition(|failed| failed.failure.kind == FailureKind::Cancelled);
    for failed in failed.iter().take(MOST_SHOWN) {
        write_failure(&mut page, report, failed);
    }
    write_total(&mut page, report, failed.len(), &cancelled);
    page.into_text()
}

fn write_failure(page: &mut Page, report: &FailedRun<'_>, failed: &Failed<'_>) {
    let failure = failed.failure;
    let word = match failure.kind {
        FailureKind::Error => "error".to_owned(),
        kind => format!("error[{kind}]"),
    };
    page.headline(&word, &failure.message);
    if let Some(place) = place(report, failed) {
        page.place(&place);
    }
    if !failed.branch.is_empty() {
        page.note("in", &place_in_run(failed));
    }
    if let Some(place) = &failure.panicked_at {
        page.note("panicked at", place);
    }
    for cause in &failure.causes {
        page.note("caused by", cause);
    }
    if !failure.output.is_empty() {
        page.note("last output", "");
        page.continued(failure.output.iter().map(String::as_str));
    }
    let earlier = u32::try_from(failed.earlier.len()).unwrap_or(u32::MAX);
    for (attempt, earlier) in (failed.attempts.saturating_sub(earlier).max(1)..).zip(failed.earlier) {
        page.note(&format!("attempt {attempt}"), &format!("{}: {}", earlier.kind, first_line(&earlier.message)));
    }
    if failure.permanent {
        page.note("permanent", "it is marked as an error that no retry can help");
    }
    if let Some(help) = help(failure.kind) {
        page.note("help", help);
    }
    page.line("");
}

fn write_total(page: &mut Page, report: &FailedRun<'_>, told: usize, cancelled: &[&Failed<'_>]) {
    let name = report.plan.name;
    let elapsed = human::time(report.elapsed);
    let what = match report.signal {
        Some(signal) => format!("`{name}` was interrupted by {}", human::signal_name(signal).unwrap_or("a signal")),
        None => format!("`{name}` failed"),
    };
    page.headline("error", &format!("{what} after {elapsed}"));
    if told > MOST_SHOWN {
        let all = report.history.failures(told);
        let which = if all == told as u64 { "all".to_owned() } else { told.to_string() };
        let hidden = all - MOST_SHOWN as u64;
        page.note(
            "not shown",
            &format!("{}; `--error-format json` has {which} of them", counted(hidden, "more failure", "more failures")),
        );
    }
    let names: Vec<_> = cancelled.iter().map(|failed| &*failed.branch).filter(|name| !name.is_empty()).collect();
    if !names.is_empty() {
        page.note("cancelled", &list(&names));
    }
    let done: Vec<_> = report.done.iter().map(String::as_str).collect();
    page.note("done", if done.is_empty() { "nothing".to_owned() } else { list(&done) }.as_str());
    let counts = report.history.counts();
    if !counts.is_empty() {
        page.note("in all", &counts);
    }
    if report.signal.is_none() {
        page.note("to see more", "`-v` tells of every branch, `-vv` of every node; `--timing FILE` draws the run");
    }
    if let Some(way_on) = &report.way_on {
        page.note("to resume", way_on);
    }
}

/// The position of the node in the workflow file, or that of the branch if it is unknown which node a lost worker was
/// running.
fn place(report: &FailedRun<'_>, failed: &Failed<'_>) -> Option<String> {
    let failure = failed.failure;
    let file = failure.file.as_deref().unwrap_or(report.plan.file);
    let shown = |place: Place| format!("{file}:{}:{}", place.line, place.column);
    let Some(node) = &failure.node else {
        return failure.place.or_else(|| branch_place(report.plan, &failed.branch)).map(shown);
    };
    Some(failure.place.map_or_else(|| format!("node `{node}`"), |place| format!("{}, node `{node}`", shown(place))))
}

/// The position of the name of the innermost branch or map in a path such as `a/map[3]`.
fn branch_place(plan: &Plan, path: &str) -> Option<Place> {
    let name = path.rsplit('/').next()?;
    let map_name = name.split('[').next()?;
    plan.sites.iter().find_map(|site| match site {
        Site::Region(region) => region.tasks.iter().find(|task| task.name == name).map(|task| task.place),
        Site::Map(map) => (map.name == map_name).then_some(map.place),
    })
}

fn place_in_run(failed: &Failed<'_>) -> String {
    let what = if failed.branch.ends_with(']') { "item" } else { "branch" };
    let mut text = format!("{what} `{}`", failed.branch);
    if let Some(label) = failed.label {
        write!(text, " ({label})").expect("a string takes everything");
    }
    if failed.attempts > 1 {
        write!(text, ", attempt {}", failed.attempts).expect("a string takes everything");
    }
    if let Some(elapsed) = failed.elapsed {
        write!(text, ", after {}", human::time(elapsed)).expect("a string takes everything");
    }
    if let Some(cpu) = failed.cpu {
        write!(text, " ({} of processor time)", human::time(cpu)).expect("a string takes everything");
    }
    match (failed.worker, failed.pid) {
        (Some(worker), Some(pid)) => write!(text, ", worker {worker} (process {pid}){}", on_host(failed.host)),
        _ => Ok(()),
    }
    .expect("a string takes everything");
    text
}

/// The name of the kind in JSON and `retry_on`.
fn help(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::Crash => Some("under a debugger it crashes in this process with `--parallel-strategy thread`"),
        FailureKind::OutOfMemory => Some("raise `memory_limit`, lower `max_workers`, or give it less at a time"),
        FailureKind::Timeout => Some("raise the limit, or give it less to do at once"),
        FailureKind::Lost => {
            Some("look at what it has done; if it may run again, write `retry_on: [lost]`, or `idempotent: true`")
        }
        FailureKind::CircuitOpen => Some("earlier failures opened the circuit breaker; they are what went wrong"),
        FailureKind::Error
        | FailureKind::Panic
        | FailureKind::Cancelled
        | FailureKind::Transport
        | FailureKind::Waiting => None,
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn list(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
