//! Finds the bracket at fault in text that has no tokens. The lexer only says that there is one.

use std::ops::Range;

/// What is unbalanced first, and where.
pub(super) fn unbalanced(text: &str) -> Option<(String, Range<usize>)> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut at = 0;
    while let Some(lexeme) = Lexeme::at(text, at) {
        at += match lexeme {
            Lexeme::Open(char) => {
                open.push((char, at));
                1
            }
            Lexeme::Close(char) => {
                let place = at..at + 1;
                match open.pop() {
                    None => return Some((format!("`{char}` closes nothing"), place)),
                    Some((opened, _)) if closing(opened) != char => {
                        return Some((format!("expected `{}`, found `{char}`", closing(opened)), place));
                    }
                    Some(_) => 1,
                }
            }
            Lexeme::LineComment(length) | Lexeme::Other(length) => length,
            Lexeme::Unclosed(what, length) => return Some((format!("{what} that is never closed"), at..at + length)),
        };
    }
    open.pop().map(|(char, at)| (format!("`{char}` is never closed"), at..at + 1))
}

/// The comments that go to the end of their line.
pub(super) fn line_comments(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(lexeme) = Lexeme::at(text, at) {
            let start = at;
            at += match lexeme {
                Lexeme::Open(_) | Lexeme::Close(_) => 1,
                Lexeme::LineComment(length) | Lexeme::Other(length) | Lexeme::Unclosed(_, length) => length,
            };
            if let Lexeme::LineComment(_) = lexeme {
                return Some(start..at);
            }
        }
        None
    })
}

/// What is at some place of a text, with its length.
enum Lexeme {
    Open(char),
    Close(char),
    LineComment(usize),
    /// What it is, and the length of what opens it.
    Unclosed(&'static str, usize),
    Other(usize),
}

impl Lexeme {
    fn at(text: &str, at: usize) -> Option<Self> {
        let rest = &text[at..];
        let char = rest.chars().next()?;
        let closed = |length: Option<usize>, what, opening| match length {
            Some(length) => Self::Other(length),
            None => Self::Unclosed(what, opening),
        };
        Some(match char {
            '(' | '[' | '{' => Self::Open(char),
            ')' | ']' | '}' => Self::Close(char),
            '/' if rest.starts_with("//") => Self::LineComment(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => closed(comment(rest), "a comment", 2),
            '"' => closed(string(rest), "a string", 1),
            'r' if raw_string(rest) != Raw::None && !after_word(text, at) => match raw_string(rest) {
                Raw::Closed(length) => Self::Other(length),
                _ => Self::Unclosed("a string", 1),
            },
            '\'' => Self::Other(character(rest)),
            other => Self::Other(other.len_utf8()),
        })
    }
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
