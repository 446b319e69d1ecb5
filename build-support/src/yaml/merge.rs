//! Entries of one mapping: duplicates, and what `<<` brings in.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map},
    rc::Rc,
};

use super::{Entry, Value};
use crate::{
    codes,
    diagnostic::{Diagnostic, Diagnostics},
    source::Span,
};

/// Drops duplicates, then adds what `<<` brings. Entries of the mapping itself win, then earlier merges.
pub(super) fn merge<'a>(written: Vec<Entry<'a>>, diagnostics: &mut Diagnostics) -> Vec<Entry<'a>> {
    let mut places: HashMap<Cow<'a, str>, Span> = HashMap::with_capacity(written.len());
    let mut entries = Vec::with_capacity(written.len());
    let mut merges = Vec::new();
    for entry in written {
        match places.entry(entry.key.value.clone()) {
            hash_map::Entry::Occupied(first) => diagnostics.push(
                Diagnostic::error(
                    codes::DUPLICATE_ENTRY,
                    entry.key.span,
                    format!("`{}` is written twice", entry.key.value),
                )
                .label("again here")
                .also(*first.get(), "first written here")
                .help("remove one of the two"),
            ),
            hash_map::Entry::Vacant(place) => {
                place.insert(entry.key.span);
                if entry.key.value == "<<" {
                    merges.push(entry.value);
                } else {
                    entries.push(entry);
                }
            }
        }
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
                        if let hash_map::Entry::Vacant(place) = places.entry(entry.key.value.clone()) {
                            place.insert(entry.key.span);
                            entries.push(Entry { key: entry.key.clone(), value: Rc::clone(&entry.value) });
                        }
                    }
                }
                Value::Broken => {}
                _ => diagnostics.push(
                    Diagnostic::error(
                        codes::BAD_MERGE,
                        mapping.span,
                        format!("`<<` merges mappings, and this is {}", mapping.kind()),
                    )
                    .help("give the alias of a mapping, `<<: *name`, or a list of such aliases"),
                ),
            }
        }
    }
    entries
}
