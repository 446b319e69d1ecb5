//! `cargo tea check --rust`: each of rustc's errors at its line and column of the workflow file, and no other.

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use support::{command, target, workspace};
use tests::misplaced::WORKFLOW;

/// The words in it that rustc reports.
const WORDS: [&str; 10] =
    ["missing_default", "merge", "Missing", "max_by_kee", "pow_er", "is_bad", "lenght", "lenn", "cloneed", "into_itr"];

/// A package called `name` in `directory` with these files under `src`.
fn package(directory: &Path, name: &str, files: &[(&str, &str)]) {
    fs::create_dir_all(directory.join("src")).unwrap();
    let runtime = workspace().join("tea-runtime");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\ntea-runtime = {{ path = {:?} }}\n\n[workspace]\n",
        runtime.display().to_string()
    );
    fs::write(directory.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    for (file, text) in files {
        fs::write(directory.join("src").join(file), text).unwrap();
    }
}

/// The findings of `check --rust` in a directory, and the exit code.
fn findings(directory: &Path) -> (Vec<Value>, Option<i32>, String) {
    let output = command(directory, &["check", "--rust", "--message-format", "json", "--", "--offline"])
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let findings = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (findings, output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The line and column of a finding.
fn place(finding: &Value) -> (u64, u64) {
    let span = &finding["spans"][0];
    assert_eq!(span["file"], "src/flow.yaml", "{finding:#}");
    (span["line"].as_u64().unwrap(), span["column"].as_u64().unwrap())
}

/// The line and column of the first place of a text.
fn place_of(workflow: &str, text: &str) -> (u64, u64) {
    let before = &workflow[..workflow.find(text).unwrap()];
    let line = before.rsplit('\n').next().unwrap();
    (before.matches('\n').count() as u64 + 1, line.chars().count() as u64 + 1)
}

#[test]
fn errors_in_every_kind_of_scalar_have_their_places_without_a_build_script() {
    let directory = tempfile::tempdir().unwrap();
    let main = "tea_runtime::include_workflow!(\"flow.yaml\");\n";
    package(directory.path(), "rust-places", &[("main.rs", main), ("flow.yaml", WORKFLOW)]);
    let (found, code, stderr) = findings(directory.path());
    assert_eq!(code, Some(1), "{stderr}");
    let places: BTreeSet<_> = found.iter().map(place).collect();
    for word in WORDS {
        assert!(places.contains(&place_of(WORKFLOW, word)), "{word} is not among {places:?}: {found:#?}");
    }
    assert_eq!(stderr, "", "nothing is reported elsewhere");

    // Again: Cargo repeats what it knows.
    assert_eq!(findings(directory.path()).0, found);
    // One less after a change; none after all are gone.
    fs::write(directory.path().join("src/flow.yaml"), WORKFLOW.replace("lenght", "len")).unwrap();
    let places: BTreeSet<_> = findings(directory.path()).0.iter().map(place).collect();
    assert!(!places.contains(&place_of(WORKFLOW, "lenght")) && places.contains(&place_of(WORKFLOW, "pow_er")));
}

/// The first page of the guide, with a misspelt key.
#[test]
fn a_misspelt_key_is_reported_where_it_is_and_not_at_the_macro() {
    let directory = tempfile::tempdir().unwrap();
    let workflow = "name: words\nstate_schema:\n  text: { type: String, input: true }\n  lines: Vec<String>\nnodes:\n  \
                    - name: read\n    run: text.lines().map(str::to_owned).collect()\n    output: lines\n  - name: tell\n    \
                    run: println!(\"{}\", linez.len())\n";
    let main = "tea_runtime::include_workflow!(\"flow.yaml\", module = renamed);\n";
    package(directory.path(), "rust-misspelt", &[("main.rs", main), ("flow.yaml", workflow)]);
    let (found, code, stderr) = findings(directory.path());
    assert_eq!((code, &*stderr), (Some(1), ""));
    let [finding] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(place(finding), place_of(workflow, "linez"));
    assert_eq!(finding["code"], "E0425");
}

/// The mistakes of `tests/tests/rustc`, each a file of its own: what rustc says is about a piece of Rust in the file.
#[test]
fn each_type_error_of_the_tests_is_reported_in_its_workflow_file() {
    let folder = workspace().join("tests/tests/rustc");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    names.sort();
    assert!(names.len() > 10);
    let mut wrong = Vec::new();
    let directory = tempfile::tempdir().unwrap();
    for yaml in names {
        let name = yaml.file_stem().unwrap().to_str().unwrap();
        let main = fs::read_to_string(yaml.with_extension("rs")).unwrap();
        let main = main.replace(&format!("{name}.yaml"), "flow.yaml");
        let workflow = fs::read_to_string(&yaml).unwrap();
        package(directory.path(), "rust-mistakes", &[("main.rs", &main), ("flow.yaml", &workflow)]);
        let (found, code, stderr) = findings(directory.path());
        let errors: Vec<_> = found.iter().filter(|finding| finding["severity"] == "error").collect();
        if errors.len() != 1 || code != Some(1) {
            wrong.push(format!("{name}: {code:?} {errors:#?}\n{stderr}"));
            continue;
        }
        let (_, text) = MISTAKES.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} is not listed"));
        let expected = place_of(&workflow, text);
        if place(errors[0]) != expected {
            wrong.push(format!("{name}: {:?} instead of {expected:?}: {}", place(errors[0]), errors[0]["message"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What each mistake is about: the first place of this text.
const MISTAKES: &[(&str, &str)] = &[
    ("condition_no_bool", "limit, to: more"),
    ("dollar_in_a_string", "pow_er"),
    ("items_borrow", "words.iter().skip(1)"),
    ("misspelt_key", "word.len()"),
    ("moved_out_of_state", "words; owned"),
    ("not_clone", "Tally, reduce"),
    ("not_recorded", "Index\n"),
    ("not_send", "Rc<usize>"),
    ("not_serialize", "Index\n"),
    ("question_mark_on_none", "?\", output"),
    ("result_alias", "Result<u32>"),
    ("unknown_function", "calll()"),
    ("unknown_type", "Indx"),
    ("value_without_output", "3\" }"),
    ("wrong_default", "\"ten\""),
    ("wrong_map_output", "item.clone()"),
    ("wrong_output", "\"three\""),
    ("wrong_reduce", "a < b"),
    ("wrong_tuple", "(1, 2, 3)"),
];
