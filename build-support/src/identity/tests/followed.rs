//! How far code is followed through the sources, and where it cannot be.

use super::{ALL, NONE, Project, affected, call, soundness};

#[test]
fn the_place_of_an_item_does_not_count() {
    let before = Project::new().nodes();
    let deeper = "fn deeper(n: u64) -> u64 { if n > MOST { MOST } else { n } }\n";
    let elsewhere =
        Project::new().edit("src/counting.rs", deeper, "").edit("src/counting.rs", "use ", &format!("{deeper}use "));
    assert_eq!(affected(&before, &elsewhere.nodes()), NONE);
    let other_file = Project::new()
        .edit("src/counting.rs", deeper, "use crate::shares::deeper;\n")
        .edit("src/counting.rs", "const MOST", "pub const MOST")
        .edit("src/shares.rs", "pub fn twice", &format!("use crate::counting::MOST;\npub {deeper}pub fn twice"));
    assert_eq!(affected(&before, &other_file.nodes()), NONE);
}

#[test]
fn two_items_of_one_name_are_told_apart_by_where_they_are_used() {
    const USER: &str = "pub fn user(n: u64) -> u64 { score(n) }\n";
    let base = Project::new()
        .with("src/exact.rs", "pub fn score(n: u64) -> u64 { n }")
        .with("src/fast.rs", "pub fn score(n: u64) -> u64 { n / 2 }")
        .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
        .edit("src/counting.rs", "use crate", "use crate::exact::score;\nuse crate")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ score(n) }");
    let other = base.clone().edit("src/counting.rs", "crate::exact::score", "crate::fast::score");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
    // And if what is used is defined beside the user, which moves.
    let user = |module: &str, other: &str| {
        Project::new()
            .with(
                "src/exact.rs",
                &format!("{}pub fn score(n: u64) -> u64 {{ n }}", if module == "exact" { USER } else { "" }),
            )
            .with(
                "src/fast.rs",
                &format!("{}pub fn score(n: u64) -> u64 {{ n / 2 }}", if module == "fast" { USER } else { "" }),
            )
            .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
            .edit("src/counting.rs", "use crate", &format!("use crate::{module}::user;\nuse crate"))
            .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", &format!("{{ user(n) {other}}}"))
    };
    assert_eq!(affected(&user("exact", "").nodes(), &user("fast", "").nodes()), ["count"]);
}

#[test]
fn what_an_import_from_another_crate_means_counts() {
    let base = Project::new().edit("src/counting.rs", "use crate", "use rand::random;\nuse crate").edit(
        "src/counting.rs",
        "{ if n > MOST { MOST } else { n } }",
        "{ random(n) }",
    );
    let other = base.clone().edit("src/counting.rs", "rand::random", "fastrand::random");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
    let glob = base.clone().edit("src/counting.rs", "rand::random", "rand::*");
    let other = base.edit("src/counting.rs", "rand::random", "fastrand::*");
    assert_eq!(affected(&glob.nodes(), &other.nodes()), ["count"]);
}

#[test]
fn what_cannot_be_followed_makes_more_count() {
    // A file that is no Rust: all sources count.
    let broken = || Project::new().with("src/broken.rs", "fn a( {");
    let other = broken().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }");
    assert_eq!(affected(&broken().nodes(), &other.nodes()), ALL);
    let notice = broken().plan(&call(&[])).identities.unwrap().notice;
    assert_eq!(notice.as_deref(), Some("`src/broken.rs` cannot be read as Rust"));
    // A file whose path is computed: the executable counts.
    let computed = Project::new().edit("src/shares.rs", "include_str!(\"weights.txt\")", "include_str!(path!())");
    let unknown: Vec<_> = computed.nodes().into_iter().filter(|node| node.1 == 0).map(|node| node.0).collect();
    assert_eq!(unknown, ["share"]);
}

#[test]
fn a_method_that_a_macro_of_another_crate_may_call_counts() {
    let base = Project::new().edit("src/main.rs", "STEP }\n", "STEP };\n    other::call!(base)\n");
    let after = base.clone().edit("src/main.rs", "{ 0.0 }", "{ 1.0 }");
    assert_eq!(affected(&base.nodes(), &after.nodes()), ["place"]);
}

#[test]
fn implementations_are_found_wherever_they_are() {
    // In the body of a function that no node calls.
    let within = "fn unrelated() { impl Drop for Point { fn drop(&mut self) { let _ = 1; } } }";
    let base = Project::new().edit("src/main.rs", "fn unrelated() {}", within);
    let drop = base.clone().edit("src/main.rs", "let _ = 1", "let _ = 2");
    assert_eq!(affected(&base.nodes(), &drop.nodes()), ALL);
    // For a type of the standard library, with a path whose words have other meanings here.
    let text = "mod string {}\nimpl Measure for std::string::String { fn measure(&self) -> u64 { 5 } }\nconst MOST";
    let base = Project::new().edit("src/counting.rs", "const MOST", text);
    let string = base.clone().edit("src/counting.rs", "{ 5 }", "{ 6 }");
    assert_eq!(affected(&base.nodes(), &string.nodes()), ["count"]);
    // For an alias.
    let equal = "impl PartialEq for Place { fn eq(&self, other: &Self) -> bool { self.x == other.x } }";
    let base = Project::new().edit("src/main.rs", "static STEP", &format!("type Place = Point;\n{equal}\nstatic STEP"));
    let alias = base.clone().edit("src/main.rs", "self.x == other.x", "self.y == other.y");
    assert_eq!(affected(&base.nodes(), &alias.nodes()), ["place", "last"]);
}

#[test]
fn a_comma_that_layout_adds_does_not_count_and_one_that_makes_a_tuple_does() {
    let base = Project::new().edit("src/counting.rs", "{ $a + $b }", "{ one($a + $b).0 }").edit(
        "src/counting.rs",
        "const MOST",
        "fn one(n: u64) -> (u64,) { (n,) }\nconst MOST",
    );
    let nodes = base.nodes();
    let layout = base.clone().edit("src/counting.rs", "fn one(n: u64)", "fn one(\n    n: u64,\n)");
    assert_eq!(affected(&nodes, &layout.nodes()), NONE);
    let call = base.clone().edit("src/counting.rs", "sum!(deeper(n)", "sum!(deeper(n,)");
    assert_eq!(affected(&nodes, &call.nodes()), ["count"], "a macro decides what its tokens mean");
    let tuple = base.edit("src/counting.rs", "{ (n,) }", "{ (n) }");
    assert_eq!(affected(&nodes, &tuple.nodes()), ["count"]);
}

#[test]
fn code_is_followed_through_traits_types_and_modules() {
    let count: &[&str] = &["count"];
    soundness(
        "trait Twice { fn twice(&self) -> u64 { self.once() + ONE } fn once(&self) -> u64; }\nimpl Twice for u64 { fn once(&self) -> \
         u64 { *self } }\nconst ONE: u64 = 1;\nfn started(n: u64) -> u64 { n.twice() }",
        &[
            ("+ ONE", "- ONE", count),
            ("ONE: u64 = 1", "ONE: u64 = 2", count),
            ("u64 { *self } }\nconst", "u64 { 7 } }\nconst", count),
        ],
    );
    soundness(
        "struct Local(u64);\ntrait All { fn all(&self) -> u64; }\nimpl All for Vec<Local> { fn all(&self) -> u64 { 5 } }\nfn started(n: \
         u64) -> u64 { vec![Local(n)].all() }",
        &[("{ 5 }", "{ 6 }", count)],
    );
    soundness(
        "struct Inner(u64);\nimpl Inner { fn deep(&self) -> u64 { 5 } fn other(&self) -> u64 { 8 } }\nstruct Outer(Inner);\nimpl \
         std::ops::Deref for Outer { type Target = Inner; fn deref(&self) -> &Inner { &self.0 } }\nfn started(n: u64) -> u64 { \
         Outer(Inner(n)).deep() }",
        &[("{ 5 }", "{ 6 }", count), ("{ &self.0 }", "{ &&self.0 }", count), ("{ 8 }", "{ 9 }", NONE)],
    );
    soundness(
        "const SIZE: usize = 4;\nstruct Buffer<const N: usize = SIZE>([u8; N]);\nimpl<const N: usize> Buffer<N> { fn len(&self) -> u64 { \
         N as u64 } }\nfn started(_: u64) -> u64 { let buffer: Buffer = make(); buffer.len() }\nfn make<T: Default>() -> T { \
         T::default() }",
        &[("SIZE: usize = 4", "SIZE: usize = 8", count), ("N as u64", "N as u64 + 1", count)],
    );
    soundness(
        "static CALLS: std::sync::Mutex<Vec<u64>> = std::sync::Mutex::new(Vec::new());\nfn started(n: u64) -> u64 { \
         CALLS.lock().unwrap().push(n); n }",
        &[("Mutex::new(Vec::new())", "Mutex::new(Vec::from([]))", count)],
    );
    soundness(
        "#[cfg(unix)]\nfn started(n: u64) -> u64 { n + 1 }\n#[cfg(not(unix))]\nfn started(n: u64) -> u64 { n + 2 }",
        &[("n + 1", "n + 3", count), ("n + 2", "n + 3", count), ("cfg(unix)", "cfg(windows)", count)],
    );
    soundness(
        "fn started(n: u64) -> u64 { macro_rules! own { ($f:ident) => { $f() } } n + own!(hidden) }\nfn hidden() -> u64 { 5 }",
        &[("{ 5 }", "{ 6 }", count)],
    );
    soundness(
        "enum Kind { One, Two }\nuse Kind::*;\nfn started(n: u64) -> u64 { match kind(n) { One => 1, Two => 2 } }\nfn kind(n: u64) -> \
         Kind { if n > 3 { One } else { Two } }",
        &[("n > 3", "n > 4", count), ("{ One, Two }", "{ Two, One }", count)],
    );
    soundness(
        "struct Guard;\nimpl Drop for Guard { fn drop(&mut self) { after() } }\nfn after() { () }\nfn started(n: u64) -> u64 { let _guard \
         = Guard; n }",
        &[("{ () }", "{ ((), ()); }", count)],
    );
    soundness(
        "struct Shown(u64);\nimpl std::fmt::Display for Shown { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { \
         width(f) } }\nfn width(f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(\"x\") }\nfn started(n: u64) -> u64 { \
         Shown(n).to_string().len() as u64 }",
        &[("\"x\"", "\"y\"", count)],
    );
    soundness(
        "trait Named { const NAME: &'static str; }\nimpl Named for u64 { const NAME: &'static str = \"u64\"; }\nfn started(n: u64) -> u64 \
         { length::<u64>() + n }\nfn length<T: Named>() -> u64 { T::NAME.len() as u64 }",
        &[("= \"u64\"", "= \"other\"", count)],
    );
}

#[test]
fn files_that_are_included_or_named_by_a_path_are_followed() {
    let base = Project::new()
        .with("src/more/included.rs", "fn from_file(n: u64) -> u64 { n + 1 }")
        .with("src/more/elsewhere.rs", "pub fn by_path(n: u64) -> u64 { n + 2 }")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ from_file(n) + placed::by_path(n) }")
        .edit(
            "src/counting.rs",
            "const MOST",
            "include!(\"more/included.rs\");\n#[path = \"more/elsewhere.rs\"]\nmod placed;\nconst MOST",
        );
    let before = base.nodes();
    for (file, from) in [("src/more/included.rs", "n + 1"), ("src/more/elsewhere.rs", "n + 2")] {
        let found = affected(&before, &base.clone().edit(file, from, "n + 3").nodes());
        assert!(found.contains(&"count".to_owned()), "{file}: {found:?}");
    }
}

#[test]
fn which_module_a_glob_import_names_counts() {
    let base = Project::new()
        .with("src/exact.rs", "pub fn score(n: u64) -> u64 { n }")
        .with("src/fast.rs", "pub fn score(n: u64) -> u64 { n / 2 }")
        .edit("src/main.rs", "mod shares;", "mod shares;\nmod exact;\nmod fast;")
        .edit("src/counting.rs", "use crate", "use crate::exact::*;\nuse crate")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ score(n) }");
    let other = base.clone().edit("src/counting.rs", "crate::exact::*", "crate::fast::*");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ["count"]);
}

#[test]
fn what_only_has_the_name_of_something_known_is_not_known() {
    let why = |project: &Project| project.plan(&call(&[])).identities.unwrap().notice.unwrap_or_default();
    let macro_rules = Project::new()
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ vec!(n, hidden) }")
        .edit("src/counting.rs", "const MOST", "macro_rules! vec { ($n:expr, $m:ident) => { $n.$m() } }\nconst MOST");
    assert_eq!(why(&macro_rules), "`macro vec` in src/counting.rs has the name of a well-known macro");
    let imported = Project::new().edit("src/counting.rs", "use crate", "use other::println;\nuse crate").edit(
        "src/counting.rs",
        "{ if n > MOST { MOST } else { n } }",
        "{ println!(\"{n}\"); n }",
    );
    assert_eq!(why(&imported), "`println` in src/counting.rs is `other::println`, and not the one that is so called");
    for (import, attribute) in [("Default", "#[derive(Default)]"), ("instrument", "#[instrument]")] {
        let foreign = Project::new()
            .edit("src/counting.rs", "use crate", &format!("use other::{import};\nuse crate"))
            .edit("src/counting.rs", "struct Other", &format!("{attribute}\nstruct Other"));
        assert!(why(&foreign).ends_with("and not the one that is so called"), "{import}: {}", why(&foreign));
        let edit = foreign.clone().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { () }");
        assert_eq!(affected(&foreign.nodes(), &edit.nodes()), ALL);
        let known = foreign.edit("src/counting.rs", &format!("other::{import}"), &format!("serde::{import}"));
        assert_eq!(why(&known), "");
    }
    // A type of that name that nothing derives is nothing special.
    let ty = Project::new().edit("src/counting.rs", "use crate", "use other::Error;\nuse crate");
    assert_eq!(why(&ty), "");
}
