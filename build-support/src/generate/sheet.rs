//! Pieces laid out so that the user's Rust stands on the lines and columns that it has in the workflow file.
//!
//! A sheet is written from top to bottom. Our own text goes wherever there is room before the place of the next piece;
//! rustc does not mind where that is. A piece that has no room left, since the one before it ends too close (YAML in
//! flow style on one line, or an alias that uses the same text twice), goes to the next sheet.

use std::str::FromStr;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::pieces::{Part, Piece, Pieces};
use crate::{
    source::{LineColumn, Sources},
    syntax::Rust,
};

/// Lays out all pieces; they come sorted by place.
pub(super) fn layout(pieces: &Pieces<'_>, sources: &Sources) -> Vec<String> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for piece in &pieces.list {
        let tokens: Vec<Vec<Token>> = piece
            .parts
            .iter()
            .map(|part| match part {
                Part::Glue(_) => Vec::new(),
                Part::Rust(rust) => tokens(rust, sources),
            })
            .collect();
        let put = |sheet: &Sheet| sheet.with(piece, &tokens);
        if let Some((longer, sheet)) = sheets.iter_mut().find_map(|sheet| Some((put(sheet)?, sheet))) {
            sheet.extend(longer);
        } else {
            let mut sheet = Sheet::new();
            // Rust on the very first line may have no room even here; then it stands as near as can be.
            let longer = put(&sheet).unwrap_or_else(|| sheet.forced(piece, &tokens));
            sheet.extend(longer);
            sheets.push(sheet);
        }
    }
    sheets.into_iter().map(Sheet::finish).collect()
}

/// One file, as far as it is written.
#[derive(Debug)]
struct Sheet {
    text: String,
    at: LineColumn,
}

/// What is written at the end of a sheet, as far as it fits.
struct Pen {
    text: String,
    at: LineColumn,
    fits: bool,
}

impl Sheet {
    fn new() -> Self {
        Self { text: "{".to_owned(), at: LineColumn { line: 1, column: 2 } }
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

    fn finish(self) -> String {
        self.text + "\n}\n"
    }
}

impl Pen {
    /// Writes our text, so that what comes next can stand at `before`.
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
