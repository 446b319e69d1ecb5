//! The workflow files of a package: those that its Rust includes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use tea_build::{Arguments, Caller};

use crate::Failure;

/// A call of `include_workflow!`.
#[derive(Debug)]
pub(crate) struct Include {
    /// The path of the workflow file.
    pub(crate) path: PathBuf,
    /// The Rust file with the call.
    pub(crate) caller: PathBuf,
    /// How it is included.
    pub(crate) arguments: Arguments,
}

/// The calls of `include_workflow!` in the Rust files of the package or workspace that contains `place`, sorted by path.
pub(crate) fn includes(place: &Path) -> Result<Vec<Include>, Failure> {
    let root = root(place)?;
    let mut found = Vec::new();
    for file in rust_files(&root) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        // Most files call no macro of ours, and are not worth lexing.
        if text.contains("include_workflow") {
            let tokens = text.parse().unwrap_or_default();
            calls(tokens, &mut |arguments| {
                // A call that rustc will refuse names no file.
                if let Ok(arguments) = arguments.parse::<Arguments>() {
                    let caller = Caller { file: Some(file.clone()), direct: true, package: package(&file) };
                    // One that is not there is named all the same, as it was most likely meant.
                    let meant = || file.with_file_name(&arguments.path);
                    let path = caller.resolve(&arguments.path).unwrap_or_else(meant);
                    let path = std::path::absolute(&path).unwrap_or(path);
                    found.push(Include { path, caller: file.clone(), arguments });
                }
            });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The workflow files that the Rust of the package or workspace that contains `place` includes, each once.
pub(crate) fn files(place: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files: Vec<_> = includes(place)?.into_iter().map(|include| shown(&include.path)).collect();
    files.dedup();
    if files.is_empty() {
        let root = root(place)?;
        let nothing = format!("no Rust file below `{}` includes a workflow; name the workflow files", root.display());
        return Err(nothing.into());
    }
    Ok(files)
}

/// The directory of the nearest manifest: of `place`, or of a directory above it.
pub(crate) fn root(place: &Path) -> Result<PathBuf, Failure> {
    let absolute =
        std::path::absolute(place).map_err(|error| format!("cannot resolve `{}`: {error}", place.display()))?;
    let missing = || format!("there is no `Cargo.toml` in `{}` or above it", absolute.display());
    Ok(package(&absolute).ok_or_else(missing)?)
}

/// The directory of the nearest manifest above `path`, which is absolute.
fn package(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|directory| directory.join("Cargo.toml").is_file()).map(Path::to_owned)
}

/// `path` as it is shown: relative to the current directory if it is below that.
pub(crate) fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

/// All Rust files below `root`, without those that Cargo or a version control system made.
pub(crate) fn rust_files(root: &Path) -> Vec<PathBuf> {
    files_below(root, &["rs"])
}

/// All YAML files, likewise.
pub(crate) fn yaml_files(root: &Path) -> Vec<PathBuf> {
    files_below(root, &["yaml", "yml"])
}

fn files_below(root: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let hidden = name.as_encoded_bytes().starts_with(b".");
                let made_by_cargo = path.join("CACHEDIR.TAG").is_file();
                if !hidden && !made_by_cargo {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|of| extensions.iter().any(|extension| of == *extension)) {
                files.push(path);
            }
        }
    }
    files
}

/// Passes the arguments of each call of the macro to `found`.
fn calls(tokens: TokenStream, found: &mut impl FnMut(String)) {
    let mut last = [None, None];
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            match &last {
                [Some(TokenTree::Ident(name)), Some(TokenTree::Punct(punct))]
                    if name == "include_workflow" && punct.as_char() == '!' =>
                {
                    found(group.stream().to_string());
                }
                _ => calls(group.stream(), found),
            }
        }
        let [_, before] = last;
        last = [before, Some(token)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_in_code_and_not_in_comments_or_strings() {
        let text = r#"
            //! include_workflow!("comment.yaml")
            mod inner { tea_runtime::include_workflow!("inner.yaml", main = false); }
            const TEXT: &str = "include_workflow!(\"string.yaml\")";
            include_workflow! { "outer.yaml" }
        "#;
        let mut found = Vec::new();
        calls(text.parse().unwrap(), &mut |arguments| found.push(arguments.parse::<Arguments>().unwrap().path));
        assert_eq!(found, ["inner.yaml", "outer.yaml"]);
    }
}
