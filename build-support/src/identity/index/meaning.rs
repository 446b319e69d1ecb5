//! What names mean in a module.

use std::collections::BTreeSet;

use super::{Index, is_prelude};
use crate::identity::{import::Import, item::Role, words::Name};

impl Index {
    /// Whether there are several macros of this name, of which the place in the file decides.
    pub(super) fn is_redefined(&self, name: Name) -> bool {
        let defined = self.named.get(&name).into_iter().flatten();
        defined.filter(|item| self.items[**item].item.label.starts_with("macro ")).count() > 1
    }

    /// What names and the methods that are called mean in a module, as far as that does not follow from the names.
    pub(in crate::identity) fn meanings(
        &self,
        names: &BTreeSet<Name>,
        members: &BTreeSet<Name>,
        module: usize,
    ) -> BTreeSet<String> {
        let mut meanings = self.meanings_of_names(&self.with_origins(names), module);
        if members.is_empty() {
            return meanings;
        }
        let path = self.modules.get(module).map_or("", String::as_str);
        // Traits that give a type a method of the same name: an import decides.
        let traits = |name: Name| {
            let of = self.members.get(&name).into_iter().flatten();
            of.copied().filter(|item| matches!(self.items[*item].item.role, Role::Trait(..)))
        };
        let rivals: BTreeSet<usize> =
            members.iter().filter(|name| traits(**name).nth(1).is_some()).flat_map(|name| traits(*name)).collect();
        for import in self.traits.get(&module).into_iter().flatten() {
            let of = import.of.and_then(|of| self.named.get(&of)).into_iter().flatten();
            if self.is_foreign(import) {
                meanings.insert(format!("use {}", import.path));
            } else if of.into_iter().any(|item| rivals.contains(item)) {
                meanings.insert(format!("use {} in {path}", import.path));
            }
        }
        if !rivals.is_empty() {
            let globs = self.globs.get(&module);
            meanings.extend(globs.into_iter().flatten().map(|glob| format!("use {glob} in {path}")));
            let own = rivals.iter().filter(|item| self.items[**item].item.module == module);
            meanings.extend(own.map(|item| format!("{} in {path}", self.items[*item].item.label)));
        }
        meanings
    }

    /// Names, and those of what they are imported from: `use fast::total as score;`
    fn with_origins(&self, names: &BTreeSet<Name>) -> BTreeSet<Name> {
        let (mut all, mut open) = (names.clone(), names.iter().copied().collect::<Vec<_>>());
        while let Some(name) = open.pop() {
            let imported = self.imports.get(&name).into_iter().flatten().filter_map(|import| import.of);
            open.extend(imported.filter(|of| all.insert(*of)));
        }
        all
    }

    fn meanings_of_names(&self, names: &BTreeSet<Name>, module: usize) -> BTreeSet<String> {
        let globs = self.globs.get(&module);
        let path = self.modules.get(module).map_or("", String::as_str);
        let is_named = |word: &str| self.names.get(word).is_some_and(|word| names.contains(&word));
        let from_outside = is_named("super") || is_named("crate");
        let mut meanings = BTreeSet::new();
        for name in names {
            let word = self.names.word(*name);
            let none = Vec::new();
            let imports = self.imports.get(name).unwrap_or(&none);
            let own = self.named.get(name).map_or(&[][..], Vec::as_slice);
            if imports.is_empty() && own.len() < 2 && !(own.len() == 1 && is_prelude(word)) {
                continue;
            }
            let foreign: BTreeSet<&str> =
                imports.iter().filter(|import| self.is_foreign(import)).map(|import| import.path.as_str()).collect();
            let aliased: BTreeSet<Name> =
                imports.iter().filter_map(|import| import.of).filter(|of| of != name).collect();
            let ambiguous = own.len() + foreign.len() + aliased.len() + usize::from(is_prelude(word)) > 1;
            let of = |import: &Import| format!("{word} in {} = {}", self.modules[import.module], import.path);
            let all_foreign = || foreign.iter().map(|path| format!("{word} = {path}"));
            let mut here = imports.iter().filter(|import| import.module == module).peekable();
            let is_here = here.peek().is_some();
            let mut is_passed_on = !is_here;
            for import in here {
                if foreign.contains(import.path.as_str()) {
                    meanings.insert(format!("{word} = {}", import.path));
                    continue;
                }
                is_passed_on = true;
                meanings.extend(all_foreign());
                if ambiguous || import.of != Some(*name) {
                    meanings.insert(of(import));
                }
            }
            // By way of another module: `pub use fast::score;`
            if is_passed_on {
                let elsewhere = || imports.iter().filter(|import| import.module != module);
                if elsewhere().any(|import| import.public || from_outside || !is_prelude(word)) {
                    meanings.extend(all_foreign());
                }
                if ambiguous || !aliased.is_empty() {
                    meanings.extend(elsewhere().filter(|import| !foreign.contains(import.path.as_str())).map(of));
                }
                if ambiguous {
                    let of = |(of, glob): &(usize, String)| format!("use {glob} in {}", self.modules[*of]);
                    meanings.extend(self.public_globs.iter().map(of));
                }
            }
            if is_here {
                continue;
            }
            if globs.is_some() {
                meanings.extend(all_foreign());
            }
            let is_own = own.iter().any(|of| {
                let item = &self.items[*of].item;
                item.module == module || item.label.starts_with("macro ")
            });
            if ambiguous && (globs.is_some() || from_outside || is_own) {
                meanings.insert(format!("{word} in {path}"));
                // Which of the modules that it comes from.
                meanings.extend(globs.into_iter().flatten().map(|glob| format!("use {glob} in {path}")));
            }
        }
        let is_foreign = |(_, path): &&(usize, String)| self.foreign_globs.contains(path);
        meanings.extend(self.public_globs.iter().filter(is_foreign).map(|(_, path)| format!("use {path}")));
        if globs.is_some() {
            meanings.extend(self.foreign_globs.iter().map(|path| format!("use {path}")));
        }
        meanings
    }
}
