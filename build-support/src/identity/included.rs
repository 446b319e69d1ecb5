//! Workflows as items: the Rust of a node may run one that a module includes, as in `ctx.run(totals::builder(), input)`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    import::Import,
    index::Index,
    item::{Included, Item, Items, Role},
    words::{Name, Words},
};
use crate::{diagnostic::Diagnostics, generate::module_name, source::Sources, syntax};

/// What of the generated module leads to a run of the workflow.
const WAYS: [&str; 4] = ["Workflow", "builder", "main", "run"];

/// Macros whose result depends on more than their arguments.
const OUTSIDE: [&str; 7] = ["column!", "env!", "file!", "include!", "include_bytes!", "include_str!", "line!"];

impl Items {
    /// Adds a workflow that a source in `folder` includes: the generated module, and what of it leads to a run. Whoever names
    /// both reaches what the workflow says.
    pub(super) fn add_workflow(&mut self, included: &Included, folder: &Path) {
        let path = folder.join(&included.path);
        let Some(generated) = included.named.clone().or_else(|| name_of(&path)) else { return };
        let mut said = Words::default();
        self.read_workflow(&path, &mut said, &mut BTreeSet::new());
        let generated = self.names.number(&generated);
        let mut add = |role, words| {
            let (label, line, module) = (format!("workflow `{}`", included.path), included.line, included.module);
            self.list.push(Item { label, line, module, role, words });
        };
        add(Role::Named(vec![generated]), Words::default());
        let types = BTreeSet::from([generated]);
        for name in WAYS.map(|way| self.names.number(way)) {
            add(Role::Member { types: types.clone(), name }, said.clone());
        }
    }

    /// Adds what a workflow says, and those that it calls: all words count, wherever they stand.
    fn read_workflow(&mut self, path: &Path, said: &mut Words, seen: &mut BTreeSet<PathBuf>) {
        let Some(path) = path.canonicalize().ok().filter(|path| seen.insert(path.clone())) else { return };
        let Ok(text) = fs::read_to_string(&path) else { return };
        said.text.extend((text.len() as u64).to_le_bytes());
        said.text.extend_from_slice(text.as_bytes());
        let ends = |char: char| char != '_' && !char.is_alphanumeric();
        for word in text.split(ends).filter(|word| !word.is_empty()) {
            let name = self.names.number(word);
            said.names.insert(name);
            said.members.insert(name);
        }
        for (at, _) in text.match_indices('!') {
            let word = text[..at].rsplit(ends).next().unwrap_or_default();
            if !word.is_empty() {
                said.macros.insert(self.names.number(word));
            }
        }
        if OUTSIDE.iter().any(|call| text.contains(call)) {
            said.unknown = Some("a macro in it reads what is outside".to_owned());
        }
        let surrounds = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | ',' | '{' | '}');
        let is_file = |word: &&str| Path::new(word).extension().is_some_and(|end| end == "yaml" || end == "yml");
        for called in text.split(surrounds).filter(is_file) {
            self.read_workflow(&path.with_file_name(called), said, seen);
        }
    }
}

impl Index {
    /// Notes by which names imports make known what leads to a run of a workflow: `use totals::builder;`
    pub(super) fn name_workflows(&mut self, imports: &[Import]) {
        let mut found: Vec<(Name, usize)> = Vec::new();
        for (number, entry) in
            self.items.iter().enumerate().filter(|(_, entry)| entry.item.label.starts_with("workflow "))
        {
            let Role::Member { types, name: way } = &entry.item.role else { continue };
            let is_within = |import: &&Import| {
                let generated = types.iter().map(|name| self.names.word(*name));
                let within = import.path.rsplit_once("::").map_or("", |(within, _)| within);
                generated.into_iter().any(|name| within.split("::").any(|part| part == name))
            };
            found.extend(imports.iter().filter(is_within).map(|import| (import.name.unwrap_or(*way), number)));
        }
        for (name, item) in found {
            self.named.entry(name).or_default().push(item);
        }
    }
}

/// The name of the module that is generated for a workflow.
fn name_of(path: &Path) -> Option<String> {
    let mut sources = Sources::default();
    let file = sources.add(path, fs::read_to_string(path).ok()?);
    let workflow = syntax::parse(&sources, file, &mut Diagnostics::default())?;
    Some(module_name(&workflow.name.value))
}
