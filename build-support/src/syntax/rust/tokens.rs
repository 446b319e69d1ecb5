//! Names in tokens of unknown grammar: macro arguments that are no expressions, and Rust that does not parse. A word
//! that looks like a variable counts as one: better a key too many in scope than one too few.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};

use super::{Name, format};
use crate::syntax::names;

/// The names in text that does not parse, or none if it has no tokens.
pub(super) fn names_in_text(text: &str) -> Vec<Name> {
    let mut found = Vec::new();
    if let Ok(tokens) = text.parse()
        && super::nesting::estimate(&tokens) <= super::nesting::SMALL
    {
        collect(tokens, text, &mut found);
    }
    found
}

/// Adds the names in `tokens`, a part of `text`.
pub(super) fn collect(tokens: TokenStream, text: &str, found: &mut Vec<Name>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut named = Vec::new();
    let first = found.len();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), text, found),
            TokenTree::Ident(ident) => match role(&tokens, index) {
                Role::Variable => found.push(name(ident)),
                Role::Argument => named.push(name(ident).word),
                Role::Other => {}
            },
            TokenTree::Literal(literal) => {
                let place = literal.span().byte_range();
                found.extend(format::names(&text[place.clone()], place.start));
            }
            TokenTree::Punct(_) => {}
        }
    }
    // `name = value` names an argument of a format string.
    let mut index = first;
    while index < found.len() {
        if named.contains(&found[index].word) {
            found.remove(index);
        } else {
            index += 1;
        }
    }
}

/// An identifier without `r#`.
pub(super) fn name(ident: &Ident) -> Name {
    let text = ident.to_string();
    let name = text.strip_prefix("r#").unwrap_or(&text).to_owned();
    Name { word: name, place: ident.span().byte_range(), assigned: false }
}

/// Whether a word has a meaning of its own in Rust.
pub(super) fn is_keyword(ident: &Ident) -> bool {
    names::is_keyword(&ident.to_string())
}

enum Role {
    Variable,
    /// The name of a format argument.
    Argument,
    /// A field, method, path, function, macro, keyword or lifetime.
    Other,
}

fn role(tokens: &[TokenTree], index: usize) -> Role {
    let punct = |at: Option<usize>| match at.and_then(|at| tokens.get(at)) {
        Some(TokenTree::Punct(punct)) => Some((punct.as_char(), punct.spacing())),
        _ => None,
    };
    let before = punct(index.checked_sub(1));
    let before_that = punct(index.checked_sub(2));
    let (after, after_that) = (punct(Some(index + 1)), punct(Some(index + 2)));
    let is_keyword = match &tokens[index] {
        TokenTree::Ident(ident) => ident == "_" || is_keyword(ident),
        _ => true,
    };
    let follows = match before {
        Some(('.', _)) => !matches!(before_that, Some(('.', Spacing::Joint))),
        Some((':', _)) => matches!(before_that, Some((':', Spacing::Joint))),
        Some(('\'', _)) => true,
        _ => false,
    };
    let leads = match after {
        Some((':', _)) => true,
        Some(('!', _)) => !matches!(after_that, Some(('=', _))),
        None => {
            matches!(tokens.get(index + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
        }
        _ => false,
    };
    if is_keyword || follows || leads {
        Role::Other
    } else if matches!(after, Some(('=', Spacing::Alone))) {
        Role::Argument
    } else {
        Role::Variable
    }
}
