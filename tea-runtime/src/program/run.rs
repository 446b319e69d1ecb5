//! Runs the workflow as the command line says: reads inputs, shows events, and writes the final state.

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

#[cfg(unix)]
use super::prints::Prints;
use super::{
    Asked, Launch, Launched,
    args::{Options, Style, When},
    console::{self, Console},
    failed::{Failed, FailedRun},
    file::Target,
    flags::Flag,
    history::{Historian, History},
    human, input, log,
    output::{self, Stdout},
    print,
    progress::Progress,
    questions::{Person, WAITS, Waits},
    records, signals, usage,
};
use crate::{
    cancel::CancellationToken,
    engine::{records::Outlook, settings::Wanted},
    error::Error,
    event::{Listener, timing::Timing, tracing::Tracing},
    panic::guard,
    plan::Plan,
    question::{Answers, Asker, Question},
    report::{self, Ending, Given, State},
    state::{Value, View},
};

/// Runs the workflow, and reports the result.
pub(super) fn run(plan: &'static Plan, flags: &[Flag], options: &Options, launch: Launch<'_>) -> ExitCode {
    let console = if shows_bars(options) { Console::with_bars() } else { Console::plain() };
    if options.explain_settings.is_some() {
        return explain_settings(options, &console, launch);
    }
    match prepare(plan, flags, options, &console) {
        Ok(prepared) => prepared.run(plan, options, &console, launch),
        Err(refusal) => refusal,
    }
}

/// Prints which settings would hold, and why.
fn explain_settings(options: &Options, console: &Console, launch: Launch<'_>) -> ExitCode {
    let asked = Asked {
        max_workers: None,
        all_on_threads: false,
        listeners: Vec::new(),
        cancel: CancellationToken::new(),
        records: options.records.clone().unwrap_or_default(),
        #[cfg(all(unix, feature = "remote"))]
        pool: None,
        until: None,
        wanted: wanted(options),
        explain_settings: options.explain_settings,
        answers: Answers::default(),
    };
    match launch(Vec::new(), asked) {
        Ok(Launched::Settings(text)) => print(&text),
        Ok(_) => unreachable!("nothing runs"),
        Err(error) => usage::refuse(console, options.error_format, &error.to_string()),
    }
}

/// The settings that the command line changes. What it says itself wins over its files.
fn wanted(options: &Options) -> Vec<Result<Wanted, String>> {
    let set = options.set.iter().map(|(name, value)| Ok(Wanted::text(name, value, "--set")));
    options.settings.iter().flat_map(|path| Wanted::file(path)).chain(set).collect()
}

/// Everything that can be refused before anything runs.
struct Prepared {
    inputs: Vec<(u32, Value)>,
    output: Target,
    timing: Option<Target>,
    report: Option<Target>,
    /// What the report tells of the inputs.
    given: Vec<Given>,
    stdout: Stdout,
    #[cfg(unix)]
    prints: Option<Prints>,
}

fn prepare(plan: &'static Plan, flags: &[Flag], options: &Options, console: &Console) -> Result<Prepared, ExitCode> {
    let style = options.error_format;
    let target = |flag: &str, path: &Option<std::path::PathBuf>| match path {
        None => Ok(None),
        Some(path) => Target::new(path).map(Some).map_err(|error| {
            usage::refuse(console, style, &format!("cannot write `--{flag} {}`: {error}", path.display()))
        }),
    };
    let inputs = input::values(plan, flags, options).map_err(|bad| usage::refuse_inputs(console, style, plan, &bad))?;
    let output = target("output", &options.output)?.unwrap_or_else(Target::standard_output);
    let timing = target("timing", &options.timing)?;
    let report = target("report", &options.report)?;
    let places = [("the final state", Some(&output)), ("`--timing`", timing.as_ref()), ("`--report`", report.as_ref())];
    for (at, (what, place)) in places.iter().enumerate() {
        if let Some((other, _)) = places[..at].iter().find(|(_, other)| other.is_some() && other == place) {
            let message = format!("{what} and {other} would be written to the same place: give them different ones");
            return Err(usage::refuse(console, style, &message));
        }
    }
    let resumes = options.records.as_ref().is_some_and(records::Asked::resumes);
    let given = report.as_ref().map(|_| report::given(plan, &inputs, resumes)).unwrap_or_default();
    let stdout = Stdout::take()
        .map_err(|error| usage::refuse(console, style, &format!("cannot take standard output: {error}")))?;
    #[cfg(unix)]
    let prints = Prints::redirect()
        .map_err(|error| usage::refuse(console, style, &format!("cannot redirect what nodes print: {error}")))?;
    Ok(Prepared {
        inputs,
        output,
        timing,
        report,
        given,
        stdout,
        #[cfg(unix)]
        prints,
    })
}

impl Prepared {
    fn run(mut self, plan: &'static Plan, options: &Options, console: &Console, launch: Launch<'_>) -> ExitCode {
        log::init(console, options.log_format, options.verbosity);
        let cancel = CancellationToken::new();
        let interrupt = match signals::watch(plan, cancel.clone(), console.clone()) {
            Ok(interrupt) => interrupt,
            Err(error) => {
                tracing::warn!(target: "tea", "signals end the program without any grace: {error}");
                signals::Interrupt::default()
            }
        };
        let historian = Arc::new(Historian::default());
        let timing = self.timing.as_ref().map(|_| Arc::new(Timing::new()));
        let report = self.report.as_ref().map(|_| Arc::new(report::Report::new(plan)));
        let progress = shows_progress(options).then(|| Progress::start(console.clone(), shows_bars(options)));
        let mut listeners: Vec<Arc<dyn Listener>> =
            vec![historian.clone(), Arc::new(Tracing::new()), Arc::new(interrupt.clone())];
        listeners.extend(timing.clone().map(|timing| timing as Arc<dyn Listener>));
        listeners.extend(report.clone().map(|report| report as Arc<dyn Listener>));
        let progress = progress.map(|(progress, watcher)| {
            listeners.push(Arc::new(watcher));
            progress
        });

        let started = Instant::now();
        let asked = Asked {
            max_workers: options.max_workers,
            all_on_threads: options.all_on_threads,
            listeners,
            cancel,
            records: options.records.clone().unwrap_or_default(),
            #[cfg(all(unix, feature = "remote"))]
            pool: options.pool.clone(),
            until: options.until.clone(),
            wanted: wanted(options),
            explain_settings: None,
            answers: answers(plan, options, console),
        };
        let outcome = launch(std::mem::take(&mut self.inputs), asked);
        let elapsed = started.elapsed();
        // What was printed comes before what is said of the run's end.
        #[cfg(unix)]
        drop(self.prints.take());
        drop(progress);

        let history = historian.history();
        let traced = match (&self.timing, &timing) {
            (Some(target), Some(timing)) => write_timing(target, timing, &self.stdout, console, options.error_format),
            _ => true,
        };
        let told =
            |report: Arc<report::Report>| self.write_report(&report, &outcome, interrupt.signal(), options, console);
        let traced = report.is_none_or(told) && traced;
        match outcome {
            Ok(Launched::Outlook(outlook)) => self.explain(&outlook, options, console),
            Ok(Launched::Settings(_)) => unreachable!("they are not explained here"),
            Ok(Launched::Ran(view)) => {
                if self.output.is_standard_output() {
                    // The reader may take any amount of time.
                    interrupt.run_is_over();
                }
                self.succeeded(plan, view, options, console, &history, (elapsed, traced))
            }
            // Invalid settings.
            Err(error) if error.is_input() => usage::refuse(console, options.error_format, &error.to_string()),
            Err(error) if error.is_stopped() => {
                let written = error.state().map(|view| self.write(plan, view, options, console));
                tell_stop(plan, &error, elapsed, options);
                let written = written.is_none_or(|written| matches!(written, Written::Whole));
                if written && traced { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) if error.is_waiting() => {
                if let (true, Some(view)) = (options.output_on_failure, error.state()) {
                    self.write(plan, view, options, console);
                }
                tell_questions(plan, &error, options, console);
                ExitCode::from(WAITS)
            }
            Err(error) => {
                if let (true, Some(view)) = (options.output_on_failure, error.state()) {
                    self.write(plan, view, options, console);
                }
                let failed = FailedRun {
                    plan,
                    done: history.done(error.finished()),
                    failures: error.told().iter().map(Failed::of).collect(),
                    history: &history,
                    elapsed,
                    signal: interrupt.signal(),
                    way_on: way_on(error.run(), options, ""),
                    run: error.run(),
                };
                console.print(&failed.render(options.error_format));
                interrupt.signal().map_or(ExitCode::FAILURE, |signal| signals::exit_status(signal).into())
            }
        }
    }
}

/// The last line of a run that stopped where it was told to.
fn tell_stop(plan: &Plan, error: &Error, elapsed: Duration, options: &Options) {
    let (name, after) = (plan.name, human::time(elapsed));
    let last = error.finished().last().map_or("", String::as_str);
    let resume = way_on(error.run(), options, "").map(|resume| format!("; to resume: {resume}")).unwrap_or_default();
    tracing::info!(
        target: log::SUMMARY,
        workflow = name,
        elapsed_seconds = elapsed.as_secs_f64(),
        "{name}: stopped after `{last}` in {after}{resume}"
    );
}

/// What the run asks, and how to answer.
fn tell_questions(plan: &Plan, error: &Error, options: &Options, console: &Console) {
    let way_on = |more: &str| way_on(error.run(), options, more);
    let waits = Waits { plan, questions: error.questions(), run: error.run(), way_on: &way_on };
    console.print(&waits.render(options.error_format));
}

/// Who answers the questions of the run.
fn answers(plan: &Plan, options: &Options, console: &Console) -> Answers {
    let person = if plan.asks() { Person::at(console) } else { None };
    let asker = person.map(|person| Arc::new(move |question: &Question<'_>| person.ask(question)) as Arc<Asker>);
    Answers { given: options.answers.clone(), asker }
}

/// How a recorded run can be resumed, with more to be written after that.
fn way_on(run: Option<&str>, options: &Options, more: &str) -> Option<String> {
    run.zip(options.records.as_ref()).map(|(run, asked)| asked.way_on(&options.program, run, more))
}

/// What became of the final state.
enum Written {
    /// It is where it was to be.
    Whole,
    /// It is somewhere, or not all of it could be written as JSON.
    Partly,
    /// Nobody has it.
    Nowhere,
}

impl Prepared {
    /// Delivers the final state of a run that succeeded. Other outputs may not have been written (`traced`).
    fn succeeded(
        &self,
        plan: &'static Plan,
        view: View,
        options: &Options,
        console: &Console,
        history: &History,
        (elapsed, traced): (Duration, bool),
    ) -> ExitCode {
        let written = self.write(plan, &view, options, console);
        let delivered = !matches!(written, Written::Nowhere);
        let ended = options.records.as_ref().map(|records| records.delivery.end(plan, delivered));
        let run = ended.and_then(|ended| {
            let warn = |error| tracing::warn!(target: "tea", "old runs cannot be removed: {error}");
            ended.map_err(warn).ok().flatten()
        });
        let refused = options.fail_if_any && history.has_failures();
        for allowed in history.allowed() {
            tracing::warn!(target: "tea", "{allowed}");
        }
        if refused {
            let message = "something failed that the workflow allows to fail, and `--fail-if-any` does not";
            usage::complain(console, options.error_format, message);
        }
        let dropped = guard(|| drop(view)).map_err(|failure| {
            let message = format!("the `Drop` of a value of the state panicked: {}", failure.message);
            usage::complain(console, options.error_format, &message);
        });
        let written = matches!(written, Written::Whole) && traced;
        summarize(plan, elapsed, &history.counts(), written);
        if let Some(resume) = way_on(run.as_deref(), options, "") {
            tracing::info!(target: log::SUMMARY, "to write the output: {resume}");
        }
        if written && !refused && dropped.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Prints what the run would do.
    fn explain(&self, outlook: &Outlook, options: &Options, console: &Console) -> ExitCode {
        let node = options.records.as_ref().and_then(|records| records.explain.as_deref());
        let text = match records::told(outlook, node) {
            Ok(text) => text,
            Err(message) => return usage::refuse(console, options.error_format, &message),
        };
        match self.stdout.write(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let message = format!("cannot write to standard output: {error}");
                usage::complain(console, options.error_format, &message);
                ExitCode::FAILURE
            }
        }
    }

    /// Writes the report of a run, unless nothing ran.
    fn write_report(
        &self,
        report: &report::Report,
        outcome: &Result<Launched, Error>,
        signal: Option<i32>,
        options: &Options,
        console: &Console,
    ) -> bool {
        let error = match outcome {
            Ok(Launched::Ran(_)) => None,
            Err(error) if !error.is_input() => Some(error),
            _ => return true,
        };
        let Some(target) = &self.report else { return true };
        let mut ending = Ending::of(error, &self.given);
        if let Some(signal) = signal.filter(|_| matches!(ending.state, State::Failed | State::Cancelled)) {
            ending.state = State::Cancelled;
            ending.message = Some(format!("interrupted by {}", human::signal_name(signal).unwrap_or("a signal")));
        }
        let written = target.write(report.page(&ending).as_bytes(), &self.stdout);
        let complain = |error| format!("cannot write `--report {}`: {error}", target.path().display());
        written.map_err(|error| usage::complain(console, options.error_format, &complain(error))).is_ok()
    }

    /// Writes the final state to its target, and reports what is missing in it.
    fn write(&self, plan: &Plan, view: &View, options: &Options, console: &Console) -> Written {
        let complain = |message: &str| usage::complain(console, options.error_format, message);
        let document = output::document(plan, |key| view.value(key));
        for key in &document.left_out {
            tracing::info!(target: "tea", key, "`{key}` is not in the output: its type is not `Serialize`");
        }
        for (key, why) in &document.failed {
            complain(&format!("`{key}` is not in the output, since it cannot be written as JSON: {why}"));
        }
        let Err(error) = self.output.write(&document.bytes, &self.stdout) else {
            return if document.failed.is_empty() { Written::Whole } else { Written::Partly };
        };
        if self.output.is_standard_output() {
            complain(&format!("cannot write to standard output: {error}"));
            return Written::Nowhere;
        }
        // The result should not be lost because of that.
        let saved = self.stdout.write(&document.bytes).is_ok();
        let instead = if saved { "; it went to standard output instead" } else { "" };
        complain(&format!("cannot write `--output {}`: {error}{instead}", self.output.path().display()));
        if saved { Written::Partly } else { Written::Nowhere }
    }
}

fn write_timing(target: &Target, timing: &Timing, stdout: &Stdout, console: &Console, style: Style) -> bool {
    let mut trace = Vec::new();
    let written = timing.write(&mut trace).and_then(|()| target.write(&trace, stdout));
    let complain = |error| format!("cannot write `--timing {}`: {error}", target.path().display());
    written.map_err(|error| usage::complain(console, style, &complain(error))).is_ok()
}

/// The last line of a successful run, whether or not all of its output could be written.
fn summarize(plan: &Plan, elapsed: Duration, counts: &str, written: bool) {
    let (name, after) = (plan.name, human::time(elapsed));
    let done = if written { "done" } else { "ran to its end, but not all of it could be written," };
    let separator = if counts.is_empty() { "" } else { ": " };
    tracing::info!(
        target: log::SUMMARY,
        workflow = name,
        elapsed_seconds = elapsed.as_secs_f64(),
        "{name}: {done} in {after}{separator}{counts}"
    );
}

fn shows_progress(options: &Options) -> bool {
    match options.progress {
        When::Always => true,
        When::Never => false,
        When::Auto => console::is_terminal() && options.verbosity >= 0 && options.log_format == Style::Text,
    }
}

fn shows_bars(options: &Options) -> bool {
    shows_progress(options) && console::is_terminal()
}
