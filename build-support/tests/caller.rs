//! Which file `include_workflow!` reads, and what it says where that is not clear.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tea_build::{Caller, expand};

const FLOW: &str = "name: flow\nstate_schema: { out: u32 }\nnodes:\n  - { name: one, run: \"1\", output: out }\n";

/// A package with workflow files at these paths.
fn package(name: &str, files: &[&str]) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&package);
    for file in files {
        let path = package.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, FLOW).unwrap();
    }
    package
}

fn is_read(text: &str) -> bool {
    text.contains("struct Input") && !text.contains("compile_error")
}

#[test]
fn the_file_beside_the_caller_is_read_and_no_absolute_path_is_written() {
    let package = package("beside", &["src/flow.yaml", "src/inner/flow.yaml", "src/inner/mod.rs"]);
    let caller = Caller { package: Some(package.clone()), ..Caller::at(package.join("src/inner/mod.rs")) };
    let text = expand("\"flow.yaml\"", &caller);
    assert!(is_read(&text) && text.contains("include_bytes!(\"flow.yaml\")"), "{text}");
    // Out of another macro it would be sought beside that one's caller.
    let text = expand("\"flow.yaml\"", &Caller { direct: false, ..caller });
    let absolute = package.join("src/inner/flow.yaml").display().to_string();
    assert!(is_read(&text) && text.contains(&format!("include_bytes!({absolute:?})")), "{text}");
}

#[test]
fn the_same_text_comes_from_every_folder() {
    let text = |name: &str| {
        let package = package(name, &["src/flow.yaml"]);
        // As rustc does: from the package's folder.
        let text = expand("\"flow.yaml\", main = false", &Caller::at(package.join("src/lib.rs")));
        text.replace(&package.display().to_string(), "")
    };
    let (one, two) = (text("one"), text("two-longer"));
    assert_eq!(one, two);
    assert_eq!(one.matches("include_bytes!(\"flow.yaml\")").count(), 1);
}

#[test]
fn a_path_from_the_packages_folder_is_taken() {
    let package = package("from-package", &["src/a/flow.yaml", "src/b/flow.yaml", "src/a/mod.rs"]);
    let callers = [Some(package.join("src/a/mod.rs")), None];
    for file in callers {
        let caller = Caller { file, direct: true, package: Some(package.clone()) };
        let text = expand("\"src/b/flow.yaml\"", &caller);
        assert!(is_read(&text) && text.contains("src/b/flow.yaml"), "{text}");
    }
}

/// Some editors do not say where a macro is called, and a macro of another package has its own file.
#[test]
fn where_the_caller_is_not_known_the_package_is_searched() {
    let package = package("search", &["src/deep/er/only.yaml", "src/a/two.yaml", "src/b/two.yaml", "target/only.yaml"]);
    for file in [None, Some(PathBuf::from("/elsewhere/src/lib.rs"))] {
        let caller = Caller { file, direct: true, package: Some(package.clone()) };
        assert!(is_read(&expand("\"only.yaml\"", &caller)));
        assert!(is_read(&expand("\"../deep/er/only.yaml\"", &caller)));
        let two = expand("\"two.yaml\"", &caller);
        assert!(two.contains("more than one `two.yaml`: `src/a/two.yaml`, `src/b/two.yaml`"), "{two}");
        assert!(two.contains("from the package's folder"), "{two}");
    }
}

#[test]
fn a_file_that_is_not_there_is_one_error_that_says_where_it_was_sought() {
    let package = package("missing", &["src/main.rs"]);
    let caller = Caller { package: Some(package.clone()), ..Caller::at(package.join("src/main.rs")) };
    let text = expand("\"flow.yaml\"", &caller);
    let [beside, above] = ["src/flow.yaml", "flow.yaml"].map(|file| package.join(file).display().to_string());
    assert!(text.contains(&format!("there is no file `{beside}` and no file `{above}`")), "{text}");
    assert!(text.contains("or absolute") && text.contains("fn main()"), "{text}");
}

#[test]
fn what_is_not_an_argument_is_one_error_that_names_the_option() {
    let caller = Caller::at("src/main.rs");
    for (arguments, error) in [
        ("runtime = \"tea\"", "`runtime` takes the path of the runtime, as in `::tea_runtime`, without quotes"),
        ("main = no", "`main` takes `true` or `false`"),
        ("module = \"x\"", "`module` takes a name, without quotes"),
        ("visibility = x", "`visibility` takes `pub`, `pub(crate)` and the like"),
        ("mian = false", "unknown option `mian`"),
    ] {
        let text = expand(&format!("\"flow.yaml\", {arguments}"), &caller);
        assert!(text.contains(error), "{text}");
        assert_eq!((text.matches("compile_error").count(), text.matches("fn main()").count()), (1, 1), "{text}");
    }
    let text = expand("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/src/flow.yaml\")", &caller);
    assert!(text.contains("the path of a workflow file, in quotes"), "{text}");
    assert!(!expand("\"flow.yaml\", main = false, runtime = 1", &caller).contains("fn main()"));
}
