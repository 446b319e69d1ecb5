//! What the crates let others use, as the files in `api/` say: a change that breaks users is seen in them. `TEA_BLESS=1` writes
//! what there is now.
//!
//! The sources are read, not compiled. What is behind `doc(hidden)` is for generated code and is left out, and what there is
//! only on other systems than Unix too.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Type, UseTree, Visibility};

const CRATES: &[(&str, &str)] = &[
    ("tea-runtime", "tea-runtime"),
    ("tea-build", "build-support"),
    ("tea-graph", "tea-graph"),
    ("tea-macros", "tea-macros"),
];

#[test]
fn what_others_may_use_is_what_is_written_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut differ = Vec::new();
    for (name, folder) in CRATES {
        let api = Api::of(&root.join(folder).join("src"), &name.replace('-', "_"));
        let path = root.join("tests/api").join(format!("{name}.txt"));
        if env::var_os("TEA_BLESS").is_some() {
            fs::write(&path, &api).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        let (known, now): (BTreeSet<&str>, BTreeSet<&str>) = (known.lines().collect(), api.lines().collect());
        differ.extend(known.difference(&now).map(|line| format!("{name}: no longer there: {line}")));
        differ.extend(now.difference(&known).map(|line| format!("{name}: new: {line}")));
    }
    let help = "if this is meant, tell it in CHANGELOG.md, and write it down with `TEA_BLESS=1 cargo test -p tests --test api`";
    assert!(differ.is_empty(), "{}\n{help}", differ.join("\n"));
}

#[test]
fn only_what_can_be_reached_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "lib.rs",
        "pub mod open; mod closed; pub use self::closed::{Shown, inner::deep as renamed};
         pub(crate) fn own() {} #[doc(hidden)] pub fn hidden() {} #[cfg(test)] mod tests { pub fn f() {} }",
    );
    write("open.rs", "pub fn f(a: &str) -> Vec<u8> { vec![] } fn g() {} pub struct Tuple(pub u8, u16);");
    write(
        "closed.rs",
        "#[derive(Clone)] pub struct Shown { pub a: u8, b: u16 } pub struct Unshown;
         impl Shown { pub fn new(a: u8) -> Self { todo!() } fn own(&self) {} }
         impl From<u8> for Shown { fn from(_: u8) -> Self { todo!() } }
         impl Unshown { pub fn f() {} } pub mod inner { pub fn deep() {} pub fn other() {} }",
    );
    let api = Api::of(folder.path(), "it");
    let expected = "it::Shown: #[derive(Clone)] pub struct Shown { pub a: u8, .. }
it::Shown: impl From<u8>
it::Shown: pub fn new(a: u8) -> Self
it::open::Tuple: pub struct Tuple(pub u8, ..)
it::open::f: pub fn f(a: &str) -> Vec<u8>
it::renamed: pub fn deep()
";
    assert_eq!(api, expected);
}

/// A module: its items, and the modules in it.
struct Module {
    items: Vec<Item>,
    inner: BTreeMap<String, Self>,
}

/// What is found so far.
struct Api<'a> {
    root: &'a Module,
    lines: BTreeSet<String>,
    /// The types that are shown, by their names.
    types: BTreeMap<String, String>,
}

impl Module {
    fn read(file: &Path, folder: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self::of(syn::parse_file(&text).unwrap().items, folder)
    }

    fn of(items: Vec<Item>, folder: &Path) -> Self {
        let mut inner = BTreeMap::new();
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if !is_built(&module.attrs) {
                continue;
            }
            let (name, within) = (module.ident.to_string(), folder.join(module.ident.to_string()));
            let read = if let Some((_, items)) = &module.content {
                Self::of(items.clone(), &within)
            } else {
                let files = [folder.join(format!("{name}.rs")), within.join("mod.rs")];
                let file: &PathBuf = files.iter().find(|file| file.exists()).expect("the file of a module");
                Self::read(file, &within)
            };
            inner.insert(name, read);
        }
        Self { items, inner }
    }
}

/// Whether it is there on Unix, and not only in tests.
fn is_built(attributes: &[Attribute]) -> bool {
    let cfg = |attribute: &&Attribute| attribute.path().is_ident("cfg");
    let texts = attributes.iter().filter(cfg).map(|attribute| tidy(&attribute.meta.to_token_stream().to_string()));
    !texts.into_iter().any(|text| {
        text.contains("test)") || text.contains("test,") || text == "cfg(not(unix))" || text == "cfg(windows)"
    })
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| tidy(&attribute.meta.to_token_stream().to_string()) == "doc(hidden)")
}

impl<'a> Api<'a> {
    fn of(source: &Path, name: &str) -> String {
        let root = Module::read(&source.join("lib.rs"), source);
        let mut api = Api { root: &root, lines: BTreeSet::new(), types: BTreeMap::new() };
        api.module(&root, &[], name);
        let mut all = vec![&root];
        while let Some(module) = all.pop() {
            all.extend(module.inner.values());
            for item in &module.items {
                if let Item::Impl(block) = item {
                    api.block(block);
                }
            }
        }
        api.lines.into_iter().map(|line| line + "\n").collect()
    }

    /// Lists the public items of a module, which is at `path` and is known as `shown`.
    fn module(&mut self, module: &'a Module, path: &[String], shown: &str) {
        for item in &module.items {
            self.item(item, module, path, shown, None);
        }
    }

    /// Lists an item, if it is public, or is made so under a name.
    fn item(&mut self, item: &'a Item, module: &'a Module, path: &[String], shown: &str, name: Option<&str>) {
        let (attributes, visibility, ident) = match item {
            Item::Const(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Enum(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Fn(of) => (&of.attrs, &of.vis, Some(&of.sig.ident)),
            Item::Mod(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Static(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Struct(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Trait(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Type(of) => (&of.attrs, &of.vis, Some(&of.ident)),
            Item::Use(of) => (&of.attrs, &of.vis, None),
            Item::Macro(of) if of.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) => {
                if !is_hidden(&of.attrs) {
                    self.lines.insert(format!("{}!", of.ident.as_ref().unwrap()));
                }
                return;
            }
            _ => return,
        };
        let is_public = matches!(visibility, Visibility::Public(_));
        if !is_public || !is_built(attributes) || is_hidden(attributes) {
            return;
        }
        let name = name.map(str::to_owned).or(ident.map(ToString::to_string)).unwrap_or_default();
        match item {
            Item::Use(of) => self.uses(&of.tree, path, Vec::new(), shown),
            Item::Mod(_) => {
                let path: Vec<_> = path.iter().cloned().chain(ident.map(ToString::to_string)).collect();
                self.module(&module.inner[&path[path.len() - 1]], &path, &format!("{shown}::{name}"));
            }
            _ => {
                let full = format!("{shown}::{name}");
                self.lines.insert(format!("{full}: {}", signature(item)));
                if matches!(item, Item::Enum(_) | Item::Struct(_) | Item::Trait(_)) {
                    self.types.insert(ident.unwrap().to_string(), full);
                }
            }
        }
    }

    fn uses(&mut self, tree: &UseTree, path: &[String], mut before: Vec<String>, shown: &str) {
        match tree {
            UseTree::Path(of) => {
                before.push(of.ident.to_string());
                self.uses(&of.tree, path, before, shown);
            }
            UseTree::Group(of) => of.items.iter().for_each(|tree| self.uses(tree, path, before.clone(), shown)),
            UseTree::Name(of) => self.used(path, &before, &of.ident.to_string(), None, shown),
            UseTree::Rename(of) => self.used(path, &before, &of.ident.to_string(), Some(&of.rename.to_string()), shown),
            UseTree::Glob(_) => {
                if let Some((module, path)) = self.find(path, &before) {
                    self.module(module, &path, shown);
                }
            }
        }
    }

    /// The module that a path leads to, if it is in this crate.
    fn find(&self, from: &[String], way: &[String]) -> Option<(&'a Module, Vec<String>)> {
        let mut path = from.to_vec();
        for part in way {
            match part.as_str() {
                "crate" => path.clear(),
                "self" => {}
                "super" => drop(path.pop()),
                _ => path.push(part.clone()),
            }
        }
        let mut module = self.root;
        for part in &path {
            module = module.inner.get(part)?;
        }
        Some((module, path))
    }

    /// Lists something that is made public elsewhere.
    fn used(&mut self, path: &[String], before: &[String], ident: &str, rename: Option<&str>, shown: &str) {
        let Some((module, at)) = self.find(path, before) else {
            self.lines.insert(format!("{shown}: pub use {}::{ident}", before.join("::")));
            return;
        };
        if ident == "self" {
            return self.module(
                module,
                &at,
                &format!("{shown}::{}", rename.unwrap_or(at.last().map_or("", String::as_str))),
            );
        }
        for item in &module.items {
            let name = match item {
                Item::Const(of) => of.ident.to_string(),
                Item::Enum(of) => of.ident.to_string(),
                Item::Fn(of) => of.sig.ident.to_string(),
                Item::Mod(of) => of.ident.to_string(),
                Item::Struct(of) => of.ident.to_string(),
                Item::Trait(of) => of.ident.to_string(),
                Item::Type(of) => of.ident.to_string(),
                Item::Use(of) => {
                    self.through(&of.tree, &at, Vec::new(), ident, rename, shown);
                    continue;
                }
                _ => continue,
            };
            if name == ident {
                self.item(item, module, &at, shown, rename);
            }
        }
    }

    /// Follows a `use` in another module that brings `ident` there.
    fn through(
        &mut self,
        tree: &UseTree,
        path: &[String],
        mut before: Vec<String>,
        ident: &str,
        rename: Option<&str>,
        shown: &str,
    ) {
        match tree {
            UseTree::Path(of) => {
                before.push(of.ident.to_string());
                self.through(&of.tree, path, before, ident, rename, shown);
            }
            UseTree::Group(of) => {
                of.items.iter().for_each(|tree| self.through(tree, path, before.clone(), ident, rename, shown));
            }
            UseTree::Name(of) if of.ident == ident => self.used(path, &before, ident, rename, shown),
            UseTree::Rename(of) if of.rename == ident => {
                self.used(path, &before, &of.ident.to_string(), rename.or(Some(ident)), shown);
            }
            _ => {}
        }
    }

    /// Lists what a block implements for a type that is shown.
    fn block(&mut self, block: &ItemImpl) {
        let Type::Path(of) = &*block.self_ty else { return };
        let Some(full) = of.path.segments.last().and_then(|last| self.types.get(&last.ident.to_string())).cloned()
        else {
            return;
        };
        if !is_built(&block.attrs) || is_hidden(&block.attrs) {
            return;
        }
        if let Some((of, _)) = &block.trait_ {
            self.lines.insert(format!("{full}: impl {}", tidy(&of.to_token_stream().to_string())));
            return;
        }
        for item in &block.items {
            let (attributes, visibility, text) = match item {
                ImplItem::Fn(of) => (&of.attrs, &of.vis, of.sig.to_token_stream()),
                ImplItem::Const(of) => (&of.attrs, &of.vis, {
                    let (ident, ty) = (&of.ident, &of.ty);
                    quote::quote!(const #ident: #ty)
                }),
                _ => continue,
            };
            if matches!(visibility, Visibility::Public(_)) && is_built(attributes) && !is_hidden(attributes) {
                self.lines.insert(format!("{full}: pub {}", tidy(&text.to_string())));
            }
        }
    }
}

/// An item without its inside.
fn signature(item: &Item) -> String {
    let fields = |fields: &mut Fields| match fields {
        Fields::Named(of) => hide(&mut of.named),
        Fields::Unnamed(of) => hide(&mut of.unnamed),
        Fields::Unit => false,
    };
    let (text, more) = match item.clone() {
        Item::Fn(of) => return format!("pub {}", tidy(&of.sig.to_token_stream().to_string())),
        Item::Const(of) => return format!("pub const {}: {}", of.ident, tidy(&of.ty.to_token_stream().to_string())),
        Item::Static(of) => return format!("pub static {}: {}", of.ident, tidy(&of.ty.to_token_stream().to_string())),
        Item::Struct(mut of) => {
            of.attrs = kept(of.attrs);
            let more = fields(&mut of.fields);
            of.fields.iter_mut().for_each(|field| field.attrs.clear());
            (of.to_token_stream(), more)
        }
        Item::Enum(mut of) => {
            of.attrs = kept(of.attrs);
            of.variants = of.variants.into_iter().filter(|variant| !is_hidden(&variant.attrs)).collect();
            for variant in &mut of.variants {
                variant.attrs.clear();
                variant.fields.iter_mut().for_each(|field| field.attrs.clear());
            }
            (of.to_token_stream(), false)
        }
        Item::Trait(mut of) => {
            of.attrs = kept(of.attrs);
            for item in &mut of.items {
                match item {
                    syn::TraitItem::Fn(of) => {
                        of.attrs.clear();
                        of.default = of.default.as_ref().map(|_| syn::parse_quote!({}));
                    }
                    syn::TraitItem::Const(of) => of.attrs.clear(),
                    syn::TraitItem::Type(of) => of.attrs.clear(),
                    _ => {}
                }
            }
            (of.to_token_stream(), false)
        }
        Item::Type(mut of) => {
            of.attrs = kept(of.attrs);
            (of.to_token_stream(), false)
        }
        other => (other.to_token_stream(), false),
    };
    let text = tidy(&text.to_string());
    let text = text.trim_end_matches(';').to_owned();
    if !more {
        return text;
    }
    // Fields that are not public are there, too.
    match text.rsplit_once(['}', ')']) {
        Some((start, end)) => {
            let close = &text[start.len()..text.len() - end.len()];
            let comma = match start.trim_end().chars().next_back() {
                Some('(') => "",
                Some('{') => " ",
                _ => ", ",
            };
            let space = if close == "}" { " " } else { "" };
            format!("{}{comma}..{space}{close}{end}", start.trim_end().trim_end_matches(','))
        }
        None => text,
    }
}

/// Removes fields that are not public. Returns whether there were any.
fn hide(fields: &mut syn::punctuated::Punctuated<syn::Field, syn::Token![,]>) -> bool {
    let all = fields.len();
    *fields = std::mem::take(fields).into_iter().filter(|field| matches!(field.vis, Visibility::Public(_))).collect();
    fields.len() < all
}

/// The attributes that matter to users.
fn kept(attributes: Vec<Attribute>) -> Vec<Attribute> {
    let matters =
        |attribute: &Attribute| ["derive", "non_exhaustive"].iter().any(|name| attribute.path().is_ident(name));
    attributes.into_iter().filter(matters).collect()
}

/// Tokens without the spaces between them that nobody writes.
fn tidy(text: &str) -> String {
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        ("& ", "&"),
        (" :", ":"),
        ("# [", "#["),
        (" (", "("),
        ("' ", "'"),
        (" !", "!"),
        ("* const", "*const"),
    ] {
        text = text.replace(from, to);
    }
    text.replace("->(", "-> (").replace(",(", ", (").replace("=(", "= (").replace(":(", ": (").replace("- >", "->")
}
