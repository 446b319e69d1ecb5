//! From Rust to workflow files: the nodes that use a function or type of the package.

use std::fs;

use lsp_types::Location;
use proc_macro2::{TokenStream, TokenTree};
use tea_build::syntax::Rust;

use super::document::{self, Document};
use crate::project;

/// The places in the workflow files of the package where the name at `offset` of a Rust file stands, in nodes, conditions and types.
pub(super) fn callers(document: &Document, offset: usize) -> Vec<Location> {
    let (Some(name), Some(path)) = (document.word(offset), document::path(&document.uri)) else { return Vec::new() };
    let files = path.parent().and_then(|folder| project::includes(folder).ok()).unwrap_or_default();
    let mut found = Vec::new();
    for include in files {
        let (Some(uri), Ok(text)) = (document::uri(&include.path), fs::read_to_string(&include.path)) else { continue };
        let workflow = Document::new(uri, 0, text);
        let mut places = Vec::new();
        if let Some(parsed) = &workflow.workflow {
            parsed.visit_rust(&mut |_, rust| places.extend(uses(rust, &name)));
        }
        places.sort_unstable();
        places.dedup();
        let place = |span| Location { uri: workflow.uri.clone(), range: workflow.range(span) };
        found.extend(places.into_iter().map(place));
    }
    found
}

/// Where a name stands in some Rust.
fn uses(rust: &Rust, name: &str) -> Vec<tea_build::source::Span> {
    let mut found = Vec::new();
    collect(rust.text.parse().unwrap_or_default(), name, &mut |range| found.push(rust.locate(range.start, range.end)));
    found
}

fn collect(tokens: TokenStream, name: &str, found: &mut impl FnMut(std::ops::Range<usize>)) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == name => found(ident.span().byte_range()),
            TokenTree::Group(group) => collect(group.stream(), name, found),
            _ => {}
        }
    }
}
