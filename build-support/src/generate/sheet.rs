//! Pieces laid out so that the user's Rust is on the lines and columns that it has in the workflow file.
//!
//! A sheet is written from top to bottom. Our own text goes wherever there is room before the place of the next piece;
//! rustc does not mind where that is. A piece that has no room left, since the one before it ends too close (YAML in
//! flow style on one line, or an alias that uses the same text twice), goes to the next sheet. One that has no room even
//! there, because it is on the first line or two parts of it are close together, is written short: a macro outside of
//! the sheet takes its Rust and has our text.

use std::{fmt::Write, str::FromStr};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::pieces::{Part, Piece};
use crate::{
    source::{FileId, LineColumn, Sources},
    syntax::Rust,
};

/// Lays out all pieces; they come sorted by place.
pub(super) fn layout(pieces: &[Piece<'_>], sources: &Sources) -> Vec<Sheet> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for (piece, number) in pieces.iter().zip(0..) {
        let tokens: Vec<Vec<Token>> = piece
            .parts
            .iter()
            .map(|part| match part {
                Part::Glue(_) => Vec::new(),
                Part::Rust(rust) => tokens(rust, sources),
            })
            .collect();
        let file = piece.span().file;
        let written = |sheet: &Sheet| if sheet.file == file { sheet.with(piece, &tokens) } else { None };
        if let Some((longer, sheet)) = sheets.iter_mut().find_map(|sheet| Some((written(sheet)?, sheet))) {
            sheet.extend(longer);
            continue;
        }
        let mut sheet = Sheet::new(file);
        let longer = written(&sheet).unwrap_or_else(|| {
            let name = format!("tea{number}");
            sheet.macros = macro_of(&name, piece);
            // If there is no room even for this, it is put as near as possible.
            sheet.forced(&short(&name, piece), &tokens)
        });
        sheet.extend(longer);
        sheets.push(sheet);
    }
    sheets.iter_mut().for_each(Sheet::finish);
    sheets
}

/// A macro that puts our text around the parts that it is given. After them it is given the variables that our text
/// binds: the user's Rust can only see names that are written where it is written.
fn macro_of(name: &str, piece: &Piece<'_>) -> String {
    let (mut pattern, mut body) = (String::new(), String::new());
    for (number, part) in piece.parts.iter().enumerate() {
        match part {
            Part::Glue(text) => body += &with_parameters(text, &piece.bound),
            Part::Rust(_) => {
                _ = write!(pattern, "($($part{number}:tt)*)");
                _ = write!(body, " $($part{number})* ");
            }
        }
    }
    for number in 0..piece.bound.len() {
        _ = write!(pattern, " $name{number}:ident");
    }
    format!("macro_rules! {name} {{ ({pattern}) => {{ {body} }} }}")
}

/// `text` with a macro's parameters in the place of these names, but for those in strings.
fn with_parameters(text: &str, names: &[String]) -> String {
    let mut written = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(char) = rest.chars().next() {
        let is_word = |char: char| char == '_' || char == '#' || char.is_alphanumeric();
        let mut end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
        let number = names.iter().position(|name| *name == rest[..end]);
        if let (Some(number), false) = (number, quoted) {
            _ = write!(written, "$name{number}");
        } else {
            // An escaped quote does not end a string.
            end = end.max(char.len_utf8() + usize::from(rest.starts_with("\\\"") || rest.starts_with("\\\\")));
            quoted ^= char == '"';
            written += &rest[..end];
        }
        rest = &rest[end..];
    }
    written
}

/// A call of that macro, with the same number of parts as the piece.
fn short<'a>(name: &str, piece: &Piece<'a>) -> Piece<'a> {
    let last = piece.parts.len() - 1;
    let parts = piece.parts.iter().enumerate().map(|(number, part)| match part {
        Part::Rust(rust) => Part::Rust(rust),
        Part::Glue(_) if number == 0 => Part::Glue(format!("{name}!{{(")),
        Part::Glue(_) if number == last => Part::Glue(format!(") {}}}", piece.bound.join(" "))),
        Part::Glue(_) => Part::Glue(")(".to_owned()),
    });
    Piece { name: piece.name.clone(), place: piece.place, parts: parts.collect(), bound: Vec::new() }
}

/// One file, as far as it is written.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// What comes before it: a macro for what is written short, on one line.
    pub(crate) macros: String,
    /// An expression, a block of items.
    pub(crate) text: String,
    /// The workflow file.
    pub(crate) file: FileId,
    at: LineColumn,
}

/// What is written at the end of a sheet, as far as it fits.
struct Pen {
    text: String,
    at: LineColumn,
    fits: bool,
}

impl Sheet {
    fn new(file: FileId) -> Self {
        Self { file, macros: String::new(), text: "{".to_owned(), at: LineColumn { line: 1, column: 2 } }
    }

    /// What is to be added for `piece`, if it fits.
    fn with(&self, piece: &Piece<'_>, tokens: &[Vec<Token>]) -> Option<Pen> {
        let pen = self.forced(piece, tokens);
        pen.fits.then_some(pen)
    }

    fn forced(&self, piece: &Piece<'_>, tokens: &[Vec<Token>]) -> Pen {
        let mut pen = Pen { text: String::new(), at: self.at, fits: true };
        let mut glue = String::new();
        for (part, tokens) in piece.parts.iter().zip(tokens) {
            match part {
                Part::Glue(text) => glue += text,
                Part::Rust(_) => {
                    pen.glue(&std::mem::take(&mut glue), tokens.first().map(|token| token.at));
                    for token in tokens {
                        pen.token(token);
                    }
                }
            }
        }
        pen.glue(&glue, None);
        pen
    }

    fn extend(&mut self, Pen { text, at, fits: _ }: Pen) {
        self.text += &text;
        self.at = at;
    }

    fn finish(&mut self) {
        self.text += "\n}\n";
    }
}

impl Pen {
    /// Writes our text, so that what comes next can be put at `before`.
    fn glue(&mut self, glue: &str, before: Option<LineColumn>) {
        if before.is_some_and(|before| before.line > self.at.line + 1) {
            // There is a line of its own for it.
            self.write("\n");
        } else {
            self.write(" ");
        }
        self.write(glue);
        match before {
            Some(before) if before.line > self.at.line => {}
            Some(before) => self.fits &= self.at < before,
            None => {}
        }
    }

    fn token(&mut self, token: &Token) {
        if !token.joint {
            while self.at.line < token.at.line {
                self.write("\n");
            }
            let missing = token.at.column.saturating_sub(self.at.column);
            if self.at.line == token.at.line && missing > 0 {
                self.write(&" ".repeat(missing as usize));
            } else if self.at != token.at {
                self.write(" ");
            }
        }
        self.write(&token.text);
    }

    fn write(&mut self, text: &str) {
        self.text += text;
        match text.rsplit_once('\n') {
            Some((before, last)) => {
                let lines = before.matches('\n').count() + 1;
                self.at.line += count(lines);
                self.at.column = 1 + count(last.chars().count());
            }
            None => self.at.column += count(text.chars().count()),
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A token of the user's Rust, and its place in the workflow file.
#[derive(Debug)]
struct Token {
    text: String,
    at: LineColumn,
    /// It belongs to the one before it, as the `=` of `+=` does.
    joint: bool,
}

fn tokens(rust: &Rust, sources: &Sources) -> Vec<Token> {
    // The checks before have parsed it.
    let stream = TokenStream::from_str(&rust.text).unwrap_or_default();
    let mut tokens = Tokens { rust, sources, list: Vec::new(), joint: false };
    tokens.stream(stream);
    tokens.list
}

struct Tokens<'a> {
    rust: &'a Rust,
    sources: &'a Sources,
    list: Vec<Token>,
    joint: bool,
}

impl Tokens<'_> {
    fn stream(&mut self, stream: TokenStream) {
        for tree in stream {
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.push(open.to_owned(), group.span_open().byte_range().start);
                    self.stream(group.stream());
                    self.push(close.to_owned(), group.span_close().byte_range().start);
                }
                TokenTree::Punct(punct) => {
                    self.push(punct.as_char().to_string(), punct.span().byte_range().start);
                    self.joint = punct.spacing() == Spacing::Joint;
                }
                TokenTree::Ident(ident) => self.push(ident.to_string(), ident.span().byte_range().start),
                // The words as written, unless they are a doc comment.
                TokenTree::Literal(literal) => {
                    let range = literal.span().byte_range();
                    let written = self.rust.text.get(range.clone()).filter(|text| !text.starts_with('/'));
                    self.push(written.map_or_else(|| literal.to_string(), str::to_owned), range.start);
                }
            }
        }
    }

    fn push(&mut self, text: String, start: usize) {
        let at = self.sources.locate(self.rust.locate(start, start + text.len()));
        self.list.push(Token { text, at, joint: std::mem::take(&mut self.joint) });
    }
}

#[cfg(test)]
mod tests {
    use super::with_parameters;

    #[test]
    fn names_in_strings_stay() {
        let names = ["words".to_owned(), "r#type".to_owned()];
        let text = r#"x! { words words_ [r#type: get] "`words` \" words" words }"#;
        assert_eq!(with_parameters(text, &names), r#"x! { $name0 words_ [$name1: get] "`words` \" words" $name0 }"#);
    }
}
