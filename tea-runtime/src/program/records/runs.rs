//! `runs`, which lists and manages recorded runs.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use clap::{Arg, ArgMatches, Command, ValueHint, value_parser};

use super::state_dir;
use crate::{
    engine::records::{Content, Session, contents, workflow},
    failure::OpenQuestion,
    plan::{Checkpoint, Plan},
    program::{args::Style, console::Console, file::Target, human, output::Stdout, usage},
    report::{Ending, Recorded, State, of_records},
    store::{CacheFolder, Folder, Kind, Manifest, RunFolder, Status, StoreError},
    words::{bytes, counted, plain},
};

/// What to do with runs.
#[derive(Debug)]
pub(in crate::program) struct Runs {
    state_dir: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    List,
    Show(String, Option<PathBuf>),
    Remove(Vec<String>),
    Verify(String),
    Collect,
}

/// `runs`.
pub(in crate::program) fn command() -> Command {
    let run = || Arg::new("run").value_name("RUN").required(true);
    Command::new("runs")
        .about("Lists and manages recorded runs")
        .disable_help_subcommand(true)
        .arg(state_dir().global(true))
        .subcommand(
            Command::new("show").about("Shows what is known about a run").arg(run()).arg(
                Arg::new("report")
                    .long("report")
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
                    .value_hint(ValueHint::FilePath)
                    .help("Also writes it as a web page"),
            ),
        )
        .subcommand(Command::new("rm").about("Removes runs").arg(run().num_args(1..)))
        .subcommand(Command::new("verify").about("Reads everything that a run recorded, and reports damage").arg(run()))
        .subcommand(
            Command::new("gc")
                .about("Removes runs with `keep` newer ones, also unfinished ones, and data that nobody needs"),
        )
}

/// What `runs` requests.
pub(in crate::program) fn runs(matches: &ArgMatches) -> Runs {
    let run = |matches: &ArgMatches| matches.get_one::<String>("run").cloned().unwrap_or_default();
    let (of, what) = match matches.subcommand() {
        Some(("show", of)) => (of, What::Show(run(of), of.get_one("report").cloned())),
        Some(("rm", of)) => (of, What::Remove(of.get_many("run").into_iter().flatten().cloned().collect())),
        Some(("verify", of)) => (of, What::Verify(run(of))),
        Some((_, of)) => (of, What::Collect),
        None => (matches, What::List),
    };
    let state_dir = of.get_one("state-dir").or(matches.get_one("state-dir")).cloned();
    Runs { state_dir: state_dir.unwrap_or_else(|| Session::default().state_dir), what }
}

impl Runs {
    /// Carries it out.
    pub(in crate::program) fn run(&self, plan: &'static Plan) -> ExitCode {
        let console = Console::plain();
        let refused = |error: &dyn std::fmt::Display| usage::refuse(&console, Style::Text, &error.to_string());
        let (text, well) = match self.text(plan) {
            Ok(told) => told,
            Err(error) => return refused(&error),
        };
        match Stdout::take().and_then(|stdout| stdout.write(text.as_bytes())) {
            Ok(()) if well => ExitCode::SUCCESS,
            Ok(()) => ExitCode::FAILURE,
            Err(error) => refused(&format!("cannot write to standard output: {error}")),
        }
    }

    /// The text to print, and whether everything is in order.
    fn text(&self, plan: &'static Plan) -> Result<(String, bool), StoreError> {
        if self.what.is_list() && !self.state_dir.exists() {
            return Ok((format!("no runs in `{}`\n", self.state_dir.display()), true));
        }
        let store = Folder::open(&self.state_dir)?;
        let mut text = String::new();
        let mut well = true;
        let mut line = |told: String| writeln!(text, "{told}").expect("a string takes everything");
        match &self.what {
            What::List => {
                let own = workflow(plan);
                for run in store.runs()? {
                    match run.manifest() {
                        Ok(of) if of.workflow == own => line(format!("{}  {}", run.name, state(&run, &of.status))),
                        Ok(_) => {}
                        Err(error) => line(format!("{}  cannot be read: {error}", run.name)),
                    }
                }
                if text.is_empty() {
                    writeln!(text, "no runs of `{}` in `{}`", plan.name, self.state_dir.display())
                        .expect("a string takes everything");
                }
            }
            What::Show(name, report) => {
                let run = store.run(name)?;
                let (of, found) = (run.manifest()?, run.verify(&store)?);
                line(format!("run       {name}"));
                line(format!("workflow  {}", of.workflow));
                line(format!("state     {}", state(&run, &of.status)));
                for OpenQuestion { name, text, expected } in of.status.questions() {
                    line(format!("question  {}: {} ({expected})", plain(name), plain(text)));
                }
                line(format!("started   {}", time(of.began)));
                if of.resumed > 0 {
                    line(format!("resumed   {}, last {}", counted(of.resumed, "time", "times"), time(of.went_on)));
                }
                line(format!("command   {}", of.arguments.join(" ")));
                line(format!("program   {} {}", of.version, of.program));
                line(format!("records   {}", counts(&found.counts)));
                line(format!("size      {}, without large values", bytes(run.size())));
                let contents = contents(store, run)?;
                if let Some(path) = report {
                    write_report(plan, name, &of, &contents, path)?;
                    line(format!("report    {}", path.display()));
                }
                let width = contents.iter().map(|of| 2 * of.depth + of.name.chars().count()).max().unwrap_or_default();
                for of in contents {
                    let (indent, name) = (2 * of.depth, of.name.as_str());
                    line(format!("  {:indent$}{name:rest$}  {of}", "", rest = width - indent));
                }
            }
            What::Remove(names) => {
                for name in names {
                    store.remove(&store.run(name)?)?;
                    line(format!("removed {name}"));
                }
                store.collect()?;
            }
            What::Verify(name) => {
                let found = store.run(name)?.verify(&store)?;
                line(format!("{name}: {}", counts(&found.counts)));
                if found.aside > 0 {
                    line(format!("the end of the log is damaged and will be ignored: {}", bytes(found.aside)));
                }
                well = found.damaged.is_empty() && found.aside == 0;
                found.damaged.into_iter().for_each(&mut line);
            }
            What::Collect => {
                let keep = plan.checkpoint.map_or(usize::MAX, |checkpoint| checkpoint.keep as usize);
                for name in store.remove_old(&workflow(plan), keep)? {
                    line(format!("removed {name}"));
                }
                let max_size = plan.checkpoint.unwrap_or(Checkpoint::DEFAULT).max_size;
                let of_cache = CacheFolder::at(&self.state_dir).prune(max_size)?;
                match store.collect()?.map(|freed| freed + of_cache) {
                    Some(freed) => line(format!("freed {}", bytes(freed))),
                    None => line("no data was removed, because runs are in progress".to_owned()),
                }
            }
        }
        Ok((text, well))
    }
}

/// Writes the report of a run from what it recorded.
fn write_report(
    plan: &'static Plan,
    name: &str,
    of: &Manifest,
    contents: &[Content],
    path: &Path,
) -> Result<(), StoreError> {
    let (state, message) = match &of.status {
        Status::Unfinished => (State::Unfinished, None),
        Status::Cancelled => (State::Cancelled, None),
        Status::Stopped => (State::Stopped, None),
        Status::Waiting(_) => (State::Waiting, None),
        Status::Failed(message) => (State::Failed, Some(message.clone())),
        Status::Done => (State::Succeeded, None),
    };
    let command = Some(of.arguments.join(" "));
    let questions = of.status.questions().iter().collect();
    let ending = Ending { state, message, error: None, questions, run: Some(name), command, inputs: &[] };
    let recorded = contents.iter().map(|content| Recorded {
        name: content.name.clone(),
        done: content.tally.done,
        items: content.tally.items,
        failed_items: content.tally.failed_items,
        branches: content.tally.branches.clone(),
        failures: content.tally.failures.clone(),
    });
    let page = of_records(plan, of.began, &ending, recorded);
    let written = Target::new(path).and_then(|target| target.write(page.as_bytes(), &Stdout::take()?));
    written.map_err(|error| StoreError::new(format!("cannot write `--report {}`: {error}", path.display())))
}

impl What {
    fn is_list(&self) -> bool {
        matches!(self, Self::List)
    }
}

fn state(run: &RunFolder, status: &Status) -> String {
    match status {
        Status::Unfinished if run.is_in_use() => "is running".to_owned(),
        Status::Unfinished => "was killed; can be resumed".to_owned(),
        Status::Cancelled => "was cancelled; can be resumed".to_owned(),
        Status::Stopped => "stopped where it was told to; can be resumed".to_owned(),
        Status::Failed(why) => format!("failed; can be resumed: {}", why.lines().next().unwrap_or_default()),
        Status::Waiting(_) => "waits for an answer; can be resumed".to_owned(),
        Status::Done => "succeeded".to_owned(),
    }
}

fn counts(counts: &[(Kind, u64); 4]) -> String {
    let words = |(kind, count): &(Kind, u64)| {
        let (one, many) = match kind {
            Kind::Step => ("step", "steps"),
            Kind::Branch => ("branch", "branches"),
            Kind::Items => ("item", "items"),
            _ => ("failed item", "failed items"),
        };
        (*count > 0).then(|| counted(*count, one, many))
    };
    let words: Vec<_> = counts.iter().filter_map(words).collect();
    if words.is_empty() { "nothing is recorded as done".to_owned() } else { words.join(", ") }
}

fn time(time: SystemTime) -> String {
    let ago = time.elapsed().map(|ago| format!(", {} ago", human::time(ago))).unwrap_or_default();
    format!("{}{ago}", humantime::format_rfc3339_seconds(time))
}
