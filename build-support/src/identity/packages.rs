//! The packages whose sources a workflow can reach: its own, and those that are dependencies by path.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// A package on this machine.
#[derive(Debug)]
pub(super) struct Package {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// The names under which Rust code refers to it.
    pub(super) names: BTreeSet<String>,
    /// All of it counts, whoever uses it: what it does when the program is compiled cannot be seen in its items.
    pub(super) whole: bool,
    /// So do files that are no Rust, which its build script may read.
    pub(super) data: bool,
    /// Its edition.
    pub(super) edition: String,
}

/// The package in `folder`, and those that it depends on by path, itself first.
pub(super) fn packages(folder: &Path) -> Result<Vec<Package>, String> {
    let mut search = Search { found: Vec::new() };
    search.add(folder, false, None)?;
    Ok(search.found)
}

struct Search {
    found: Vec<Package>,
}

impl Search {
    fn add(&mut self, folder: &Path, whole: bool, renamed: Option<&str>) -> Result<(), String> {
        let folder = folder.canonicalize().map_err(|error| format!("cannot find `{}`: {error}", folder.display()))?;
        let rename = renamed.map(identifier);
        if let Some(known) = self.found.iter_mut().find(|known| known.folder == folder) {
            known.names.extend(rename.clone());
            if known.whole || !whole {
                return Ok(());
            }
            known.whole = true;
        }
        let manifest = read(&folder)?;
        let package = manifest.get("package");
        let name = package.and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default();
        let library = manifest.get("lib");
        let is_macro = library.is_some_and(|library| {
            ["proc-macro", "proc_macro"].iter().any(|key| library.get(*key).and_then(Value::as_bool) == Some(true))
        });
        // The compiler and the runtime are not part of anyone's closure: their versions count, or all of their text.
        let data = !self.found.is_empty() && folder.join("build.rs").exists();
        let whole = whole || is_macro || data || ["tea-build", "tea-macros", "tea-runtime"].contains(&name);
        let library = library.and_then(|library| library.get("name")).and_then(Value::as_str);
        let names: BTreeSet<_> = [name, library.unwrap_or(name)].into_iter().map(identifier).chain(rename).collect();
        let root = workspace(&folder, &manifest);
        if let Some(known) = self.found.iter_mut().find(|known| known.folder == folder) {
            known.names.extend(names);
        } else {
            let edition = edition(&manifest, root.as_ref().map(|(_, of)| of));
            self.found.push(Package { folder: folder.clone(), names, whole, data, edition });
        }
        for (kind, name, dependency) in dependencies(&manifest) {
            let whole = whole || kind == "build-dependencies";
            if let Some(path) = dependency.get("path").and_then(Value::as_str) {
                self.add(&folder.join(path), whole, Some(name))?;
            } else if dependency.get("workspace").and_then(Value::as_bool) == Some(true)
                && let Some((root, of)) = &root
                && let Some(shared) = of.get("workspace").and_then(|of| of.get("dependencies")?.get(name))
                && let Some(path) = shared.get("path").and_then(Value::as_str)
            {
                self.add(&root.join(path), whole, Some(name))?;
            }
        }
        // What is patched may be a dependency of a dependency.
        let of_root = root.as_ref().map_or((&folder, &manifest), |(root, of)| (root, of));
        let patches = of_root.1.get("patch").and_then(Value::as_table).into_iter().flat_map(Table::values);
        for patch in patches.filter_map(Value::as_table).flat_map(Table::values) {
            if let Some(path) = patch.get("path").and_then(Value::as_str) {
                self.add(&of_root.0.join(path), true, None)?;
            }
        }
        Ok(())
    }
}

/// The edition of a package, which it may have from its workspace.
fn edition(manifest: &Table, root: Option<&Table>) -> String {
    let own = manifest.get("package").and_then(|package| package.get("edition"));
    let shared = || root.and_then(|root| root.get("workspace")?.get("package")?.get("edition"));
    let edition = own.and_then(|own| own.as_str().or_else(|| shared()?.as_str()));
    edition.unwrap_or_default().to_owned()
}

/// How Rust code writes the name of a package.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

fn read(folder: &Path) -> Result<Table, String> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    text.parse().map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

/// The dependencies of a package, each with its table and its name.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&'static str, &str, &Value)> {
    const KINDS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    std::iter::once(manifest).chain(targets.filter_map(Value::as_table)).flat_map(|table| {
        KINDS.into_iter().flat_map(move |kind| {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            entries.map(move |(name, dependency)| (kind, name.as_str(), dependency))
        })
    })
}

/// The folder and the manifest of the workspace that a package belongs to.
fn workspace(folder: &Path, manifest: &Table) -> Option<(PathBuf, Table)> {
    if manifest.contains_key("workspace") {
        return Some((folder.to_owned(), manifest.clone()));
    }
    let named = manifest.get("package").and_then(|package| package.get("workspace")).and_then(Value::as_str);
    if let Some(path) = named {
        let root = folder.join(path);
        return read(&root).ok().map(|manifest| (root, manifest));
    }
    folder.ancestors().skip(1).find_map(|above| {
        let manifest = read(above).ok().filter(|manifest| manifest.contains_key("workspace"))?;
        Some((above.to_owned(), manifest))
    })
}
