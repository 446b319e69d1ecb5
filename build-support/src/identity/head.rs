//! The head of an item: what it is, how it is called, and what an `impl` is for.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::words::is_punct;

/// What kind of item starts here.
pub(super) struct Kind {
    pub(super) word: &'static str,
    /// Where its name is.
    pub(super) name: Option<usize>,
}

impl Kind {
    pub(super) fn of(tokens: &[TokenTree]) -> Option<Self> {
        const QUALIFIERS: [&str; 5] = ["async", "auto", "default", "safe", "unsafe"];
        let word = |at: usize| match tokens.get(at) {
            Some(TokenTree::Ident(ident)) => ident.to_string(),
            _ => String::new(),
        };
        let mut at = 0;
        loop {
            let here = word(at);
            let next = word(at + 1);
            let named = |word| Some(Self { word, name: Some(at + 1) });
            return match here.as_str() {
                "use" => Some(Self { word: "use", name: None }),
                "impl" => Some(Self { word: "impl", name: None }),
                "fn" => named("fn"),
                "struct" => named("struct"),
                "enum" => named("enum"),
                "trait" => named("trait"),
                "type" => named("type"),
                "mod" => named("mod"),
                "union" if !next.is_empty() => named("union"),
                "macro" if !next.is_empty() => named("macro_rules"),
                "macro_rules" if is_punct(tokens.get(at + 1), '!') => {
                    Some(Self { word: "macro_rules", name: Some(at + 2) })
                }
                "static" if next == "mut" => Some(Self { word: "static", name: Some(at + 2) }),
                "static" => named("static"),
                "const" if ["fn", "async", "unsafe", "extern"].contains(&next.as_str()) => {
                    at += 1;
                    continue;
                }
                "const" => named("const"),
                "extern" if next == "crate" => Some(Self { word: "extern", name: Some(at + 2) }),
                "extern" => {
                    let on = if matches!(tokens.get(at + 1), Some(TokenTree::Literal(_))) { at + 2 } else { at + 1 };
                    if matches!(tokens.get(on), Some(TokenTree::Group(_))) {
                        return Some(Self { word: "extern", name: None });
                    }
                    at = on;
                    continue;
                }
                here if QUALIFIERS.contains(&here) && !is_punct(tokens.get(at + 1), '!') => {
                    at += 1;
                    continue;
                }
                _ => None,
            };
        }
    }

    /// The length of the item.
    pub(super) fn length(&self, tokens: &[TokenTree]) -> usize {
        let ends_with_brace = !matches!(self.word, "use" | "type" | "const" | "static");
        let end = tokens.iter().enumerate().position(|(at, token)| match token {
            TokenTree::Group(group) => {
                // `Foo<{ N }>`
                ends_with_brace
                    && group.delimiter() == Delimiter::Brace
                    && !is_punct(tokens.get(at + 1), '>')
                    && !is_punct(tokens.get(at + 1), ',')
            }
            token => is_punct(Some(token), ';'),
        });
        end.map_or(tokens.len(), |end| end + 1)
    }
}

/// Whether there is an `impl` among the statements of a body. It holds everywhere.
pub(super) fn has_implementation(body: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => has_implementation(&group.stream()),
        TokenTree::Ident(word) if word == "impl" => match at.checked_sub(1).map(|before| &tokens[before]) {
            None => true,
            Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
            Some(TokenTree::Ident(word)) => word == "unsafe",
            before => is_punct(before, ';'),
        },
        _ => false,
    })
}

/// The length of a visibility.
pub(super) fn visibility(tokens: &[TokenTree]) -> usize {
    match tokens {
        [TokenTree::Ident(word), TokenTree::Group(group), ..]
            if word == "pub" && group.delimiter() == Delimiter::Parenthesis =>
        {
            2
        }
        [TokenTree::Ident(word), ..] if word == "pub" => 1,
        _ => 0,
    }
}

/// The parameters of an `impl`, and what follows them.
pub(super) fn generics(tokens: &[TokenTree]) -> (Vec<String>, &[TokenTree]) {
    if !is_punct(tokens.first(), '<') {
        return (Vec::new(), tokens);
    }
    let (mut depth, mut own) = (0_usize, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !is_arrow(tokens, at) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return (own, &tokens[at + 1..]);
                }
            }
            TokenTree::Ident(name) if depth == 1 => {
                let before = at.checked_sub(1).and_then(|at| tokens.get(at));
                let is_const = matches!(before, Some(TokenTree::Ident(word)) if word == "const");
                if is_punct(before, '<') || is_punct(before, ',') || is_const {
                    own.push(name.to_string());
                }
            }
            _ => {}
        }
    }
    (own, &[])
}

/// The `>` of `->`.
fn is_arrow(tokens: &[TokenTree], at: usize) -> bool {
    at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|before| match before {
        TokenTree::Punct(punct) => matches!(punct.as_char(), '-' | '=') && punct.spacing() == Spacing::Joint,
        _ => false,
    })
}

/// `Trait for Type`
pub(super) fn split_for(tokens: &[TokenTree]) -> (Option<&[TokenTree]>, &[TokenTree]) {
    let at = tokens.iter().enumerate().position(|(at, token)| {
        // Not `for<'a>`.
        matches!(token, TokenTree::Ident(word) if word == "for") && !is_punct(tokens.get(at + 1), '<')
    });
    match at {
        Some(at) => (Some(&tokens[..at]), &tokens[at + 1..]),
        None => (None, tokens),
    }
}

/// A type as people write it.
pub(super) fn shown(tokens: &[TokenTree]) -> String {
    let text = tokens.iter().cloned().collect::<TokenStream>().to_string();
    let tight = [(" :: ", "::"), (" < ", "<"), (" >", ">"), ("& ", "&"), (" , ", ", ")];
    tight.iter().fold(text, |text, (from, to)| text.replace(from, to))
}
