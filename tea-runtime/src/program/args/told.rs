//! Errors of the command line, with what to write instead.

use std::ffi::OsString;

use clap::{
    Command,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use crate::{
    plan::{Plan, Site},
    policy::Strategy,
};

/// An error of the command line, with what to write instead.
pub(super) fn told(mut error: Error, plan: &Plan, command: &Command, args: &[OsString]) -> Error {
    let tip = before_a_command(&error, command)
        .or_else(|| of_other_programs(&error, plan))
        .or_else(|| other_strategy(&error, plan))
        .or_else(|| value_like_a_flag(&error, args));
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// What stands at a place of an error.
fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    }
}

/// Options that stand before a command would be those of a run.
fn before_a_command(error: &Error, command: &Command) -> Option<String> {
    if error.kind() != ErrorKind::ArgumentConflict {
        return None;
    }
    let name = text(error, ContextKind::InvalidSubcommand)?;
    let option = text(error, ContextKind::PriorArg)?.split([' ', '[', '=']).next()?;
    let mut known = command.find_subcommand(name)?.get_arguments().filter_map(|arg| arg.get_long());
    Some(if known.any(|long| option.strip_prefix("--") == Some(long)) {
        format!("the options of `{name}` come after it: `{name} {option} …`")
    } else {
        format!("`{name}` runs nothing: leave out what comes before it")
    })
}

/// What programs have only if there is a use for it.
fn of_other_programs(error: &Error, plan: &Plan) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return None;
    }
    let wrong = text(error, ContextKind::InvalidArg).or_else(|| text(error, ContextKind::InvalidSubcommand))?;
    let why = match wrong.strip_prefix("--").unwrap_or(wrong) {
        "pool" if !plan.has_remote() => {
            "nothing in this workflow has `parallel_strategy: remote`, and nothing else runs on the hosts of a pool"
        }
        "answer" if !plan.asks() => "no node of this workflow has an `ask`",
        "no-cache" | "verify-cache" if !plan.has_cache() => "no node of this workflow has `cache: true`",
        "resume" | "from" | "dry-run" | "explain" | "require-state" | "no-state" | "state-dir" | "runs"
            if plan.checkpoint.is_none() =>
        {
            "the runs of this workflow are not recorded: that takes `checkpoint: true` in its `settings`"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

/// Only the compiler can prove that something runs elsewhere than on threads.
fn other_strategy(error: &Error, plan: &Plan) -> Option<String> {
    let wanted = text(error, ContextKind::InvalidValue).filter(|value| ["process", "remote"].contains(value));
    let is_strategy = text(error, ContextKind::InvalidArg).is_some_and(|arg| arg.starts_with("--parallel-strategy"));
    let wanted = wanted.filter(|_| is_strategy)?;
    let names = plan.sites.iter().flat_map(|site| match site {
        Site::Region(region) => region.tasks.iter().map(|task| (task.name, task.config)).collect(),
        Site::Map(map) => vec![(map.name, map.config)],
    });
    let mut names: Vec<_> =
        names.filter(|(_, config)| config.strategy == Strategy::Thread).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Some(format!(
        "only the compiler can prove that branches and items run in worker processes: write `parallel_strategy: {wanted}` on \
         their edge or node in {}; now on threads: {names}",
        plan.file
    ))
}

/// The way to give a value that looks like a flag.
fn value_like_a_flag(error: &Error, args: &[OsString]) -> Option<String> {
    let wrong = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let pairs = args.windows(2).map(|pair| (pair[0].to_string_lossy(), pair[1].to_string_lossy()));
    let mut pairs = pairs.filter(|(flag, value)| {
        flag.starts_with("--") && !flag.contains('=') && flag != "--" && value.starts_with('-')
    });
    let is_meant = |flag: &str, value: &str| match error.kind() {
        // One of several short flags, as in `-1s`.
        ErrorKind::UnknownArgument if !value.starts_with("--") => {
            wrong.strip_prefix('-').is_some_and(|short| value.contains(short))
        }
        ErrorKind::UnknownArgument => value == wrong,
        // Where a value is missing, or what follows does not fit.
        ErrorKind::InvalidValue => value == "--" || wrong.split(' ').next() == Some(flag),
        ErrorKind::ArgumentConflict => value == "--",
        _ => false,
    };
    let (flag, value) = pairs.find(|(flag, value)| is_meant(flag, value))?;
    Some(format!("if `{value}` is the value of `{flag}`, write `{flag}={value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Checkpoint,
        program::{
            args::parse,
            flags,
            sample::{DIAMOND, READ_QC},
        },
    };

    #[test]
    fn errors_say_what_to_write_instead() {
        let with_records = &*Box::leak(Box::new(Plan { checkpoint: Some(Checkpoint::DEFAULT), ..DIAMOND }));
        for (plan, args, says) in [
            (with_records, "--state-dir=D runs", "the options of `runs` come after it: `runs --state-dir …`"),
            (with_records, "--max-workers 2 --state-dir D runs", "`runs` runs nothing: leave out what comes before it"),
            (with_records, "--max-workers 2 graph", "`graph` runs nothing: leave out what comes before it"),
            (&DIAMOND, "--state-dir D", "that takes `checkpoint: true` in its `settings`"),
            (&DIAMOND, "runs", "that takes `checkpoint: true` in its `settings`"),
            (&DIAMOND, "--pool=a.toml", "nothing in this workflow has `parallel_strategy: remote`"),
            (&DIAMOND, "pool check", "nothing in this workflow has `parallel_strategy: remote`"),
            (&DIAMOND, "--answer a=yes", "no node of this workflow has an `ask`"),
            (&DIAMOND, "--no-cache", "no node of this workflow has `cache: true`"),
            (&DIAMOND, "--parallel-strategy process", "in flow.yaml; now on threads: `a`, `b`, `c`, `d`"),
            (
                &READ_QC,
                "--parallel-strategy=remote",
                "write `parallel_strategy: remote` on their edge or node in src/flow.yaml; now on threads: `gc`, `left`, `right`",
            ),
            (&READ_QC, "--output -1s", "if `-1s` is the value of `--output`, write `--output=-1s`"),
        ] {
            let args: Vec<_> = ["program"].into_iter().chain(args.split(' ')).map(OsString::from).collect();
            let error = parse(plan, &flags::of(plan), &args).unwrap_err().to_string();
            assert!(error.contains("tip: ") && error.contains(says), "{args:?}: {error}");
        }
    }
}
