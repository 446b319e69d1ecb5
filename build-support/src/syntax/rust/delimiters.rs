//! Finds the bracket at fault in text that has no tokens. The lexer only says that there is one.

use std::ops::Range;

/// What is unbalanced first, and where.
pub(super) fn unbalanced(text: &str) -> Option<(String, Range<usize>)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match char {
            '(' | '[' | '{' => {
                open.push((char, at));
                1
            }
            ')' | ']' | '}' => {
                let place = at..at + 1;
                match open.pop() {
                    None => return Some((format!("`{char}` closes nothing"), place)),
                    Some((opened, _)) if closing(opened) != char => {
                        return Some((format!("expected `{}`, found `{char}`", closing(opened)), place));
                    }
                    Some(_) => 1,
                }
            }
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => match comment(rest) {
                Some(length) => length,
                None => return Some(("a comment that is never closed".to_owned(), at..at + 2)),
            },
            '"' => match string(rest) {
                Some(length) => length,
                None => return Some(("a string that is never closed".to_owned(), at..at + 1)),
            },
            'r' if raw_string(rest) != Raw::None && !after_word(text, at) => match raw_string(rest) {
                Raw::Closed(length) => length,
                _ => return Some(("a string that is never closed".to_owned(), at..at + 1)),
            },
            '\'' => character(rest),
            other => other.len_utf8(),
        };
        at += length;
    }
    open.pop().map(|(char, at)| (format!("`{char}` is never closed"), at..at + 1))
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

fn after_word(text: &str, at: usize) -> bool {
    text[..at].ends_with(|char: char| char == '_' || (char.is_alphanumeric() && char != 'b' && char != 'c'))
}

/// Length of the block comment at the start of `rest`.
fn comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Length of the string at the start of `rest`.
fn string(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[derive(PartialEq)]
enum Raw {
    None,
    Open,
    Closed(usize),
}

/// The raw string at the start of `rest`.
fn raw_string(rest: &str) -> Raw {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    let start = 1 + hashes;
    if !rest[start..].starts_with('"') {
        return Raw::None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    match rest[start + 1..].find(&end) {
        Some(length) => Raw::Closed(start + 1 + length + end.len()),
        None => Raw::Open,
    }
}

/// Length of the character literal at the start of `rest`, or of the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            rest[2..].char_indices().skip(1).find(|(_, char)| *char == '\'').map_or(1, |(at, _)| at + 3)
        }
        Some((at, char)) if rest[at + char.len_utf8()..].starts_with('\'') => at + char.len_utf8() + 1,
        _ => 1,
    }
}
