//! The flags that every program has.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{
    Arg, ArgAction, ValueHint,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use tea_graph::Format;

use super::{Style, When};

pub(super) fn built_in() -> [Arg; 18] {
    let file = |id: &'static str| Arg::new(id).long(id).value_name("FILE").value_parser(value_parser!(PathBuf));
    let count = |id: &'static str, short| Arg::new(id).long(id).short(short).action(ArgAction::Count);
    [
        file("input")
            .value_hint(ValueHint::FilePath)
            .help("Takes inputs from a JSON object; `-` is standard input, and flags win over it"),
        file("output")
            .value_hint(ValueHint::FilePath)
            .help("Writes the final state to a file, whole or not at all, instead of standard output (`-`)"),
        Arg::new("max-workers")
            .long("max-workers")
            .value_name("N")
            .value_parser(at_least_one)
            .help("Runs at most this many branches at once, at any depth of nesting"),
        Arg::new("fail-if-any")
            .long("fail-if-any")
            .action(ArgAction::SetTrue)
            .help("Exits with 1 if anything failed, even if the workflow allows it to"),
        Arg::new("output-on-failure")
            .long("output-on-failure")
            .action(ArgAction::SetTrue)
            .help("Writes what is set when the run fails or is cancelled, too"),
        Arg::new("parallel-strategy")
            .long("parallel-strategy")
            .value_name("STRATEGY")
            .value_parser(["thread"])
            .help("Runs all branches on threads of this process, for debugging: no isolation, no memory limits"),
        choice("progress", &[("auto", When::Auto), ("always", When::Always), ("never", When::Never)])
            .value_name("WHEN")
            .help("Shows progress on standard error; `auto` if that is a terminal"),
        count("quiet", 'q').help("Says nothing but failures"),
        count("verbose", 'v').help("Tells of every branch; twice, of every node and worker"),
        choice("log-format", STYLES)
            .value_name("FORMAT")
            .default_value_if("error-format", "json", "json")
            .help("Format of what is told during the run; that of failures, if only that is given"),
        choice("error-format", STYLES).value_name("FORMAT").help("Format of failures"),
        file("report").value_hint(ValueHint::FilePath).help("Writes a report of the run as a web page"),
        file("timing")
            .value_hint(ValueHint::FilePath)
            .help("Writes what ran when and where, as a trace for ui.perfetto.dev or chrome://tracing"),
        Arg::new("until")
            .long("until")
            .value_name("NODE")
            .help("Stops after this node, which must be outside of branches"),
        Arg::new("set")
            .long("set")
            .value_name("NODE.SETTING=VALUE")
            .action(ArgAction::Append)
            .value_parser(setting)
            .help("Changes a parallel setting of a node, or of everything: `parallel.timeout=20s`"),
        file("settings")
            .value_hint(ValueHint::FilePath)
            .action(ArgAction::Append)
            .help("Changes the settings in a JSON object, such as `{\"NODE\": {\"timeout\": \"20s\"}}`"),
        Arg::new("explain-settings")
            .long("explain-settings")
            .value_name(ALL)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("")
            .value_parser([ALL, ""])
            .hide_possible_values(true)
            .help("Prints which settings hold where, and why, instead of running; with `=all`, also the defaults"),
        Arg::new("help").long("help").short('h').action(ArgAction::Help).global(true).help("Prints this"),
    ]
}

/// Of `--explain-settings`: also the defaults.
pub(super) const ALL: &str = "all";

/// `NODE.SETTING=VALUE`.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write `NODE.SETTING=VALUE`, as in `each.timeout=20s`")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn version() -> Arg {
    Arg::new("version").long("version").short('V').action(ArgAction::Version).help("Prints the version")
}

/// The languages of drawings, the default first.
pub(super) const FORMATS: &[(&str, Format)] =
    &[("mermaid", Format::Mermaid), ("dot", Format::Dot), ("svg", Format::Svg), ("json", Format::Json)];

const STYLES: &[(&str, Style)] = &[("text", Style::Text), ("json", Style::Json)];

/// A flag that takes one of these words; the first is the default.
pub(super) fn choice<T: Copy + Send + Sync + 'static>(id: &'static str, choices: &'static [(&'static str, T)]) -> Arg {
    let value = |word: String| choices.iter().find(|(name, _)| *name == word).expect("clap lets only these pass").1;
    let parser = PossibleValuesParser::new(choices.iter().map(|(name, _)| *name)).map(value);
    Arg::new(id).long(id).value_parser(parser).default_value(choices[0].0)
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "it is a number, and at least 1".to_owned())
}
