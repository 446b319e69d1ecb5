//! The Rust that most snippets are, recognised without syn: `let`, paths, calls, fields, methods, operators, literals,
//! closures, macros that take expressions; types without lifetimes. Procedural macros run unoptimised, where syn takes
//! longer than all the rest together. Whatever is not known here for certain is left to syn.

mod expression;
mod ty;

use std::ops::Range;

use super::Name;
use crate::syntax::naming::is_keyword;

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

    /// The next byte that is not whitespace.
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

    use super::{
        super::{free, tokens},
        body, expression, is_type,
    };

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
    /// Rust that parses: some of it is only looked at, and never run.
    fn rust() -> impl Strategy<Value = String> {
        let leaf = select(&["a", "b", "1", "\"{a}\"", "a.b", "self::a", "f(a)", "-b", "&mut a", "'x'"][..])
            .prop_map(str::to_owned);
        leaf.prop_recursive(3, 24, 3, |inner| {
            let one = inner.clone();
            let two = (inner.clone(), inner.clone());
            prop_oneof![
                (one, select(ONE)).prop_map(|(one, form)| form.replace('§', &one)),
                (two, select(TWO)).prop_map(|((one, two), form)| form.replacen('§', &one, 1).replacen('§', &two, 1)),
            ]
        })
    }

    const ONE: &[&str] = &[
        "(§)",
        "[§]",
        "{ § }",
        "(§).b",
        "(§).b()",
        "(§)?",
        "&(§)",
        "|b| (§)",
        "println!(\"{a} {b:>c$}\", c = §)",
        "format!(\"{}\", §)",
        "json!({ a: §, \"b\": § })",
        "info!(a = §, %b, \"{c}\")",
        "{ let a = §; b }",
        "S { a: §, b }",
        "matches!(§, Some(a) if a > b)",
        "vec![§; a]",
        "async { § }",
        "sh!(\"{a}\", §)",
        "{ macro_rules! m { ($a:expr) => { $a + c } } § }",
        "return Ok(§)",
        "loop { break § }",
        "a::<u8>(§)",
    ];
    const TWO: &[&str] = &[
        "(§, §)",
        "if (§) == (§) { a } else { b }",
        "match (§) { Some(b) => §, None => c }",
        "f(§, §)",
        "[§, §]",
        "for a in (§) { §; }",
        "(§) + (§)",
        "assert_eq!(§, §, \"{c}\")",
        "if let Some(a) = (§) { § } else { a }",
        "write!(§, \"{a}\", §)",
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

        /// Names are read from tokens where the grammar is not known: none may be missing there that syn finds.
        #[test]
        fn what_syn_finds_is_found_in_the_tokens_too(text in rust()) {
            let parsed: Expr = syn::parse_str(&text).expect(&text);
            let coarse = tokens::names_in_text(&text);
            for name in free::names_of(&parsed, &text).iter().filter(|name| !name.assigned) {
                prop_assert!(coarse.iter().any(|other| other.place == name.place), "{name:?} in {text}");
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
