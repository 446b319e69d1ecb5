//! `docs/errors.md`: an entry a code, whose first file causes exactly that error and whose second one causes none.

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use tea_build::codes;

/// An entry of the catalogue.
struct Entry {
    title: String,
    files: Vec<String>,
}

fn catalogue() -> BTreeMap<String, Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let text = fs::read_to_string(path).unwrap();
    let mut entries = BTreeMap::new();
    for section in text.split("\n### ").skip(1) {
        let section = section.split("\n## ").next().unwrap();
        let (code, rest) = section.split_once(": ").unwrap();
        let (title, body) = rest.split_once('\n').unwrap();
        let blocks = body.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
        let entry = Entry { title: title.to_owned(), files: blocks.collect() };
        assert!(entries.insert(code.to_owned(), entry).is_none(), "{code} has two entries");
    }
    entries
}

#[test]
fn every_code_has_an_entry_and_every_entry_a_code() {
    let entries: Vec<_> = catalogue().into_iter().map(|(code, entry)| (code, entry.title)).collect();
    let codes: Vec<_> = codes::ALL.iter().map(|entry| (entry.code.to_string(), entry.title.to_owned())).collect();
    assert_eq!(entries, codes);
}

#[test]
fn every_entry_causes_exactly_its_error_and_its_fix_causes_none() {
    let mut wrong = Vec::new();
    for (code, entry) in catalogue() {
        if let Some(file) = entry.files.first() {
            let said = support::compile(&code, file.clone().into_bytes());
            if said.codes != [code.as_str()] {
                wrong.push(format!("{code} causes {:?}\n{}", said.codes, said.text));
            }
        }
        if let Some(fixed) = entry.files.get(1) {
            let said = support::compile(&code, fixed.clone().into_bytes());
            if !said.codes.is_empty() {
                wrong.push(format!("the fix of {code} causes {:?}\n{}", said.codes, said.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The one entry whose smallest file is too long to print.
#[test]
fn fan_outs_nested_deeply_are_an_error() {
    const DEPTH: usize = 70;
    let inner =
        |level: usize| format!("  - {{ name: in{level}, run: work() }}\n  - {{ name: side{level}, run: work() }}\n");
    let outer = |level: usize| format!("  - {{ name: out{level}, run: work() }}\n");
    let open = |level: usize| {
        let from = level.checked_sub(1).map_or("__start__".to_owned(), |outer| format!("in{outer}"));
        format!("  - {{ from: {from}, to: [in{level}, side{level}], parallel: true, fan_in: out{level} }}\n")
    };
    let close = |level: usize| format!("  - {{ from: out{level}, to: out{} }}\n", level - 1);
    let nodes: String = (0..DEPTH).map(inner).chain((0..DEPTH).rev().map(outer)).collect();
    let edges: String = (0..DEPTH).map(open).chain((1..DEPTH).map(close)).collect();
    let file = format!("name: deep\nnodes:\n{nodes}edges:\n{edges}");
    assert_eq!(support::compile("deep.yaml", file.into_bytes()).codes, ["TEA0217"]);
}
