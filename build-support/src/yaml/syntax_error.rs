//! What breaks YAML's rules, said so that the way out is clear. Most of it is Rust that needs quotes.

use std::ops::Range;

use granit_parser::ErrorKind;

use super::{Broken, brackets, quotes};
use crate::{
    codes,
    diagnostic::Diagnostic,
    source::{FileId, Span},
};

const QUOTE: &str = "if this is Rust, put the whole value in quotes, or write it below a `|`";
const BELOW: &str = "a value that starts with a quote ends at the next one: put Rust that starts with a string, or holds \
                     one, below a `|`, without quotes around it";
const COLUMNS: &str = "items of one list start in the same column, and so do entries of one mapping";

/// What to say, and where.
struct Fault {
    place: Range<usize>,
    message: String,
    help: String,
}

/// The error at byte `at` of `text`. `bracket` is the innermost one that is open there.
pub(super) fn explain(kind: &ErrorKind, text: &str, file: FileId, at: usize, bracket: Option<usize>) -> Broken {
    let at = text.floor_char_boundary(at);
    let mut end = at;
    let fault = in_indentation(kind, text, at)
        .or_else(|| quotes::open(text, at).map(never_ended))
        .or_else(|| {
            let (bracket, next) = brackets::open(text, at)?;
            // What comes after is sound: reading only ended there because of the bracket.
            end = next;
            Some(unclosed(text, bracket))
        })
        .or_else(|| first_line(text, at))
        .or_else(|| above(text, at))
        .or_else(|| never_closed(kind, text, at, bracket))
        .or_else(|| in_block(text, at))
        .or_else(|| of_line(kind, text, at))
        .unwrap_or_else(|| of_kind(kind, text, at));
    let code = if let ErrorKind::RecursionLimitExceeded = kind { codes::FILE_LIMIT } else { codes::YAML_SYNTAX };
    let offset = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    let span = Span { file, start: offset(fault.place.start), end: offset(fault.place.end) };
    Broken { error: Box::new(Diagnostic::error(code, span, fault.message).help(fault.help)), at: end }
}

/// The quote at byte `start` has no other one on its line.
fn never_ended(start: usize) -> Fault {
    Fault {
        place: start..start + 1,
        message: "this quote is never closed".to_owned(),
        help: "close it on the same line; Rust that starts with a string or a `'` goes below a `|`, without quotes \
               around it"
            .to_owned(),
    }
}

/// An indented first line, where the other entries are not.
fn first_line(text: &str, at: usize) -> Option<Fault> {
    let is_content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with(['#', '%', '-']);
    let first = text.lines().find(is_content)?;
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    let own = indentation(first);
    let here = line(text, at);
    (here.start > start && indentation(&text[here]) < own).then(|| Fault {
        place: start..start + own,
        message: "the first entry is indented, and those after it are not".to_owned(),
        help: "start all entries of the workflow in the first column".to_owned(),
    })
}

/// `word:rest` on the line above, without the space that makes it an entry.
fn above(text: &str, at: usize) -> Option<Fault> {
    let here = line(text, at);
    let mut end = here.start;
    let before = loop {
        let before = line(text, end.checked_sub(1)?);
        if !text[before.clone()].trim().is_empty() {
            break before;
        }
        end = before.start;
    };
    let content = &text[before.clone()];
    if indentation(content) != indentation(&text[here]) {
        return None;
    }
    let start = before.start + indentation(content);
    let (word, value) = content.trim_start().split_once(':')?;
    let is_word = !word.is_empty() && word.chars().all(|char| char == '_' || char == '-' || char.is_alphanumeric());
    (is_word && !value.is_empty() && !value.starts_with([' ', ':'])).then(|| Fault {
        place: start..start + word.len() + 1,
        message: "no space after the `:`".to_owned(),
        help: format!("write `{word}: {}`", value.trim_end()),
    })
}

/// A line of a block that is indented less than the block's first line.
fn in_block(text: &str, at: usize) -> Option<Fault> {
    let here = line(text, at);
    let own = indentation(&text[here.clone()]);
    let mut end = here.start;
    let mut deeper = false;
    while let Some(before) = end.checked_sub(1).map(|end| line(text, end)) {
        let content = &text[before.clone()];
        if !content.trim().is_empty() {
            if indentation(content) < own {
                let is_block = [" |", " >", " |-", " >-"].iter().any(|start| content.trim_end().ends_with(start));
                return (deeper && is_block).then(|| Fault {
                    place: here.start + own..here.end,
                    message: "this line is indented less than the first line of the block, which ends before it"
                        .to_owned(),
                    help: "indent it like the first line".to_owned(),
                });
            }
            deeper |= indentation(content) > own;
        }
        end = before.start;
    }
    None
}

/// A tab, or whitespace that YAML does not know, before the text of this line or of one beside it.
fn in_indentation(kind: &ErrorKind, text: &str, at: usize) -> Option<Fault> {
    let is_tab = matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
    );
    let here = line(text, at);
    let before = here.start.checked_sub(1).map(|end| line(text, end));
    let after = (here.end < text.len()).then(|| line(text, here.end + 1));
    [Some(here), before, after].into_iter().flatten().find_map(|line| {
        let content = &text[line.clone()];
        let indentation = content.len() - content.trim_start_matches(char::is_whitespace).len();
        let (found, blank) = content[..indentation]
            .char_indices()
            .find(|(_, blank)| if is_tab { *blank == '\t' } else { !blank.is_ascii() })?;
        let start = line.start + found;
        let what = if blank == '\t' { "a tab" } else { "whitespace other than a space" };
        Some(Fault {
            place: start..start + blank.len_utf8(),
            message: format!("{what} in the indentation"),
            help: "YAML is indented with spaces only".to_owned(),
        })
    })
}

/// A bracket on a line before, where a line that is not deeper follows: what it holds would be.
fn never_closed(kind: &ErrorKind, text: &str, at: usize, bracket: Option<usize>) -> Option<Fault> {
    let here = line(text, at);
    let may_be = matches!(
        kind,
        ErrorKind::MappingValueNotAllowed
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidIndentation
            | ErrorKind::SimpleKeyExpected
    );
    let start = bracket.or_else(|| open_before(text, here.start).filter(|_| may_be))?;
    let opened = line(text, start);
    let is_end = text[at..].trim().is_empty();
    if here.start <= opened.start || (!is_end && indentation(&text[here]) > indentation(&text[opened])) {
        return None;
    }
    Some(unclosed(text, start))
}

/// The bracket at byte `start` is not closed where what it is part of ends.
fn unclosed(text: &str, start: usize) -> Fault {
    let bracket = &text[start..=start];
    let close = if bracket == "[" { ']' } else { '}' };
    Fault {
        place: start..start + 1,
        message: format!("`{bracket}` is never closed"),
        help: format!(
            "close it with `{close}`; if it belongs to Rust, put the whole value in quotes, or write it below a `|`"
        ),
    }
}

/// The last bracket on the line before byte `start` that is not closed there.
fn open_before(text: &str, start: usize) -> Option<usize> {
    let before = line(text, start.checked_sub(1)?);
    let mut open = Vec::new();
    for (at, char) in text[before.clone()].char_indices() {
        match char {
            '[' | '{' => open.push(before.start + at),
            ']' | '}' => _ = open.pop(),
            _ => {}
        }
    }
    open.pop()
}

/// What the text of the line tells.
fn of_line(kind: &ErrorKind, text: &str, at: usize) -> Option<Fault> {
    let here = line(text, at);
    let content = &text[here.clone()];
    let trimmed = content.trim_start();
    let start = here.end - trimmed.len();
    let entry = trimmed.strip_prefix("- ").map_or(trimmed, str::trim_start);
    let entry_start = here.end - entry.len();
    let word = entry.find(|char: char| char != '_' && char != '-' && !char.is_alphanumeric()).unwrap_or(entry.len());
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement
            if entry.starts_with(char::is_alphabetic) && entry_start + word == at =>
        {
            let name = &entry[..word];
            Some(Fault {
                place: entry_start..at,
                message: format!("`{name}:` appears in the middle of the value above it"),
                help: format!(
                    "if it is an entry, indent it as the one above: {COLUMNS}; if it belongs to Rust, write \
                               the whole value below a `|`"
                ),
            })
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::SimpleKeyExpected => {
            let after = entry[word..].strip_prefix(':');
            if let Some(value) = after.filter(|value| word > 0 && !value.is_empty() && !value.starts_with([' ', ':'])) {
                let at = entry_start + word;
                return Some(Fault {
                    place: at..at + 1,
                    message: "no space after the `:`".to_owned(),
                    help: format!("write `{}: {}`", &entry[..word], value.trim_end()),
                });
            }
            let is_entry = trimmed.starts_with("- ") || after.is_some();
            is_entry.then(|| Fault {
                place: start..entry_start + word,
                message: "this line starts in a column that no line above it starts in".to_owned(),
                help: format!("check the indentation: {COLUMNS}"),
            })
        }
        _ => None,
    }
}

fn of_kind(kind: &ErrorKind, text: &str, mut at: usize) -> Fault {
    if let ErrorKind::UnknownQuotedScalarEscape = kind {
        at += unknown_escape(&text[at..]);
    }
    // A caret needs something to point at: the end of the file moves back to the last word.
    let start = if text[at..].trim().is_empty() { text.trim_end().len() } else { at };
    let length = text[start..].chars().next().filter(|char| *char != '\n').map_or(0, char::len_utf8);
    let (message, help) = match kind {
        ErrorKind::RecursionLimitExceeded => ("the YAML is nested too deeply".to_owned(), QUOTE),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a `:` is not allowed here".to_owned(),
            "if the `:` belongs to Rust, put the whole value in quotes, or write it below a `|`; \
             if it is an entry, check the indentation",
        ),
        ErrorKind::UnexpectedCharacter { character: '`' } => ("a value cannot start with a backtick".to_owned(), QUOTE),
        ErrorKind::UnexpectedCharacter { character: '|' | '>' } => (
            "a block cannot start inside brackets".to_owned(),
            "put the whole value in quotes: a closure such as `|a, b| a + b` needs them",
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot start with `{}`", character.escape_debug()), QUOTE)
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => ("a tab in the indentation".to_owned(), "YAML is indented with spaces only"),
        ErrorKind::UnclosedQuotedScalar => (
            "a quote that is never closed".to_owned(),
            "close it; Rust that starts with a string or a `'` goes below a `|`, without quotes around it",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            ("text after a quoted value".to_owned(), BELOW)
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            ("an escape that YAML does not know".to_owned(), "use single quotes: they leave `\\` alone")
        }
        ErrorKind::InvalidBlockScalarHeader => (
            "text after the `|` or `>` that starts a block".to_owned(),
            "put the text on the next line, indented; a closure such as `|a, b| a + b` needs quotes",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (format!("`{open}` is never closed"), QUOTE),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (format!("`{open}` is closed by `{close}`"), QUOTE),
        ErrorKind::MissingAnchorOrAliasName => ("`&` and `*` at the start of a value need a name".to_owned(), QUOTE),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidIndentation => (
            "expected an entry, `name: value`".to_owned(),
            "put a `:` and a space after the name; text of several lines goes below a `|`, indented",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => {
            ("expected an item of the list, `- …`".to_owned(), "start it with a dash and a space, `- `")
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            ("expected `,` or the closing bracket".to_owned(), QUOTE)
        }
        other => (other.to_string(), QUOTE),
    };
    Fault { place: start..start + length, message, help: help.to_owned() }
}

/// The line around byte `at`, without its end.
pub(super) fn line(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    start..start + text[start..end].trim_end_matches('\r').len()
}

/// How many spaces a line starts with.
pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The place of an escape in a double-quoted value that YAML does not know.
fn unknown_escape(quoted: &str) -> usize {
    let mut escapes = quoted.match_indices('\\');
    let mut from = 0;
    escapes
        .find(|(at, _)| {
            let known = quoted[at + 1..].starts_with(|code: char| "0abt\tnvfre \"/\\N_LPxuU\r\n".contains(code));
            let is_start = *at >= from;
            from = if is_start { at + 2 } else { from };
            is_start && !known
        })
        .map_or(0, |(at, _)| at)
}
