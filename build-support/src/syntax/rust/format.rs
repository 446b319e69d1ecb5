//! Names inside format strings: `"{chunks}"`, `"{k:>width$}"`.

use std::ops::Range;

use super::Name;
use crate::syntax::naming::normal;

/// Which argument of a macro is its format string, if any is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// No text in it is one.
    Nowhere,
    /// The one with this number.
    At(usize),
    /// The first text: fields may come before it, as in `info!(count = 3, "{name}")`.
    First,
}

impl Format {
    /// Of the macro called `name`. A macro that is not known here takes texts as they are.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "format" | "format_args" | "print" | "println" | "eprint" | "eprintln" | "panic" | "todo"
            | "unimplemented" | "unreachable" | "anyhow" | "bail" | "eyre" | "log" | "trace" | "debug" | "info"
            | "warn" | "error" | "event" => Self::First,
            "write" | "writeln" | "assert" | "debug_assert" | "ensure" => Self::At(1),
            "assert_eq" | "assert_ne" | "debug_assert_eq" | "debug_assert_ne" => Self::At(2),
            // `format_compact!`, `format_smolstr!`.
            name if name.starts_with("format_") => Self::First,
            _ => Self::Nowhere,
        }
    }

    /// Whether the argument with this number is the format string, if it is a text; `before` says that there was one.
    pub(super) fn is_at(self, number: usize, before: bool) -> bool {
        match self {
            Self::Nowhere => false,
            Self::At(place) => number == place,
            Self::First => !before,
        }
    }
}

/// The names that the string literal `literal`, as written in Rust and found at `at`, reads if it is a format
/// string. Nothing for literals that are no strings.
pub(super) fn names(literal: &str, at: usize) -> Vec<Name> {
    let mut names = Vec::new();
    let Some(content) = content(literal) else { return names };
    let raw = literal.starts_with('r');
    let text = &literal[content.clone()];
    let mut from = 0;
    while let Some(found) = text[from..].find(['{', '\\']) {
        let start = from + found;
        if text[start..].starts_with('\\') {
            from = start + if raw { 1 } else { escape(&text[start..]) };
        } else if text[start + 1..].starts_with('{') {
            from = start + 2;
        } else {
            let inside = &text[start + 1..];
            let end = inside.find(['}', '{']).unwrap_or(inside.len());
            argument(&inside[..end], at + content.start + start + 1, &mut names);
            from = start + 1 + end;
        }
    }
    names
}

/// The text between the quotes.
fn content(literal: &str) -> Option<Range<usize>> {
    let start = literal.find('"')? + 1;
    let end = literal.rfind('"')?;
    let prefix = &literal[..start - 1];
    let is_text =
        prefix.is_empty() || prefix.strip_prefix('r').is_some_and(|rest| rest.bytes().all(|byte| byte == b'#'));
    (is_text && end >= start).then_some(start..end)
}

/// Length of the escape that `text` starts with; `\u{…}` has braces of its own.
fn escape(text: &str) -> usize {
    if text.starts_with("\\u{") {
        return text.find('}').map_or(text.len(), |end| end + 1);
    }
    1 + text[1..].chars().next().map_or(0, char::len_utf8)
}

/// The names in the text between braces: the argument itself, and `name$` for width and precision.
fn argument(text: &str, at: usize, names: &mut Vec<Name>) {
    let (argument, spec) = text.split_once(':').unwrap_or((text, ""));
    let mut add = |name: &str, start: usize| {
        if is_name(name) {
            names.push(Name { word: normal(name), place: start..start + name.len(), assigned: false });
        }
    };
    let trimmed = argument.trim();
    add(trimmed, at + (argument.len() - argument.trim_start().len()));
    let spec_at = at + argument.len() + 1;
    for (dollar, _) in spec.match_indices('$') {
        let before = &spec[..dollar];
        let word = before.trim_end_matches(|char: char| char == '_' || char.is_alphanumeric());
        let name = before[word.len()..].trim_start_matches(|char: char| char.is_ascii_digit());
        add(name, spec_at + dollar - name.len());
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|char: char| char.is_ascii_digit())
        && word.chars().all(|char| char == '_' || char.is_alphanumeric())
}
