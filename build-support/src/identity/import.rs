//! What `use` makes known in a module.

use proc_macro2::TokenTree;

use super::{
    item::Items,
    words::{Name, Names, is_punct},
};

/// What a `use` makes known in a module.
#[derive(Debug, Clone)]
pub(super) struct Import {
    pub(super) module: usize,
    /// Whether other modules may have it from there.
    pub(super) public: bool,
    /// The name there; `None` for all names.
    pub(super) name: Option<Name>,
    /// The name where it comes from.
    pub(super) of: Option<Name>,
    /// The first name of its path.
    pub(super) from: String,
    /// The whole path.
    pub(super) path: String,
}

impl Items {
    /// Adds what a `use` makes known.
    pub(super) fn import(&mut self, tokens: &[TokenTree], module: usize, public: bool) {
        let before = self.imports.len();
        self.leaves(tokens, module, &mut Vec::new());
        self.imports[before..].iter_mut().for_each(|import| import.public = public);
    }

    // Recursion goes as deep as braces are nested.
    fn leaves(&mut self, tokens: &[TokenTree], module: usize, path: &mut Vec<String>) {
        let before = path.len();
        let mut alias = None;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    alias = tokens.get(at + 1).map(ToString::to_string);
                    at += 1;
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| is_punct(Some(token), ',')).filter(|part| !part.is_empty()) {
                        self.leaves(part, module, path);
                    }
                    path.truncate(before);
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let last = path.last().cloned().unwrap_or_default();
        let is_glob = last == "*";
        let visible = alias.clone().unwrap_or_else(|| last.clone());
        let joined = path.join("::") + &alias.map(|alias| format!(" as {alias}")).unwrap_or_default();
        let number = |names: &mut Names, name: &str| (!is_glob).then(|| names.number(name));
        self.imports.push(Import {
            module,
            public: false,
            name: number(&mut self.names, &visible),
            of: number(&mut self.names, &last),
            from: path.first().cloned().unwrap_or_default(),
            path: joined,
        });
        path.truncate(before);
    }
}
