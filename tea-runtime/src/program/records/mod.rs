//! Records on the command line: flags that say what is recorded and resumed, and `runs`, which manages recorded runs.

mod outlook;
mod runs;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};

pub(super) use self::{
    outlook::told,
    runs::{Runs, command, runs},
};
use crate::{
    engine::records::{Delivery, Session, Which},
    plan::Plan,
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

/// The command line as text.
pub(super) fn arguments(args: &[std::ffi::OsString]) -> Vec<String> {
    let name = args.first().and_then(|path| Path::new(path).file_name());
    let rest = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    name.map(|name| name.to_string_lossy().into_owned()).into_iter().chain(rest).collect()
}
