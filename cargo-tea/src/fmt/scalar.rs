//! How scalars are written.

use std::fmt::Write as _;

use granit_parser::ScalarStyle;

/// The widest line that is not broken.
pub(super) const WIDTH: usize = 120;

/// A scalar as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// On one line.
    Inline(String),
    /// A header, such as `|`, and lines, which get the indentation of their place.
    Block(String, Vec<String>),
}

/// Text that is not Rust. `raw` is how it is written now.
pub(super) fn text(text: &str, style: ScalarStyle, raw: &str, flow: bool) -> Written {
    match style {
        // Nothing is written.
        ScalarStyle::Plain if raw.is_empty() || raw == text => Written::Inline(raw.to_owned()),
        ScalarStyle::Literal => literal(text),
        _ if names_characters(raw, style) => Written::Inline(raw.to_owned()),
        // Somebody may have meant a comment: it stays what it looks like.
        _ if raw.contains('\n') && text.contains("//") => as_written(text, raw, style),
        ScalarStyle::Plain if is_plain(text, flow) => wrapped(text),
        ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Written::Inline(quoted(text)),
        ScalarStyle::Folded => folded(text),
    }
}

/// The lines as they are, but for their indentation.
fn as_written(text: &str, raw: &str, style: ScalarStyle) -> Written {
    let mut lines = raw.lines();
    let first = lines.next().unwrap_or_default();
    if style != ScalarStyle::Folded {
        return Written::Block(first.to_owned(), lines.map(|line| line.trim_start().to_owned()).collect());
    }
    // The first line has lost its indentation already.
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines: Vec<&str> = lines.collect();
    let least = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indentation(line)).min().unwrap_or(0);
    let rest = lines.iter().map(|line| line.get(least..).unwrap_or_default().to_owned());
    Written::Block(format!(">{}", chomping(text)), std::iter::once(first.to_owned()).chain(rest).collect())
}

/// Rust. Blank lines at its end have no meaning.
pub(super) fn rust(rust: &str, original: &str, style: ScalarStyle, raw: &str, flow: bool) -> Written {
    let rust = rust.trim_end();
    if names_characters(raw, style) {
        return Written::Inline(raw.to_owned());
    }
    if rust.contains('\n') || style == ScalarStyle::Literal {
        return literal(&format!("{rust}\n"));
    }
    let quotes = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    if style == ScalarStyle::Plain && raw == original && rust == original {
        return Written::Inline(raw.to_owned());
    }
    if !quotes && is_plain(rust, flow) {
        return Written::Inline(rust.to_owned());
    }
    Written::Inline(quoted(rust))
}

/// Whether `text` can be written without quotes on one line.
fn is_plain(text: &str, flow: bool) -> bool {
    let first =
        |char: char| char.is_alphanumeric() || matches!(char, '_' | '(' | '/' | '.' | '<' | '$' | '+' | '=' | '^');
    let has_indicator = text.contains(": ") || text.contains(" #") || text.ends_with([' ', ':']);
    let is_null = matches!(text, "null" | "Null" | "NULL");
    let splits = flow && text.contains([',', '[', ']', '{', '}']);
    text.starts_with(first) && !(has_indicator || is_null || splits || text.chars().any(needs_escape))
}

/// Whether only an escape of YAML's can stand for a character on one line.
fn needs_escape(char: char) -> bool {
    char.is_control() || matches!(char, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether it is written on one line with escapes such as `\u200b`: they stay, since one may not see what they stand for.
fn names_characters(raw: &str, style: ScalarStyle) -> bool {
    let mut chars = raw.chars();
    let mut escapes = std::iter::from_fn(|| chars.find(|char| *char == '\\').and_then(|_| chars.next()));
    style == ScalarStyle::DoubleQuoted
        && !raw.contains('\n')
        && escapes.any(|escape| (escape.is_alphanumeric() || escape == '_') && !matches!(escape, 'n' | 't' | 'r'))
}

/// `text` in quotes: double ones, unless that needs escapes.
fn quoted(text: &str) -> String {
    if !text.contains(['"', '\\']) && !text.chars().any(needs_escape) {
        return format!("\"{text}\"");
    }
    if !text.chars().any(needs_escape) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            char if needs_escape(char) => _ = write!(quoted, "\\U{:08x}", u32::from(char)),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// `text` below a `|`, unless it has characters that are not allowed there.
fn literal(text: &str) -> Written {
    let content = text.trim_end_matches('\n');
    if content.is_empty() || content.chars().any(|char| needs_escape(char) && !matches!(char, '\n' | '\t')) {
        return Written::Inline(quoted(text));
    }
    // Without this, a space at the start would count as indentation.
    let indentation =
        if content.trim_start_matches('\n').starts_with([' ', '\t']) || content.starts_with('\n') { "2" } else { "" };
    let header = format!("|{indentation}{}", chomping(text));
    let mut lines: Vec<_> = content.split('\n').map(str::to_owned).collect();
    // Further ends of lines are kept by the `+`.
    lines.extend(std::iter::repeat_n(String::new(), text.len() - content.len() - usize::from(text.ends_with('\n'))));
    Written::Block(header, lines)
}

/// Says what happens with the end of the last line.
fn chomping(text: &str) -> &'static str {
    match text.len() - text.trim_end_matches('\n').len() {
        0 => "-",
        1 => "",
        _ => "+",
    }
}

/// Text without breaks, on one line if it fits.
fn wrapped(text: &str) -> Written {
    if text.chars().count() <= WIDTH - 30 { Written::Inline(text.to_owned()) } else { folded(text) }
}

/// Text of one line below a `>`, broken where it has single spaces.
fn folded(text: &str) -> Written {
    let content = text.trim_end_matches('\n');
    let is_simple =
        !content.is_empty() && !content.contains("  ") && !content.starts_with(' ') && !content.ends_with(' ');
    if !is_simple || content.chars().any(needs_escape) {
        return literal(text);
    }
    let mut lines = vec![String::new()];
    for word in content.split(' ') {
        let line = lines.last_mut().expect("there is a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH - 20 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let more = text.len() - content.len();
    lines.extend(std::iter::repeat_n(String::new(), more.saturating_sub(1)));
    Written::Block(format!(">{}", chomping(text)), lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_double_unless_that_needs_escapes() {
        assert_eq!(quoted("a: b"), "\"a: b\"");
        assert_eq!(quoted("format!(\"it's\")"), "'format!(\"it''s\")'");
        assert_eq!(quoted("a\tb\\"), "\"a\\tb\\\\\"");
    }

    #[test]
    fn text_that_yaml_would_read_as_something_else_is_not_plain() {
        for text in ["a: b", "a #b", "a:", "[a]", "&a", "!a", "-1", "null", "", " a", "a\nb", "\"a\"", "%a", "@a"] {
            assert!(!is_plain(text, false), "{text}");
        }
        assert!(is_plain("f(a, b)", false) && !is_plain("f(a, b)", true));
    }
}
