//! The Rust that most snippets are, recognised without syn: `let`, paths, calls, fields, methods, operators, literals,
//! closures, macros that take expressions; types without lifetimes. Procedural macros run unoptimised, where syn takes
//! longer than all the rest together. Whatever is not known here for certain is left to syn.

mod expression;
mod ty;

use std::ops::Range;

use super::Name;
use crate::syntax::names::is_keyword;

/// Deeper text is left to syn.
const MAX_DEPTH: u32 = 16;

/// The names of `text` if it is a simple expression.
pub(super) fn expression(text: &str) -> Option<Vec<Name>> {
    let mut cursor = Cursor::new(text);
    cursor.expression()?;
    cursor.finish()
}

/// The names of `text` if it is simple statements.
pub(super) fn body(text: &str) -> Option<Vec<Name>> {
    let mut cursor = Cursor::new(text);
    cursor.statements()?;
    cursor.finish()
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
    /// What the text itself binds.
    bound: Vec<&'t str>,
    names: Vec<Name>,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0, bound: Vec::new(), names: Vec::new() }
    }

    fn finish(mut self) -> Option<Vec<Name>> {
        self.names.sort_by_key(|name| name.place.start);
        self.is_at_end().then_some(self.names)
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

    /// The word as a whole.
    fn eat_word(&mut self, word: &str) -> bool {
        self.peek();
        let place = self.run(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        let found = &self.text[place.clone()] == word;
        if found {
            self.at = place.end;
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
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};
    use syn::{Expr, Type};

    use syn::{Block, parse::Parser};

    use super::{super::free, body, expression, is_type};

    #[test]
    fn common_rust_is_simple() {
        for text in ["load(reads)?", "a.b().c(&d, -1)", "k > 3 && !done", "(a, \"x\")", "x[i + 1]", "a::b(c).d", "&key"]
        {
            assert!(expression(text).is_some(), "{text}");
        }
        for text in ["let a = f(b); g(a)?", "let n: u32 = xs.iter().map(|x| x.len()).sum(); println!(\"{n} {}\", k);"] {
            assert!(body(text).is_some(), "{text}");
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
        fn what_is_a_simple_body_is_the_same_to_syn(text in text(EXPRESSION)) {
            if let Some(names) = body(&text) {
                let parsed = Block::parse_within.parse_str(&text).expect(&text);
                prop_assert_eq!(names, free::names_of_body(&parsed, &text), "{}", text);
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
