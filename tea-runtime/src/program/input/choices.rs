//! The `choices` of an input.

use super::{
    bad_input::{BadInput, shortened, unfit},
    value::guarded,
};
use crate::{program::flags::Flag, state::Given, words::nearest};

/// Choices that are no values of the type, which the compiler does not know of all types.
pub(super) fn choices_are_no_values(flag: &Flag) -> Vec<BadInput> {
    let (choices, Some(parse)) = (flag.spec.flag.choices, flag.spec.kind.parse) else { return Vec::new() };
    let refused = |choice: &&&str| guarded(|| (parse.texts)(Given { texts: &[choice.into()], each: false })).err();
    let wrong = choices.iter().filter_map(|choice| Some((choice, refused(&choice)?)));
    let told = wrong.map(|(choice, why)| BadInput {
        message: format!("input `{}` has a choice that is no `{}`", flag.spec.name, flag.spec.kind.name),
        input: Some(flag.spec.name.to_owned()),
        found: Some(format!("`{choice}`, one of its `choices`")),
        why: Some(why),
        help: Some("this is a mistake in the workflow file: each of `choices` must be a value of the type".to_owned()),
        ..BadInput::default()
    });
    told.collect()
}

/// A default that is none of the choices, which the compiler cannot know of all Rust.
pub(super) fn default_is_no_choice(flag: &Flag) -> Option<BadInput> {
    let default = flag.spec.default.filter(|_| !flag.spec.flag.choices.is_empty())?;
    let mut json = Vec::new();
    let written =
        guarded(|| flag.spec.kind.to_json.map(|write| write(&default(), &mut json).is_ok()).ok_or_else(String::new));
    let json = written.ok().filter(|written| *written).and_then(|_| String::from_utf8(json).ok())?;
    let text = serde_json::from_str::<String>(&json).unwrap_or(json);
    if text == "null" {
        return None;
    }
    chosen(flag, &text).err().map(|why| BadInput {
        help: Some("this is a mistake in the workflow file: its `default` must be one of its `choices`".to_owned()),
        ..unfit(flag, format!("`{}`, its default", shortened(&text)), why)
    })
}

/// Refuses a text that is none of the choices.
pub(super) fn chosen(flag: &Flag, text: &str) -> Result<(), String> {
    let choices = flag.spec.flag.choices;
    if choices.is_empty() || choices.contains(&text) {
        return Ok(());
    }
    let near = nearest(text, choices.iter().copied());
    Err(near
        .map_or_else(|| "it is none of them".to_owned(), |near| format!("it is none of them; did you mean `{near}`?")))
}
