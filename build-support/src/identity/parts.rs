//! The identity of what is said, and the parts of which it consists.

use proc_macro2::TokenStream;

use super::{
    Hasher,
    closure::Closure,
    index::Entry,
    said::Said,
    units::Writer,
    words::{Names, Place, Words},
};
use crate::{
    plan::{CodeId, Part},
    source::Span,
    syntax::CodeScope,
};

impl Writer<'_> {
    /// The identity of what is said at some place of the workflow file.
    pub(super) fn id(&mut self, said: &Said, name: &str, span: Span) -> CodeId {
        if said.is_empty() {
            // A branch whose nodes all have a `version`.
            return CodeId { hash: 1, ..CodeId::default() };
        }
        let index = &self.code.index;
        let mut hasher = Hasher::default();
        hasher.bytes(&said.text);
        if let Some(module) = self.module {
            for meaning in index.meanings(&said.names, &said.members, module) {
                hasher.text(&meaning);
            }
        }
        // The runtime tells one version from another by this name.
        let label = match &said.version {
            Some(version) => format!("`version` of {name}: {version:?}"),
            None => name.to_owned(),
        };
        let own =
            self.part(Part { file: self.file(span), line: self.line(span), name: label, hash: short(hasher.finish()) });
        if said.version.is_some() {
            return CodeId { hash: hasher.finish(), parts: vec![own], outside: Vec::new() };
        }
        let mut parts = vec![0, own];
        hasher.number(self.code.built);
        if let Some(why) = &said.unknown {
            self.notice = Some(format!("{name}: {why}"));
            return CodeId { parts, ..CodeId::default() };
        }
        if self.scope == CodeScope::Crate || index.whole.is_some() || self.module.is_none() {
            let all = *self.crate_hash.get_or_insert_with(|| {
                let mut all = Hasher::default();
                index.all(&mut all);
                all.finish()
            });
            hasher.number(all);
            parts.push(self.part(Part {
                file: String::new(),
                line: 0,
                name: "the crate".to_owned(),
                hash: short(all),
            }));
            return CodeId { hash: hasher.finish(), parts, outside: Vec::new() };
        }
        let reached = Closure::of(
            index,
            self.base.get_or_init(|| Closure::base(index)).clone(),
            &said.names,
            &said.members,
            &said.macros,
        );
        let mut all = Vec::new();
        for item in reached {
            let (hash, unknown) = index.hash(item);
            if let Some(why) = unknown {
                let entry = &index.items[item];
                self.notice = Some(format!("`{}` in {}: {why}", entry.item.label, entry.file));
                return CodeId { parts, ..CodeId::default() };
            }
            all.push(*hash);
            parts.push(self.item(item, *hash));
        }
        // The order of items does not count.
        all.sort_unstable();
        for hash in all {
            hasher.number(hash);
        }
        CodeId { hash: hasher.finish(), parts, outside: Vec::new() }
    }

    /// The identity of the type of a key.
    pub(super) fn key(&mut self, key: usize) -> u128 {
        let said = self.keys[key].clone();
        if self.is_standard(&self.plan.keys[key].ty.text) {
            // No edit and no other compiler changes what is recorded of it.
            let mut hasher = Hasher::default();
            hasher.bytes(&said.text);
            return hasher.finish();
        }
        let span = self.plan.keys[key].ty.span;
        self.id(&said, &format!("the type of `{}`", self.plan.keys[key].name.value), span).hash
    }

    /// Whether a type is one of the standard library's.
    fn is_standard(&self, ty: &str) -> bool {
        let (mut names, mut said) = (Names::default(), Words::default());
        let Ok(tokens) = ty.parse::<TokenStream>() else { return false };
        said.read(tokens, Place::Macro, &mut names);
        said.names.iter().all(|name| self.code.index.is_standard(names.word(*name)))
    }

    /// The part that is the same for all nodes.
    pub(super) fn built(&mut self) {
        let name = "the compiler, its options, the features and the dependencies".to_owned();
        self.part(Part { file: String::new(), line: 0, name, hash: short(self.code.built) });
    }

    /// The part that is an item. Nodes share most of theirs.
    fn item(&mut self, number: usize, hash: u128) -> u32 {
        if let Some(part) = self.items[number] {
            return part;
        }
        let Entry { item, file, .. } = &self.code.index.items[number];
        let part = Part { file: file.clone(), line: item.line, name: item.label.clone(), hash: short(hash) };
        let part = self.part(part);
        self.items[number] = Some(part);
        part
    }

    fn part(&mut self, part: Part) -> u32 {
        let next = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        *self.parts.entry(part).or_insert(next)
    }

    fn file(&self, span: Span) -> String {
        self.sources.get(span.file).path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn line(&self, span: Span) -> u32 {
        self.sources.locate(span).line
    }
}

/// Enough of a hash to see that something has changed.
fn short(hash: u128) -> u64 {
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default()
}
