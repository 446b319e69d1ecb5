//! Files that words name.

use std::path::{Path, PathBuf};

use proc_macro2::TokenTree;

use super::{is_punct, string};

/// The folder of the package, and the folder that its build script writes to, in paths of included files.
pub(in crate::identity) const FOLDERS: [&str; 2] = ["CARGO_MANIFEST_DIR", "OUT_DIR"];

/// The path that the arguments of `include_str!` mean, with `{CARGO_MANIFEST_DIR}` and the like in it.
pub(super) fn path(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Literal(literal)] => string(&literal.to_string()),
        [TokenTree::Literal(literal), comma] if is_punct(Some(comma), ',') => string(&literal.to_string()),
        [TokenTree::Ident(name), bang, TokenTree::Group(group)] if is_punct(Some(bang), '!') => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            if name == "env" {
                let variable = path(&inside)?;
                return FOLDERS.contains(&variable.as_str()).then(|| format!("{{{variable}}}"));
            }
            if name != "concat" {
                return None;
            }
            let parts = inside.split(|token| is_punct(Some(token), ',')).filter(|part| !part.is_empty());
            parts.map(path).collect()
        }
        _ => None,
    }
}

/// Whether a string looks like the path of a file.
pub(super) fn is_path(string: &str) -> bool {
    string.len() < 200 && string.contains(['.', '/']) && !string.contains(char::is_whitespace) && !string.contains('{')
}

/// A file that words name, seen from a source in `folder`.
pub(in crate::identity) fn resolve(path: &str, folder: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for variable in FOLDERS {
        let mark = format!("{{{variable}}}");
        if path.contains(&mark) {
            path = path.replace(&mark, &std::env::var(variable).ok()?);
        }
    }
    Some(folder.join(path))
}
