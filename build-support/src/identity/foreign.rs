//! How precise identities are in a package that nobody wrote for Tea: which share of the edits of single functions changes
//! which share of the nodes.
//!
//! ```sh
//! TEA_FOREIGN=/folder/of/a/package cargo test -p tea-build --lib -- --ignored --nocapture identity::foreign
//! ```
//!
//! The package has its workflow in `src/flow.yaml`, included in `src/main.rs`, and the sources to edit in its dependencies by
//! path.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{
    files, packages, read_code,
    tests::{call, nodes},
    units,
};
use crate::{diagnostic::Diagnostics, source::Sources};

/// The identities of the nodes.
fn identities(folder: &Path) -> Vec<(String, u128)> {
    let mut sources = Sources::default();
    let text = fs::read_to_string(folder.join("src/flow.yaml")).unwrap();
    let file = sources.add(Path::new("src/flow.yaml"), text);
    let mut plan = crate::plan(&mut sources, file, &mut Diagnostics::default()).expect("the workflow has no errors");
    let code = read_code(folder, None, &call(&[])).unwrap();
    let module = code.index.module_of_workflow("flow.yaml", "src/main.rs");
    units::identify(&mut plan, &code, module, &sources);
    nodes(&plan)
}

/// Where the bodies of functions start, which are not for tests: lines and columns, counted from 0.
fn bodies(tokens: TokenStream, found: &mut Vec<(usize, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, word: &str| matches!(tokens.get(at), Some(TokenTree::Ident(ident)) if ident == word);
    let mut in_function = false;
    for (at, token) in tokens.iter().enumerate() {
        in_function |= is(at, "fn");
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => in_function = false,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let is_test = at >= 2 && is(at - 2, "mod") && is(at - 1, "tests");
                if std::mem::take(&mut in_function) {
                    let open = group.span_open().end();
                    found.push((open.line - 1, open.column));
                } else if !is_test {
                    bodies(group.stream(), found);
                }
            }
            _ => {}
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn which_share_of_edits_affects_which_share_of_nodes() {
    let folder =
        PathBuf::from(std::env::var_os("TEA_FOREIGN").expect("the folder of a package")).canonicalize().unwrap();
    let before = identities(&folder);
    assert!(before.iter().all(|node| node.1 != 0), "the executable counts: {before:?}");
    let (mut lines, mut edits) = (0, Vec::new());
    for package in packages::packages(&folder).unwrap().iter().skip(1).filter(|package| !package.whole) {
        for path in files::of_package(&package.folder, None, false).unwrap() {
            let text = fs::read_to_string(&path).unwrap();
            let mut places = Vec::new();
            bodies(text.parse().unwrap(), &mut places);
            lines += text.lines().count();
            edits.extend(places.into_iter().map(|place| (path.clone(), place)));
        }
    }
    let mut shares: BTreeMap<usize, usize> = BTreeMap::new();
    let mut by_node: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, (line, column)) in &edits {
        let text = fs::read_to_string(path).unwrap();
        let edited: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(number, of)| {
                if number == *line {
                    format!("{} let _ = 1; {}", &of[..*column], &of[*column..])
                } else {
                    of.to_owned()
                }
            })
            .collect();
        fs::write(path, edited.join("\n")).unwrap();
        let after = identities(&folder);
        fs::write(path, text).unwrap();
        let affected: Vec<_> =
            before.iter().zip(&after).filter(|(one, other)| one.1 != other.1).map(|(one, _)| one.0.as_str()).collect();
        *shares.entry(affected.len()).or_default() += 1;
        for node in affected {
            *by_node.entry(node).or_default() += 1;
        }
    }
    println!("{lines} lines, {} functions, {} nodes", edits.len(), before.len());
    let all = edits.len().max(1);
    for (count, edits) in shares {
        println!("{count} of {} nodes: {edits} edits, {} %", before.len(), 100 * edits / all);
    }
    for (node, edits) in by_node {
        println!("`{node}`: {edits} edits, {} %", 100 * edits / all);
    }
}
