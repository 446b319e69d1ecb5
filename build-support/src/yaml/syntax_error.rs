//! What breaks YAML's rules, said so that the way out is clear. Most of it is Rust that needs quotes.

use granit_parser::ErrorKind;

use crate::{
    codes,
    diagnostic::Diagnostic,
    source::{FileId, Span},
};

const QUOTE: &str = "if this is Rust, put the whole value in quotes, or write it below a `|`";

/// The error at byte `at` of `text`.
pub(super) fn explain(kind: &ErrorKind, text: &str, file: FileId, at: usize) -> Diagnostic {
    let mut at = text.floor_char_boundary(at);
    if let ErrorKind::UnknownQuotedScalarEscape = kind {
        at += unknown_escape(&text[at..]);
    }
    // A caret needs something to stand under: the end of the file moves back to the last word.
    let start = if text[at..].trim().is_empty() { text.trim_end().len() } else { at };
    let length = text[start..].chars().next().filter(|char| *char != '\n').map_or(0, char::len_utf8);
    let span = Span {
        file,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(start + length).unwrap_or(u32::MAX),
    };
    let (code, message, help) = match kind {
        ErrorKind::RecursionLimitExceeded => (codes::FILE_LIMIT, "the YAML is nested too deeply".to_owned(), ""),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            codes::YAML_SYNTAX,
            "a `:` that cannot stand here".to_owned(),
            "if the `:` belongs to Rust, put the whole value in quotes, or write it below a `|`; \
             if it is an entry, check the indentation",
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (codes::YAML_SYNTAX, format!("a value cannot start with `{}`", character.escape_debug()), QUOTE)
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => {
            (codes::YAML_SYNTAX, "a tab in the indentation".to_owned(), "YAML is indented with spaces only")
        }
        ErrorKind::UnclosedQuotedScalar => (
            codes::YAML_SYNTAX,
            "a quote that is never closed".to_owned(),
            "a value that starts with a quote ends at the next one: put Rust that starts with a string below a `|`",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => (
            codes::YAML_SYNTAX,
            "text behind a quoted value".to_owned(),
            "a value that starts with a quote ends at the next one: put Rust that starts with a string below a `|`",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            codes::YAML_SYNTAX,
            "an escape that YAML does not know".to_owned(),
            "use single quotes: they leave `\\` alone",
        ),
        ErrorKind::InvalidBlockScalarHeader => (
            codes::YAML_SYNTAX,
            "text behind the `|` or `>` that starts a block".to_owned(),
            "put the text on the next line, indented; a closure such as `|a, b| a + b` needs quotes",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (codes::YAML_SYNTAX, format!("`{open}` is never closed"), QUOTE),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (codes::YAML_SYNTAX, format!("`{open}` is closed by `{close}`"), QUOTE)
        }
        ErrorKind::MissingAnchorOrAliasName => {
            (codes::YAML_SYNTAX, "`&` and `*` at the start of a value need a name".to_owned(), QUOTE)
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected | ErrorKind::InvalidIndentation => (
            codes::YAML_SYNTAX,
            "expected an entry, `name: value`".to_owned(),
            "check the `:` and the indentation: entries of one mapping start in the same column",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => (
            codes::YAML_SYNTAX,
            "expected an item of the list, `- …`".to_owned(),
            "check the indentation: items of one list start in the same column, and so do entries of one mapping",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            (codes::YAML_SYNTAX, "expected `,` or the closing bracket".to_owned(), QUOTE)
        }
        other => (codes::YAML_SYNTAX, other.to_string(), ""),
    };
    let error = Diagnostic::error(code, span, message);
    if help.is_empty() { error } else { error.help(help) }
}

/// Where in a double-quoted value the escape stands that YAML does not know.
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
