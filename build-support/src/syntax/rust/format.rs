//! Names inside format strings: `"{chunks}"`, `"{k:>width$}"`.

use std::ops::Range;

use super::Name;
use crate::{
    source::{Span, Spanned},
    syntax::{Rust, naming::normal},
    yaml::{Scalar, Style, Tree},
};

/// The text in `scalar` as a string literal of Rust, whose names are those in braces.
pub(in crate::syntax) fn format_string(scalar: &Scalar<'_>, node: &Tree<'_>, file: &str) -> Rust {
    let text = scalar.text.trim_end();
    // A raw literal holds the text as it is. It may not hold a carriage return.
    let hashes = "#".repeat(text.split('"').skip(1).map(|after| 1 + leading(after, '#')).max().unwrap_or_default());
    let (before, literal) = if text.contains('\r') {
        (1, format!("{text:?}"))
    } else {
        (2 + hashes.len(), format!("r{hashes}\"{text}\"{hashes}"))
    };
    let shift = u32::try_from(before).unwrap_or_default();
    let mut map: Vec<_> = scalar.place_map(node, file).into_iter().map(|(at, place)| (at + shift, place)).collect();
    // What comes before its first letter is put before that, so that rustc's columns are right.
    map.insert(0, (0, map.first().map_or(node.span.start, |(_, place)| *place).saturating_sub(shift)));
    let quote = u32::from(matches!(scalar.style, Style::Single | Style::Double));
    let span = Span { start: node.span.start + quote, end: node.span.end.saturating_sub(quote), ..node.span };
    let mut rust = Rust { text: literal, span, map, names: Vec::new(), assigned: Vec::new() };
    for Name { word, place, .. } in names(&rust.text, 0) {
        rust.names.push(Spanned::new(word, rust.locate(place.start, place.end)));
    }
    rust
}

fn leading(text: &str, char: char) -> usize {
    text.chars().take_while(|first| *first == char).count()
}

/// What is wrong with a format string that shows keys.
pub(in crate::syntax) struct Fault {
    /// In the text of the literal.
    pub(in crate::syntax) place: Range<usize>,
    pub(in crate::syntax) message: String,
    pub(in crate::syntax) help: &'static str,
}

/// What is wrong with what [`format_string`] gave.
pub(in crate::syntax) fn faults(literal: &Rust) -> Vec<Fault> {
    let (mut faults, text) = (Vec::new(), &*literal.text);
    let Some(content) = content(text) else { return faults };
    let mut at = content.start;
    while let Some(found) = text[at..content.end].find(['{', '}']) {
        let start = at + found;
        let rest = &text[start..content.end];
        at = start + 2;
        if rest.starts_with("{{") || rest.starts_with("}}") {
            continue;
        }
        at = start + 1;
        let end = rest[1..].find(['{', '}']).map(|end| start + 1 + end);
        let Some(end) = end.filter(|end| rest.starts_with('{') && text[*end..].starts_with('}')) else {
            let brace = &rest[..1];
            let message = format!("a `{brace}` without its other half");
            faults.push(Fault { place: start..at, message, help: "write the name of a key between braces: `{count}`" });
            continue;
        };
        at = end + 1;
        let argument = text[start + 1..end].split(':').next().unwrap_or_default().trim();
        if !is_name(argument) {
            let message = format!("`{}` does not name a key", &text[start..at]);
            let help = "compute what is to be shown in a node before this one, and name its key here: `{count}`";
            faults.push(Fault { place: start..at, message, help });
        }
    }
    faults
}

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
