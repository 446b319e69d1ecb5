//! The Rust that most snippets are, recognised without syn: paths, calls, fields, methods, operators, literals; types
//! without lifetimes. Macros run unoptimised, where syn takes longer than all the rest together. Whatever is not
//! known here for certain is left to syn.

use std::ops::Range;

use super::Name;
use crate::syntax::names::is_keyword;

/// Deeper text is left to syn.
const MAX_DEPTH: u32 = 16;

/// The names of `text` if it is a simple expression.
pub(super) fn expression(text: &str) -> Option<Vec<Name>> {
    let mut cursor = Cursor::new(text);
    cursor.expression()?;
    cursor.is_at_end().then_some(cursor.names)
}

/// Whether `text` is a simple type.
pub(super) fn is_type(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.ty().is_some() && cursor.is_at_end()
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
    depth: u32,
    names: Vec<Name>,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0, names: Vec::new() }
    }

    fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn follows(&self, text: &str) -> bool {
        self.text.as_bytes()[self.at..].starts_with(text.as_bytes())
    }

    fn eat(&mut self, text: &str) -> bool {
        self.peek();
        let found = self.follows(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn run(&self, is_part: impl Fn(u8) -> bool) -> Range<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at..self.at + rest.iter().position(|byte| !is_part(*byte)).unwrap_or(rest.len())
    }

    /// A word that is no keyword.
    fn ident(&mut self) -> Option<Range<usize>> {
        if !self.peek()?.is_ascii_alphabetic() && !self.follows("_") {
            return None;
        }
        let place = self.run(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        self.at = place.end;
        let word = &self.text[place.clone()];
        (word != "_" && !is_keyword(word)).then_some(place)
    }

    fn expression(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut compared = false;
        loop {
            self.operand()?;
            let comparison = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| self.eat(operator));
            if let Some(operator) = comparison {
                // Comparisons do not chain, and `<` may also open generics; `<<` and `>>` are not compared here.
                if compared || matches!(self.peek(), Some(b'<' | b'>' | b'=')) || operator == "<" && self.follows("-") {
                    return None;
                }
                compared = true;
            } else if self.eat("&&") || self.eat("||") {
                compared = false;
            } else if let Some(b'+' | b'-' | b'*' | b'/' | b'%') = self.peek() {
                self.at += 1;
                // A comment, or an assignment.
                if let Some(b'/' | b'*' | b'=') = self.text.as_bytes().get(self.at) {
                    return None;
                }
            } else {
                self.depth -= 1;
                return Some(());
            }
        }
    }

    fn operand(&mut self) -> Option<()> {
        while let Some(b'&' | b'!' | b'-' | b'*') = self.peek() {
            self.at += 1;
        }
        match self.peek()? {
            b'0'..=b'9' => {
                let digits = self.run(|byte| byte == b'_' || byte.is_ascii_digit());
                self.at = digits.end;
                // Fractions, exponents, suffixes, methods of numbers.
                let next = self.text.as_bytes().get(self.at).copied();
                if next.is_some_and(|byte| byte == b'.' || byte.is_ascii_alphabetic()) {
                    return None;
                }
            }
            b'"' => {
                self.at += 1;
                let content = self.run(|byte| !matches!(byte, b'"' | b'\\'));
                self.at = content.end;
                if !self.follows("\"") {
                    return None;
                }
                self.at += 1;
                // A suffix.
                if self.text[self.at..].starts_with(|char: char| char == '_' || char.is_alphanumeric()) {
                    return None;
                }
            }
            b'(' => self.arguments("(", ")")?,
            _ => self.path()?,
        }
        self.postfix()
    }

    fn path(&mut self) -> Option<()> {
        let place = self.ident()?;
        let mut is_name = true;
        while self.eat("::") {
            is_name = false;
            self.ident()?;
        }
        match self.peek() {
            Some(b'(') => {}
            Some(b'!') if !self.follows("!=") => return None,
            _ if is_name => self.names.push(Name { name: self.text[place.clone()].to_owned(), place }),
            _ => {}
        }
        Some(())
    }

    fn postfix(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(b'?') => self.at += 1,
                Some(b'(') => self.arguments("(", ")")?,
                Some(b'[') => {
                    self.at += 1;
                    self.expression()?;
                    if !self.eat("]") {
                        return None;
                    }
                }
                Some(b'.') => {
                    self.at += 1;
                    self.ident()?;
                    if self.peek() == Some(b':') {
                        return None;
                    }
                }
                _ => return Some(()),
            }
        }
    }

    fn arguments(&mut self, open: &str, close: &str) -> Option<()> {
        self.eat(open).then_some(())?;
        while !self.eat(close) {
            self.expression()?;
            if !self.eat(",") {
                return self.eat(close).then_some(());
            }
        }
        Some(())
    }

    fn ty(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'(' => {
                self.at += 1;
                self.types(")")?;
            }
            b'[' => {
                self.at += 1;
                self.ty()?;
                if self.eat(";") {
                    self.peek();
                    let digits = self.run(|byte| byte.is_ascii_digit());
                    if digits.is_empty() {
                        return None;
                    }
                    self.at = digits.end;
                }
                self.eat("]").then_some(())?;
            }
            _ => {
                self.eat("::");
                self.ident()?;
                while self.eat("::") {
                    self.ident()?;
                }
                if self.eat("<") {
                    self.types(">")?;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn types(&mut self, close: &str) -> Option<()> {
        while !self.eat(close) {
            self.ty()?;
            if !self.eat(",") {
                return self.eat(close).then_some(());
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};
    use syn::{Expr, Type};

    use super::{super::free, expression, is_type};

    #[test]
    fn common_rust_is_simple() {
        for text in ["load(reads)?", "a.b().c(&d, -1)", "k > 3 && !done", "(a, \"x\")", "x[i + 1]", "a::b(c).d", "&key"]
        {
            assert!(expression(text).is_some(), "{text}");
        }
        for text in ["u32", "Vec<Chunk>", "std::collections::HashMap<String, (u8, [f64; 3])>", "()", "::a::B"] {
            assert!(is_type(text), "{text}");
        }
    }

    fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
        vec(select(pieces), 1..12).prop_map(|pieces| pieces.concat())
    }

    const EXPRESSION: &[&str] = &[
        "a", "b", "_", "f(", "(", ")", "[", "]", ".", "::", ",", "?", "&", "&&", "||", "!", "!=", "==", "<", ">", "<=",
        ">=", "=", "+", "-", "*", "/", "%", "1", "0", "_1", "1.", "\"s\"", "\"", " ", "\n", "as", "true", "mut", "{",
        "}", "|", ";", "'", "..", "é", "->", "<-", ">>", "r", "b", "#",
    ];
    const TYPE: &[&str] = &[
        "A", "b", "Vec<", "<", ">", "(", ")", "[", "]", ";", "3", ",", "::", " ", "&", "'a", "mut", "dyn ", "+", "->",
        "!", "_", "fn",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_simple_is_the_same_to_syn(text in text(EXPRESSION)) {
            if let Some(names) = expression(&text) {
                let parsed: Expr = syn::parse_str(&text).expect(&text);
                prop_assert_eq!(names, free::names_of(&parsed, &text), "{}", text);
            }
        }

        #[test]
        fn what_is_a_simple_type_is_a_type(text in text(TYPE)) {
            if is_type(&text) {
                syn::parse_str::<Type>(&text).expect(&text);
            }
        }
    }
}
