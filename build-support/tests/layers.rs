//! The compiler's layers: each stage knows those before it, and none knows one after it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the lowest. The modules of one line are on the same level, and may know those before them in that line.
const LAYERS: &[&[&str]] = &[
    &["diagnostic", "source", "codes", "doubt", "suggest", "render"],
    &["yaml"],
    &["syntax"],
    &["graph"],
    &["calls"],
    &["check"],
    &["plan"],
    &["generate"],
    &["misspelt", "stub", "script", "caller", "externs", "identity", "expand"],
    &["fuzzing"],
];

/// Known on every level: they know nothing of workflows, and of each other what they need.
const EVERYWHERE: &[&str] = LAYERS[0];

/// A module and its layer.
fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// All Rust files below a folder.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The modules of this crate that a file names: the first words after `crate::`, also in braces.
fn named(text: &str) -> Vec<String> {
    let is_word = |char: char| char == '_' || char.is_alphanumeric();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(rest.split(|char| !is_word(char)).next().unwrap().to_owned());
            continue;
        };
        let (mut depth, mut word) = (1, String::new());
        for char in list.chars() {
            match char {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 1 && is_word(char) {
                word.push(char);
            } else if depth <= 1 && (char == ',' || char == ':' || char == '}') {
                found.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                if char == ':' {
                    // What follows up to the comma belongs to that module.
                    word.clear();
                }
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|word| layer(word).is_some());
    found
}

#[test]
fn no_stage_knows_one_after_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let (mut arrows, mut known) = (Vec::new(), 0);
    for path in paths {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let own = first.trim_end_matches(".rs");
        if own == "lib" {
            continue;
        }
        let level = layer(own).unwrap_or_else(|| panic!("`{own}` stands in no layer"));
        for other in named(&fs::read_to_string(&path).unwrap()) {
            known += 1;
            let up = layer(&other).unwrap() > level;
            if up && !EVERYWHERE.contains(&other.as_str()) {
                arrows.push(format!("{} names `{other}`", relative.display()));
            }
        }
    }
    assert!(known > 100, "only {known} uses were found");
    assert!(arrows.is_empty(), "{}", arrows.join("\n"));
}

#[test]
fn uses_are_found_in_every_form() {
    let text = "use crate::{\n    codes,\n    graph::{self, Graph, plan},\n    syntax::Rust,\n};\nfn f(x: crate::yaml::Node) {}\nuse crate::check;";
    assert_eq!(named(text), ["codes", "graph", "syntax", "yaml", "check"]);
}
