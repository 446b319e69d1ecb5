//! The commands as a user runs them: `check`, `explain`, `expand`, `graph` and `new`.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{command, target, tea, workspace};

const BROKEN: &str =
    "name: broken\nstate_schema:\n  count: u32\nnodes:\n  - { name: tell, run: 'println!(\"{count}\")' }\n";

/// A package with this workflow and this Rust.
fn package(rust: &str, workflow: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("src")).unwrap();
    fs::write(path.join("Cargo.toml"), "[package]\nname = \"sample\"\nedition = \"2024\"\n").unwrap();
    fs::write(path.join("src/main.rs"), rust).unwrap();
    fs::write(path.join("src/flow.yaml"), workflow).unwrap();
    directory
}

#[test]
fn check_finds_the_workflows_of_a_package_and_fails_for_an_error() {
    let package = package("tea_runtime::include_workflow!(\"flow.yaml\");\n", BROKEN);
    let ran = tea(package.path(), &["check"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.starts_with("error[TEA0302]"), "{}", ran.stdout);
    assert!(ran.stdout.contains("src/flow.yaml:5:36"), "{}", ran.stdout);
    // From a directory below, too.
    assert_eq!(tea(&package.path().join("src"), &["check"]).code, Some(1));
}

#[test]
fn check_finds_names_that_can_only_be_misspelt_as_the_macro_does() {
    let workflow = "name: sample\nstate_schema:\n  count: u32\nnodes:\n  - { name: count, run: count_words(), output: count }\n  \
                    - { name: show, run: 'println!(\"{cuont} {}\", cuont + 1)' }\n";
    let rust = "tea_runtime::include_workflow!(\"flow.yaml\");\nfn cuont_words() -> u32 { 1 }\n";
    let package = package(rust, workflow);
    let ran = tea(package.path(), &["check", "--message-format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for said in ["there is no function `count_words`", "there is no state key `cuont`"] {
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
    }
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    // It is not certain where the calling file has something of that name.
    fs::write(package.path().join("src/main.rs"), format!("{rust}use other::{{count_words, cuont}};\n")).unwrap();
    assert_eq!(tea(package.path(), &["check"]).stdout, "");
}

#[test]
fn check_in_a_package_without_a_workflow_says_so() {
    let package = package("fn main() {}\n", BROKEN);
    let ran = tea(package.path(), &["check"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no Rust file") && ran.stderr.contains("includes a workflow"), "{}", ran.stderr);
}

#[test]
fn check_leaves_out_the_warnings_that_the_macro_allows() {
    let workflow = "name: sample\nstate_schema:\n  unused: u32\nnodes:\n  - { name: work, run: work() }\n";
    for (options, findings) in [("", 1), (", allow = [TEA0901]", 0), (", warnings = false", 0)] {
        let package = package(&format!("tea_runtime::include_workflow!(\"flow.yaml\"{options});\n"), workflow);
        for arguments in
            [&["check", "--message-format", "json"][..], &["check", "--message-format", "json", "src/flow.yaml"]]
        {
            let ran = tea(package.path(), arguments);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert_eq!(ran.stdout.lines().count(), findings, "{options}: {}", ran.stdout);
        }
    }
}

#[test]
fn check_writes_json_with_places_and_commands_of_github_on_one_line_each() {
    let package = package("", BROKEN);
    let ran = tea(package.path(), &["check", "src/flow.yaml", "--message-format", "json"]);
    let finding: Value = serde_json::from_str(ran.stdout.trim_end()).unwrap();
    assert_eq!(finding["code"], "TEA0302");
    assert_eq!(finding["severity"], "error");
    let span = &finding["spans"][0];
    assert_eq!((&span["file"], &span["line"], &span["column"]), (&"src/flow.yaml".into(), &5.into(), &36.into()));
    assert_eq!(span["end_column"], 41);
    assert_eq!(span["primary"], true);
    assert!(finding["helps"].as_array().is_some_and(|helps| !helps.is_empty()));

    let ran = tea(package.path(), &["check", "src/flow.yaml", "--message-format", "github"]);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("::error file=src/flow.yaml,line=5,col=36,endLine=5,endColumn=41,title=TEA0302::"));
    assert!(ran.stdout.contains("%0Ahelp: "), "{}", ran.stdout);
}

#[test]
fn check_of_a_missing_file_names_it() {
    let ran = tea(Path::new("."), &["check", "nowhere.yaml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("cannot read `nowhere.yaml`"), "{}", ran.stderr);
}

#[test]
fn check_watch_checks_again_when_the_file_changes() {
    let package = package("", BROKEN);
    let mut child = command(package.path(), &["check", "--watch", "src/flow.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "1 finding");
    assert_eq!(lines.next().unwrap(), "waiting for changes");
    let fixed = BROKEN.replace("count: u32", "count: { type: u32, input: true }");
    let path = package.path().join("src/flow.yaml");
    // In one step, as editors do: the file is never seen half written.
    fs::write(path.with_extension("new"), fixed).unwrap();
    fs::rename(path.with_extension("new"), &path).unwrap();
    assert_eq!(lines.next().unwrap(), "no errors; waiting for changes");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn explain_prints_the_entry_and_suggests_a_code_for_one_that_does_not_exist() {
    let ran = tea(Path::new("."), &["explain", "301"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.starts_with("TEA0301: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("```yaml"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("TEA0302: "), "{}", ran.stdout);
    let ran = tea(Path::new("."), &["explain", "TEA0399"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("there is no error `TEA0399`; did you mean `TEA03"), "{}", ran.stderr);
}

#[test]
fn expand_prints_formatted_rust() {
    let ran = tea(&workspace(), &["expand", "examples/weblog/src/flow.yaml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("\nmod weblog {\n    use ::tea_runtime::__private as tea;\n"), "{}", ran.stdout);
    let package = package("", BROKEN);
    let ran = tea(package.path(), &["expand", "src/flow.yaml"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(ran.stderr.contains("TEA0302"), "{}", ran.stderr);
}

/// `cargo tea graph` draws what the compiled program draws.
#[test]
fn graph_agrees_with_the_program_built_from_the_workflow() {
    let program = |name: &str, format: &str| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "-p", name])
            .current_dir(workspace())
            .env("CARGO_TARGET_DIR", target())
            .status()
            .unwrap();
        assert!(status.success());
        let output =
            Command::new(target().join("debug").join(name)).args(["graph", "--format", format]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (name, called) in [("converge", 0), ("strategies", 0), ("invoices", 1)] {
        let file = format!("examples/{name}/src/flow.yaml");
        for format in ["mermaid", "dot"] {
            assert_eq!(tea(&workspace(), &["graph", &file, "--format", format]).stdout, program(name, format));
        }
        let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        let ours = json(&tea(&workspace(), &["graph", &file, "--format", "json"]).stdout);
        let theirs = json(&program(name, "json"));
        for part in ["name", "edges", "fan_outs"] {
            assert_eq!(ours[part], theirs[part], "{name}");
        }
        let workflows = |drawing: &Value| drawing["workflows"].as_array().unwrap().len();
        assert_eq!((workflows(&ours), workflows(&theirs)), (called, called), "{name}");
    }
}

#[test]
fn a_new_crate_builds_runs_and_passes_its_tests_and_so_does_a_library_with_a_build_script() {
    let directory = tempfile::tempdir().unwrap();
    let cargo = |package: &str, arguments: &[&str]| {
        let package = directory.path().join(package);
        // The same versions as here, so that nothing is fetched.
        fs::copy(workspace().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(package)
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !stderr.contains("warning"), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let ran = tea(directory.path(), &["new", "two-words"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let output: Value = serde_json::from_str(&cargo("two-words", &["run"])).unwrap();
    assert!(output["count"].as_u64().unwrap() > 5);
    let tests = cargo("two-words", &["test"]);
    assert!(tests.contains("tests::a_missing_file_is_an_error ... ok"), "{tests}");

    let checkout = workspace().display().to_string();
    let ran = tea(directory.path(), &["new", "counting", "--lib", "--build-script", "--path", &checkout]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(directory.path().join("counting/build.rs").is_file());
    assert!(cargo("counting", &["test", "--lib"]).contains("passed"));
    assert_eq!(tea(&directory.path().join("counting"), &["check"]).code, Some(0));

    let again = tea(directory.path(), &["new", "counting"]);
    assert!(again.stderr.contains("`counting` exists already"), "{}", again.stderr);
}

#[test]
fn a_new_crate_needs_a_name_that_a_workflow_can_have() {
    let directory = tempfile::tempdir().unwrap();
    for (name, said) in [
        ("1st", "cannot be the name of a package"),
        ("deps", "a package cannot be called `deps`"),
        ("fn", "TEA0101"),
        ("self", "TEA010"),
    ] {
        let ran = tea(directory.path(), &["new", name]);
        assert_eq!(ran.code, Some(1), "{name}");
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
        assert!(!directory.path().join(name).exists());
    }
    assert!(tea(directory.path(), &["new", "."]).stderr.contains("`.` exists already"));
    let ran = tea(directory.path(), &["new", "fine", "--path", "."]);
    assert!(ran.stderr.contains("is not a checkout of Tea"), "{}", ran.stderr);
}

#[test]
fn a_new_crate_in_a_workspace_is_a_member_only_if_the_workspace_lists_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Cargo.toml"), "[workspace]\nmembers = [\"crates/*\"]\n").unwrap();
    fs::create_dir(directory.path().join("crates")).unwrap();
    for (path, is_own) in [("crates/member", false), ("other", true)] {
        let ran = tea(directory.path(), &["new", path]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let manifest = fs::read_to_string(directory.path().join(path).join("Cargo.toml")).unwrap();
        assert_eq!(manifest.contains("[workspace]"), is_own, "{manifest}");
    }
}
