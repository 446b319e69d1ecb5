//! Rust as it is written in the file.

use crate::source::{Span, Spanned};

/// Rust written inside YAML: its text, where each byte of it was written, and the names it uses.
#[derive(Debug, Clone)]
pub struct Rust {
    /// The Rust text, as YAML's scalar rules give it; empty if it does not parse.
    pub text: String,
    /// The place of the scalar's content.
    pub span: Span,
    /// From offsets in `text` to offsets in the file: `(text offset, file offset)` where a run starts, ascending.
    /// Between two entries both advance together.
    pub map: Vec<(u32, u32)>,
    /// Free names: identifiers that are used as variables and bound nowhere in the text, each use with its
    /// place in the file, in text order. A plain name that is called is a function and no variable. Empty for types.
    pub names: Vec<Spanned<String>>,
    /// Free names that get a value here, by `=` or `+=` and the like; they are not among `names`.
    pub assigned: Vec<Spanned<String>>,
}

impl Rust {
    /// The place in the file of a byte range of the text.
    #[must_use]
    pub fn locate(&self, start: usize, end: usize) -> Span {
        let at = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let run = self.map.partition_point(|(text, _)| *text <= offset);
            match run.checked_sub(1).map(|run| self.map[run]) {
                Some((text, file)) => file + (offset - text),
                None => self.span.start,
            }
        };
        let start_at = at(start);
        // The end maps through the last byte inside, so that it never runs on into the next line.
        let end_at = if end > start { at(end - 1) + 1 } else { start_at };
        Span { file: self.span.file, start: start_at, end: end_at.max(start_at) }
    }
}
