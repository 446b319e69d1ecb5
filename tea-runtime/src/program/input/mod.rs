//! The values of the inputs: from flags, and from the JSON object of `--input`.

mod bad_input;
mod choices;
mod object;
mod value;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

pub(super) use self::bad_input::BadInput;
use self::{
    bad_input::{missing, stranger},
    choices::{choices_are_no_values, default_is_no_choice},
    object::read_object,
    value::{from_json, from_texts},
};
use super::{args::Options, flags::Flag, records::Asked};
use crate::{plan::Plan, state::Value};

/// The values of the inputs, by number of their key. Inputs that the caller leaves to their defaults are not among them.
///
/// # Errors
/// All that is wrong, at once.
pub(super) fn values(plan: &Plan, flags: &[Flag], options: &Options) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
    values_around(plan, flags, options, |name| std::env::var_os(name))
}

/// The same, with these environment variables.
fn values_around(
    plan: &Plan,
    flags: &[Flag],
    options: &Options,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<(u32, Value)>, Vec<BadInput>> {
    let mut found: Vec<Option<Value>> = vec![None; flags.len()];
    let mut wrong = Vec::new();
    let mut tried = vec![false; flags.len()];
    let mut settle = |index: usize, value: Result<Option<Value>, Box<BadInput>>| {
        tried[index] = true;
        match value {
            Ok(value) => found[index] = value,
            Err(bad) => wrong.push(*bad),
        }
    };
    for (index, texts) in &options.given {
        settle(*index, from_texts(&flags[*index], texts, None).map(Some));
    }
    let mut given: Vec<usize> = options.given.iter().map(|(index, _)| *index).collect();
    for (index, flag) in flags.iter().enumerate().filter(|(index, _)| !given.contains(index)).collect::<Vec<_>>() {
        let Some((name, text)) = flag.spec.flag.env.and_then(|name| Some((name, variable(name)?))) else { continue };
        given.push(index);
        settle(index, from_texts(flag, &[text], Some(name)).map(Some));
    }
    let mut strangers = Vec::new();
    if let Some(path) = &options.input {
        for (name, json) in read_object(path, flags).map_err(|bad| vec![*bad])? {
            match flags.iter().position(|flag| flag.spec.name == name) {
                Some(index) if given.contains(&index) => {}
                Some(index) => settle(index, from_json(&flags[index], &json, path)),
                None => strangers.push(stranger(plan, flags, &name, path)),
            }
        }
    }
    wrong.extend(flags.iter().flat_map(choices_are_no_values));
    wrong.extend(flags.iter().filter_map(default_is_no_choice));
    // Those of a run that goes on are known; what is never recorded is not.
    let resumes = options.records.as_ref().is_some_and(Asked::resumes);
    let known = |flag: &Flag| resumes && flag.spec.is_recorded();
    let missed = flags.iter().zip(&tried).filter(|(flag, tried)| flag.required() && !**tried && !known(flag));
    for (flag, _) in missed {
        wrong.push(missing(flag));
    }
    wrong.extend(strangers);
    if wrong.is_empty() {
        Ok(flags.iter().zip(found).filter_map(|(flag, value)| Some((flag.key, value?))).collect())
    } else {
        Err(wrong)
    }
}
