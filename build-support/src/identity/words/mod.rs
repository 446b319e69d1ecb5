//! What tokens say: their text without comments, documentation and layout, and the names that they mention.

mod files;
mod known;
mod names;

use std::{collections::BTreeSet, path::Path};

use proc_macro2::{Delimiter, Group, Literal, Spacing, TokenStream, TokenTree};

pub(super) use self::{
    files::{FOLDERS, resolve},
    known::{is_cosmetic, is_ordinary},
    names::{Name, Names},
};
use self::{
    files::{is_path, path},
    known::KEYWORDS,
};
use crate::source::read_file;

/// What some tokens say.
#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    /// Their text.
    pub(super) text: Vec<u8>,
    /// The names that may mean items.
    pub(super) names: BTreeSet<Name>,
    /// The names that may mean methods and other associated items.
    pub(super) members: BTreeSet<Name>,
    /// The names of macros that are called.
    pub(super) macros: BTreeSet<Name>,
    /// The names in attributes.
    pub(super) attributes: BTreeSet<Name>,
    /// The files that macros of the standard library include.
    pub(super) files: BTreeSet<String>,
    /// Those of them that are Rust.
    pub(super) sources: BTreeSet<String>,
    /// Environment variables that are read when the program is compiled.
    pub(super) variables: BTreeSet<String>,
    /// Strings that may be paths of files that macros read.
    pub(super) paths: BTreeSet<String>,
    /// The version of the package may be part of the result.
    pub(super) versioned: bool,
    /// The result depends on the place in the file.
    pub(super) placed: bool,
    /// The result depends on the module.
    pub(super) in_module: bool,
    /// Names are put together from others, as in `paste! { [<get_ $name>]() }`, so they may mean anything.
    pub(super) composes: bool,
    /// The reason for which it is not known what the tokens do, if there is one.
    pub(super) unknown: Option<String>,
}

/// Where tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In Rust.
    Code,
    /// Where a macro decides what they mean.
    Macro,
    /// In an attribute, whose strings may be Rust.
    Attribute,
}

impl Words {
    /// Adds tokens.
    pub(super) fn read(&mut self, tokens: impl IntoIterator<Item = TokenTree>, place: Place, names: &mut Names) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        self.read_slice(&tokens, place, names);
    }

    /// Adds tokens.
    // Recursion goes as deep as groups are nested, which rustc bounds.
    pub(super) fn read_slice(&mut self, tokens: &[TokenTree], place: Place, names: &mut Names) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if is_punct(Some(token), '#')
                && let Some(attribute) = attribute(tokens, at)
            {
                if !is_cosmetic(attribute) {
                    self.text.push(b'#');
                    self.group(attribute, Place::Attribute, false, names);
                }
                at += if is_punct(tokens.get(at + 1), '!') { 3 } else { 2 };
                continue;
            }
            match token {
                TokenTree::Group(group) => {
                    let called = at.checked_sub(1).is_some_and(|before| is_callee(&tokens[before]));
                    self.group(group, place, called, names);
                }
                TokenTree::Punct(punct) => {
                    self.text.push(u8::try_from(punct.as_char()).unwrap_or(b'?'));
                    // Whether two of these touch is part of what they are.
                    if punct.spacing() == Spacing::Joint && !matches!(punct.as_char(), ',' | ';') {
                        self.text.push(1);
                    }
                }
                TokenTree::Literal(literal) => self.literal(literal, place, names),
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    self.text.push(2);
                    self.text.extend_from_slice(word.as_bytes());
                    self.text.push(2);
                    self.mention(&word, tokens, at, place, names);
                    if let Some(group) = arguments(tokens, at)
                        && place != Place::Attribute
                    {
                        self.called(&word, group, names);
                        self.text.push(b'!');
                        let inside = if is_ordinary(&word) { place } else { Place::Macro };
                        self.group(group, inside, true, names);
                        at += 2;
                    }
                }
            }
            at += 1;
        }
    }

    fn group(&mut self, group: &Group, place: Place, called: bool, names: &mut Names) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => (b'(', b')'),
            Delimiter::Brace => (b'{', b'}'),
            Delimiter::Bracket => (b'[', b']'),
            Delimiter::None => (3, 4),
        };
        let mut tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        self.composes |= place == Place::Macro
            && group.delimiter() == Delimiter::Bracket
            && is_punct(tokens.first(), '<')
            && is_punct(tokens.last(), '>');
        // A comma at the end is layout, unless it makes a tuple.
        let commas = tokens.iter().filter(|token| is_punct(Some(token), ',')).count();
        let is_tuple = commas == 1 && !called && group.delimiter() == Delimiter::Parenthesis;
        if place != Place::Macro && !is_tuple && is_punct(tokens.last(), ',') {
            tokens.pop();
        }
        self.text.push(open);
        self.read_slice(&tokens, place, names);
        self.text.push(close);
    }

    fn literal(&mut self, literal: &Literal, place: Place, names: &mut Names) {
        let text = literal.to_string();
        if let Some(string) = string(&text) {
            if place == Place::Attribute {
                // `#[serde(default = "path::to")]`
                if let Ok(tokens) = string.parse::<TokenStream>() {
                    let mut inner = Self::default();
                    inner.read(tokens, Place::Macro, names);
                    self.names.append(&mut inner.names);
                    self.members.append(&mut inner.members);
                    // `#[serde(with = "module")]` calls what is so called there.
                    self.names.extend(["serialize", "deserialize"].map(|name| names.number(name)));
                }
            }
            if place != Place::Code && is_path(&string) {
                self.paths.insert(string.clone());
            }
            // `"{MAX}"`
            for part in string.split('{').skip(1) {
                let end = part.find(|char: char| char != '_' && !char.is_alphanumeric()).unwrap_or(part.len());
                if end > 0 {
                    self.names.insert(names.number(&part[..end]));
                }
                // `"{:WIDTH$}"`
                let inside = part.split('}').next().unwrap_or_default();
                for word in
                    inside.split(|char: char| char != '_' && !char.is_alphanumeric()).filter(|word| !word.is_empty())
                {
                    self.names.insert(names.number(word));
                }
            }
        }
        self.text.push(5);
        self.text.extend_from_slice(text.as_bytes());
        self.text.push(5);
    }

    fn mention(&mut self, word: &str, tokens: &[TokenTree], at: usize, place: Place, names: &mut Names) {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        let after = |on: usize| tokens.get(at + on);
        // A lifetime, or the name of a function where it is declared.
        let declares = |token: &TokenTree| matches!(token, TokenTree::Ident(before) if before == "fn");
        if is_punct(before(1), '\'') || before(1).is_some_and(declares) || KEYWORDS.contains(&word) {
            return;
        }
        // `#[command(version)]`
        self.versioned |= place == Place::Attribute && word == "version";
        let name = names.number(word);
        let is_path = is_punct(before(1), ':') && is_punct(before(2), ':');
        if place == Place::Attribute {
            self.attributes.insert(name);
        }
        if place != Place::Code || is_path {
            self.names.insert(name);
            self.members.insert(name);
            return;
        }
        if is_punct(before(1), '.') && !is_punct(before(2), '.') {
            let is_call =
                matches!(after(1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
            if is_call || is_punct(after(1), ':') {
                self.members.insert(name);
            }
            return;
        }
        // `field: value`, `binding: Type`
        if is_punct(after(1), ':') && !is_punct(after(2), ':') {
            return;
        }
        self.in_module |= matches!(word, "type_name" | "type_name_of_val" | "TypeId");
        self.placed |= word == "Location";
        self.names.insert(name);
    }

    fn called(&mut self, word: &str, arguments: &Group, names: &mut Names) {
        self.macros.insert(names.number(word));
        let stream = || arguments.stream().into_iter().collect::<Vec<_>>();
        match word {
            "line" | "column" | "file" => self.placed = true,
            "module_path" => self.in_module = true,
            "env" | "option_env" => {
                let first = stream().into_iter().next();
                match first.and_then(|first| string(&first.to_string())) {
                    Some(variable) => drop(self.variables.insert(variable)),
                    None => self.unknown = Some(format!("the name of a variable in `{word}!` is no literal")),
                }
            }
            // Layout is part of the result.
            "stringify" => self.text.extend(arguments.span().source_text().unwrap_or_default().into_bytes()),
            "include_str" | "include_bytes" | "include" => match path(&stream()) {
                Some(path) => {
                    self.sources.extend((word == "include").then(|| path.clone()));
                    self.files.insert(path);
                }
                None => self.unknown = Some(format!("the path in `{word}!` is not made of literals")),
            },
            _ => {}
        }
    }

    /// Adds the names in the files that `include!` puts among the tokens of a file in `folder`, and in those that they include.
    pub(super) fn include(&mut self, folder: &Path, names: &mut Names) {
        let mut open: Vec<_> = self.sources.iter().filter_map(|path| resolve(path, folder)).collect();
        let mut seen = BTreeSet::new();
        while let Some(path) = open.pop() {
            let Ok(path) = path.canonicalize() else {
                self.unknown = Some(format!("the file `{}` cannot be read", path.display()));
                return;
            };
            if !seen.insert(path.clone()) {
                continue;
            }
            let text = read_file(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(tokens) = text.and_then(|text| text.parse::<TokenStream>().ok()) else {
                self.unknown = Some(format!("`{}` cannot be read as Rust", path.display()));
                return;
            };
            let (mut inner, folder) = (Self::default(), path.parent().unwrap_or(Path::new("")));
            inner.read(tokens, Place::Macro, names);
            open.extend(inner.sources.iter().filter_map(|path| resolve(path, folder)));
            let absolute = |path: &String| resolve(path, folder).map(|path| path.to_string_lossy().into_owned());
            inner.files = inner.files.iter().filter_map(absolute).collect();
            self.append(&inner);
        }
    }

    /// Adds what other tokens say.
    pub(super) fn append(&mut self, other: &Self) {
        self.text.extend_from_slice(&other.text);
        self.names.extend(&other.names);
        self.members.extend(&other.members);
        self.macros.extend(&other.macros);
        self.attributes.extend(&other.attributes);
        self.files.extend(other.files.iter().cloned());
        self.sources.extend(other.sources.iter().cloned());
        self.variables.extend(other.variables.iter().cloned());
        self.paths.extend(other.paths.iter().cloned());
        self.versioned |= other.versioned;
        self.placed |= other.placed;
        self.in_module |= other.in_module;
        self.composes |= other.composes;
        self.unknown = self.unknown.take().or_else(|| other.unknown.clone());
    }
}

/// The group of the attribute that starts at a `#`.
pub(super) fn attribute(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    let next = if is_punct(tokens.get(at + 1), '!') { at + 2 } else { at + 1 };
    match tokens.get(next) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => Some(group),
        _ => None,
    }
}

/// The arguments of the macro call that starts at a name.
fn arguments(tokens: &[TokenTree], at: usize) -> Option<&Group> {
    match (is_punct(tokens.get(at + 1), '!'), tokens.get(at + 2)) {
        (true, Some(TokenTree::Group(group))) => Some(group),
        _ => None,
    }
}

/// Whether parentheses after this are those of a call.
fn is_callee(token: &TokenTree) -> bool {
    const KEYWORDS: [&str; 12] =
        ["as", "break", "else", "if", "in", "let", "match", "move", "mut", "ref", "return", "while"];
    matches!(token, TokenTree::Ident(word) if !KEYWORDS.iter().any(|keyword| word == keyword))
}

pub(super) fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

/// The value of a string literal.
pub(super) fn string(literal: &str) -> Option<String> {
    if !literal.ends_with(['"', '#']) {
        return None;
    }
    syn::parse_str::<syn::LitStr>(literal).ok().map(|literal| literal.value())
}
