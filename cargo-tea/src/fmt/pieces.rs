//! Where the Rust is in a workflow file.

use std::{collections::HashMap, path::Path};

use tea_build::{diagnostic::Diagnostics, source::Sources, syntax};

use super::rust::Kind;

/// The pieces of Rust that parse, by the offset of their first byte.
#[derive(Debug, Default)]
pub(super) struct Pieces(HashMap<usize, (Kind, String)>);

impl Pieces {
    /// Finds the Rust in the text of a file.
    pub(super) fn find(text: &str) -> Self {
        let mut sources = Sources::default();
        let file = sources.add(Path::new(""), text.to_owned());
        let workflow = syntax::parse(&sources, file, &mut Diagnostics::default());
        let mut pieces = Self::default();
        if let Some(workflow) = workflow.filter(|workflow| !workflow.broken) {
            workflow.visit_rust(&mut |is_type, rust| {
                let kind = if is_type { Kind::Type } else { Kind::Body };
                // What does not parse has no text.
                if !rust.text.trim().is_empty() {
                    pieces.0.insert(rust.span.start as usize, (kind, rust.text.clone()));
                }
            });
        }
        pieces
    }

    /// What a scalar is whose content starts at `start`. `None` if it is not Rust, or not all of it.
    pub(super) fn kind(&self, start: usize, text: &str) -> Option<Kind> {
        self.0.get(&start).filter(|(_, piece)| piece == text).map(|(kind, _)| *kind)
    }

    /// All pieces.
    pub(super) fn all(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.0.values().map(|(kind, text)| (*kind, text.as_str()))
    }
}
