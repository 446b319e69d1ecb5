//! What a page tells, as plain data.

use std::{
    borrow::Cow,
    io::{self, Write},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::{
    Book, Totals,
    rows::{Kind, Row},
    spread::Told,
    timeline::{Bar, Lane, Mark, micros},
};
use crate::{
    error::Error,
    failure::{ExitStatus, Failure, OpenQuestion},
    panic::guard,
    place::Place,
    plan::{Block, Plan, Work},
    result::ParallelFlowResult,
    state::Value,
    words::plain,
};

/// Longer texts are cut.
const LONGEST: usize = 4000;
/// So many lines of a worker's output are told.
const MOST_LINES: usize = 40;

/// How a run ended.
pub(crate) struct Ending<'a> {
    pub(crate) state: State,
    /// In a sentence, unless it succeeded.
    pub(crate) message: Option<String>,
    pub(crate) error: Option<&'a Error>,
    /// Those that nobody has answered.
    pub(crate) questions: Vec<&'a OpenQuestion>,
    /// The name with which it can be resumed, if it was recorded.
    pub(crate) run: Option<&'a str>,
    /// The command line, if it is known.
    pub(crate) command: Option<String>,
    pub(crate) inputs: &'a [Given],
}

/// How a run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Succeeded,
    Failed,
    Cancelled,
    /// Where it was told to.
    Stopped,
    /// Nothing failed, but somebody has to answer.
    Waiting,
    /// It was killed, or is still running.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "only records tell of it"))]
    Unfinished,
}

impl<'a> Ending<'a> {
    /// How a run ended, by its error.
    pub(crate) fn of(error: Option<&'a Error>, inputs: &'a [Given]) -> Self {
        let state = match error {
            None => State::Succeeded,
            Some(error) if error.is_stopped() => State::Stopped,
            Some(error) if error.is_waiting() => State::Waiting,
            Some(error) if error.is_cancelled() => State::Cancelled,
            Some(_) => State::Failed,
        };
        let (message, run) = (error.map(ToString::to_string), error.and_then(Error::run));
        let questions = error.map(Error::questions).unwrap_or_default();
        Self { state, message, error, questions, run, command: None, inputs }
    }
}

/// The value of an input.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Given {
    name: &'static str,
    /// As JSON; `None` if it is not told.
    value: Option<String>,
    /// Why it is not told, or where it is from.
    note: Option<&'static str>,
}

/// The inputs of a run, apart from the values of secrets. Those of a run that `resumes` are in its records.
pub(crate) fn given(plan: &Plan, values: &[(u32, Value)], resumes: bool) -> Vec<Given> {
    let inputs = plan.keys.iter().zip(0_u32..).filter(|(key, _)| key.input);
    let given = |(key, number): (&crate::state::KeySpec, u32)| {
        let given = values.iter().find(|(of, _)| *of == number).map(|(_, value)| value);
        if key.secret {
            return Given { name: key.name, value: None, note: Some("a secret") };
        }
        let json = |value: &Value| {
            let mut json = Start::default();
            // The user's Rust runs here.
            let written = key.kind.to_json.and_then(|write| guard(|| write(value, &mut json).ok()).ok().flatten());
            written.map(|()| json.shown())
        };
        let default = || key.default.and_then(|default| guard(default).ok());
        let (value, note) = match given {
            None if resumes => return Given { name: key.name, value: None, note: Some("as it was recorded") },
            Some(value) => (json(value), None),
            None => (default().and_then(|value| json(&value)), Some("by default")),
        };
        let note = if value.is_none() { Some("cannot be shown") } else { note };
        Given { name: key.name, value, note: note.filter(|_| given.is_some() || !key.optional) }
    };
    inputs.map(given).collect()
}

/// Keeps the start of what is written, which may be long.
#[derive(Default)]
struct Start {
    bytes: Vec<u8>,
    length: usize,
}

impl Start {
    fn shown(&self) -> String {
        let text = plain(&String::from_utf8_lossy(&self.bytes)).into_owned();
        if self.length > self.bytes.len() { format!("{text}… ({} bytes)", self.length) } else { text }
    }
}

impl Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length += bytes.len();
        let room = LONGEST.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The whole page.
#[derive(Serialize)]
pub(super) struct Facts<'a> {
    workflow: &'a str,
    description: Cow<'a, str>,
    file: Cow<'a, str>,
    package: Option<&'a str>,
    version: Option<&'a str>,
    tea: &'static str,
    program: Option<String>,
    /// The name of the machine; empty if it is not known.
    host: String,
    /// The time of the start, as RFC 3339, and how long it took in microseconds.
    began: String,
    elapsed: Option<u64>,
    state: State,
    message: Option<String>,
    run: Option<&'a str>,
    command: Option<String>,
    inputs: &'a [Given],
    cpu: Option<u64>,
    #[serde(flatten)]
    totals: Totals,
    rows: Vec<RowTold<'a>>,
    lanes: &'a [Lane],
    bars: &'a [Bar],
    marks: &'a [Mark],
    questions: Vec<Asked<'a>>,
    failures: &'a [FailureFacts],
    failures_in_all: u64,
    warnings: &'a [String],
}

/// A question that nobody has answered.
#[derive(Serialize)]
struct Asked<'a> {
    name: Cow<'a, str>,
    text: String,
    expected: String,
}

#[derive(Serialize)]
struct RowTold<'a> {
    kind: Kind,
    name: Cow<'a, str>,
    place: Option<String>,
    /// The node of the graph.
    node: Option<String>,
    done: u64,
    failed: u64,
    /// What was told to end, or waits for an answer.
    unfinished: u64,
    skipped: u64,
    restored: u64,
    cached: u64,
    retries: u64,
    time: Option<Told>,
    cpu: Option<Told>,
    memory: Option<Told>,
}

/// A failure.
#[derive(Debug, Serialize)]
pub(super) struct FailureFacts {
    name: String,
    label: Option<String>,
    kind: String,
    message: String,
    causes: Vec<String>,
    node: Option<String>,
    place: Option<Place>,
    file: Option<String>,
    panicked_at: Option<String>,
    exit: Option<String>,
    output: Vec<String>,
    attempts: u32,
    /// Why earlier attempts failed.
    earlier: Vec<String>,
    elapsed: Option<u64>,
    cpu: Option<u64>,
    memory: Option<u64>,
    pid: Option<u32>,
    host: Option<String>,
}

impl FailureFacts {
    pub(super) fn new(
        name: &str,
        failure: &Failure,
        result: Option<&ParallelFlowResult>,
        place: Option<Place>,
    ) -> Self {
        let ran = result.filter(|result| result.attempts > 0);
        Self {
            name: cut(name),
            label: result.and_then(|result| result.label.as_deref()).map(cut),
            kind: failure.kind.to_string(),
            message: cut(&failure.message),
            causes: failure.causes.iter().map(|cause| cut(cause)).collect(),
            node: failure.node.as_deref().map(cut),
            place,
            file: failure.file.clone(),
            panicked_at: failure.panicked_at.clone(),
            exit: failure.exit.map(exit),
            output: failure.output.iter().rev().take(MOST_LINES).rev().map(|line| cut(line)).collect(),
            attempts: result.map_or(1, |result| result.attempts),
            earlier: result.map_or(&[][..], |result| &result.attempt_errors).iter().map(told).collect(),
            elapsed: ran.map(|result| micros(result.elapsed)),
            cpu: ran.and_then(|result| result.cpu).map(micros),
            memory: ran.and_then(|result| result.peak_memory),
            pid: ran.map(|result| result.pid),
            host: ran.and_then(|result| result.host.as_deref()).map(cut),
        }
    }

    /// What two tellings of one failure have in common.
    pub(super) fn key(&self) -> (String, String) {
        (self.name.clone(), self.message.clone())
    }
}

fn told(failure: &Failure) -> String {
    cut(&format!("{}: {}", failure.kind, failure.message))
}

/// How a process ended, in words.
pub(super) fn exit(exit: ExitStatus) -> String {
    match exit {
        ExitStatus::Code(code) => format!("exit status {code}"),
        ExitStatus::Signal(signal) => format!("signal {signal}"),
    }
}

/// A text that may be long and contain anything, to be shown.
pub(super) fn cut(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.into_owned(),
    }
}

/// All that is told.
pub(super) fn facts<'a>(
    plan: &'a Plan,
    book: &'a Book,
    ending: &'a Ending<'a>,
    (began, elapsed, cpu): (SystemTime, Option<Duration>, Option<Duration>),
) -> Facts<'a> {
    let Ending { state, message, error: _, questions, run, command, inputs } = ending;
    let asked =
        |of: &&'a OpenQuestion| Asked { name: plain(&of.name), text: cut(&of.text), expected: cut(&of.expected) };
    // Records may be of another machine, and of another build.
    let is_here = elapsed.is_some();
    Facts {
        workflow: plan.name,
        description: plain(plan.description),
        file: plain(plan.file),
        package: plan.package,
        version: plan.version,
        tea: env!("CARGO_PKG_VERSION"),
        program: std::env::current_exe().ok().filter(|_| is_here).map(|path| cut(&path.to_string_lossy())),
        host: if is_here { host() } else { String::new() },
        began: humantime::format_rfc3339_seconds(began).to_string(),
        elapsed: elapsed.map(micros),
        state: *state,
        message: message.as_deref().map(cut),
        run: *run,
        command: command.as_deref().map(cut),
        inputs,
        cpu: cpu.map(|cpu| micros(cpu + book.totals.remote_cpu)),
        totals: book.totals.clone(),
        rows: book.rows.all.iter().map(|row| RowTold::of(row, plan)).collect(),
        lanes: &book.timeline.lanes,
        bars: &book.timeline.bars,
        marks: &book.timeline.marks,
        questions: questions.iter().map(asked).collect(),
        failures: &book.failures,
        failures_in_all: book.failures_in_all,
        warnings: &book.warnings,
    }
}

#[cfg(unix)]
fn host() -> String {
    cut(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").map(|name| cut(&name)).unwrap_or_default()
}

impl<'a> RowTold<'a> {
    fn of(row: &'a Row, plan: &Plan) -> Self {
        let (file, node) = place(plan, &row.name);
        Self {
            kind: row.kind,
            name: plain(&row.name),
            place: row.place.map(|place| format!("{file}:{}:{}", place.line, place.column)),
            node,
            done: row.done,
            failed: row.failed,
            unfinished: row.unfinished,
            skipped: row.skipped,
            restored: row.restored,
            cached: row.cached,
            retries: row.retries,
            time: row.time.told(),
            cpu: row.cpu.told(),
            memory: row.memory.told(),
        }
    }
}

/// The file of what has this name, and its node in the graph. Names lead through the nodes that call workflows.
fn place<'a>(plan: &'a Plan, name: &str) -> (&'a str, Option<String>) {
    let (mut file, mut block, mut number) = (plan.file, plan.root, None);
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            let node = number.map_or_else(|| part.to_owned(), |number: u32| format!("{number}/{part}"));
            return (file, Some(node));
        }
        let Some(called) = called(block, part) else { return (file, None) };
        (file, block, number) = (called.file, called.root, Some(called.id));
    }
    (file, None)
}

/// The workflow that a node calls.
fn called(block: &'static Block, node: &str) -> Option<&'static crate::plan::Subworkflow> {
    block.steps.iter().find_map(|step| match step.work {
        Work::Call(call) if step.name == node => Some(call.workflow),
        Work::Map(map) if step.name == node => map.workflow,
        Work::FanOut(region) => region.tasks.iter().find_map(|task| called(task.block, node)),
        _ => None,
    })
}

/// Where a branch, map or node with this name is in the workflow file.
#[cfg(feature = "cli")]
pub(super) fn place_of(plan: &Plan, name: &str) -> Option<Place> {
    use crate::plan::Site;
    let site = |site: &Site| match site {
        Site::Region(region) => region.tasks.iter().find(|task| task.name == name).map(|task| task.place),
        Site::Map(map) => (map.name == name).then_some(map.place),
    };
    let node = || plan.root.steps.iter().find(|step| step.name == name).map(|step| step.place);
    plan.sites.iter().find_map(site).or_else(node)
}
