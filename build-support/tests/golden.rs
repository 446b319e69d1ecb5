//! Workflow files with what the compiler says about them beside them: `golden/x.yaml` and `golden/x.expected`.
//!
//! A file called `0007-….yaml` holds one mistake and must give exactly one finding, of that code. `ok-….yaml` must
//! give none, `several-….yaml` more than one. `TEA_BLESS=1 cargo test -p tea-build --test golden` writes what is
//! said now.

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tea_build::source::FileId;

/// The workflow files, each with its name.
fn files() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    // Paths of called workflows are relative to the file that calls, whose path is its name here.
    std::env::set_current_dir(&folder).unwrap();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() > 40, "the golden files are gone");
    files.into_iter().map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

#[test]
fn the_compiler_says_what_is_written_beside_each_file() {
    let bless = std::env::var_os("TEA_BLESS").is_some();
    let mut wrong = Vec::new();
    for (name, path) in files() {
        let said = support::compile(&name, fs::read(&path).unwrap());
        let count = said.codes.len();
        match name.split('-').next().unwrap() {
            "ok" if count > 0 => wrong.push(format!("{name}: {count} findings in a file without a mistake")),
            "several" if count < 2 => wrong.push(format!("{name}: {count} findings where there are several mistakes")),
            code if code.bytes().all(|byte| byte.is_ascii_digit()) && said.codes != [format!("TEA{code}")] => {
                wrong.push(format!("{name}: {:?} instead of one finding of its code", said.codes));
            }
            _ => {}
        }
        let expected_path = path.with_extension("expected");
        if bless && !said.text.is_empty() {
            fs::write(&expected_path, format!("{}\n", said.text)).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if expected.trim_end() != said.text {
            wrong.push(format!("{name}: expected\n{expected}\nsaid\n{}\n", said.text));
        }
    }
    assert!(wrong.is_empty(), "{}\n\n`TEA_BLESS=1` accepts what is said now", wrong.join("\n"));
}

/// A help that quotes what to write is right: with it in place the file is without that finding.
#[test]
fn a_help_that_quotes_a_replacement_mends_the_file() {
    let mut wrong = Vec::new();
    let mut applied = 0;
    for (name, path) in files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for finding in &support::compile(&name, text.clone().into_bytes()).findings {
            for help in &finding.helps {
                let Some((span, new)) = finding.edit(FileId(0), &text, help) else { continue };
                applied += 1;
                let mut mended = text.clone();
                mended.replace_range(span.start as usize..span.end as usize, &new);
                let left = support::compile(&name, mended.clone().into_bytes());
                if left.findings.iter().any(|left| (left.code, &left.message) == (finding.code, &finding.message)) {
                    wrong.push(format!("{name}: `{help}` gives\n{mended}\n{}", left.text));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(applied > 40, "only {applied} helps were applied");
}

/// Whatever is wrong with a workflow, what the macro leaves in its place is Rust: one mistake is one error.
#[test]
fn the_macro_gives_rust_for_each_file() {
    for (name, path) in files() {
        let text = tea_build::expand(&format!("{name:?}"), &tea_build::Caller::at(path.with_file_name("main.rs")));
        if let Err(error) = syn::parse_file(&text) {
            panic!("{name}: {error} at {:?}\n{text}", error.span().start());
        }
    }
}
