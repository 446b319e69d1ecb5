//! The value of one input, from texts or JSON.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use serde_json::value::RawValue;

use super::{
    bad_input::{BadInput, shortened, unfit, unparsable},
    choices::chosen,
    object::source_name,
};
use crate::{
    program::flags::Flag,
    state::{Given, Shape, Value, text},
};

/// Reads the texts of a flag, or the one of an environment variable.
pub(super) fn from_texts(flag: &Flag, texts: &[OsString], variable: Option<&str>) -> Result<Value, Box<BadInput>> {
    let parse = flag.spec.kind.parse.ok_or_else(|| Box::new(unparsable(flag)))?;
    let words: Vec<OsString>;
    let texts = if flag.is_switch() {
        words = texts.iter().map(|text| word(text)).collect();
        &words
    } else {
        texts
    };
    let given = Given { texts, each: flag.spec.flag.positional && variable.is_none() };
    let chosen = texts.iter().try_for_each(|text| chosen(flag, &text.to_string_lossy()));
    chosen.and_then(|()| guarded(|| (parse.texts)(given))).map_err(|why| {
        let shown: Vec<_> = texts.iter().map(|text| format!("`{}`", shortened(&text.to_string_lossy()))).collect();
        let found = match (variable, flag.usage()) {
            (Some(variable), _) => format!("{} in the environment variable `{variable}`", shown.join(" ")),
            (None, Some(usage)) if flag.spec.flag.positional => format!("{} as {usage}", shown.join(" ")),
            (None, _) => format!("{} in `--{}`", shown.join(" and "), flag.name),
        };
        let json = variable.is_none()
            && flag.shape == Shape::Json
            && !texts.iter().any(|text| looks_like_json(&text.to_string_lossy()));
        let help = json.then(|| "this is written as JSON, in quotes for the shell".to_owned());
        let unfit = unfit(flag, found, why);
        Box::new(BadInput { help: unfit.help.or(help), ..unfit })
    })
}

/// What `bool` itself takes for what people write.
fn word(text: &OsStr) -> OsString {
    match text.to_str().and_then(text::truth) {
        Some(truth) => truth.to_string().into(),
        None => text.to_owned(),
    }
}

pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// Calls the user's `FromStr` or `Deserialize`.
pub(super) fn guarded<T>(parse: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    crate::panic::guard(parse).unwrap_or_else(|panic| Err(format!("reading it panicked: {}", panic.message)))
}

pub(super) fn from_json(flag: &Flag, json: &RawValue, path: &Path) -> Result<Option<Value>, Box<BadInput>> {
    let is_null = json.get() == "null";
    let parse = flag.spec.kind.parse.ok_or_else(|| Box::new(unparsable(flag)))?;
    let text = serde_json::from_str::<String>(json.get());
    let chosen = if is_null { Ok(()) } else { chosen(flag, text.as_deref().unwrap_or(json.get())) };
    match chosen.and_then(|()| guarded(|| (parse.json)(json.get()))) {
        // To a type that has no such value, `null` says that there is none.
        Err(_) if is_null && !flag.required() => return Ok(None),
        value => value,
    }
    .map(Some)
    .map_err(|why| {
        let unfit = unfit(flag, format!("`{}` in {}", shortened(json.get()), source_name(path)), why);
        let help = unfit.help.or_else(|| json_help(flag, json.get(), text.ok()));
        Box::new(BadInput { help, expected: Some(flag.expected_in_json()), ..unfit })
    })
}

/// What was probably meant by a JSON value that is of another type than it looks like.
pub(super) fn json_help(flag: &Flag, json: &str, text: Option<String>) -> Option<String> {
    match (&flag.shape, text) {
        (Shape::Unsigned | Shape::Signed | Shape::Number, Some(text)) if text.parse::<f64>().is_ok() => {
            Some(format!("write the number without quotes: `{text}`"))
        }
        (Shape::Bool, Some(text)) if text::truth(&text).is_some() => {
            Some("write `true` or `false` without quotes".to_owned())
        }
        _ if json == "null" => Some("`null` is no value: leave the entry out, or give it one".to_owned()),
        (Shape::Text | Shape::Path | Shape::Words(_), None) if !json.starts_with(['{', '[', '"']) => {
            Some(format!("write it in quotes: `\"{json}\"`"))
        }
        _ => None,
    }
}
