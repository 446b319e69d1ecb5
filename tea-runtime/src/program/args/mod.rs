//! The command line: one flag an input, and those that every program has.

mod built_in;
mod command;
mod told;

use std::{
    ffi::OsString,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use clap::ArgMatches;
use tea_graph::Format;

pub(super) use self::command::command;
#[cfg(all(unix, feature = "remote"))]
use super::pool;
use super::{flags::Flag, questions, records};
use crate::plan::Plan;

/// What the caller asked for.
#[derive(Debug)]
pub(super) enum Action {
    /// Run the workflow.
    Run(Box<Options>),
    /// Draw it.
    Graph(Format),
    /// Print the completions of a shell.
    Completions(clap_complete::Shell),
    /// Look after recorded runs.
    Runs(records::Runs),
    /// Help with pool files.
    #[cfg(all(unix, feature = "remote"))]
    Pools(pool::Pools),
}

/// How to run.
#[derive(Debug)]
pub(super) struct Options {
    /// Values of inputs as flags gave them, with the index of their flag.
    pub(super) given: Vec<(usize, Vec<OsString>)>,
    /// `--input`; `-` is standard input.
    pub(super) input: Option<PathBuf>,
    /// `--output`; `-` is standard output.
    pub(super) output: Option<PathBuf>,
    /// `--max-workers`.
    pub(super) max_workers: Option<NonZeroUsize>,
    /// `--parallel-strategy thread`.
    pub(super) all_on_threads: bool,
    /// `--progress`.
    pub(super) progress: When,
    /// `-q` counts down, `-v` up.
    pub(super) verbosity: i16,
    /// `--log-format`.
    pub(super) log_format: Style,
    /// `--error-format`.
    pub(super) error_format: Style,
    /// `--fail-if-any`.
    pub(super) fail_if_any: bool,
    /// `--output-on-failure`.
    pub(super) output_on_failure: bool,
    /// `--timing`.
    pub(super) timing: Option<PathBuf>,
    /// `--report`.
    pub(super) report: Option<PathBuf>,
    /// `--pool`.
    #[cfg(all(unix, feature = "remote"))]
    pub(super) pool: Option<PathBuf>,
    /// `--until`.
    pub(super) until: Option<String>,
    /// `--settings`.
    pub(super) settings: Vec<PathBuf>,
    /// `--set`.
    pub(super) set: Vec<(String, String)>,
    /// `--explain-settings`, and whether with `=all`.
    pub(super) explain_settings: Option<bool>,
    /// `--answer`.
    pub(super) answers: Vec<(String, String)>,
    /// What is said about records, if the workflow has any.
    pub(super) records: Option<records::Asked>,
    /// What the user would type again to start the program.
    pub(super) program: String,
}

/// `auto`: if standard error is a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

/// For people, or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    Json,
}

/// Parses the command line; the first argument is the program.
pub(super) fn parse(plan: &'static Plan, flags: &[Flag], args: &[OsString]) -> Result<Action, clap::Error> {
    // Defaults are the user's Rust: it runs here only if it is asked for.
    let name = program_name(plan, args);
    let help = args.iter().any(|arg| arg == "-h" || arg == "--help");
    let args = spelled_out(flags, args);
    let mut command = command(plan, flags, &name, help);
    let matches = command.try_get_matches_from_mut(&args);
    let matches = matches.map_err(|error| told::told(error, plan, &command, &args))?;
    Ok(match matches.subcommand() {
        Some(("graph", matches)) => Action::Graph(get(matches, "format")),
        Some(("completions", matches)) => Action::Completions(get(matches, "shell")),
        #[cfg(all(unix, feature = "remote"))]
        Some(("pool", matches)) => Action::Pools(pool::pools(matches)),
        Some(("runs", matches)) => Action::Runs(records::runs(matches)),
        _ => {
            let records = (plan.checkpoint.is_some() || plan.has_cache())
                .then(|| records::Asked::of(&matches, records::arguments(&args)));
            Action::Run(Box::new(Options {
                records,
                program: name,
                #[cfg(all(unix, feature = "remote"))]
                pool: pool::asked(plan, &matches),
                ..options(flags, &matches)
            }))
        }
    })
}

/// The command line with each switch as `--switch=word`: people also type `--switch no` and `--no-switch`.
fn spelled_out(flags: &[Flag], args: &[OsString]) -> Vec<OsString> {
    let named = |name: &str| flags.iter().find(|flag| flag.name == name);
    let switch = |arg: &str| named(arg.strip_prefix("--")?).filter(|flag| flag.is_switch());
    let mut spelled = Vec::with_capacity(args.len());
    let mut rest = args.iter().peekable();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            spelled.push(arg.clone());
            break;
        }
        let text = arg.to_str().unwrap_or_default();
        let word = |next: &&&OsString| ["true", "false", "yes", "no", "on", "off"].iter().any(|word| **next == *word);
        spelled.push(match text.strip_prefix("--no-") {
            Some(name) if named(&text[2..]).is_none() && named(name).is_some_and(Flag::is_switch) => {
                format!("--{name}=false").into()
            }
            _ if switch(text).is_some() && rest.peek().as_ref().is_some_and(word) => {
                let word = rest.next().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
                format!("{text}={word}").into()
            }
            _ => arg.clone(),
        });
    }
    spelled.extend(rest.cloned());
    spelled
}

/// The completions of a shell.
pub(super) fn completions(
    plan: &'static Plan,
    flags: &[Flag],
    args: &[OsString],
    shell: clap_complete::Shell,
) -> String {
    let name = program_name(plan, args);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(plan, flags, &name, false), name, &mut script);
    String::from_utf8(script).expect("completions are made of the command line's own texts")
}

/// The name by which the program was started: what the user would type again.
pub(super) fn program_name(plan: &Plan, args: &[OsString]) -> String {
    let name = args.first().and_then(|path| Path::new(path).file_name());
    name.map_or_else(|| plan.name.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What was asked for on the command line about the format of errors, for errors of the command line itself.
pub(super) fn wants_json_errors(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--error-format=json")
        || args.windows(2).any(|pair| pair[0] == "--error-format" && pair[1] == "json")
}

fn options(flags: &[Flag], matches: &ArgMatches) -> Options {
    let given = |(index, flag): (usize, &Flag)| Some((index, matches.get_many(&flag.name)?.cloned().collect()));
    Options {
        given: flags.iter().enumerate().filter(|(_, flag)| !flag.spec.secret).filter_map(given).collect(),
        input: matches.get_one("input").cloned(),
        output: matches.get_one("output").cloned(),
        max_workers: matches.get_one("max-workers").copied(),
        all_on_threads: matches.contains_id("parallel-strategy"),
        progress: get(matches, "progress"),
        verbosity: i16::from(matches.get_count("verbose")) - i16::from(matches.get_count("quiet")),
        log_format: get(matches, "log-format"),
        error_format: get(matches, "error-format"),
        fail_if_any: matches.get_flag("fail-if-any"),
        output_on_failure: matches.get_flag("output-on-failure"),
        timing: matches.get_one("timing").cloned(),
        report: matches.get_one("report").cloned(),
        #[cfg(all(unix, feature = "remote"))]
        pool: None,
        until: matches.get_one("until").cloned(),
        settings: matches.get_many("settings").into_iter().flatten().cloned().collect(),
        set: matches.get_many("set").into_iter().flatten().cloned().collect(),
        explain_settings: matches.get_one("explain-settings").map(|which: &String| which == built_in::ALL),
        answers: questions::answers(matches),
        records: None,
        program: String::new(),
    }
}

fn get<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> T {
    matches.get_one::<T>(id).cloned().expect("the argument is required or has a default")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        program::{
            flags,
            sample::{DIAMOND, READ_QC},
        },
        state::{FlagSpec, KeySpec, Shape},
    };

    fn parsed(args: &[&str]) -> Result<Action, clap::Error> {
        let args: Vec<_> = ["read-qc"].iter().chain(args).map(OsString::from).collect();
        parse(&READ_QC, &flags::of(&READ_QC), &args)
    }

    #[test]
    fn clap_finds_no_fault() {
        command(&READ_QC, &flags::of(&READ_QC), "read-qc", true).debug_assert();
    }

    #[test]
    fn help_tells_types_descriptions_and_defaults() {
        let help = parsed(&["--help"]).unwrap_err().to_string();
        let inputs = help.split("\n\n").find(|part| part.starts_with("Inputs:")).unwrap();
        assert_eq!(
            inputs.trim_end(),
            "Inputs:
      --reads <PATH>          FASTQ file [required]
      --k <NUMBER>            length of a k-mer [default: 21]
      --all-reads[=<yes|no>]  [default: false]
      --input-output <TEXT>   name of the report [optional]"
        );
        assert!(help.contains("Usage: read-qc --reads <PATH> [OPTIONS]\n"), "{help}");
    }

    #[test]
    fn help_shows_brackets_where_an_argument_may_be_left_out() {
        let positional = |at: usize, default| {
            let plain = &READ_QC.keys[at];
            let flag = FlagSpec { positional: true, ..plain.flag };
            &*Box::leak(Box::new(KeySpec { flag, default, optional: false, ..*plain }))
        };
        let flag = |at: usize, shape, default| {
            let mut flag = flags::of(&READ_QC).swap_remove(at);
            flag.spec = positional(flag.key as usize, default);
            flag.shape = shape;
            flag
        };
        let default = READ_QC.keys.iter().find_map(|key| key.default);
        let paths = Shape::List(Box::new(Shape::Path));
        let cases = [
            ([flag(0, Shape::Path, None), flag(1, paths.clone(), default)], ["  <PATH>  ", "  [PATH]...  "]),
            ([flag(0, Shape::Number, None), flag(1, paths.clone(), None)], ["  <NUMBER>  ", "  <PATH>...  "]),
            // clap takes none that is needed after one that may be left out.
            ([flag(1, Shape::Number, default), flag(0, paths, None)], ["  [NUMBER]  ", "  [PATH]...  "]),
        ];
        for (flags, shown) in cases {
            let help = command(&READ_QC, &flags, "read-qc", true).render_help().to_string();
            assert!(shown.iter().all(|shown| help.contains(shown)), "{shown:?}: {help}");
            // An input may be missing on the command line.
            assert!(command(&READ_QC, &flags, "read-qc", false).try_get_matches_from(["read-qc"]).is_ok());
        }
    }

    #[test]
    fn the_version_is_that_of_the_crate() {
        for flag in ["--version", "-V"] {
            let version = parsed(&[flag]).unwrap_err();
            assert_eq!((version.exit_code(), version.to_string().as_str()), (0, "read-qc 1.2.3\n"));
        }
        let none = command(&DIAMOND, &[], "diamond", false).try_get_matches_from(["diamond", "--version"]);
        assert_eq!(none.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn commands_need_no_inputs() {
        assert!(matches!(parsed(&["graph"]), Ok(Action::Graph(Format::Mermaid))));
        assert!(matches!(parsed(&["graph", "--format", "dot"]), Ok(Action::Graph(Format::Dot))));
        assert!(matches!(parsed(&["completions", "bash"]), Ok(Action::Completions(_))));
    }

    #[test]
    fn wrong_flags_are_refused() {
        for wrong in [
            &["--max-workers", "0"][..],
            &["--parallel-strategy", "process"],
            &["--progress", "sometimes"],
            &["--raeds", "a"],
            &["a.fq"],
        ] {
            assert_eq!(parsed(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }

    #[test]
    fn verbosity_counts_both_ways() {
        let verbosity = |args: &[&str]| match parsed(args) {
            Ok(Action::Run(options)) => options.verbosity,
            _ => panic!("bad flags"),
        };
        assert_eq!([verbosity(&[]), verbosity(&["-q"]), verbosity(&["-vv"])], [0, -1, 2]);
    }
}
