//! Workflow files with what the compiler says about them beside them: `golden/x.yaml` and `golden/x.expected`.
//!
//! A file called `0007-….yaml` holds one mistake and must give exactly one finding, of that code. `ok-….yaml` must
//! give none, `several-….yaml` more than one. `TEA_BLESS=1 cargo test -p tea-build --test golden` writes what is
//! said now.

mod support;

use std::{fs, path::Path};

#[test]
fn the_compiler_says_what_is_written_beside_each_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let bless = std::env::var_os("TEA_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let said = support::compile(name, fs::read(path).unwrap());
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
    assert!(files.len() > 40, "the golden files are gone");
    assert!(wrong.is_empty(), "{}\n\n`TEA_BLESS=1` accepts what is said now", wrong.join("\n"));
}
