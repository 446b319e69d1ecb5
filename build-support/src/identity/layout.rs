//! How the values of a type are written as bytes: what counts of a type where `version` stands for all other code.

use std::collections::BTreeSet;

use super::{
    Code, Hasher,
    closure::Closure,
    index::Index,
    item::Role,
    words::{Name, Words},
};

/// What a type consists of, in the making.
struct Layout<'a> {
    index: &'a Index,
    seen: BTreeSet<Name>,
    /// Definitions of types.
    items: BTreeSet<usize>,
    /// Code that writes or reads values, with all that it can reach.
    code: BTreeSet<usize>,
    /// A type that is not defined in the sources is part of it.
    foreign: bool,
}

/// The hash of how values of a type with these names are written as bytes. If the type `is_foreign`, or has parts that are,
/// how the program is built counts.
pub(super) fn layout(code: &Code, names: &BTreeSet<Name>, is_foreign: bool) -> u128 {
    let index = &code.index;
    let (seen, items, of) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut layout = Layout { index, seen, items, code: of, foreign: is_foreign };
    for name in names {
        layout.name(*name);
    }
    let mut all: Vec<u128> = layout.items.iter().map(|item| index.hash(*item).0).collect();
    if layout.foreign {
        all.push(code.built);
        all.extend(index.always.iter().map(|item| index.hash(*item).0));
    }
    let none = BTreeSet::new();
    for item in &layout.code {
        let Words { names, members, macros, .. } = &index.items[*item].item.words;
        let own = match &index.items[*item].item.role {
            Role::Impl { types, .. } | Role::Member { types, .. } => types,
            _ => &none,
        };
        let names = names.union(own).copied().collect();
        let reached = Closure::of(index, Closure::base(index), &names, members, macros);
        all.push(index.hash(*item).0);
        all.extend(reached.iter().map(|item| index.hash(*item).0));
    }
    all.sort_unstable();
    all.dedup();
    let mut hasher = Hasher::default();
    for hash in all {
        hasher.number(hash);
    }
    hasher.finish()
}

impl Layout<'_> {
    fn name(&mut self, name: Name) {
        if !self.seen.insert(name) {
            return;
        }
        let word = self.index.names.word(name);
        let mut is_type = false;
        for item in self.index.named.get(&name).into_iter().flatten() {
            let label = &self.index.items[*item].item.label;
            if ["struct ", "enum ", "union ", "type "].iter().any(|kind| label.starts_with(kind)) {
                is_type = true;
                self.definition(*item);
            }
        }
        let looks_like_one = word.starts_with(char::is_uppercase) && !self.index.is_standard(word);
        self.foreign |= looks_like_one && !is_type && !TRAITS.contains(&word) && !self.index.named.contains_key(&name);
        for item in self.index.types.get(&name).into_iter().flatten() {
            let Role::Impl { by, .. } = &self.index.items[*item].item.role else { continue };
            if by.iter().any(|of| ["Serialize", "Deserialize"].contains(&self.index.names.word(*of))) {
                self.code.insert(*item);
            }
        }
        for other in self.index.aliases.get(&name).into_iter().flatten() {
            self.name(*other);
        }
    }

    fn definition(&mut self, item: usize) {
        if !self.items.insert(item) {
            return;
        }
        let words = &self.index.items[item].item.words;
        let says = |word: &str| {
            let word = [b"\x02", word.as_bytes(), b"\x02"].concat();
            words.text.windows(word.len()).any(|part| part == word)
        };
        if says("serde") && BY_CODE.iter().any(|word| says(word)) {
            self.code.insert(item);
        }
        for name in &words.names {
            self.name(*name);
        }
    }
}

/// Traits that definitions of types name in `derive` or as bounds.
const TRAITS: &[&str] = &["Serialize", "Deserialize", "DeserializeOwned", "Serializer", "Deserializer", "Self"];

/// Attributes of serde that name code.
const BY_CODE: &[&str] = &[
    "with",
    "serialize_with",
    "deserialize_with",
    "from",
    "try_from",
    "into",
    "remote",
    "getter",
    "skip_serializing_if",
    "default",
];
