//! Ways out of Rust that does not parse: most of it is YAML that took something away, or the habit of another language.

use std::ops::Range;

use syn::{Block, parse::Parser};

use crate::{syntax::language::Piece, yaml::Style};

/// Rust that does not parse.
pub(super) struct Fault<'a> {
    /// What it was to be: "`run`", "the type of `k`".
    pub(super) what: &'a str,
    pub(super) piece: Piece,
    pub(super) text: &'a str,
    pub(super) style: Style,
    /// What follows it on its last line.
    pub(super) after: &'a str,
    /// What is said of it, and where in the text.
    pub(super) message: &'a str,
    pub(super) place: Range<usize>,
}

impl Fault<'_> {
    /// The way out.
    pub(super) fn help(&self) -> String {
        self.of_yaml()
            .or_else(|| self.of_habit())
            .or_else(|| self.of_message())
            .unwrap_or_else(|| self.of_piece())
            .into()
    }

    /// What YAML made of it.
    fn of_yaml(&self) -> Option<&'static str> {
        if self.style == Style::Plain && self.after.trim_start().starts_with('#') {
            Some("YAML reads ` #` as the start of a comment: put the value in quotes, or write it below a `|`")
        } else {
            None
        }
    }

    /// What other languages write.
    fn of_habit(&self) -> Option<&'static str> {
        let (before, rest) = self.text.split_at(self.text.floor_char_boundary(self.place.start));
        let is_word = |char: char| char == '_' || char.is_alphanumeric();
        let word = &rest[..rest.find(|char| !is_word(char)).unwrap_or(rest.len())];
        let before = before.trim_end();
        let last = before.rsplit(|char| !is_word(char)).next().unwrap_or_default();
        Some(match (last, word) {
            (_, "and") => "`and` is `&&` in Rust",
            (_, "or") => "`or` is `||` in Rust",
            (_, "is") => "`is` is `==` in Rust",
            ("not", _) => "`not` is `!` in Rust",
            (_, "if") => "a choice is `if condition { one } else { other }` in Rust",
            ("lambda", _) => "a closure is `|x| x + 1` in Rust",
            ("def" | "function" | "func", _) => {
                "define functions in the module that calls the macro, and call them here"
            }
            _ if rest.starts_with('$') => "a state key is used by its name alone",
            _ if rest.starts_with(['“', '”', '‘', '’']) => "write straight quotes",
            _ if rest.starts_with('=') && before.ends_with('=') => "Rust compares with `==` and `!=`",
            _ => return None,
        })
    }

    fn of_message(&self) -> Option<&'static str> {
        let message = self.message;
        let has = |words: &str| message.contains(words);
        Some(if has("never closed") {
            if has("`(`") {
                "close it with `)`"
            } else if has("`[`") {
                "close it with `]`"
            } else if has("`{`") {
                "close it with `}`"
            } else if has("comment") {
                "close it with `*/`"
            } else {
                "close it with `\"`"
            }
        } else if has("closes nothing") {
            "remove it, or open it before"
        } else if has("found") {
            "brackets are closed in the order in which they are opened, the last one first"
        } else if has("a reference") {
            "write a type that owns its value, such as `String` for `&str`, `Vec<T>` for `&[T]` and `T` for `&T`"
        } else if has("too deeply") || has("no memory") {
            "move it into a function of the module that calls the macro, and call that"
        } else if has("cannot be chained") {
            "compare twice: `a < b && b < c`"
        } else if self.piece == Piece::Expression && Block::parse_within.parse_str(self.text).is_ok() {
            "put statements in braces: `{ …; … }`"
        } else if has("expected `;`") && self.text[self.place.start..].trim().is_empty() {
            "end the statement with `;`, and write the node's value after it"
        } else if has("expected `;`") {
            "a statement ends with `;`; the last one, without it, is the value that the node gives"
        } else if has("expected `,`") && self.piece != Piece::Type {
            "arguments are separated by `,`"
        } else {
            return None;
        })
    }

    fn of_piece(&self) -> &'static str {
        match self.piece {
            Piece::Body => "write a Rust expression, or below a `|` statements of which the last gives the value",
            Piece::Expression if self.what == "`default`" => {
                "write a Rust expression, such as `\"21\"`, or for a string `'\"some text\".into()'`"
            }
            Piece::Expression => "write a Rust expression, such as `\"count > 3\"` or `\"names.iter()\"`",
            Piece::Type => "write a type as Rust does, such as `u32`, `Vec<String>` or `my::Type`",
            Piece::Function => "write a path to a function, or a closure: `\"Profile::merge\"`, `\"|a, b| a + b\"`",
        }
    }
}
