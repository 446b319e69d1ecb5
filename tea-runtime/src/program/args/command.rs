//! The description of the command line, for clap.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, Command, ValueHint,
    builder::{PossibleValue, TypedValueParser},
    value_parser,
};

use super::built_in::{FORMATS, built_in, choice, version};
#[cfg(all(unix, feature = "remote"))]
use crate::program::pool;
use crate::{
    plan::Plan,
    program::{flags::Flag, questions, records},
    state::{Shape, Value},
};

/// The whole command line.
pub(in crate::program) fn command(plan: &'static Plan, flags: &[Flag], name: &str, help: bool) -> Command {
    let command = Command::new(name.to_owned())
        .about(plan.description)
        .version(plan.version.unwrap_or_default())
        .override_usage(usage(plan, name, flags))
        .args(
            flags
                .iter()
                .filter(|flag| !flag.spec.secret)
                .map(|flag| input_arg(flag, help, help && needed(flags, flag))),
        )
        .after_help(secrets(flags))
        .args(built_in().map(|arg| arg.help_heading("Options")))
        .args(plan.version.map(|_| version().help_heading("Options")))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .next_line_help(false)
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("graph").about("Draws the workflow on standard output").arg(
            choice("format", FORMATS).value_name("FORMAT").help("The language of the drawing").help_heading("Options"),
        ))
        .subcommand(
            Command::new("completions")
                .about("Prints completions for a shell, to be put where that shell looks for them")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(clap_complete::Shell))),
        );
    #[cfg(all(unix, feature = "remote"))]
    let command = if plan.has_remote() {
        command.arg(pool::flag().help_heading("Options")).subcommand(pool::command())
    } else {
        command
    };
    let command = if plan.asks() { command.arg(questions::flag().help_heading("Options")) } else { command };
    if plan.checkpoint.is_none() && !plan.has_cache() {
        return command;
    }
    let flags = records::flags(plan).into_iter().map(|arg| arg.help_heading("Records"));
    command.args(flags).subcommand(records::command())
}

fn usage(plan: &Plan, name: &str, flags: &[Flag]) -> String {
    let required = flags.iter().filter(|flag| flag.required()).filter_map(Flag::usage);
    let required: String = required.flat_map(|usage| [" ".to_owned(), usage]).collect();
    let runs = match plan.checkpoint {
        Some(_) => format!("\n       {name} --resume [RUN]\n       {name} runs [show|rm|verify|gc]"),
        None => String::new(),
    };
    format!(
        "{name}{required} [OPTIONS]\n       {name} graph [--format <FORMAT>]\n       {name} completions <SHELL>{runs}"
    )
}

/// The inputs that have no flags.
fn secrets(flags: &[Flag]) -> String {
    let line = |flag: &Flag| {
        let needed = if flag.required() { "required" } else { "optional" };
        let about = match flag.spec.description {
            "" => String::new(),
            text => format!(": {text}"),
        };
        format!("  {}{about} [{needed}], {}\n", flag.spec.name, flag.ways())
    };
    let lines: String = flags.iter().filter(|flag| flag.spec.secret).map(line).collect();
    if lines.is_empty() { lines } else { format!("Secrets:\n{}", lines.trim_end()) }
}

/// Whether `--help` shows an argument without brackets, which say that it may be left out. clap takes no such argument
/// after one that may be. Whether an input is missing is found later: it may be in the object of `--input`.
fn needed(flags: &[Flag], flag: &Flag) -> bool {
    let mut positional = flags.iter().filter(|flag| flag.spec.flag.positional && !flag.spec.secret);
    flag.spec.flag.positional && positional.by_ref().take_while(|flag| flag.required()).any(|one| one.key == flag.key)
}

fn input_arg(flag: &Flag, defaults: bool, needed: bool) -> Arg {
    let mut help = flag.spec.description.to_owned();
    let mut note = |text: String| {
        if !help.is_empty() {
            help.push(' ');
        }
        help += &text;
    };
    match flag.spec.default {
        Some(default) => match defaults.then(|| shown_default(flag, default)).flatten() {
            Some(text) if text == "null" || text == "[]" => note("[optional]".to_owned()),
            Some(text) => note(format!("[default: {text}]")),
            None => note("[has a default]".to_owned()),
        },
        None if flag.spec.optional => note("[optional]".to_owned()),
        None => note("[required]".to_owned()),
    }
    if flag.shape == Shape::List(Box::new(Shape::Path)) && !flag.spec.flag.positional {
        note("[may be repeated]".to_owned());
    }
    if let Some(variable) = flag.spec.flag.env {
        note(format!("[env: {variable}]"));
    }
    let arg = Arg::new(flag.name.clone())
        .help(help)
        .help_heading("Inputs")
        .value_name(flag.value_name())
        .allow_negative_numbers(true)
        .action(ArgAction::Append)
        .value_parser(Texts(flag.words()));
    // Its name says them already.
    let arg = arg.hide_possible_values(true);
    let arg = if flag.spec.flag.positional {
        let arg = arg.required(needed);
        if matches!(flag.shape, Shape::List(_)) { arg.num_args(1..) } else { arg.action(ArgAction::Set) }
    } else {
        arg.long(flag.name.clone())
    };
    let arg = match flag.spec.flag.short {
        Some(short) => arg.short(short),
        None => arg,
    };
    match flag.shape {
        _ if flag.is_switch() => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Shape::Path => arg.value_hint(ValueHint::AnyPath),
        Shape::List(ref element) if **element == Shape::Path => arg.value_hint(ValueHint::AnyPath),
        _ => arg,
    }
}

/// Takes any text, of whatever bytes; these words are what shells complete.
#[derive(Clone)]
struct Texts(&'static [&'static str]);

impl TypedValueParser for Texts {
    type Value = OsString;

    fn parse_ref(&self, _: &Command, _: Option<&Arg>, value: &OsStr) -> Result<OsString, clap::Error> {
        Ok(value.to_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words: Option<Box<dyn Iterator<Item = PossibleValue>>> =
            (!self.0.is_empty()).then(|| Box::new(self.0.iter().map(PossibleValue::new)) as _);
        words
    }
}

/// The default as the caller would write it, if it is short; types that are not `Serialize` have no such form.
fn shown_default(flag: &Flag, default: fn() -> Value) -> Option<String> {
    let mut json = Vec::new();
    // The user's Rust runs here.
    crate::panic::guard(|| (flag.spec.kind.to_json?)(&default(), &mut json).ok()).ok()??;
    let json = String::from_utf8(json).ok()?;
    let text = match flag.shape {
        Shape::Duration => humantime::format_duration(serde_json::from_str(&json).ok()?).to_string(),
        _ => serde_json::from_str::<String>(&json).ok().filter(|text| !text.is_empty()).unwrap_or(json),
    };
    (text.len() <= 40 && !text.contains('\n')).then_some(text)
}
