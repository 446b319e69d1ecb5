//! What the Rust in a workflow file says: its words, and the names by which it reaches items.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::{
    Code,
    words::{self, Name, Names, Place, Words},
};
use crate::{plan::Key, syntax::Rust};

/// What a piece of Rust in the workflow file says.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) text: Vec<u8>,
    pub(super) names: BTreeSet<Name>,
    pub(super) members: BTreeSet<Name>,
    pub(super) macros: BTreeSet<Name>,
    /// What counts in place of Rust, if that is what it is.
    pub(super) version: Option<String>,
    /// Why it is not known what it does, if that is so.
    pub(super) unknown: Option<String>,
}

impl Said {
    /// What some Rust says, in which the names `own` are values unless they are called.
    pub(super) fn of(rust: &Rust, own: &[&str], code: &Code) -> Self {
        let Ok(tokens) = rust.text.parse::<TokenStream>() else {
            return Self { unknown: Some("the workflow's Rust cannot be read".to_owned()), ..Self::default() };
        };
        let mut names = Names::default();
        let mut said = Words::default();
        said.read(tokens.clone(), Place::Code, &mut names);
        let called = called(tokens);
        let known = |of: &BTreeSet<Name>, except: &dyn Fn(&str) -> bool| -> BTreeSet<Name> {
            let words = of.iter().map(|name| names.word(*name)).filter(|word| !except(word));
            words.filter_map(|word| code.index.names.get(word)).collect()
        };
        let is_value = |word: &str| own.contains(&word) && !called.contains(word);
        // What is not in the sources reaches nothing; but a macro that is not is one of another crate.
        let foreign = said
            .macros
            .iter()
            .map(|name| names.word(*name))
            .find(|word| !words::is_ordinary(word) && code.index.names.get(word).is_none());
        let mut unknown = said.unknown;
        if let Some(word) = foreign {
            unknown = unknown.or_else(|| Some(format!("`{word}!` is a macro of another crate")));
        }
        if said.composes {
            unknown = unknown.or_else(|| Some("names are put together in a macro".to_owned()));
        }
        if !said.files.is_empty() || said.placed || !said.variables.is_empty() {
            unknown = unknown.or_else(|| Some("a macro in the workflow file reads what is outside".to_owned()));
        }
        Self {
            names: known(&said.names, &is_value),
            members: known(&said.members, &|_| false),
            macros: known(&said.macros, &|_| false),
            text: said.text,
            version: None,
            unknown,
        }
    }

    /// The type of a key.
    pub(super) fn of_key(key: &Key, code: &Code) -> Self {
        let mut said = Self::of(&key.ty, &[], code);
        said.text.extend([u8::from(key.optional), u8::from(key.by_value), u8::from(key.transient)]);
        said
    }

    /// Whether there is no Rust, and nothing in its place.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.version.is_none()
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.text.extend((other.text.len() as u64).to_le_bytes());
        self.text.extend_from_slice(&other.text);
        self.names.extend(&other.names);
        self.members.extend(&other.members);
        self.macros.extend(&other.macros);
        self.unknown = self.unknown.take().or_else(|| other.unknown.clone());
    }
}

/// The names that are used as functions, macros or parts of paths.
fn called(tokens: TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(name) => {
                let is_arguments = |group: &Group| group.delimiter() == Delimiter::Parenthesis;
                let is_call = matches!(tokens.get(at + 1), Some(TokenTree::Group(group)) if is_arguments(group))
                    || words::is_punct(tokens.get(at + 1), '!')
                    || (words::is_punct(tokens.get(at + 1), ':') && words::is_punct(tokens.get(at + 2), ':'))
                    || at.checked_sub(1).is_some_and(|before| words::is_punct(tokens.get(before), ':'));
                if is_call {
                    found.insert(name.to_string());
                }
            }
            TokenTree::Group(group) => found.extend(called(group.stream())),
            _ => {}
        }
    }
    found
}
