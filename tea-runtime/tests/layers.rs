//! The layers of this crate: a room imports what is below it, and nothing above.
//!
//! This reads all paths of the sources that start at the crate's root (`crate::…`, or as many `super` as lead there), in
//! `use` lines and elsewhere, and finds those that point up. Tests may reach anywhere, so they are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Rooms, from the top to the ground. Each imports only what comes later.
///
/// One circle is left in the ground, in one line here: a failure of a fan-out holds results of branches, which hold failures.
const LAYERS: &[&[&str]] = &[
    &["fuzzing"],
    &["generated"],
    &["program"],
    &["entry"],
    &["builder"],
    &["request"],
    &["remote"],
    &["process"],
    &["engine"],
    &["executor"],
    &["report"],
    &["error"],
    &["question"],
    &["drawing"],
    &["plan"],
    &["map"],
    &["context"],
    &["event"],
    &["packed"],
    &["policy"],
    &["state"],
    &["node_error"],
    &["panic"],
    &["failure", "result"],
    &["cancel"],
    &["usage"],
    &["timer"],
    &["store"],
    &["position"],
    &["place"],
    &["open_question"],
    &["ended"],
    &["stderr"],
    &["user_code"],
    &["sync"],
    &["words"],
    &["pacing"],
];

#[test]
fn no_room_imports_from_above() {
    let arrows = arrows();
    print(&arrows);
    let level = |room: &str| LAYERS.iter().position(|layer| layer.contains(&room));
    let mut wrong = Vec::new();
    for ((from, to), files) in &arrows {
        match (level(from), level(to)) {
            (Some(above), Some(below)) if above <= below => {}
            (Some(_), Some(_)) => wrong.push(format!("`{from}` imports `{to}`, which is above it: {files:?}")),
            _ => wrong.push(format!("no layer is given for `{from}` or `{to}`: {files:?}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = r"
        use crate::{engine::{self, run}, state::*};
        use super::super::plan as p;
        mod inner { use super::super::super::timer; use super::sibling; }
        fn f() -> crate::failure::Failure { some_macro!(a, crate::event::Event) }
        macro_rules! m { () => { $crate::generated::x() } }
        #[cfg(test)]
        mod tests { use crate::program::main; }
        #[cfg(test)]
        use crate::builder::Builder;
        fn after() { crate::map::f(super::own()) }
    ";
    let found = paths(text, 2);
    let expected = ["engine", "event", "failure", "map", "plan", "state", "timer"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// Which room imports which, and the files where it does.
type Arrows = BTreeMap<(String, String), BTreeSet<PathBuf>>;

fn arrows() -> Arrows {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut arrows = Arrows::new();
    for file in files(&source) {
        let path = file.strip_prefix(&source).expect("it lies there").with_extension("");
        let mut module: Vec<_> = path.iter().map(|name| name.to_str().expect("names are text")).collect();
        if module.last() == Some(&"mod") {
            module.pop();
        }
        let room = module[0];
        let text = fs::read_to_string(&file).expect("it can be read");
        for to in paths(&text, module.len()) {
            // Macros that are exported stand at the root; they are those of `generated`.
            let to = if to.starts_with("__") || to == "with_cli" { "generated".to_owned() } else { to };
            if to == room {
                continue;
            }
            arrows.entry((room.to_owned(), to)).or_default().insert(path.clone());
        }
    }
    assert!(!arrows.is_empty());
    arrows
}

/// All source files but the crate's root and tests.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is a folder").map(|entry| entry.expect("it can be read").path());
    let entries = entries.filter(|path| path.file_stem().is_some_and(|name| name != "tests" && name != "lib"));
    let files = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The rooms to which paths in this text lead from the crate's root, in a module so deep below that.
fn paths(text: &str, depth: usize) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    collect(text.parse().expect("it is Rust"), depth, &mut rooms);
    rooms
}

fn collect(tokens: TokenStream, depth: usize, rooms: &mut BTreeSet<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            // `$crate`: a macro's, which leads here from other crates.
            TokenTree::Punct(punct) if punct.as_char() == '$' => at += 1,
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                let Some(TokenTree::Group(attribute)) = tokens.get(at) else { continue };
                if attribute.stream().to_string().replace(' ', "") == "cfg(test)" {
                    // What it stands on ends with a block or a semicolon.
                    let ends = |token: &TokenTree| match token {
                        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                        TokenTree::Punct(punct) => punct.as_char() == ';',
                        _ => false,
                    };
                    // The braces of `use a::{…};` are no block.
                    let uses = tokens[at + 1..].first().is_some_and(|token| token.to_string() == "use");
                    let ends = |token: &TokenTree| if uses { token.to_string() == ";" } else { ends(token) };
                    at += 1 + tokens[at + 1..].iter().position(ends).map_or(0, |end| end + 1);
                }
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let Some(TokenTree::Group(body)) = tokens.get(at + 1) {
                    collect(body.stream(), depth + 1, rooms);
                    at += 2;
                }
            }
            TokenTree::Ident(word) if word == "crate" || word == "super" => {
                let mut up = if word == "crate" { depth } else { 1 };
                while let Some(rest) = after_colons(&tokens, at) {
                    match &tokens[rest] {
                        TokenTree::Ident(word) if word == "super" => up += 1,
                        token if up == depth => {
                            name(token, rooms);
                            break;
                        }
                        _ => break,
                    }
                    at = rest + 1;
                }
            }
            TokenTree::Group(group) => collect(group.stream(), depth, rooms),
            _ => {}
        }
    }
}

/// Where what follows `::` stands.
fn after_colons(tokens: &[TokenTree], at: usize) -> Option<usize> {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    (colon(at) && colon(at + 1) && at + 2 < tokens.len()).then_some(at + 2)
}

/// The name that a path goes on with, or all of them in braces.
fn name(token: &TokenTree, rooms: &mut BTreeSet<String>) {
    match token {
        TokenTree::Ident(room) => _ = rooms.insert(room.to_string()),
        TokenTree::Group(group) => {
            let mut first = true;
            for token in group.stream() {
                if first {
                    name(&token, rooms);
                }
                first = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
            }
        }
        _ => {}
    }
}

/// Shows the table: each room, with what it imports.
fn print(arrows: &Arrows) {
    for room in LAYERS.iter().copied().flatten() {
        let to: Vec<_> = arrows.keys().filter(|(from, _)| from == room).map(|(_, to)| to.as_str()).collect();
        println!("{room:>10} -> {}", if to.is_empty() { "nothing".to_owned() } else { to.join(", ") });
    }
}
