//! Formats pieces of Rust with `rustfmt`, many in one run.

use std::{collections::HashMap, fmt::Write};

use proc_macro2::{TokenStream, TokenTree};

use crate::rustfmt;

/// How many rounds a text gets until another one changes nothing.
const ROUNDS: usize = 4;

/// What a piece of Rust is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Statements, or an expression.
    Body,
    /// A type.
    Type,
}

/// A formatter that knows what it has formatted before.
#[derive(Debug, Default)]
pub(super) struct Formatter {
    known: HashMap<(Kind, String), String>,
    /// How far rustfmt indents what is in braces.
    unit: Option<String>,
}

impl Formatter {
    /// Formats all pieces that it does not know yet.
    pub(super) fn learn<'a>(&mut self, pieces: impl Iterator<Item = (Kind, &'a str)>) -> Result<(), String> {
        let mut new: Vec<(Kind, String)> = Vec::new();
        for (kind, text) in pieces {
            let piece = (kind, text.to_owned());
            if !self.known.contains_key(&piece) {
                self.known.insert(piece.clone(), text.trim_end().to_owned());
                if !text.trim().is_empty() {
                    new.push(piece);
                }
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        if self.unit.is_none() {
            let text = rustfmt::format("fn f() {\ng();\n}\n")?;
            let line = text.lines().nth(1).unwrap_or_default();
            self.unit = Some(line[..line.len() - line.trim_start().len()].to_owned());
        }
        let unit = self.unit.as_deref().unwrap_or_default();
        // rustfmt may need several rounds until nothing changes. What is not done by then stays as it is.
        let mut rounds: Vec<(usize, (Kind, String))> = new.iter().cloned().enumerate().collect();
        for _ in 0..ROUNDS {
            let texts: Vec<_> = rounds.iter().map(|(_, piece)| piece.clone()).collect();
            let formatted = format_all(&texts, unit)?;
            let mut changed = Vec::new();
            for ((index, (kind, before)), after) in rounds.into_iter().zip(formatted) {
                if after.as_deref().is_none_or(|after| after == before) {
                    if same_tokens(&new[index].1, &before) {
                        self.known.insert(new[index].clone(), before.trim_end().to_owned());
                    }
                } else if let Some(after) = after {
                    changed.push((index, (kind, after)));
                }
            }
            if changed.is_empty() {
                break;
            }
            rounds = changed;
        }
        Ok(())
    }

    /// A piece that was learned, formatted; or as it is, where `rustfmt` can make nothing of it.
    pub(super) fn formatted(&self, kind: Kind, text: &str) -> String {
        self.known.get(&(kind, text.to_owned())).cloned().unwrap_or_else(|| text.to_owned())
    }
}

/// Formats pieces in one run. If that fails, the pieces that are to blame are found by halves, and have no result.
fn format_all(pieces: &[(Kind, String)], unit: &str) -> Result<Vec<Option<String>>, String> {
    /// More at once takes rustfmt too much memory.
    const MOST: usize = 1_000;
    if pieces.is_empty() {
        return Ok(Vec::new());
    }
    if pieces.len() > MOST {
        let (first, rest) = pieces.split_at(MOST);
        return Ok([format_all(first, unit)?, format_all(rest, unit)?].concat());
    }
    let mut text = String::new();
    for (index, (kind, piece)) in pieces.iter().enumerate() {
        let piece = piece.trim_end();
        match kind {
            // The braces are on their own lines, since the piece may end in a comment.
            Kind::Body => _ = writeln!(text, "fn tea_{index}() {{\n{}\n}}", indented(piece, unit)),
            Kind::Type => _ = writeln!(text, "type Tea{index} = {piece}\n;"),
        }
    }
    match rustfmt::format(&text) {
        Ok(text) => Ok(split(&text, pieces, unit)),
        Err(error) if error.starts_with("cannot run") => Err(error),
        Err(_) if pieces.len() == 1 => Ok(vec![None]),
        Err(_) => {
            let (first, second) = pieces.split_at(pieces.len() / 2);
            Ok([format_all(first, unit)?, format_all(second, unit)?].concat())
        }
    }
}

/// Takes the formatted text of all pieces apart.
fn split(text: &str, pieces: &[(Kind, String)], unit: &str) -> Vec<Option<String>> {
    let inside = lines_inside_literals(text);
    let lines: Vec<&str> = text.lines().collect();
    // A line that starts a piece, and is not part of a literal.
    let starts: Vec<usize> = (0..lines.len())
        .filter(|line| !inside[*line] && (lines[*line].starts_with("fn tea_") || lines[*line].starts_with("type Tea")))
        .collect();
    if starts.len() != pieces.len() {
        return vec![None; pieces.len()];
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let ranges = starts.iter().copied().zip(ends);
    pieces
        .iter()
        .zip(ranges)
        .map(|((kind, _), (start, end))| {
            let lines = &lines[start..end];
            match kind {
                Kind::Type => {
                    let text = lines.join("\n");
                    let (_, ty) = text.split_once(" = ")?;
                    let ty = ty.trim_end().strip_suffix(';')?;
                    (!ty.contains('\n')).then(|| ty.to_owned())
                }
                Kind::Body => {
                    let last = lines.iter().rposition(|line| *line == "}")?;
                    let body = lines.get(1..last)?.iter().zip(&inside[start + 1..]);
                    let outdented = |line| str::strip_prefix(line, unit).unwrap_or(line);
                    let body: Vec<&str> =
                        body.map(|(line, inside)| if *inside { line } else { outdented(line) }).collect();
                    Some(body.join("\n"))
                }
            }
        })
        .collect()
}

/// The body of a function as rustfmt would indent it, since it leaves some lines where they are.
fn indented(body: &str, unit: &str) -> String {
    let inside = lines_inside_literals(body);
    let line = |(line, inside): (&str, bool)| {
        if inside || line.is_empty() { line.to_owned() } else { format!("{unit}{line}") }
    };
    body.lines().zip(inside).map(line).collect::<Vec<_>>().join("\n")
}

/// For each line, whether it starts within a literal: its indentation is then part of the program.
fn lines_inside_literals(text: &str) -> Vec<bool> {
    let mut inside = vec![false; text.lines().count() + 1];
    mark(text.parse().unwrap_or_default(), &mut inside);
    inside
}

fn mark(tokens: TokenStream, inside: &mut [bool]) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => mark(group.stream(), inside),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start().line, literal.span().end().line);
                // Lines count from 1: the one after the start has this index.
                inside.iter_mut().take(end).skip(start).for_each(|line| *line = true);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Whether two texts differ in nothing but blanks, comments, brackets and separators, which are what rustfmt may change.
pub(super) fn same_tokens(a: &str, b: &str) -> bool {
    a == b || matches!((essence(a), essence(b)), (Some(a), Some(b)) if a == b)
}

/// The tokens of a text, without those that rustfmt adds and removes. `None` if it has no tokens.
pub(super) fn essence(text: &str) -> Option<Vec<String>> {
    fn collect(tokens: TokenStream, words: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => collect(group.stream(), words),
                TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {}
                token => words.push(token.to_string()),
            }
        }
    }
    let mut words = Vec::new();
    collect(text.parse().ok()?, &mut words);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(kind: Kind, text: &str) -> String {
        let mut formatter = Formatter::default();
        formatter.learn([(kind, text)].into_iter()).unwrap();
        formatter.formatted(kind, text)
    }

    #[test]
    fn bodies_and_types_are_formatted() {
        assert_eq!(formatted(Kind::Body, "let a=1;a+ 1 // why\n"), "let a = 1;\na + 1 // why");
        assert_eq!(formatted(Kind::Type, "Vec< u8>"), "Vec<u8>");
        assert_eq!(formatted(Kind::Body, "|a,b|a+b"), "|a, b| a + b");
    }

    #[test]
    fn the_inside_of_a_literal_stays() {
        let text = "let text = \"one\n        two\nfn tea_0() {\n}\";\ntext.len( )";
        assert_eq!(formatted(Kind::Body, text), text.replace("( )", "()"));
    }

    #[test]
    fn what_is_not_rust_stays() {
        let mut formatter = Formatter::default();
        let pieces = [(Kind::Body, "f( 1)"), (Kind::Body, "} fn x() {"), (Kind::Body, "let"), (Kind::Body, "g( 2)")];
        formatter.learn(pieces.into_iter()).unwrap();
        let result = pieces.map(|(kind, text)| formatter.formatted(kind, text));
        assert_eq!(result, ["f(1)", "} fn x() {", "let", "g(2)"]);
    }
}
