//! All items that a workflow can reach, by what brings them in.

mod meaning;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use proc_macro2::TokenStream;

use super::{
    Hasher, attributes, files,
    import::Import,
    item::{Included, Item, Items, Role},
    packages::Package,
    words::{self, Name, Names, Words},
};
use crate::source::read_file;

/// All items.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) names: Names,
    pub(super) items: Vec<Entry>,
    /// By what names them.
    pub(super) named: HashMap<Name, Vec<usize>>,
    /// Members, traits and implementations by the names of members.
    pub(super) members: HashMap<Name, Vec<usize>>,
    /// Implementations and their members by the types that they are for.
    pub(super) types: HashMap<Name, Vec<usize>>,
    /// What always counts.
    pub(super) always: Vec<usize>,
    /// Other names of a name.
    pub(super) aliases: HashMap<Name, Vec<Name>>,
    imports: HashMap<Name, Vec<Import>>,
    /// By module, what it imports that may be a trait.
    traits: HashMap<usize, Vec<Import>>,
    /// By module, the paths of what it imports as a whole.
    globs: HashMap<usize, BTreeSet<String>>,
    /// By module, those of them that other modules may have from there.
    public_globs: BTreeSet<(usize, String)>,
    /// The paths of what is imported as a whole from other crates.
    foreign_globs: BTreeSet<String>,
    modules: Vec<String>,
    workflows: Vec<Included>,
    /// The name of the package itself.
    name: String,
    /// The names of packages whose items are here.
    crates: BTreeSet<String>,
    /// Those of packages of which all counts, such as procedural macros.
    macro_crates: BTreeSet<String>,
    /// Why nothing less than all items counts, if that is so.
    pub(super) whole: Option<String>,
}

/// An item, and where it is.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) item: Item,
    /// Its file, relative to its package.
    pub(super) file: String,
    folder: PathBuf,
    hash: OnceLock<(u128, Option<String>)>,
}

impl Index {
    /// Reads the sources of packages.
    pub(super) fn read(packages: &[Package], within: Option<&Path>, tests: bool) -> Result<Self, String> {
        let mut items = Items { tests, ..Items::default() };
        let (mut entries, mut whole) = (Vec::new(), None);
        for (number, package) in packages.iter().enumerate().filter(|(number, package)| *number == 0 || !package.whole)
        {
            let mut sources = files::of_package(&package.folder, within.filter(|_| number == 0), false)?;
            let mut seen: HashSet<PathBuf> = sources.iter().cloned().collect();
            let mut at = 0;
            while let Some(source) = sources.get(at).cloned() {
                at += 1;
                let text = fs::read_to_string(&source);
                let text = text.map_err(|error| format!("cannot read `{}`: {error}", source.display()))?;
                let relative =
                    source.strip_prefix(&package.folder).unwrap_or(&source).to_string_lossy().replace('\\', "/");
                let name = package.names.first().map_or("", String::as_str);
                let file = if number == 0 { relative.clone() } else { format!("{name}/{relative}") };
                let folder = source.parent().unwrap_or(Path::new("")).to_owned();
                let module = module_of(&format!("{name}/{relative}"));
                let before = items.workflows.len();
                if let Ok(tokens) = text.parse::<TokenStream>() {
                    items.add_file(module, tokens);
                    for included in Vec::from(&items.workflows[before..]) {
                        items.add_workflow(&included, &folder);
                    }
                } else {
                    whole = Some(format!("`{file}` cannot be read as Rust"));
                    let module = items.module(module);
                    let words = Words { text: text.into_bytes(), ..Words::default() };
                    items.list.push(Item { label: "file".to_owned(), line: 1, module, role: Role::Always, words });
                }
                for mut item in items.list.drain(..) {
                    item.words.include(&folder, &mut items.names);
                    entries.push(Entry { item, file: file.clone(), folder: folder.clone(), hash: OnceLock::new() });
                }
                for other in items.sources.drain(..) {
                    let other = words::resolve(&other, &folder).and_then(|path| path.canonicalize().ok());
                    sources.extend(other.filter(|path| path.is_file() && seen.insert(path.clone())));
                }
            }
        }
        let crates = packages.iter().flat_map(|package| package.names.iter().cloned()).collect();
        let name = packages.first().and_then(|package| package.names.first()).cloned().unwrap_or_default();
        let wholes = packages.iter().skip(1).filter(|package| package.whole && !package.names.contains("tea_runtime"));
        let macro_crates = wholes.flat_map(|package| package.names.iter().cloned()).collect();
        Ok(Self::of(items, entries, name, (crates, macro_crates), whole))
    }

    fn of(
        items: Items,
        entries: Vec<Entry>,
        name: String,
        (crates, macro_crates): (BTreeSet<String>, BTreeSet<String>),
        whole: Option<String>,
    ) -> Self {
        let Items { names, imports, modules, workflows, .. } = items;
        let mut index = Self {
            names,
            items: entries,
            named: HashMap::new(),
            members: HashMap::new(),
            types: HashMap::new(),
            always: Vec::new(),
            aliases: HashMap::new(),
            imports: HashMap::new(),
            traits: HashMap::new(),
            globs: HashMap::new(),
            public_globs: BTreeSet::new(),
            foreign_globs: BTreeSet::new(),
            modules,
            workflows,
            name,
            crates,
            macro_crates,
            whole,
        };
        for (number, entry) in index.items.iter().enumerate() {
            match &entry.item.role {
                Role::Named(names) => {
                    for name in names {
                        index.named.entry(*name).or_default().push(number);
                    }
                }
                Role::Trait(name, members) => {
                    index.named.entry(*name).or_default().push(number);
                    for name in members {
                        index.members.entry(*name).or_default().push(number);
                    }
                }
                Role::Always => index.always.push(number),
                Role::Impl { .. } | Role::Member { .. } => {}
            }
        }
        for number in 0..index.items.len() {
            let (types, names) = match &index.items[number].item.role {
                Role::Impl { types, by, members, .. } => (types, by.iter().chain(members).copied().collect::<Vec<_>>()),
                Role::Member { types, name } => (types, vec![*name]),
                _ => continue,
            };
            // What is not defined here may be defined by a macro.
            let counts = |name: &&Name| index.named.contains_key(name) || !is_prelude(index.names.word(**name));
            for name in types.iter().filter(counts) {
                index.types.entry(*name).or_default().push(number);
            }
            let is_by_member = match &index.items[number].item.role {
                Role::Impl { own, .. } => own.is_empty() || own.iter().any(|name| !index.named.contains_key(name)),
                _ => true,
            };
            if is_by_member {
                for name in names {
                    index.members.entry(name).or_default().push(number);
                }
            }
        }
        index.name_workflows(&imports);
        index.alias(imports);
        if index.whole.is_none() {
            index.whole = index.impostor();
        }
        index
    }

    /// A macro, an attribute or a derive that has the name of one of which all is known, and is another one. Of what is called
    /// so nothing is known then.
    fn impostor(&self) -> Option<String> {
        let mut local = self.items.iter().filter(|entry| entry.item.label.starts_with("macro "));
        if let Some(entry) = local.find(|entry| words::is_ordinary(&entry.item.label["macro ".len()..])) {
            return Some(format!("`{}` in {} has the name of a well-known macro", entry.item.label, entry.file));
        }
        for (name, imports) in &self.imports {
            let word = self.names.word(*name);
            let (is_macro, is_attribute) = (words::is_ordinary(word), attributes::is_listed(word));
            let foreign =
                imports.iter().filter(|import| self.is_foreign(import) || self.macro_crates.contains(&import.from));
            for import in foreign.filter(|import| !KNOWN_CRATES.contains(&import.from.as_str())) {
                let mut here = self.items.iter().filter(|entry| entry.item.module == import.module);
                let uses = |entry: &Entry| {
                    let words = &entry.item.words;
                    (is_macro && words.macros.contains(name)) || (is_attribute && words.attributes.contains(name))
                };
                if let Some(user) = here.find(|entry| uses(entry)) {
                    return Some(format!(
                        "`{word}` in {} is `{}`, and not the one that is so called",
                        user.file, import.path
                    ));
                }
            }
        }
        None
    }

    /// Notes under which other names items are known.
    fn alias(&mut self, imports: Vec<Import>) {
        for import in imports {
            let Some(name) = import.name else {
                self.globs.entry(import.module).or_default().insert(import.path.clone());
                if import.public {
                    self.public_globs.insert((import.module, import.path.clone()));
                }
                if self.is_foreign(&import) {
                    self.foreign_globs.insert(import.path.clone());
                }
                continue;
            };
            if let Some(of) = import.of.filter(|of| *of != name) {
                self.aliases.entry(name).or_default().push(of);
                self.aliases.entry(of).or_default().push(name);
            }
            let is_type = import.of.is_some_and(|of| self.names.word(of).starts_with(char::is_uppercase));
            if is_type && !["alloc", "core", "serde", "std", "tea_runtime"].contains(&import.from.as_str()) {
                self.traits.entry(import.module).or_default().push(import.clone());
            }
            self.imports.entry(name).or_default().push(import);
        }
        // An implementation for an alias of a type is one for the type.
        for entry in self.items.iter().filter(|entry| entry.item.label.starts_with("type ")) {
            let Role::Named(names) = &entry.item.role else { continue };
            for alias in names.iter().filter(|name| self.types.contains_key(name)) {
                for of in entry.item.words.names.iter().filter(|of| *of != alias) {
                    self.aliases.entry(*of).or_default().push(*alias);
                }
            }
        }
    }

    /// Whether none of the types of an implementation is defined here.
    pub(super) fn is_for_foreign(&self, types: &BTreeSet<Name>) -> bool {
        types.iter().all(|name| !self.named.contains_key(name))
    }

    /// Whether an import comes from a crate whose sources are not here.
    fn is_foreign(&self, import: &Import) -> bool {
        let from = import.from.as_str();
        let is_defined = || self.names.get(from).is_some_and(|name| self.named.contains_key(&name));
        !["crate", "self", "super"].contains(&from) && !self.crates.contains(from) && !is_defined()
    }

    /// The module in which the workflow at `path` is included, written in the file `within`.
    pub(super) fn module_of_workflow(&self, path: &str, within: &str) -> Option<usize> {
        let own = module_of(&format!("{}/{within}", self.name));
        let of_file = self.modules.iter().position(|module| *module == own);
        let mut named = self.workflows.iter().filter(|of| of.path == path).map(|of| of.module);
        let first = named.next();
        if named.next().is_some() { of_file.or(first) } else { first.or(of_file) }
    }

    /// The hash of an item, and why it is not known what the item does, if that is so.
    pub(super) fn hash(&self, number: usize) -> &(u128, Option<String>) {
        let entry = &self.items[number];
        entry.hash.get_or_init(|| {
            let words = &entry.item.words;
            let mut hasher = Hasher::default();
            let mut unknown = words.unknown.clone();
            hasher.bytes(&words.text);
            for path in &words.files {
                let read = words::resolve(path, &entry.folder).and_then(|path| read_file(&path).ok());
                match read {
                    Some(bytes) => hasher.bytes(&bytes),
                    None => unknown = Some(format!("the file `{path}` cannot be read")),
                }
            }
            for path in &words.paths {
                // A file that a macro may read.
                let places = [Some(entry.folder.clone()), std::env::var_os(words::FOLDERS[0]).map(PathBuf::from)];
                for place in places.into_iter().flatten() {
                    if let Ok(bytes) = read_file(&place.join(path)) {
                        hasher.bytes(&bytes);
                    }
                }
            }
            for variable in &words.variables {
                // A path differs from folder to folder.
                let is_path = words::FOLDERS.contains(&variable.as_str()) || variable.starts_with("CARGO_BIN_EXE");
                hasher.text(&std::env::var(variable).ok().filter(|_| !is_path).unwrap_or_default());
            }
            if words.versioned || self.calls_foreign(words) {
                hasher.text(&std::env::var("CARGO_PKG_VERSION").unwrap_or_default());
            }
            if words.placed || words.macros.iter().any(|name| self.is_redefined(*name)) {
                hasher.text(&format!("{}:{}", entry.file, entry.item.line));
            }
            let own = match &entry.item.role {
                Role::Named(names) => &names[..],
                Role::Trait(name, _) => std::slice::from_ref(name),
                _ => &[],
            };
            // Which of several items of one name this is.
            let is_one_of =
                |name: &Name| self.named.get(name).is_some_and(|of| of.len() > 1) || is_prelude(self.names.word(*name));
            if words.in_module || own.iter().any(is_one_of) {
                hasher.text(&self.modules[entry.item.module]);
            }
            for meaning in self.meanings(&words.names, &words.members, entry.item.module) {
                hasher.text(&meaning);
            }
            (hasher.finish(), unknown)
        })
    }

    /// Whether some Rust calls a macro of another crate, which may read the version of the package.
    fn calls_foreign(&self, words: &Words) -> bool {
        let is_local = |name: &Name| {
            let mut defined = self.named.get(name).into_iter().flatten();
            defined.any(|item| self.items[*item].item.label.starts_with("macro "))
        };
        words.macros.iter().any(|name| !words::is_ordinary(self.names.word(*name)) && !is_local(name))
    }

    /// Whether a name of a type is one of the standard library's, and of nothing else.
    pub(super) fn is_standard(&self, word: &str) -> bool {
        const TYPES: [&str; 9] =
            ["BTreeMap", "BTreeSet", "Duration", "HashMap", "HashSet", "OsString", "PathBuf", "SystemTime", "VecDeque"];
        let name = self.names.get(word);
        let none = Vec::new();
        let mut imports = name.and_then(|name| self.imports.get(&name)).unwrap_or(&none).iter();
        (is_prelude(word) || TYPES.contains(&word))
            && !name.is_some_and(|name| self.named.contains_key(&name))
            && imports.all(|import| import.from == "std" && !import.path.contains(" as "))
    }

    /// The hash of all items.
    pub(super) fn all(&self, hasher: &mut Hasher) {
        let hash = |number: usize| (self.hash(number).0, self.modules[self.items[number].item.module].clone());
        let mut all: Vec<_> = (0..self.items.len()).map(hash).collect();
        all.sort();
        for (hash, module) in all {
            hasher.number(hash);
            hasher.text(&module);
        }
        let imports =
            self.imports.values().flatten().map(|import| format!("{} {}", self.modules[import.module], import.path));
        let mut imports: Vec<_> = imports.chain(self.foreign_globs.iter().cloned()).collect();
        imports.sort();
        for import in &imports {
            hasher.text(import);
        }
    }
}

/// Crates whose macros, attributes and derives are known.
const KNOWN_CRATES: &[&str] = &[
    "anyhow",
    "async_trait",
    "clap",
    "color_eyre",
    "core",
    "eyre",
    "log",
    "serde",
    "serde_derive",
    "serde_json",
    "std",
    "thiserror",
    "tokio",
    "tracing",
];

/// The module of a file, as a path.
fn module_of(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let path = path.replace("/src/", "/");
    path.strip_suffix("/lib").or_else(|| path.strip_suffix("/main")).unwrap_or(&path).replace('/', "::")
}

/// Whether a name means something without being defined or imported.
fn is_prelude(word: &str) -> bool {
    #[rustfmt::skip]
    const PRELUDE: &[&str] = &[
        "AsMut", "AsRef", "Box", "Clone", "Copy", "Debug", "Default", "DoubleEndedIterator", "Drop", "Eq", "Err",
        "ExactSizeIterator", "Extend", "Fn", "FnMut", "FnOnce", "From", "FromIterator", "Future", "Hash", "Into",
        "IntoFuture", "IntoIterator", "Iterator", "None", "Ok", "Option", "Ord", "PartialEq", "PartialOrd", "Result", "Send",
        "Sized", "Some", "String", "Sync", "ToOwned", "ToString", "TryFrom", "TryInto", "Unpin", "Vec", "align_of", "alloc",
        "assert", "assert_eq", "assert_ne", "bool", "char", "concat", "core", "dbg", "debug_assert", "drop", "eprint",
        "eprintln", "env", "f32", "f64", "format", "i128", "i16", "i32", "i64", "i8", "isize", "matches", "panic", "print",
        "println", "size_of", "std", "str", "todo", "u128", "u16", "u32", "u64", "u8", "unreachable", "usize", "vec",
        "write", "writeln",
    ];
    PRELUDE.contains(&word)
}
