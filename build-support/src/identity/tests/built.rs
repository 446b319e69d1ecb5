//! How a program is built: what counts for all of its nodes.

use super::{ALL, NONE, Project, affected, call, nodes};
use crate::identity::built::Call;

#[test]
fn how_the_program_is_built_counts_for_all_nodes() {
    let project = Project::new();
    let before = nodes(&project.plan(&call(&[])));
    for more in [
        &["-C", "opt-level=3"][..],
        &["-Coverflow-checks=on"],
        &["-C", "target-cpu=native"],
        &["--target", "x86_64-unknown-linux-musl"],
        &["--cfg", "feature=\"fast\""],
        &["--extern", "serde=/x/libserde-01.rlib"],
    ] {
        assert_eq!(affected(&before, &nodes(&project.plan(&call(more)))), ALL, "{more:?}");
    }
    for more in [
        &["-C", "metadata=89ab"][..],
        &["-C", "extra-filename=-cdef"],
        &["-C", "debuginfo=2"],
        &["-C", "incremental=/x/incremental"],
        &["-L", "dependency=/x"],
    ] {
        assert_eq!(affected(&before, &nodes(&project.plan(&call(more)))), NONE, "{more:?}");
    }
    let folder = |folder: &str| nodes(&project.plan(&call(&["--extern", &format!("serde={folder}/libserde-01.rlib")])));
    assert_eq!(affected(&folder("/x"), &folder("/y")), NONE);
    // Another linker, or other debug information in the arguments, is in none of them.
    assert!(Call::of(&["rustc", "--crate-name", "x"].map(str::to_owned)).is_none());
    let without = ["rustc", "--crate-name", "x", "-C", "metadata=0123", "--extern", "proc_macro"];
    assert!(Call::of(&without.map(str::to_owned)).is_none(), "nothing tells the compiler's version");
}

#[test]
fn a_build_script_counts_unless_it_only_compiles_workflows() {
    let before = Project::new().nodes();
    let of_tea = Project::new().with("build.rs", "fn main() { tea_build::compile(\"src/flow.yaml\"); }");
    assert_eq!(affected(&before, &of_tea.nodes()), NONE);
    let other = Project::new().with("build.rs", "fn main() { println!(\"cargo::rustc-link-lib=z\"); }");
    assert_eq!(affected(&before, &other.nodes()), ALL);
}

#[test]
fn the_folder_does_not_count() {
    let project = Project::new();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_eq!(
        project.plan_in(one.path(), &call(&[])).identities,
        project.plan_in(other.path(), &call(&[])).identities
    );
}

#[test]
fn with_code_crate_everything_in_the_sources_counts() {
    let base = Project::new().edit("src/flow.yaml", "checkpoint: true", "checkpoint: { code: crate }");
    let comment = base.clone().edit("src/main.rs", "// Places.", "// Here.");
    assert_eq!(affected(&base.nodes(), &comment.nodes()), NONE);
    let unrelated = base.clone().edit("src/main.rs", "fn unrelated() {}", "fn unrelated() { println!() }");
    assert_eq!(affected(&base.nodes(), &unrelated.nodes()), ALL);
}

#[test]
fn a_dependency_by_path_with_a_build_script_counts_as_a_whole() {
    let base = Project::new().with("helper/build.rs", "fn main() {}").with("helper/data.txt", "one");
    let nodes = base.nodes();
    for (file, from, to) in [
        ("helper/data.txt", "one", "two"),
        ("helper/src/lib.rs", "x.floor()", "x.ceil()"),
        ("helper/build.rs", "{}", "{ println!() }"),
    ] {
        assert_eq!(affected(&nodes, &base.clone().edit(file, from, to).nodes()), ALL, "{file}");
    }
}

#[test]
fn a_procedural_macro_by_path_counts_as_a_whole() {
    let base = Project::new()
        .edit("Cargo.toml", "[dependencies]\n", "[dependencies]\nmakes = { path = \"makes\" }\n")
        .with("makes/Cargo.toml", "[package]\nname = \"makes\"\nversion = \"0.1.0\"\n[lib]\nproc-macro = true\n")
        .with("makes/src/lib.rs", "fn hidden() -> u64 { 1 }");
    let other = base.clone().edit("makes/src/lib.rs", "{ 1 }", "{ 2 }");
    assert_eq!(affected(&base.nodes(), &other.nodes()), ALL);
}

#[test]
fn the_version_of_the_package_counts_for_what_reads_it() {
    let reads = |body: &str| Project::new().edit("src/counting.rs", "{ if n > MOST { MOST } else { n } }", body);
    let words = |project: &Project| project.plan(&call(&[])).identities.unwrap();
    // The variable is that of the test's own package, so another one stands for it.
    let (env, other) = (
        reads("{ env!(\"CARGO_PKG_VERSION\").len() as u64 + n }"),
        reads("{ env!(\"CARGO_PKG_NAME\").len() as u64 + n }"),
    );
    assert_eq!(affected(&env.nodes(), &other.nodes()), ["count"]);
    assert!(words(&env).notice.is_none());
}
