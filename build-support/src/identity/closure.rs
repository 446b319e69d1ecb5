//! What a piece of Rust can reach: the items that it names, those that these name, and so on.

use std::collections::BTreeSet;

use super::{
    index::Index,
    item::Role,
    words::{self, Name},
};

/// What some Rust can reach, in the making.
pub(super) struct Closure<'a> {
    index: &'a Index,
    reached: Reached,
    open: Vec<usize>,
}

/// What was reached.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    names: Vec<bool>,
    members: Vec<bool>,
    items: Vec<bool>,
    /// A macro of another crate is called, which may call any method of what it is given.
    opaque: bool,
}

impl<'a> Closure<'a> {
    /// The items in the closure of these names of items and of members, and of the [base](Self::base).
    pub(super) fn of(
        index: &'a Index,
        base: Reached,
        names: &BTreeSet<Name>,
        members: &BTreeSet<Name>,
        macros: &BTreeSet<Name>,
    ) -> Vec<usize> {
        let mut closure = Self { index, reached: base, open: Vec::new() };
        closure.mention(names, members, macros);
        closure.complete();
        let reached = closure.reached.items.iter().enumerate().filter(|(_, is_in)| **is_in);
        reached.map(|(number, _)| number).collect()
    }

    /// What anything can reach.
    pub(super) fn base(index: &'a Index) -> Reached {
        let none = || vec![false; index.names.len()];
        let items = vec![false; index.items.len()];
        let reached = Reached { names: none(), members: none(), items, opaque: false };
        let mut closure = Self { index, reached, open: Vec::new() };
        for item in &index.always {
            closure.reach(*item);
        }
        closure.complete();
        closure.reached
    }

    fn complete(&mut self) {
        while let Some(item) = self.open.pop() {
            let said = &self.index.items[item].item.words;
            if said.composes {
                (0..self.index.items.len()).for_each(|item| self.reach(item));
            }
            self.mention(&said.names, &said.members, &said.macros);
        }
    }

    fn mention(&mut self, names: &BTreeSet<Name>, members: &BTreeSet<Name>, macros: &BTreeSet<Name>) {
        for name in names {
            self.name(*name);
        }
        for name in members {
            self.member(*name);
        }
        let is_opaque = |name: &Name| {
            let defined = self.index.named.get(name).into_iter().flatten();
            !words::is_ordinary(self.index.names.word(*name))
                && !defined.clone().any(|item| self.index.items[*item].item.label.starts_with("macro "))
        };
        if !self.reached.opaque && macros.iter().any(is_opaque) {
            self.reached.opaque = true;
            for name in (0..)
                .take(self.reached.names.len())
                .filter(|name| self.reached.names[*name as usize])
                .collect::<Vec<_>>()
            {
                self.implementations(name);
            }
        }
    }

    fn name(&mut self, name: Name) {
        if std::mem::replace(&mut self.reached.names[name as usize], true) {
            return;
        }
        for item in self.index.named.get(&name).into_iter().flatten() {
            self.reach(*item);
        }
        self.implementations(name);
        // The trait of an implementation for a type of another crate.
        self.foreign(name);
        for other in self.index.aliases.get(&name).into_iter().flatten() {
            self.name(*other);
        }
    }

    /// Brings in the implementations for a type that is in, and those of their members that somebody names.
    fn implementations(&mut self, ty: Name) {
        for item in self.index.types.get(&ty).into_iter().flatten() {
            match &self.index.items[*item].item.role {
                Role::Member { name, .. } if !self.reached.opaque && !self.reached.members[*name as usize] => {}
                _ => self.reach(*item),
            }
        }
    }

    fn member(&mut self, name: Name) {
        if std::mem::replace(&mut self.reached.members[name as usize], true) {
            return;
        }
        for item in self.index.members.get(&name).into_iter().flatten() {
            match &self.index.items[*item].item.role {
                Role::Member { types, .. } => {
                    if types.iter().any(|ty| self.reached.names[*ty as usize]) || self.index.is_for_foreign(types) {
                        self.reach(*item);
                    }
                }
                _ => self.reach(*item),
            }
        }
    }

    /// Brings in implementations for types of other crates whose trait has this name.
    fn foreign(&mut self, name: Name) {
        for item in self.index.members.get(&name).into_iter().flatten() {
            if matches!(&self.index.items[*item].item.role, Role::Impl { by, .. } if by.contains(&name)) {
                self.reach(*item);
            }
        }
    }

    fn reach(&mut self, item: usize) {
        if !std::mem::replace(&mut self.reached.items[item], true) {
            self.open.push(item);
        }
    }
}
