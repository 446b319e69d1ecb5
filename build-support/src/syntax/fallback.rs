//! The values in `allow_failure`: what keys are after a failure.

use super::{
    Rust,
    language::Piece,
    naming,
    reader::{Fields, Reader},
};
use crate::{
    codes,
    diagnostic::Diagnostic,
    source::Spanned,
    yaml::{Entry, Value},
};

impl<'a> Reader<'a, '_> {
    /// The values in `allow_failure`.
    pub(super) fn fallback(&mut self, fields: &Fields<'_, 'a>) -> Vec<(Spanned<String>, Rust)> {
        let Some(entry) = fields.any("allow_failure") else { return Vec::new() };
        let Value::Map(entries) = &entry.value.value else { return Vec::new() };
        if entries.is_empty() {
            let error = Diagnostic::error(codes::WRONG_SHAPE, entry.value.span, "`allow_failure` is an empty mapping");
            self.error(error.help("write `allow_failure: true`, or values for keys, such as `{ total: \"0\" }`"));
        }
        self.values(entries, "the key")
    }

    /// `allow_failure` with values where no branch is in sight.
    pub(super) fn refuse_fallback(&mut self, fields: &Fields<'_, 'a>) {
        let Some(entry) = fields.any("allow_failure") else { return };
        if let Value::Map(_) = entry.value.value {
            let message = "`allow_failure` in `settings.parallel` cannot have values";
            let error = Diagnostic::error(codes::WRONG_SHAPE, entry.key.span, message)
                .label("holds for all branches, and each writes keys of its own");
            self.error(error.help("write the values on the parallel edge, or on the node, that writes these keys"));
        }
    }

    /// A mapping from names to Rust.
    pub(super) fn values(&mut self, entries: &[Entry<'a>], of: &str) -> Vec<(Spanned<String>, Rust)> {
        let mut values: Vec<(Spanned<String>, Rust)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = Spanned::new(naming::normal(&entry.key.value), entry.key.span);
            if entry.bare {
                self.bare_entry(entry);
                continue;
            }
            let value = self.rust_value(&format!("the value of `{}`", name.value), entry, Piece::Expression);
            values.push((name, value));
        }
        self.given_twice(&values, of);
        values
    }

    /// Names that are written in different ways, and are the same to Rust.
    pub(super) fn given_twice(&mut self, values: &[(Spanned<String>, Rust)], of: &str) {
        for at in 1..values.len() {
            let (before, again) = (&values[..at], &values[at].0);
            if let Some((first, _)) = before.iter().find(|(name, _)| name.value == again.value) {
                let message = format!("{of} `{}` is given twice", again.value);
                let error = Diagnostic::error(codes::DUPLICATE_NAME, again.span, message).label("again here");
                self.error(error.also(first.span, "given here").help("remove one of them"));
            }
        }
    }
}
