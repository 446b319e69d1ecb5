//! Pools of hosts, for workflows with `remote`: `--pool`, and the subcommand `pool`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use bytesize::ByteSize;
use clap::{Arg, ArgMatches, Command, ValueHint, builder::PossibleValuesParser, value_parser};

use super::{args::Style, console::Console, usage};
use crate::{
    plan::Plan,
    remote::{Found, PoolFile, RemoteExecutor, example},
};

/// The variable that names the pool file where the flag does not.
const VARIABLE: &str = "TEA_POOL";

/// The flag.
const FLAG: &str = "pool";

/// What `pool` requests.
#[derive(Debug)]
pub(super) enum Pools {
    /// Print a commented pool file.
    Example(&'static str),
    /// Look at each host of a pool file.
    Check(Option<PathBuf>),
}

/// Whether a program has this flag.
pub(super) fn has_flag(plan: &Plan, name: &str) -> bool {
    name == FLAG && plan.has_remote()
}

/// The flag.
pub(super) fn flag() -> Arg {
    Arg::new(FLAG)
        .long(FLAG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .conflicts_with("parallel-strategy")
        .help(format!(
            "Runs `remote` branches on the hosts of this pool file, and not on this machine [env: {VARIABLE}]"
        ))
}

/// The pool file of a run, if it has one.
pub(super) fn asked(plan: &Plan, matches: &ArgMatches) -> Option<PathBuf> {
    if plan.has_remote() { matches.get_one(FLAG).cloned().or_else(variable) } else { None }
}

/// The pool file that the variable names.
fn variable() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from)
}

/// The subcommand.
pub(super) fn command() -> Command {
    let engines = PossibleValuesParser::new(example::ALL.iter().map(|(engine, _)| *engine));
    let file = Arg::new("file")
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .value_hint(ValueHint::FilePath)
        .help(format!("The pool file [env: {VARIABLE}]"));
    let engine = Arg::new("engine").value_name("ENGINE").required(true).value_parser(engines);
    let check = "Starts an agent on each host of a pool file, and says whether it can be used";
    Command::new("pool")
        .about("Helps with pool files")
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand(Command::new("check").about(check).arg(file))
        .subcommand(Command::new("example").about("Prints a commented pool file").arg(engine))
}

/// What the subcommand requests.
pub(super) fn pools(matches: &ArgMatches) -> Pools {
    match matches.subcommand() {
        Some(("example", of)) => {
            let engine = of.get_one::<String>("engine");
            let found = engine.and_then(|engine| example::ALL.iter().find(|(name, _)| name == engine));
            Pools::Example(found.expect("clap lets only these pass").1)
        }
        Some((_, of)) => Pools::Check(of.get_one("file").cloned()),
        None => Pools::Check(None),
    }
}

impl Pools {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        match self {
            Self::Example(text) => super::print(text),
            Self::Check(file) => check(file.or_else(variable)),
        }
    }
}

/// What was found at a host.
fn in_words(found: &Found) -> String {
    let Found { ready_after, round_trip, bandwidth, slots, memory, time_left, sees_files } = found;
    let (ready, there_and_back) = (ready_after.as_secs_f64(), round_trip.as_secs_f64() * 1e3);
    let mut text = format!("ready after {ready:.2} s; {slots} at once");
    if let Some(memory) = memory {
        let _ = write!(text, "; {} of memory", ByteSize(*memory).display().iec());
    }
    let _ = write!(text, "; {there_and_back:.2} ms there and back; {:.0} MB/s to it", bandwidth / 1e6);
    if let Some(left) = time_left {
        let _ = write!(text, "; {} left", humantime::format_duration(Duration::from_secs(left.as_secs())));
    }
    if *sees_files {
        text.push_str("; it sees the files here");
    }
    text
}

/// Looks at each host, and says what was found.
fn check(file: Option<PathBuf>) -> ExitCode {
    let refuse = |message: &str| usage::refuse(&Console::plain(), Style::Text, message);
    let Some(file) = file else {
        return refuse(&format!("no pool file is given: `pool check FILE`, or the variable `{VARIABLE}`"));
    };
    let pool = match PoolFile::read(file) {
        Ok(pool) => pool,
        Err(error) => return refuse(&error.to_string()),
    };
    let hosts = match RemoteExecutor::check(&pool) {
        Ok(hosts) => hosts,
        Err(failure) => return refuse(&failure.message),
    };
    let mut text = String::new();
    for host in &hosts {
        let name = &host.name;
        let _ = match &host.found {
            Ok(found) => writeln!(text, "{name}: {}", in_words(found)),
            Err(why) => writeln!(text, "{name}: cannot be used: {why}"),
        };
    }
    let printed = super::print(&text);
    if hosts.iter().all(|host| host.found.is_ok()) { printed } else { ExitCode::FAILURE }
}
