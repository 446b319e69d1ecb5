//! Pools of hosts, for workflows with `remote`: `--pool`, and the subcommand `pool`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, ValueHint, builder::PossibleValuesParser, value_parser};

use crate::{plan::Plan, remote::example};

/// The variable that names the pool file where the flag does not.
const VARIABLE: &str = "TEA_POOL";

/// The flag.
const FLAG: &str = "pool";

/// What `pool` requests.
#[derive(Debug)]
pub(super) enum Pools {
    /// Print a commented pool file.
    Example(&'static str),
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
    if !plan.has_remote() {
        return None;
    }
    let variable = || std::env::var_os(VARIABLE).filter(|file| !file.is_empty()).map(PathBuf::from);
    matches.get_one(FLAG).cloned().or_else(variable)
}

/// The subcommand.
pub(super) fn command() -> Command {
    let engines = PossibleValuesParser::new(example::ALL.iter().map(|(engine, _)| *engine));
    Command::new("pool")
        .about("Helps with pool files")
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand(
            Command::new("example")
                .about("Prints a commented pool file")
                .arg(Arg::new("engine").value_name("ENGINE").required(true).value_parser(engines)),
        )
}

/// What the subcommand requests.
pub(super) fn pools(matches: &ArgMatches) -> Pools {
    let engine = matches.subcommand().and_then(|(_, of)| of.get_one::<String>("engine"));
    let found = engine.and_then(|engine| example::ALL.iter().find(|(name, _)| name == engine));
    Pools::Example(found.expect("clap lets only these pass").1)
}
