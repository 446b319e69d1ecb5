//! Entries of one mapping: duplicates, and what `<<` brings in.

use std::{borrow::Cow, collections::HashMap, rc::Rc};

use super::{Entry, Value};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Span,
};

/// Drops duplicates, then adds what `<<` brings. Entries of the mapping itself win, then earlier merges.
pub(super) fn merge<'a>(written: Vec<Entry<'a>>, diagnostics: &mut Diagnostics) -> Vec<Entry<'a>> {
    let mut keys = Keys::default();
    let mut entries = Vec::with_capacity(written.len());
    let mut merges = Vec::new();
    let mut twice: Option<Diagnostic> = None;
    for entry in written {
        if let Some(first) = keys.insert(&entry) {
            // Several in one mapping have one cause: an item that does not start with its dash.
            twice = Some(if let Some(error) = twice {
                error.also(entry.key.span, "again here")
            } else {
                let message = format!("`{}` is written twice", entry.key.value);
                Diagnostic::error(codes::DUPLICATE_ENTRY, entry.key.span, message)
                    .label("again here")
                    .also(first, "first written here")
            });
        } else if entry.key.value == "<<" && !entry.bare {
            merges.push(entry.value);
        } else {
            entries.push(entry);
        }
    }
    if let Some(error) = twice {
        diagnostics.push(match error.labels.len() {
            1 => error.help("remove one of the two"),
            _ => error.help("start a second item with its dash, `- `, or remove the duplicate"),
        });
    }
    for value in merges {
        let mappings = match &value.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&value),
        };
        for mapping in mappings {
            match &mapping.value {
                Value::Map(inherited) => {
                    for entry in inherited {
                        if keys.insert(entry).is_none() {
                            entries.push(Entry {
                                value: Rc::clone(&entry.value),
                                key: entry.key.clone(),
                                bare: entry.bare,
                            });
                        }
                    }
                }
                Value::Broken => {}
                _ => {
                    let message = format!("`<<` merges mappings, and this is {}", mapping.kind());
                    diagnostics.push(
                        Diagnostic::error(codes::BAD_MERGE, mapping.span, message)
                            .help("give the alias of a mapping, `<<: *name`, or a list of such aliases"),
                    );
                }
            }
        }
    }
    entries
}

/// The keys of a mapping. Most mappings are small: those are searched, and only a large one is hashed.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<(Cow<'a, str>, Span)>,
    many: HashMap<Cow<'a, str>, Span>,
}

impl<'a> Keys<'a> {
    const FEW: usize = 16;

    /// Adds the entry's key, or gives the place where it is written already.
    fn insert(&mut self, entry: &Entry<'a>) -> Option<Span> {
        let (key, span) = (&entry.key.value, entry.key.span);
        if let Some((_, first)) = self.few.iter().find(|(known, _)| known == key) {
            return Some(*first);
        }
        if self.few.len() < Self::FEW {
            self.few.push((key.clone(), span));
            return None;
        }
        let first = self.many.get(key).copied();
        if first.is_none() {
            self.many.insert(key.clone(), span);
        }
        first
    }
}
