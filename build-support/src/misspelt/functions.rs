//! Functions: which a piece of Rust calls, and which are in scope where the macro is called.

use std::{collections::HashSet, ops::Range};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The functions that a piece of Rust calls by their names alone, each with the place of its first call. A word that is
/// also used otherwise may be a variable, and does not count.
pub(super) fn called(text: &str) -> Vec<(String, Range<usize>)> {
    let mut calls = Vec::new();
    let mut others = HashSet::new();
    if let Ok(tokens) = text.parse() {
        find_calls(tokens, &mut calls, &mut others);
    }
    let mut seen = HashSet::new();
    calls.retain(|(word, _)| !others.contains(word) && seen.insert(word.clone()));
    calls.retain(|(word, _)| syn::parse_str::<syn::Ident>(word).is_ok());
    calls
}

fn find_calls(tokens: TokenStream, calls: &mut Vec<(String, Range<usize>)>, others: &mut HashSet<String>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut is_part = false;
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let called =
                    matches!(tokens.peek(), Some(TokenTree::Group(next)) if next.delimiter() == Delimiter::Parenthesis);
                let defines = word == "fn";
                if called && !is_part {
                    calls.push((word, ident.span().byte_range()));
                } else {
                    others.insert(word);
                }
                is_part = defines;
            }
            TokenTree::Group(group) => {
                find_calls(group.stream(), calls, others);
                is_part = false;
            }
            TokenTree::Punct(punct) => is_part = punct.as_char() == '.' || punct.as_char() == ':',
            TokenTree::Literal(_) => is_part = false,
        }
    }
}

/// What is in scope where a file calls `include_workflow!`.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The functions that are defined there, and everything that is imported by name.
    pub(super) names: Vec<String>,
    /// Anything else may be in scope, too: there is a glob import or an `include!`, or the call was not found.
    pub(super) is_open: bool,
}

impl Scope {
    pub(super) fn of(caller: &str) -> Self {
        let mut scope = Self::default();
        let is_called = caller.parse().is_ok_and(|tokens| scope.search(tokens));
        scope.is_open |= !is_called;
        scope
    }

    /// Adds what is defined here and in what is around it, if the macro is called in it.
    fn search(&mut self, tokens: TokenStream) -> bool {
        let (mut own, mut calls) = (Self::default(), false);
        let mut tokens = tokens.into_iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "fn" => own.names.extend(tokens.next().map(|name| name.to_string())),
                TokenTree::Ident(word) if word == "use" => {
                    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
                    own.import(tokens.by_ref().take_while(|token| !is_end(token)));
                }
                TokenTree::Ident(word) => {
                    own.is_open |= word == "include";
                    calls |= word == "include_workflow";
                }
                TokenTree::Group(group) => calls |= self.search(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        if calls {
            self.names.extend(own.names);
            self.is_open |= own.is_open;
        }
        calls
    }

    /// Adds the last word of each path.
    fn import(&mut self, tokens: impl Iterator<Item = TokenTree>) {
        let mut last = None;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => last = Some(word.to_string()),
                TokenTree::Punct(punct) => match punct.as_char() {
                    ',' => self.names.extend(last.take()),
                    '*' => self.is_open = true,
                    _ => {}
                },
                TokenTree::Group(group) => {
                    last = None;
                    self.import(group.stream().into_iter());
                }
                TokenTree::Literal(_) => {}
            }
        }
        self.names.extend(last);
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, called};

    #[test]
    fn calls_are_names_before_parentheses() {
        let text =
            "if (a) { one(two(b)?, c::no(), d.no()) } else { Some(3) }; let no = |x| x; no(1); fn no2() {} fmt!(x)";
        let words: Vec<_> = called(text).into_iter().map(|(word, place)| (word, text[place].to_owned())).collect();
        let expected = ["one", "two", "Some"].map(|word| (word.to_owned(), word.to_owned()));
        assert_eq!(words, expected);
    }

    #[test]
    fn names_are_in_scope_where_the_macro_is_called() {
        let text =
            "use a::{b, c::{self, d as e}}; fn one() {} impl X { fn no() {} } mod other { use super::*; fn no() {} }
                    mod here { use f::g; fn two() { include_workflow!(\"x\"); } }";
        let mut scope = Scope::of(text);
        scope.names.sort();
        assert_eq!(scope.names, ["b", "e", "g", "one", "self", "two"]);
        assert!(!scope.is_open);
    }

    #[test]
    fn a_scope_is_open_if_anything_may_be_in_it() {
        for text in [
            "use a::*; include_workflow!(\"x\");",
            "use a::{b, c::*}; mod here { include_workflow!(\"x\"); }",
            "include!(\"y\"); include_workflow!(\"x\");",
            "use tea_runtime::include_workflow as flow; flow!(\"x\");",
            "include_workflow!(\"x\"); }",
        ] {
            assert!(Scope::of(text).is_open, "{text}");
        }
    }
}
