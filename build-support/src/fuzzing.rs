//! What the fuzz targets in `fuzz/` call: each takes anything as a workflow file.

use proc_macro2::TokenStream;

use crate::{
    diagnostic::Diagnostics,
    generate::{self, AllNames, Surface},
    render,
    source::Sources,
};

/// Bytes as a workflow file: the compiler has something to say, which can be shown, or gives a plan.
pub fn yaml(bytes: &[u8]) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add_bytes("fuzz.yaml", bytes.to_vec(), &mut found);
    let plan = file.and_then(|file| crate::plan(&mut sources, file, &mut found));
    let text = render::render(&sources, &found.into_sorted(), false);
    assert!(plan.is_some() || !text.is_empty(), "neither a plan nor a finding");
}

/// A workflow file that has a plan gives Rust.
pub fn expand(text: &str) {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.yaml", text.to_owned());
    let Some(plan) = crate::plan(&mut sources, file, &mut Diagnostics::default()) else { return };
    let surface = Surface::default();
    let rust = generate::generate(&plan, &AllNames::new(&plan, &surface), &surface, &sources).items();
    assert!(rust.parse::<TokenStream>().is_ok(), "the generated code is no Rust:\n{rust}");
}

/// Text as the Rust of a node.
pub fn rust(rust: &str) {
    let lines: Vec<_> = rust.lines().map(|line| format!("      {line}\n")).collect();
    let head = "name: fuzz\nstate_schema:\n  key: { type: u32, input: true }\nnodes:\n  - name: only\n    run: |\n";
    expand(&(head.to_owned() + &lines.concat()));
}

#[cfg(test)]
#[test]
fn what_fuzzers_find_stays_mended() {
    yaml(b"\xff");
    expand("name: fuzz\nnodes:\n  - { name: only, run: work() }\n");
    rust("let a = key;\na + 1");
}
