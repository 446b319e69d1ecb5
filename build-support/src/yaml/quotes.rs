//! Finds the quote that was left open: YAML only notices where the value goes wrong, lines later.

use super::syntax_error::{indentation, line};

/// The quote that starts a value on a line before byte `at` and is not closed on that line, if there is one in the same
/// section. Values in quotes do have several lines at times; here something is wrong further down.
pub(super) fn open(text: &str, at: usize) -> Option<usize> {
    let last = line(text, at);
    let mut start = last.start;
    // From the line that is not indented on.
    while start > 0 && !text[start..].starts_with(char::is_alphanumeric) {
        start = line(text, start - 1).start;
    }
    let mut block = None;
    while start < last.start {
        let here = line(text, start);
        let content = &text[here.clone()];
        let depth = indentation(content);
        let inside = block.is_some_and(|outer| content.trim().is_empty() || depth > outer);
        if !inside {
            block = None;
            if let Some(quote) = unclosed(content) {
                return Some(here.start + quote);
            }
            if starts_block(content) {
                block = Some(depth);
            }
        }
        start = here.end + text[here.end..].find('\n').map_or(text.len(), |newline| newline + 1);
    }
    None
}

/// Whether the lines below this one are text.
pub(super) fn starts_block(line: &str) -> bool {
    [" |", " >", " |-", " >-", " |+", " >+"].iter().any(|start| line.trim_end().ends_with(start))
}

/// The quote that starts a value of a line and is not closed on it.
fn unclosed(line: &str) -> Option<usize> {
    // Whether a value may start here, and how many brackets are open.
    let (mut fresh, mut depth) = (true, 0_usize);
    let mut at = 0;
    while let Some(char) = line[at..].chars().next() {
        let rest = &line[at + char.len_utf8()..];
        match char {
            '"' | '\'' if fresh => {
                let Some(length) = closing(char, rest) else { return Some(at) };
                at += length;
                fresh = false;
            }
            '#' if line[..at].trim_end().len() < at || at == 0 => return None,
            '[' | '{' if fresh => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' => fresh = depth > 0,
            ':' => fresh = rest.starts_with(' '),
            '-' => fresh &= rest.starts_with(' '),
            ' ' => {}
            _ => fresh = false,
        }
        at += char.len_utf8();
    }
    None
}

/// Where in `rest`, the text after the opening quote, the value ends.
pub(super) fn closing(quote: char, rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if quote == '"' => _ = chars.next(),
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => _ = chars.next(),
            char if char == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
