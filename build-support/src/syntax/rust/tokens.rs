//! Names in tokens of unknown grammar: macro arguments that are no expressions, and Rust that does not parse. A word
//! that looks like a variable counts as one: better a key too many in scope than one too few.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};

use super::{
    Name,
    format::{self, Format},
};
use crate::syntax::naming;

/// The names in text that does not parse, or none if it has no tokens.
pub(super) fn names_in_text(text: &str) -> Vec<Name> {
    let mut found = Vec::new();
    if let Ok(tokens) = text.parse()
        && super::nesting::estimate(&tokens) <= super::nesting::SMALL
    {
        collect(tokens, text, Format::Nowhere, &mut found);
    }
    found
}

/// Adds the names in `tokens`, a part of `text`: the arguments of a macro with such a format string.
pub(super) fn collect(tokens: TokenStream, text: &str, format: Format, found: &mut Vec<Name>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let (mut named, mut in_strings) = (Vec::new(), Vec::new());
    let (mut number, mut before) = (0, false);
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), text, inner_format(&tokens[..index]), found),
            TokenTree::Ident(ident) => match role(&tokens, index) {
                Role::Variable => found.push(name(ident)),
                // Where there is a format string, it is a setting such as `target:`.
                Role::Field if format == Format::Nowhere => found.push(name(ident)),
                Role::Argument => named.push(name(ident).word),
                Role::Field | Role::Other => {}
            },
            TokenTree::Literal(literal) => {
                let place = literal.span().byte_range();
                // One that is an argument by itself.
                let starts = index == 0 || is_comma(&tokens[index - 1]);
                let ends = tokens.get(index + 1).is_none_or(is_comma);
                if starts && ends && text[place.clone()].ends_with('"') {
                    if format.is_at(number, before) {
                        in_strings.extend(format::names(&text[place.clone()], place.start));
                    }
                    before = true;
                }
            }
            TokenTree::Punct(_) => number += usize::from(is_comma(token)),
        }
    }
    // `name = value` names an argument of a format string.
    found.extend(in_strings.into_iter().filter(|name| !named.contains(&name.word)));
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// The format string of a group that follows these tokens: it may be the arguments of a macro.
fn inner_format(before: &[TokenTree]) -> Format {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => Format::of(&name.to_string()),
        _ => Format::Nowhere,
    }
}

/// An identifier without `r#`.
pub(super) fn name(ident: &Ident) -> Name {
    let text = ident.to_string();
    Name {
        word: naming::normal(text.strip_prefix("r#").unwrap_or(&text)),
        place: ident.span().byte_range(),
        assigned: false,
    }
}

/// Whether a word has a meaning of its own in Rust.
pub(super) fn is_keyword(ident: &Ident) -> bool {
    naming::is_keyword(&ident.to_string())
}

enum Role {
    Variable,
    /// The name of a format argument.
    Argument,
    /// `name: value`, which may be a variable that gives a key: `json!({ name: 1 })`.
    Field,
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
        // A path, or the kind of what a macro is given: `$name:expr`.
        Some((':', _)) => {
            matches!(before_that, Some((':', Spacing::Joint))) || matches!(punct(index.checked_sub(3)), Some(('$', _)))
        }
        // A lifetime, and what a macro is given.
        Some(('\'' | '$', _)) => true,
        _ => false,
    };
    let leads = match after {
        // `name::`, and not `name:`.
        Some((':', spacing)) => spacing == Spacing::Joint && matches!(after_that, Some((':', _))),
        Some(('!', _)) => !matches!(after_that, Some(('=', _))),
        None => {
            matches!(tokens.get(index + 1), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
        }
        _ => false,
    };
    // `static name: Type`.
    let is_declared = index.checked_sub(1).is_some_and(|before| match &tokens[before] {
        TokenTree::Ident(word) => ["static", "const", "let", "mut"].iter().any(|keyword| word == keyword),
        _ => false,
    });
    if is_keyword || follows || leads {
        Role::Other
    } else if matches!(after, Some((':', _))) {
        if is_declared { Role::Other } else { Role::Field }
    } else if matches!(after, Some(('=', Spacing::Alone))) {
        Role::Argument
    } else {
        Role::Variable
    }
}
