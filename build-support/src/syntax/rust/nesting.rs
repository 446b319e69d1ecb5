//! How deep a parser would go. syn recurses, and so does dropping what it gives: a text of a few kilobytes can ask
//! for more stack than there is.

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

use super::tokens;

/// Parsed on the caller's stack: a test's thread has 2 MiB, and a level takes up to 20 KiB unoptimised.
pub(super) const SMALL: usize = 48;
/// Refused from here on.
pub(super) const TOO_DEEP: usize = 1_500;
/// Room for anything below [`TOO_DEEP`]; pages that are not used cost nothing.
pub(super) const LARGE_STACK: usize = 512 << 20;

/// An upper bound of the depth of the syntax tree. Operators, keywords and groups nest; `;` and `,` start afresh.
pub(super) fn estimate(tokens: &TokenStream) -> usize {
    let mut levels = vec![Level::new(tokens.clone())];
    loop {
        if levels.len() > TOO_DEEP {
            return TOO_DEEP;
        }
        let Some(level) = levels.last_mut() else { return 0 };
        match level.rest.next() {
            Some(TokenTree::Group(group)) => {
                // Macro arguments and blocks alike: a comma or `;` in them separates.
                level.here += usize::from(group.delimiter() != Delimiter::None);
                levels.push(Level::new(group.stream()));
            }
            Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ';' | ',') => level.separate(),
            Some(TokenTree::Punct(_)) => level.here += 1,
            Some(TokenTree::Ident(ident)) => level.here += usize::from(tokens::is_keyword(&ident)),
            Some(TokenTree::Literal(_)) => {}
            None => {
                level.separate();
                let deepest = level.deepest;
                levels.pop();
                match levels.last_mut() {
                    Some(outer) => outer.inside = outer.inside.max(deepest),
                    None => return deepest,
                }
            }
        }
    }
}

struct Level {
    rest: token_stream::IntoIter,
    /// What nests in the current segment.
    here: usize,
    /// The deepest group of the current segment.
    inside: usize,
    /// The deepest segment so far.
    deepest: usize,
}

impl Level {
    fn new(tokens: TokenStream) -> Self {
        Self { rest: tokens.into_iter(), here: 0, inside: 0, deepest: 0 }
    }

    fn separate(&mut self) {
        self.deepest = self.deepest.max(self.here + self.inside);
        self.here = 0;
        self.inside = 0;
    }
}
