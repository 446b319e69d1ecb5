//! Code that is reached though nothing names it where it is used.

use std::fs;

use super::{NONE, Project, affected, call, nodes, soundness};

#[test]
fn what_is_included_in_a_function_is_followed() {
    let base = Project::new()
        .with("src/part.in", "{ let base = include!(\"../more/rest.in\"); hidden(n) + base }")
        .with("more/rest.in", "deepest(n) + include_bytes!(\"data.txt\").len() as u64")
        .with("more/data.txt", "one")
        .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ include!(\"part.in\") }")
        .edit(
            "src/counting.rs",
            "const MOST",
            "fn hidden(n: u64) -> u64 { n + 1 }\nfn deepest(n: u64) -> u64 { n + 2 }\nconst MOST",
        );
    let before = base.nodes();
    for (file, from, to) in [
        ("src/part.in", "hidden(n) +", "hidden(n) -"),
        ("src/counting.rs", "{ n + 1 }", "{ n + 3 }"),
        ("src/counting.rs", "{ n + 2 }", "{ n + 3 }"),
        ("more/rest.in", "deepest(n)", "deepest(n + 1)"),
        ("more/data.txt", "one", "three"),
    ] {
        assert_eq!(affected(&before, &base.clone().edit(file, from, to).nodes()), ["count"], "{file}: {from}");
    }
    let broken = base.edit("src/part.in", "{ let", "let }");
    assert_eq!(broken.nodes().iter().filter(|node| node.1 == 0).count(), 1, "what cannot be read");
}

#[test]
fn which_trait_gives_a_method_counts() {
    let rivals = "pub mod a { pub trait Ext { fn go(&self) -> u64; } impl Ext for u64 { fn go(&self) -> u64 { 1 } } }\n\
                  pub mod b { pub trait Ext { fn go(&self) -> u64; } impl Ext for u64 { fn go(&self) -> u64 { 2 } } }\n\
                  static STEP";
    let base = |import: &str| {
        Project::new()
            .edit("src/main.rs", "static STEP", rivals)
            .edit("src/counting.rs", "use crate", &format!("{import}\nuse crate"))
            .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ n.go() }")
    };
    let differs = |one: &str, other: &str| affected(&base(one).nodes(), &base(other).nodes());
    assert_eq!(differs("use crate::a::Ext;", "use crate::b::Ext;"), ["count"]);
    assert_eq!(differs("use crate::a::Ext as _;", "use crate::b::Ext as _;"), ["count"]);
    assert_eq!(differs("use crate::a::*;", "use crate::b::*;"), ["count"]);
    assert_eq!(differs("use one::Ext as _;", "use other::Ext as _;"), ["count"], "of other crates");
    assert_eq!(differs("use std::fmt::Debug;", "use std::fmt::Display;"), NONE, "no other crate");

    // Where the workflow is included, its Rust means what it means there.
    let within = |import: &str| {
        Project::new()
            .edit("src/main.rs", "static STEP", rivals)
            .edit("src/main.rs", "mod shares;", &format!("mod shares;\n{import}"))
            .edit("src/flow.yaml", "run: \"place(n)\"", "run: \"place(n.go())\"")
    };
    let found = affected(&within("use a::Ext as _;").nodes(), &within("use b::Ext as _;").nodes());
    assert!(found.contains(&"place".to_owned()), "{found:?}");
}

#[test]
fn what_only_a_macro_knows_counts() {
    let count: &[&str] = &["count"];
    // A name that a macro of another crate puts together.
    soundness(
        "fn get_five() -> u64 { 5 }\nfn started(n: u64) -> u64 { n + paste::paste! { [<get_ five>]() } }",
        &[("{ 5 }", "{ 6 }", count)],
    );
    // The layout of what is turned into text.
    soundness(
        "fn started(n: u64) -> u64 { n + stringify!(a+b).len() as u64 }",
        &[("a+b", "a + b", count), ("fn started(n: u64) -> u64", "fn started(n: u64)\n  -> u64", NONE)],
    );
    // Of two macros of one name, the one before the call.
    let twice = |between: &str, after: &str| {
        let project = Project::new().edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ started(n) }");
        let text = format!(
            "macro_rules! step {{ () => {{ 1 }} }}\n{between}macro_rules! step {{ () => {{ 2 }} }}\n{after}const MOST"
        );
        project.edit("src/counting.rs", "const MOST", &text).nodes()
    };
    let started = "fn started(n: u64) -> u64 { n + step!() }\n";
    assert_eq!(affected(&twice(started, ""), &twice("", started)), count);
}

#[test]
fn a_module_whose_path_depends_on_a_condition_is_followed() {
    let base =
        Project::new().edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", "{ placed::by_path(n) }").edit(
            "src/counting.rs",
            "const MOST",
            "#[cfg_attr(unix, path = \"../../outside/unix.in\")]\nmod placed;\nconst MOST",
        );
    let outside = tempfile::tempdir().unwrap();
    let (package, file) = (outside.path().join("package"), outside.path().join("outside/unix.in"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let nodes_with = |text: &str| {
        fs::write(&file, text).unwrap();
        nodes(&base.plan_in(&package, &call(&[])))
    };
    let before = nodes_with("pub fn by_path(n: u64) -> u64 { n + 2 }");
    assert_eq!(affected(&before, &nodes_with("pub fn by_path(n: u64) -> u64 { n + 3 }")), ["count"]);
}

#[test]
fn what_a_module_passes_on_counts() {
    let base = |facade: &str, import: &str, call: &str| {
        Project::new()
            .with("src/exact.rs", "pub fn score(n: u64) -> u64 { n }\npub fn exactly(n: u64) -> u64 { n }")
            .with("src/fast.rs", "pub fn score(n: u64) -> u64 { n / 2 }\npub fn fast(n: u64) -> u64 { n / 2 }")
            .edit(
                "src/main.rs",
                "mod shares;",
                &format!("mod shares;\nmod exact;\nmod fast;\nmod facade {{ {facade} }}"),
            )
            .edit("src/counting.rs", "use crate", &format!("{import}\nuse crate"))
            .edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", &format!("{{ {call}(n) }}"))
            .nodes()
    };
    for (one, other) in [
        ("pub use crate::exact::score;", "pub use crate::fast::score;"),
        ("pub(crate) use crate::exact::exactly as score;", "pub(crate) use crate::fast::fast as score;"),
        (
            "pub use crate::exact::score; pub mod more { pub use crate::fast::score; }",
            "pub use crate::fast::score; pub mod more { pub use crate::exact::score; }",
        ),
        (
            "pub use crate::exact::exactly as score; pub use crate::fast::fast as other;",
            "pub use crate::exact::exactly as other; pub use crate::fast::fast as score;",
        ),
        ("pub use crate::exact::*;", "pub use crate::fast::*;"),
        ("pub use one::score;", "pub use two::score;"),
        ("pub use one::*;", "pub use two::*;"),
    ] {
        for (import, call) in [
            ("", "crate::facade::score"),
            ("use crate::facade::score;", "score"),
            ("use crate::facade::*;", "score"),
            ("use crate::facade;", "facade::score"),
            ("use crate::facade::score as value;", "value"),
        ] {
            let found = affected(&base(one, import, call), &base(other, import, call));
            assert!(found.contains(&"count".to_owned()), "{one} → {other}, {import} {call}: {found:?}");
        }
    }
}
