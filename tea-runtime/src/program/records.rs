//! Records on the command line: flags that say what is recorded and resumed, and `runs`, which manages recorded runs.

use std::{
    borrow::Cow,
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};

use super::{args::Style, console::Console, file::Target, human, output::Stdout, usage};
use crate::{
    engine::records::{Content, Delivery, Outlook, Prospect, Session, Which, contents, workflow},
    failure::OpenQuestion,
    plan::{Checkpoint, Plan},
    report::{Ending, Recorded, State, of_records},
    store::{CacheFolder, Folder, Kind, Manifest, RunFolder, Status, StoreError},
    words::{bytes, counted, plain},
};

/// The flags of programs whose runs are recorded. An input with the same name gets a different flag.
const FLAGS: [&str; 7] = ["state-dir", "no-state", "resume", "from", "dry-run", "explain", "require-state"];

/// Those of programs with nodes that have `cache`.
const CACHE_FLAGS: [&str; 3] = ["state-dir", "no-cache", "verify-cache"];

/// Whether a program has this flag.
pub(super) fn has_flag(plan: &Plan, name: &str) -> bool {
    plan.checkpoint.is_some() && FLAGS.contains(&name) || plan.has_cache() && CACHE_FLAGS.contains(&name)
}

/// What the command line says about records.
#[derive(Debug, Default, Clone)]
pub(super) struct Asked {
    state_dir: Option<PathBuf>,
    no_state: bool,
    resume: Option<Which>,
    from: Option<String>,
    require_state: bool,
    no_cache: bool,
    verify_cache: f64,
    /// `--dry-run` or `--explain`.
    pub(super) dry_run: bool,
    /// The node that `--explain` names.
    pub(super) explain: Option<String>,
    /// The command line as text.
    arguments: Vec<String>,
    /// Tells the records that the output has been delivered.
    pub(super) delivery: Delivery,
}

/// What to do with runs.
#[derive(Debug)]
pub(super) struct Runs {
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

/// The flags of a program.
pub(super) fn flags(plan: &Plan) -> Vec<Arg> {
    let (of_records, of_cache) = (plan.checkpoint.is_some(), plan.has_cache());
    let records = record_flags(of_cache).into_iter().filter(|_| of_records);
    [state_dir()].into_iter().chain(records).chain(cache_flags().into_iter().filter(|_| of_cache)).collect()
}

fn switch(id: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue)
}

fn no_state(has_cache: bool) -> Arg {
    let help =
        if has_cache { "Does not record the run, and does not use the cache" } else { "Does not record the run" };
    switch("no-state").conflicts_with_all(["state-dir", "resume", "require-state"]).help(help)
}

fn cache_flags() -> [Arg; 2] {
    [
        switch("no-cache").help("Runs nodes with `cache` without the cache"),
        Arg::new("verify-cache")
            .long("verify-cache")
            .value_name("SHARE")
            .value_parser(share)
            .conflicts_with("no-cache")
            .help("Computes a share of what is in the cache again, such as `1%`, and fails if a result differs"),
    ]
}

/// `1%`, as a part of 1.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = percent.filter(|percent| (0.0..=100.0).contains(percent)).map(|percent| percent / 100.0);
    share.ok_or_else(|| "write a percentage between 0% and 100%, such as `1%`".to_owned())
}

fn record_flags(has_cache: bool) -> [Arg; 6] {
    [
        no_state(has_cache),
        Arg::new("resume")
            .long("resume")
            .value_name("RUN")
            .num_args(0..=1)
            .help("Resumes a run, or the last one that did not succeed; its inputs need not be given again"),
        Arg::new("from")
            .long("from")
            .value_name("NODE")
            .requires("resume")
            .help("With `--resume`: runs everything from this node on again"),
        switch("dry-run").help("Shows what would run, and why, without running it"),
        Arg::new("explain")
            .long("explain")
            .value_name("NODE")
            .num_args(0..=1)
            .help("Like `--dry-run`, for one node or all"),
        switch("require-state")
            .help("Fails if the run can no longer be recorded, instead of continuing without records"),
    ]
}

fn state_dir() -> Arg {
    Arg::new("state-dir")
        .long("state-dir")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::DirPath)
        .help("Keeps the records of runs, and the cache, in this folder [default: .tea]")
}

/// `runs`.
pub(super) fn command() -> Command {
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
pub(super) fn runs(matches: &ArgMatches) -> Runs {
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

impl Asked {
    /// What the flags say.
    pub(super) fn of(matches: &ArgMatches, arguments: Vec<String>) -> Self {
        // A program has only some of them.
        let flag = |id: &str| matches.try_get_one(id).ok().flatten().copied().unwrap_or(false);
        let text = |id: &str| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let has = |id: &str| matches.try_contains_id(id).unwrap_or(false);
        Self {
            state_dir: matches.get_one("state-dir").cloned(),
            no_state: flag("no-state"),
            resume: has("resume").then(|| text("resume").into()),
            from: text("from"),
            require_state: flag("require-state"),
            no_cache: flag("no-cache"),
            verify_cache: matches.try_get_one("verify-cache").ok().flatten().copied().unwrap_or(0.0),
            dry_run: flag("dry-run") || has("explain"),
            explain: text("explain"),
            arguments,
            delivery: Delivery::default(),
        }
    }

    /// Whether a run is resumed, so that its inputs need not be given.
    pub(super) fn resumes(&self) -> bool {
        self.resume.is_some()
    }

    /// The session of a run, where the program itself may have one.
    pub(super) fn session(&self, own: Option<Session>) -> Option<Session> {
        if self.no_state {
            return None;
        }
        let own = own.unwrap_or_default();
        Some(Session {
            state_dir: self.state_dir.clone().unwrap_or(own.state_dir),
            resume: self.resume.clone().or(own.resume),
            require_state: self.require_state || own.require_state,
            only_output: true,
            from: self.from.clone().or(own.from),
            arguments: self.arguments.clone(),
            cache: own.cache && !self.no_cache,
            verify_cache: own.verify_cache.max(self.verify_cache),
            delivery: Some(self.delivery.clone()),
        })
    }

    /// How a run that did not succeed can be resumed, with more to be written after that.
    pub(super) fn way_on(&self, program: &str, run: &str, more: &str) -> String {
        let folder = self.state_dir.as_ref().map(|folder| format!(" --state-dir {}", folder.display()));
        format!("`{program} --resume {run}{}{more}`", folder.unwrap_or_default())
    }
}

/// What an outlook says about all nodes, or about one.
pub(super) fn told(outlook: &Outlook, node: Option<&str>) -> Result<String, String> {
    let mut text = match &outlook.run {
        Some(run) => format!("run {run} would be resumed:\n"),
        None => "a new run would be started:\n".to_owned(),
    };
    let mut lines = Vec::new();
    collect(&outlook.nodes, node, 1, &mut lines);
    if let (Some(node), true) = (node, lines.is_empty()) {
        return Err(format!("`--explain {node}`: there is no node or branch `{node}` that the run would reach"));
    }
    let width = lines.iter().map(|(depth, of)| 2 * depth + name(of).chars().count()).max().unwrap_or_default();
    for (depth, of) in lines {
        let (indent, what) = (2 * depth, if of.runs { "would run" } else { "would not run" });
        let (rest, cache) = (width - indent, if of.cached { ", unless its result is in the cache" } else { "" });
        writeln!(text, "{:indent$}{:rest$}  {what}: {}{cache}", "", name(of), of.why)
            .expect("a string takes everything");
    }
    Ok(text)
}

/// A fan-out has no name of its own.
fn name(of: &Prospect) -> Cow<'_, str> {
    if of.fan_out { format!("branches after {}", of.node).into() } else { Cow::Borrowed(&of.node) }
}

/// The nodes and branches with this name, or all, with how deep they are.
fn collect<'a>(of: &'a [Prospect], node: Option<&str>, depth: usize, lines: &mut Vec<(usize, &'a Prospect)>) {
    for prospect in of {
        let is_asked = node.is_none_or(|node| prospect.is_called(node));
        if is_asked {
            lines.push((depth, prospect));
        }
        collect(&prospect.parts, node.filter(|_| !is_asked), depth + usize::from(is_asked), lines);
    }
}

impl Runs {
    /// Carries it out.
    pub(super) fn run(&self, plan: &'static Plan) -> ExitCode {
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

/// The command line as text.
pub(super) fn arguments(args: &[std::ffi::OsString]) -> Vec<String> {
    let name = args.first().and_then(|path| Path::new(path).file_name());
    let rest = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    name.map(|name| name.to_string_lossy().into_owned()).into_iter().chain(rest).collect()
}
